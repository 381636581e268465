-- What does a server say to a ClientHello of any shape? lua5.4 odd_hello.lua TARGET
-- This one knows no version after TLS 1.2 and offers a session ID and a ticket that nobody has ever issued, together: a
-- server has to go on with a full handshake (RFC 5077, section 3.4), and some don't.
local resum = require "resum"

local host = resum.host.default()
local target = assert(resum.target.parse(arg[1]))
local hello = resum.client_hello({
  server_name = not resum.target.is_address(target.host) and target.host or nil,
  version = "TLSv1.2",
  session_id = ("\1"):rep(32),
  ticket = ("\2"):rep(176),
})

local stream = assert(host.connect(assert(host.resolve(target.host))[1], target.port, { timeout = 5 }))
assert(stream:write(hello))
local deadline, bytes = host.now() + 5, ""
local messages
repeat
  local more, why = stream:read(deadline)
  bytes = bytes .. (more or "")
  messages = resum.parse(bytes) or {}
until messages[1] or not more and print("no answer: " .. why) == nil
stream:close()

for _, message in ipairs(messages) do
  print(message.type, message.cipher or message.description or "")
end
