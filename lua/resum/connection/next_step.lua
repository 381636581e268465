-- What a user can do about a target that could not be scanned: a next step for every error, as far as the record of the
-- last handshake tells what it may be. Words only: it makes no connection and changes no verdict.

local starttls = require "resum.transport.starttls"

local M = {}

local NAME_IS_UNKNOWN = 112 -- alerts of RFC 8446, section 6
local MAY_MISS_A_NAME = { [40] = true, [80] = true, [NAME_IS_UNKNOWN] = true }
local NOTHING_IN_COMMON = { [40] = true, [71] = true } -- handshake_failure, insufficient_security
local NO_PROTOCOL = 120
local VERSION = 70

local function about_alert(alert, name)
  if alert == NAME_IS_UNKNOWN and name then
    return ("The server does not know the name %s; --sni asks for another."):format(name)
  elseif MAY_MISS_A_NAME[alert] and not name then
    return NOTHING_IN_COMMON[alert]
      and "Perhaps it wants a server name (--sni NAME), or cipher suites or groups that are not offered here."
      or "Perhaps it wants a server name (--sni NAME)."
  elseif NOTHING_IN_COMMON[alert] then
    return "Perhaps it wants cipher suites or groups that are not offered here."
  elseif alert == NO_PROTOCOL then
    return "It wants an application protocol that is not offered here (--alpn LIST)."
  elseif alert == VERSION then
    return "It speaks none of the versions that are offered here: leave out --tls."
  end
  return ("Perhaps it wants %s server name (--sni NAME), or a client certificate (--cert, --key)."):format(
    name and "another" or "a")
end

-- How servers greet that wait for a word before TLS, or that speak none: a pattern of their first bytes, and what to
-- do. The reply codes are those of RFC 5321, 959 and 3977; the others of RFC 9051, 1939, 5804, 6120, 2812 and MySQL's
-- protocol.
local function use(protocol)
  return ("That is how %s greets: add --starttls %s."):format(protocol:upper(), protocol)
end

local PLAIN_HTTP = "That is HTTP in the clear: TLS is on another port, usually 443 (HOST:PORT)."

local GREETINGS = {
  { "^220[^\n]*FTP", use("ftp") },
  { "^220[^\n]*[Vv]sFTPd", use("ftp") },
  { "^220[^\n]*LMTP", use("lmtp") },
  { "^220", use("smtp") },
  { "^[45]%d%d[ -]", "That is a refusal in the words of SMTP or FTP: add --starttls smtp, or ftp." },
  { "^20[01] ", use("nntp") },
  { "^%* %u+", use("imap") },
  { "^%+OK", use("pop3") },
  { "^\"IMPLEMENTATION\"", use("sieve") },
  { "^<%?xml", use("xmpp") },
  { "^<stream", use("xmpp") },
  { "^:%S+ NOTICE", use("irc") },
  { "^NOTICE", use("irc") },
  { "^...%z\10", use("mysql") },
  { "^HTTP/", PLAIN_HTTP },
  { "^<[!hH]", PLAIN_HTTP },
  { "^INFO *{", "That is how NATS greets, and TLS comes behind that line: name its HTTPS or WebSocket port "
    .. "(HOST:PORT); its own protocol can't be spoken here." },
  { "^SSH%-", "That is SSH, which does not use TLS: name another port (HOST:PORT)." },
}

local function about_greeting(said, port)
  local by_port = starttls.find("auto", port)
  if said:find("^220") and by_port and by_port.name == "ftp" then
    return use("ftp")
  end
  for _, greeting in ipairs(GREETINGS) do
    if said:find(greeting[1]) then
      return greeting[2]
    end
  end
  return by_port and ("The port is that of %s: add --starttls %s."):format(by_port.name:upper(), by_port.name)
    or "Is this the right port (HOST:PORT)? Does it want to be asked for TLS first (--starttls PROTOCOL)?"
end

local function about_silence(record, client, waited)
  local asks_first = not client.dialer.endpoint.starttls and starttls.find("auto", client.port)
  return ("Waited %g s on %d connection%s; --timeout waits longer%s."):format(waited, record.tries or 1,
    (record.tries or 1) == 1 and "" or "s", asks_first and ", and --starttls auto asks for TLS first" or "")
end

local function about_end(record, client)
  if record.version then
    return "The handshake had begun: the server, or something in front of it, gave up. Try --tls 1.2: that offers less."
  end
  local by_port = not client.dialer.endpoint.starttls and starttls.find("auto", client.port)
  return (by_port and ("The port is that of %s: add --starttls %s. "):format(by_port.name:upper(), by_port.name) or "")
    .. ("Perhaps it wants %s server name (--sni NAME)%s."):format(client.server_name and "another" or "a",
      client.dialer.endpoint.proxy_protocol and "" or ", or a PROXY header before TLS (--proxy_protocol 1)")
end

local HANDSHAKE = {
  alert = function(_, client, alert)
    return about_alert(alert, client.server_name)
  end,
  timeout = function(record, client)
    return about_silence(record, client, client.timeout)
  end,
  not_tls = function(record, client)
    return about_greeting(record.said or "", client.port)
  end,
  reset = about_end,
  closed = about_end,
  protocol_error = function()
    return "The server breaks the protocol. Try --tls 1.2, which offers less; in Lua, resum.open shows the messages."
  end,
}

local STARTTLS = {
  no_starttls = function(_, client)
    return ("Asked on %d connections. Is it another protocol (--starttls), or TLS from the first byte (no --starttls)?")
      :format(client.dialer:refusals().connections)
  end,
  timeout = function(record, client)
    return about_silence(record, client, client.dialer.patience)
  end,
  busy = function()
    return "Try again later, or with --delay."
  end,
  turned_away = function()
    return "Its log may tell why; --source ADDRESS connects from another address."
  end,
}

local CONNECT = {
  timeout = function(record, client)
    return about_silence(record, client, client.dialer.timeout)
  end,
  refused = function()
    return "Is the port right?"
  end,
  unreachable = function(record)
    if record.error.message:find("source address", 1, true) then
      return "Is it an address of this machine, and of the same family (IPv4, IPv6) as the target's?"
    end
    return "Is there a route to it from here? -4 and -6 choose between its addresses."
  end,
}

local function otherwise(record)
  if record.error.stage == "starttls" then
    return "Does it speak this protocol (--starttls)?"
  end
end

local PROXY = { timeout = CONNECT.timeout }

local BY_STAGE = { handshake = HANDSHAKE, starttls = STARTTLS, connect = CONNECT, proxy = PROXY }

--- What to do next.
-- @tparam table record of a connection that failed: error, version, tries, said (the server's first bytes, where they
--   were no TLS)
-- @tparam table client of resum.connection.client
-- @tparam integer|nil alert code of the server's alert
-- @treturn string|nil sentences that follow the error; nil: the error says it
function M.of(record, client, alert)
  local about = BY_STAGE[record.error.stage]
  about = about and about[record.error.code]
  return (about or otherwise)(record, client, alert)
end

return M
