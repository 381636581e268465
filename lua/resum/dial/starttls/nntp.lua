-- NNTP (RFC 4642, section 2.2).

local quote = require("resum.dial.talk").quote

local M = {}

local function said(code, lines)
  return quote(("%d %s"):format(code, lines[1]))
end

-- RFC 3977, section 5.1.1: 200 and 201 welcome, 400 asks to come back later, 502 never to.
local function greet(talk)
  local code, lines = talk:reply("the greeting")
  if code == 400 then
    talk:fail("busy", "the server has no time for us: %s", said(code, lines))
  elseif code ~= 200 and code ~= 201 then
    talk:fail("turned_away", "the server turned us away: %s", said(code, lines))
  end
end

local function is_offered(lines)
  for _, line in ipairs(lines) do
    if line:upper():find("^STARTTLS%s*$") then
      return true
    end
  end
  return false
end

local function dialogue(talk)
  greet(talk)
  talk:send("CAPABILITIES\r\n")
  -- 101 comes with a list; a server without the command may know STARTTLS all the same.
  if talk:reply("the answer to CAPABILITIES") == 101 and not is_offered(talk:block("the list of capabilities")) then
    talk:fail("no_starttls", "STARTTLS not offered")
  end
  talk:send("STARTTLS\r\n")
  local code, lines = talk:reply("the answer to STARTTLS")
  if code ~= 382 then
    talk:fail("no_starttls", "STARTTLS refused: %s", said(code, lines))
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
