-- The protocols in which TLS is asked for after a few words in the clear. Each is a dialogue in a file of its own;
-- adding one touches that file and a line here. Nothing secret is said before TLS.
--
-- A protocol is {name, ports (the first is the default), tls_ports (where it is spoken in TLS from the first byte),
-- dialogue(talk, endpoint), patience (seconds for the dialogue, where others than the usual), request (bytes for
-- inside TLS that make the server answer, so that a server which issues tickets with its first data does), who_are_you
-- (others that make it say who it is, as far as that is another thing), goodbye
-- (bytes that end a session in order), goodbye_is_owed (true: the server holds it against us when it does not come)};
-- all but name, ports and dialogue may be absent, and the words may be a function of the endpoint.

local M = {}

--- In the order in which the help shows them.
M.names = {
  "smtp", "lmtp", "imap", "pop3", "sieve", "ftp", "nntp", "irc", "xmpp", "xmpp-server", "ldap", "postgres", "mysql",
  "rdp",
}

local FILE_OF = { lmtp = "smtp", ["xmpp-server"] = "xmpp" } -- the others have the protocol's name
local by_name, by_port, by_tls_port = {}, {}, {}

local function enter(protocol, ports, map)
  for _, port in ipairs(ports or {}) do
    map[port] = protocol
  end
end

for _, name in ipairs(M.names) do
  local protocol = require("resum.transport.starttls." .. (FILE_OF[name] or name))[name]
  protocol.name = name
  by_name[name] = protocol
  enter(protocol, protocol.ports, by_port)
  enter(protocol, protocol.tls_ports, by_tls_port)
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

--- The protocol that is spoken on a port in TLS from the first byte, as far as it is one of these.
-- @tparam integer port
-- @treturn table|nil protocol
function M.find_direct(port)
  return by_tls_port[port]
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
