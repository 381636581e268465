-- What is said inside TLS so that a server says something: some issue tickets with their first data only, and some
-- forget a session at the first request. It knows which protocol is spoken where, and a few harmless words of each; it
-- opens no connection, and reads of an answer only who gave it.

local starttls = require "resum.transport.starttls"

local M = {}

-- Answered at once by nearly any HTTP server; others close, which flushes their tickets as well.
local function http(endpoint, method)
  return ("%s / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n"):format(method,
    endpoint.server_name or endpoint.address)
end

-- The preface and an empty SETTINGS, which the server has to acknowledge (RFC 9113, sections 3.4 and 6.5).
local HTTP2 = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" .. "\0\0\0\4\0\0\0\0\0"
-- CONNECT with a clean session and no name, answered with CONNACK also where it is refused (MQTT 3.1.1, section 3.1).
local MQTT = "\16\12\0\4MQTT\4\2\0\60\0\0"
-- The header of AMQP 0-9-1, answered with Connection.Start, or with the version that the server speaks (section 4.2.2).
local AMQP = "AMQP\0\0\9\1"
-- A question for the name servers of the root, behind its length (RFC 7858, section 3.3; RFC 1035, section 4.1).
local DNS = "\0\17" .. "\114\115\1\0\0\1\0\0\0\0\0\0" .. "\0\0\2\0\1"

-- By the port of IANA's registry where TLS is spoken from the first byte, as far as the client has the first word.
local BY_PORT = { [853] = DNS, [5671] = AMQP, [8883] = MQTT }

-- By IANA's registry of ALPN protocol IDs, and the one that AWS IoT asks for on port 443.
local BY_PROTOCOL = { h2 = HTTP2, mqtt = MQTT, ["x-amzn-mqtt-ca"] = MQTT, dot = DNS }

-- Where a protocol's own port speaks TLS from the first byte, its words are known as well; but there the server has the
-- first word inside TLS, so nothing is said that it might take for haste.
--- What makes a server answer.
-- @tparam table endpoint see resum.transport.dialer.open
-- @tparam[opt] string alpn the application protocol that was agreed on
-- @treturn string|nil bytes; nil: nothing that is harmless is known
function M.request(endpoint, alpn)
  local spoken = endpoint.starttls or starttls.find_direct(endpoint.port)
  if spoken then
    return starttls.say(spoken, "request", endpoint)
  end
  return BY_PROTOCOL[alpn] or BY_PORT[endpoint.port] or http(endpoint, "HEAD")
end

--- Which protocol is spoken inside TLS, as far as the way there tells.
-- @tparam table endpoint see resum.transport.dialer.open
-- @treturn string its name; "http" for what no other is known for
function M.protocol(endpoint)
  local spoken = endpoint.starttls or starttls.find_direct(endpoint.port)
  return spoken and spoken.name or "http"
end

--- What makes a server say who it is, so that its answer can be compared with another one's.
-- @tparam table endpoint see resum.transport.dialer.open
-- @tparam string host for the header field Host of HTTP
-- @tparam[opt="/"] string path
-- @treturn string bytes
function M.who_are_you(endpoint, host, path)
  local spoken = endpoint.starttls or starttls.find_direct(endpoint.port)
  if spoken then
    return starttls.say(spoken, "who_are_you", endpoint) or starttls.say(spoken, "request", endpoint) or "\r\n"
  end
  return ("GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: resum\r\nConnection: close\r\n\r\n"):format(path or "/", host)
end

--- What is said where that has not been answered: some servers know no HEAD (OpenSSL's s_server). The others have been
-- told to close behind their first answer.
-- @tparam table endpoint see resum.transport.dialer.open
-- @tparam string request the one that was sent
-- @treturn string|nil bytes
function M.request_again(endpoint, request)
  return request == http(endpoint, "HEAD") and http(endpoint, "GET") or nil
end

local LONGEST_NAME = 60 -- bytes of what a server calls itself

--- What an HTTP server calls itself (RFC 9110, section 10.2.4). It may be another one that stands behind this one, and
-- it may say what it likes.
-- @tparam string said what it answered, or the beginning of it
-- @treturn string|nil
function M.software(said)
  local head = said:match("^HTTP/1%.%d (.-)\r\n\r\n") or said:match("^HTTP/1%.%d (.*)")
  local name = head and ("\n" .. head):match("\n[Ss][Ee][Rr][Vv][Ee][Rr]:[ \t]*([^\r\n]+)")
  return name and name:sub(1, LONGEST_NAME)
end

--- What ends a conversation in order.
-- @tparam table endpoint see resum.transport.dialer.open
-- @treturn string|nil bytes
function M.goodbye(endpoint)
  return endpoint.starttls and starttls.say(endpoint.starttls, "goodbye", endpoint)
end

return M
