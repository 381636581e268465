-- The protocols in which TLS is asked for after a few words in the clear. Each is a dialogue in a file of its own;
-- adding one touches that file and a line here. Nothing secret is said before TLS.
--
-- A protocol is {name, ports (the first is the default), dialogue(talk, endpoint), request (bytes for inside TLS that
-- make the server answer, so that a server which issues tickets with its first data does), goodbye (bytes that end a
-- session in order)}; request and goodbye may be absent, or a function of the endpoint.

local M = {}

--- In the order in which the help shows them.
M.names = {}

local FILES = { "smtp", "imap", "pop3", "sieve", "ftp", "nntp", "irc", "xmpp", "ldap", "postgres", "mysql", "rdp" }
local by_name, by_port = {}, {}

for _, file in ipairs(FILES) do
  local names = {}
  for name, protocol in pairs(require("resum.dial.starttls." .. file)) do
    protocol.name = name
    by_name[name] = protocol
    names[#names + 1] = name
    for _, port in ipairs(protocol.ports) do
      by_port[port] = protocol
    end
  end
  table.sort(names)
  table.move(names, 1, #names, #M.names + 1, M.names)
end

--- The protocol that a user means.
-- @tparam string name one of M.names (- or _), or "auto": by the port, and none where the port is of no protocol here
-- @tparam[opt] integer port for "auto"
-- @treturn table|nil protocol; nil: none
function M.find(name, port)
  if name == "auto" then
    return by_port[port]
  end
  return by_name[(name:gsub("_", "-"))]
end

--- Bytes that a protocol says inside TLS.
-- @tparam table protocol
-- @tparam string which "request" or "goodbye"
-- @tparam table endpoint
-- @treturn string|nil
function M.say(protocol, which, endpoint)
  local words = protocol[which]
  if type(words) == "function" then
    return words(endpoint)
  end
  return words
end

return M
