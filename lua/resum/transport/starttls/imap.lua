-- IMAP (RFC 9051 and RFC 3501, section 6.2.1 in both).

local any = require("resum.transport.dialogue").any

local M = {}

-- Reads up to the line with our tag: its status, the line, and those before it. BYE ends it all (RFC 9051, section
-- 7.1.5).
local function response(talk, tag, what)
  local untagged = {}
  while true do
    local line = talk:line(what)
    local status = line:match("^" .. tag .. " (%a+)")
    if status then
      return status:upper(), line, untagged
    elseif line:upper():find("^%* BYE") then
      talk:fail("busy", "the server ended the conversation: %s", talk:quote(line))
    elseif not line:find("^[*+] ") then
      talk:fail_with(what, line)
    end
    untagged[#untagged + 1] = line .. " "
  end
end

local function greet(talk)
  local line = talk:line("the greeting")
  local status = line:upper():match("^%* (%a+)")
  if status == "PREAUTH" then
    talk:fail("no_starttls", "the server considers us logged in, and then STARTTLS is not allowed: %s",
      talk:quote(line))
  elseif status == "BYE" then
    talk:fail("busy", "the server is busy: %s", talk:quote(line))
  elseif status ~= "OK" then
    talk:fail_with("the greeting", line)
  end
end

local function dialogue(talk)
  greet(talk)
  talk:send("r1 CAPABILITY\r\n")
  local status, line, untagged = response(talk, "r1", "the answer to CAPABILITY")
  if status ~= "OK" then
    talk:fail("no_starttls", "CAPABILITY refused: %s", talk:quote(line))
  elseif not any(untagged, "^%* CAPABILITY .*%f[%w]STARTTLS ") then
    talk:fail("no_starttls", "STARTTLS not offered")
  end
  talk:send("r2 STARTTLS\r\n")
  status, line = response(talk, "r2", "the answer to STARTTLS")
  if status ~= "OK" then
    talk:fail("no_starttls", "STARTTLS refused: %s", talk:quote(line))
  end
end

M.imap = {
  ports = { 143 },
  tls_ports = { 993 },
  dialogue = dialogue,
  request = "r3 NOOP\r\n",
  who_are_you = "r4 ID NIL\r\n",
  goodbye = "r4 LOGOUT\r\n",
}

return M
