-- POP3 (RFC 2595, section 4). Its no-op is for those who are logged in, so CAPA (RFC 2449, section 5) stands in.

local any = require("resum.transport.dialogue").any

local M = {}

-- "+OK …" -> true; "-ERR …" -> false
local function status(talk, what)
  local line = talk:line(what)
  if line:find("^%+OK") then
    return true, line
  elseif line:find("^%-ERR") then
    return false, line
  end
  talk:fail_with(what, line)
end

local function dialogue(talk)
  local welcome, line = status(talk, "the greeting")
  if not welcome then
    talk:fail("busy", "the server is busy: %s", talk:quote(line))
  end
  talk:send("CAPA\r\n")
  -- A server without CAPA may know STLS: that is asked then without a list.
  if status(talk, "the answer to CAPA") and not any(talk:block("the list of capabilities"), "^STLS%s*$") then
    talk:fail("no_starttls", "STLS not offered")
  end
  talk:send("STLS\r\n")
  local agreed, answer = status(talk, "the answer to STLS")
  if not agreed then
    talk:fail("no_starttls", "STLS refused: %s", talk:quote(answer))
  end
end

M.pop3 = {
  ports = { 110 },
  tls_ports = { 995 },
  dialogue = dialogue,
  request = "CAPA\r\n",
  goodbye = "QUIT\r\n",
}

return M
