-- Proxies: HTTP CONNECT (RFC 9110, section 9.3.6) with Basic credentials (RFC 7617), and SOCKS 5 (RFC 1928, RFC 1929).
-- It reads what a user calls a proxy, and asks one for a tunnel. Credentials are kept where no table that is shown or
-- written leads to them, and no message names them.

local address = require "resum.target.ip_address"
local redaction = require "resum.util.redaction"
local target = require "resum.target"

local M = {}

local HOW = "give it as http://host:port, socks5://host:port or socks5h://host:port, with user:password@ before the "
  .. "host if it asks for them"
local DEFAULT_PORTS = { http = 80, socks5 = 1080, socks5h = 1080 }

local credentials = setmetatable({}, { __mode = "k" }) -- proxy -> {user, password}
local redactions = setmetatable({}, { __mode = "k" }) -- proxy -> see M.redaction

local Proxy = {}
Proxy.__index = Proxy

-- Without credentials: fit for reports.
function Proxy:__tostring()
  return ("%s://%s"):format(self.kind, target.label(self))
end

local function percent_decode(text)
  return (text:gsub("%%(%x%x)", function(code)
    return string.char(tonumber(code, 16))
  end))
end

-- "user:password@rest" -> rest, {user, password} or nil. A password may hold an @ that was not encoded.
local function split_credentials(text)
  local userinfo, rest = text:match("^(.*)@(.-)$")
  if not userinfo then
    return text
  end
  local user, password = userinfo:match("^([^:]*):?(.*)$")
  return rest, { user = percent_decode(user), password = percent_decode(password) }
end

