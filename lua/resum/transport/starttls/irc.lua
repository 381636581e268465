-- IRC (IRCv3's "tls" extension, https://ircv3.net/specs/deprecated/tls): STARTTLS before registration, numeric 670 as
-- the go-ahead. The client speaks first; the server may chat meanwhile, and ask for a sign of life.

local M = {}

-- Numerics and commands that end the dialogue (RFC 2812, section 5.2, for the 400s).
local ANSWERS = {
  ["670"] = "agreed",
  ["691"] = "refused", -- ERR_STARTTLS
  ["421"] = "refused", -- ERR_UNKNOWNCOMMAND
  ["451"] = "refused", -- ERR_NOTREGISTERED
  ERROR = "ended",
}

local function dialogue(talk)
  talk:send("STARTTLS\r\n")
  while true do
    local line = talk:line("the answer to STARTTLS")
    local command, rest = line:gsub("^:%S+ +", ""):match("^(%w+) *(.*)$")
    local answer = ANSWERS[command]
    if answer == "agreed" then
      return
    elseif answer == "refused" then
      talk:fail("no_starttls", "STARTTLS refused: %s", talk:quote(line))
    elseif answer == "ended" then
      talk:fail("busy", "the server ended the conversation: %s", talk:quote(line))
    elseif command == "PING" then
      talk:send("PONG " .. rest .. "\r\n")
    elseif not command then
      talk:fail_with("the answer to STARTTLS", line)
    end
  end
end

M.irc = {
  ports = { 6667, 194 },
  tls_ports = { 6697 },
  dialogue = dialogue,
  request = "PING resum\r\n",
  goodbye = "QUIT\r\n",
}

return M
