-- ManageSieve (RFC 5804, section 2.2). The server speaks first, and once more inside TLS, with its capabilities.

local any = require("resum.transport.dialogue").any

local M = {}

-- Reads up to OK, NO or BYE (RFC 5804, section 1.2): that word, its line, and the lines before it. Text may come as a
-- literal, "{5}" or "{5+}" and five bytes on the next line, which must not be taken for lines.
local function response(talk, what)
  local lines = {}
  while true do
    local line = talk:line(what)
    local status = line:upper():match("^(%a+)")
    local length = line:match("{(%d+)%+?}$")
    if length then
      talk:take(talk:number(length, what), what)
      talk:line(what)
    end
    if status == "OK" or status == "NO" or status == "BYE" then
      return status, line, lines
    elseif not line:find('^"') then
      talk:fail_with(what, line)
    end
    lines[#lines + 1] = line
  end
end

local function dialogue(talk)
  local status, line, lines = response(talk, "the greeting")
  if status ~= "OK" then
    talk:fail("busy", "the server is busy: %s", talk:quote(line))
  elseif not any(lines, '^"STARTTLS"') then
    talk:fail("no_starttls", "STARTTLS not offered")
  end
  talk:send("STARTTLS\r\n")
  status, line = response(talk, "the answer to STARTTLS")
  if status ~= "OK" then
    talk:fail("no_starttls", "STARTTLS refused: %s", talk:quote(line))
  end
end

M.sieve = {
  ports = { 4190 },
  dialogue = dialogue,
  request = "CAPABILITY\r\n",
  goodbye = "LOGOUT\r\n",
}

return M