-- RFC 1929 has a byte for the length of each, RFC 7617 no colon in the user's name.
local function credentials_problem(kind, pair)
  if kind == "http" and pair.user:find(":", 1, true) then
    return "a user's name can't contain a colon"
  elseif kind ~= "http" and (pair.user == "" or #pair.user > 255 or #pair.password > 255) then
    return "user and password have at most 255 characters each, and a user at least one"
  end
end

--- Reads what a user calls a proxy. The messages say nothing of the text: it may hold a password.
-- @tparam string text http://[user[:password]@]host[:port] (80), socks5://… or socks5h://… (1080)
-- @treturn[1] table proxy: kind, host, port, resolves (boolean: it looks up the names of targets); tostring() of it has
--   no credentials
-- @treturn[2] nil
-- @treturn[2] string message
function M.parse(text)
  local kind, rest = text:match("^%s*(%w+)://([^%s]*)%s*$")
  kind = kind and kind:lower()
  if not DEFAULT_PORTS[kind] then
    return nil, "not a proxy: " .. HOW
  end
  local place, pair = split_credentials(rest)
  local parsed = target.parse(place:gsub("/$", ""), DEFAULT_PORTS[kind])
  if not parsed or parsed.address or place:find("://", 1, true) then
    return nil, "the proxy's host or port is invalid: " .. HOW
  end
  local problem = pair and credentials_problem(kind, pair)
  if problem then
    return nil, problem
  end
  local proxy = setmetatable(
    { kind = kind, host = parsed.host, port = parsed.port, resolves = kind ~= "socks5" }, Proxy)
  credentials[proxy] = pair
  redactions[proxy] = pair and redaction.of(pair.user, pair.password)
  return proxy
end

local function as_it_is(text)
  return text
end

--- What takes a proxy's credentials out of a text: whoever is behind it may repeat what it was told, as it likes.
-- @tparam table|nil proxy
-- @treturn function (text) -> text
function M.redaction(proxy)
  return proxy and redactions[proxy] or as_it_is
end

-- HTTP --------------------------------------------------------------------------------------------------------

local function head_of_request(proxy, endpoint)
  local authority = target.label({ host = endpoint.address, port = endpoint.port })
  local lines = { ("CONNECT %s HTTP/1.1"):format(authority), "Host: " .. authority }
  local pair = credentials[proxy]
  if pair then
    lines[#lines + 1] = "Proxy-Authorization: Basic " .. redaction.base64(pair.user .. ":" .. pair.password)
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

local function read_head(talk)
  local what = "the proxy's answer"
  local status_line = talk:line(what)
  local status = status_line:match("^HTTP/1%.%d (%d%d%d)%f[%D]")
  if not status then
    talk:fail("proxy", "not an HTTP proxy: it said %s", talk:quote(status_line))
  end
  repeat
    local line = talk:line(what)
  until line == ""
  return talk:number(status, what), status_line
end

-- What the proxy's status means for the target; any other is a refusal by the proxy.
local CODE_OF_STATUS = { [502] = "unreachable", [503] = "unreachable", [504] = "unreachable" }

local function ask_http(talk, proxy, endpoint)
  talk:send(head_of_request(proxy, endpoint))
  local status, line
  repeat
    status, line = read_head(talk)
  until status >= 200
  if status == 407 or status == 401 then -- tinyproxy says 401 to who has none
    talk:fail("proxy", credentials[proxy] and "it does not accept the credentials: %s" or "it requires credentials: %s",
      talk:quote(line))
  elseif status >= 300 then
    talk:fail(CODE_OF_STATUS[status] or "no_tunnel", "no tunnel: %s", talk:quote(line))
  end
end

-- SOCKS 5 -----------------------------------------------------------------------------------------------------

local NO_AUTHENTICATION, USER_AND_PASSWORD, NONE_ACCEPTABLE = 0, 2, 255

-- RFC 1928, section 6
local REPLIES = {
  [1] = "general failure",
  [2] = "not allowed by its rules",
  [3] = "network unreachable",
  [4] = "host unreachable",
  [5] = "connection refused",
  [6] = "time to live expired",
  [7] = "it does not support CONNECT",
  [8] = "it does not support this type of address",
}
local CODE_OF_REPLY = { [3] = "unreachable", [4] = "unreachable", [5] = "refused", [6] = "unreachable" }

local function check_version(talk, version)
  if version ~= 5 then
    talk:fail("proxy", "not a SOCKS 5 proxy")
  end
end

local function log_in(talk, pair)
  talk:send(("Bs1s1"):pack(1, pair.user, pair.password))
  local _, status = ("BB"):unpack(talk:take(2, "the proxy's answer to the credentials"))
  if status ~= 0 then
    talk:fail("proxy", "it does not accept the credentials")
  end
end

local function greet(talk, proxy)
  local pair = credentials[proxy]
  local methods = pair and string.char(NO_AUTHENTICATION, USER_AND_PASSWORD) or string.char(NO_AUTHENTICATION)
  talk:send(("Bs1"):pack(5, methods))
  local version, method = ("BB"):unpack(talk:take(2, "the proxy's answer"))
  check_version(talk, version)
  if method == USER_AND_PASSWORD and pair then
    log_in(talk, pair)
  elseif method ~= NO_AUTHENTICATION then
    talk:fail("proxy", (method == NONE_ACCEPTABLE and not pair) and "it requires credentials"
      or "it requires another kind of credentials")
  end
end

-- Type and bytes of an address (RFC 1928, section 5).
local function destination(endpoint)
  local bytes = address.bytes(endpoint.address)
  if not bytes then
    return ("Bs1"):pack(3, endpoint.address)
  end
  return string.char(#bytes == 4 and 1 or 4) .. bytes
end

-- Where the tunnel starts: nobody needs it, but it has to be read.
local function skip_bound_address(talk, kind)
  local what = "the end of the proxy's answer"
  local length = kind == 1 and 4 or kind == 4 and 16 or talk:take(1, what):byte()
  talk:take(length + 2, what)
end

local function ask_socks(talk, proxy, endpoint)
  greet(talk, proxy)
  talk:send("\5\1\0" .. destination(endpoint) .. (">I2"):pack(endpoint.port))
  local version, reply, _, kind = ("BBBB"):unpack(talk:take(4, "the proxy's answer"))
  check_version(talk, version)
  if reply ~= 0 then
    talk:fail(CODE_OF_REPLY[reply] or "no_tunnel", "no tunnel: %s (reply %d)", REPLIES[reply] or "unknown", reply)
  end
  skip_bound_address(talk, kind)
end

local ASK = { http = ask_http, socks5 = ask_socks, socks5h = ask_socks }

--- Asks the proxy at the other end for a tunnel: a dialogue, see resum.transport.dialogue.
-- @tparam table talk
-- @tparam table proxy
-- @tparam table endpoint address (a name where the proxy resolves), port
function M.dialogue(talk, proxy, endpoint)
  ASK[proxy.kind](talk, proxy, endpoint)
end

return M
