-- NNTP (RFC 4642, section 2.2).

local any = require("resum.transport.dialogue").any

local M = {}

-- RFC 3977, section 5.1.1: 200 and 201 welcome, 400 asks to come back later, 502 never to.
local function greet(talk)
  local code, said = talk:reply("the greeting")
  if code == 400 then
    talk:fail("busy", "the server is busy: %s", said)
  elseif code ~= 200 and code ~= 201 then
    talk:fail("turned_away", "the server turned us away: %s", said)
  end
end

local function dialogue(talk)
  greet(talk)
  talk:send("CAPABILITIES\r\n")
  -- 101 comes with a list; a server without the command may know STARTTLS all the same.
  local has_list = talk:reply("the answer to CAPABILITIES") == 101
  if has_list and not any(talk:block("the list of capabilities"), "^STARTTLS%s*$") then
    talk:fail("no_starttls", "STARTTLS not offered")
  end
  talk:send("STARTTLS\r\n")
  local code, said = talk:reply("the answer to STARTTLS")
  if code ~= 382 then
    talk:fail("no_starttls", "STARTTLS refused: %s", said)
  end
end

M.nntp = {
  ports = { 119, 433 },
  tls_ports = { 563 },
  dialogue = dialogue,
  request = "CAPABILITIES\r\n",
  goodbye = "QUIT\r\n",
}

return M
