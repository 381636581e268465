-- FTP (RFC 4217, section 4): AUTH TLS on the control connection. Servers from before that RFC know AUTH SSL only.

local M = {}

-- 120 announces the real greeting for later, 421 is "not available" (RFC 959, section 4.2.2).
local function greet(talk)
  local code, said
  repeat
    code, said = talk:reply("the greeting")
  until code ~= 120
  if code == 421 then
    talk:fail("busy", "the server is busy: %s", said)
  elseif code ~= 220 then
    talk:fail("turned_away", "the server turned us away: %s", said)
  end
end

local function dialogue(talk)
  greet(talk)
  local code, said
  for _, mechanism in ipairs({ "TLS", "SSL" }) do
    talk:send("AUTH " .. mechanism .. "\r\n")
    code, said = talk:reply("the answer to AUTH " .. mechanism)
    if code == 234 or code == 334 then
      return
    elseif code == 421 or code == 431 then
      talk:fail("busy", "AUTH %s refused: %s", mechanism, said)
    end
  end
  talk:fail("no_starttls", "AUTH TLS refused: %s", said)
end

M.ftp = {
  ports = { 21 },
  tls_ports = { 990 },
  dialogue = dialogue,
  patience = 15, -- servers ask name servers, and our identd, before they greet
  request = "NOOP\r\n",
  goodbye = "QUIT\r\n",
}

return M
