-- What does a server say to a ClientHello of any shape? lua5.4 odd_hello.lua TARGET
-- This one knows no version after TLS 1.2 and offers a session ID and a ticket that nobody has ever issued, together: a
-- server has to go on with a full handshake (RFC 5077, section 3.4), and some don't.
local resum = require "resum"

local answer, message = resum.hello(arg[1], { hello = {
  version = "TLSv1.2",
  session_id = ("\1"):rep(32),
  ticket = ("\2"):rep(176),
} })
if not answer then
  error(message, 0)
end
if answer.error then
  print("no answer: " .. tostring(answer.error))
end
for _, one in ipairs(answer.messages) do
  print(one.type, one.cipher or one.description or "")
end
os.exit(answer.error and 1 or 0)
