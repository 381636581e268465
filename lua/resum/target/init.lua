-- What a user may call a target: "host", "host:port", "[v6]:port", a bare IPv6 address, "host:port{address}", an
-- https:// URL; the port may be a service's name, as in "host:imaps". Pure: it reads text and looks nothing up.

local address = require "resum.target.ip_address"
local arguments = require "resum.util.arguments"
local idn = require "resum.target.idna"
local escape = require "resum.util.escape"
local service = require "resum.target.service"

local M = {}

local DEFAULT_PORT = 443
local LONGEST_NAME, LONGEST_LABEL = 253, 63 -- RFC 1035, section 2.3.4

local function usage(format, ...)
  return nil, "target: " .. format:format(...), "usage"
end

--- Is this text an IP address, of either family?
-- @tparam string text
-- @treturn boolean
function M.is_address(text)
  return address.family(text) ~= nil
end

-- "host:port" and its relatives -> host, port text (nil without one)
local function split(text)
  local bracketed, rest = text:match("^%[(.-)%](.*)$")
  if bracketed and address.family(bracketed) == "inet6" then
    return bracketed, rest ~= "" and (rest:match("^:(.*)$") or "?") or nil
  end
  if select(2, text:gsub(":", "")) > 1 then
    return text
  end
  local host, port = text:match("^(.-):(.*)$")
  return host or text, port
end

local function without_scheme(text)
  local scheme, rest = text:match("^(%a[%w+.-]*)://(.*)$")
  if not scheme then
    return text
  elseif scheme:lower() ~= "https" then
    return nil, scheme
  end
  return (rest:gsub("[/?#].*$", ""))
end

-- What is wrong with a host in its ASCII form, in words; nil when nothing is.
local function host_problem(host)
  if host == "" then
    return "the host is missing"
  elseif host:find("[:%%%[]") then
    return address.family(host) ~= "inet6" and "not an IPv6 address; write it as [2001:db8::1]:443" or nil
  elseif host:find("^[%d.]+$") then
    return address.family(host) ~= "inet" and "not an IPv4 address" or nil
  elseif not host:find("^[%w._-]+$") then
    return "a host name may contain only letters, digits, '.', '-' and '_'"
  elseif #host > LONGEST_NAME then
    return ("a host name has at most %d characters"):format(LONGEST_NAME)
  end
  for label in host:gsub("%.$", ""):gmatch("([^.]*)%.?") do
    if #label > LONGEST_LABEL then
      return ("a part of a host name has at most %d characters"):format(LONGEST_LABEL)
    end
  end
  if host:find("..", 1, true) or host:sub(1, 1) == "." then
    return "a part of the host name is empty"
  end
end

--- A host name, or an address, as the wire carries it.
-- @tparam string text
-- @treturn[1] string letters beyond ASCII are in their xn-- form
-- @treturn[2] nil
-- @treturn[2] string what is wrong, in words
function M.host(text)
  local host, problem = idn.to_ascii(text)
  problem = problem or host_problem(host)
  if problem then
    return nil, problem
  end
  return host
end

--- What a user gave for a target, without what may be a password.
-- @tparam string text
-- @treturn string
function M.without_password(text)
  local scheme = text:match("^%s*%a[%w+.-]*://") or ""
  return scheme .. text:sub(#scheme + 1):gsub("^.*@", "...@")
end

local HIGHEST_PORT = 65535

local function is_port(number)
  return math.type(number) == "integer" and number >= 1 and number <= HIGHEST_PORT
end

-- "443", "https" -> 443; or nil and what is wrong, in words.
local function port_number(text)
  if text:find("^%a[%w-]*$") then
    local port = service.port(text)
    return port, not port and ("no service with TLS has the name '%s' here; give the number of its port"):format(
      escape(text, 40)) or nil
  end
  local number = text:find("^%d%d?%d?%d?%d?$") and math.floor(tonumber(text))
  if number and is_port(number) then
    return number
  end
  return nil, ("the port must be a number from 1 to %d"):format(HIGHEST_PORT)
end

--- Reads what a user calls a target.
-- @tparam string text "host", "host:port", "host:service", "[v6]:port", "v6", "host:port{address}" (scan that
--   address of the host only), "https://host:port/"
-- @tparam[opt=443] integer default_port the port when there is none in the text
-- @treturn[1] table {text, host (letters beyond ASCII in their xn-- form), port, address (or nil)}
-- @treturn[2] nil
-- @treturn[2] string message
-- @treturn[2] string "usage"
function M.parse(text, default_port)
  if type(text) ~= "string" then
    error("resum: a target is a string such as host:port, not " .. arguments.kind(text), 2)
  elseif default_port ~= nil and not is_port(default_port) then
    error(("resum: the default port must be a whole number from 1 to %d"):format(HIGHEST_PORT), 2)
  end
  local shown = escape(M.without_password(text), 80)
  local rest, scheme = without_scheme(text:match("^%s*(.-)%s*$"))
  if not rest then
    return usage("'%s': %s:// is not supported; give host:port", shown, scheme)
  elseif rest == "" then
    return usage("'%s' is empty; give host:port", shown)
  elseif rest:find("@", 1, true) then
    return usage("'%s': nobody logs in there: leave out what stands before the @", shown)
  end
  local outer, literal = rest:match("^(.-){(.*)}$")
  local given, port = split(outer or rest)
  local host, problem = M.host(given)
  local number = default_port or DEFAULT_PORT
  if host and port then
    number, problem = port_number(port)
  end
  if problem then
    return usage("'%s': %s", shown, problem)
  elseif literal and not M.is_address(literal) then
    return usage("'%s': { and } must enclose an IP address", shown)
  end
  return {
    text = text,
    host = host,
    port = number,
    address = literal,
  }
end

--- "host:port", with brackets where the host needs them.
-- @tparam table target from parse
-- @treturn string
function M.label(target)
  return (target.host:find(":", 1, true) and "[%s]:%d" or "%s:%d"):format(target.host, target.port)
end

return M
