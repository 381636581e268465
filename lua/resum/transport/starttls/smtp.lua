-- SMTP (RFC 3207) and LMTP (RFC 2033, which differs in the name of its hello only): greeting, hello, STARTTLS.

local any = require("resum.transport.dialogue").any

local M = {}

-- Who we say we are: a host name in form, in the domain that is reserved for names that do not exist (RFC 2606).
local OUR_NAME = "resum.invalid"

-- Codes from 400 to 499 ask to come back later (RFC 5321, section 4.2.1).
local function is_busy(code)
  return code >= 400 and code < 500
end

local function greet(talk)
  local code, said = talk:reply("the greeting")
  if is_busy(code) then
    talk:fail("busy", "the server is busy: %s", said)
  elseif code ~= 220 then
    talk:fail("turned_away", "the server turned us away: %s", said)
  end
end

local function dialogue(hello)
  return function(talk)
    greet(talk)
    talk:send(("%s %s\r\n"):format(hello, OUR_NAME))
    local code, said, lines = talk:reply("the answer to " .. hello)
    table.remove(lines, 1) -- the server's name
    if code ~= 250 then
      talk:fail(is_busy(code) and "busy" or "no_starttls", "%s refused: %s", hello, said)
    elseif not any(lines, "^STARTTLS%s*$") then
      talk:fail("no_starttls", "STARTTLS not offered")
    end
    talk:send("STARTTLS\r\n")
    code, said = talk:reply("the answer to STARTTLS")
    if code ~= 220 then
      talk:fail(is_busy(code) and "busy" or "no_starttls", "STARTTLS refused: %s", said)
    end
  end
end

M.smtp = {
  ports = { 25, 587, 2525 },
  tls_ports = { 465 },
  dialogue = dialogue("EHLO"),
  patience = 15, -- Postfix's postscreen finishes its greeting after 6 seconds; others look for who we are, too
  request = "NOOP\r\n",
  who_are_you = "EHLO resum.invalid\r\n",
  goodbye = "QUIT\r\n",
}

M.lmtp = {
  ports = { 24 },
  dialogue = dialogue("LHLO"),
  request = "NOOP\r\n",
  who_are_you = "LHLO resum.invalid\r\n",
  goodbye = "QUIT\r\n",
}

return M
