-- How targets are reached, from options to endpoints: STARTTLS, proxy, server name, address family. Pure but for the
-- host's resolver; it makes no connection.

local address = require "resum.target.ip_address"
local arguments = require "resum.util.arguments"
local escape = require "resum.util.escape"
local proxy = require "resum.transport.proxy"
local proxy_protocol = require "resum.transport.proxy_protocol"
local starttls = require "resum.transport.starttls"
local suggestion = require "resum.util.suggestion"
local target = require "resum.target"

local M = {}

local Route = {}
Route.__index = Route

local FAMILY_NAMES = { inet = "IPv4", inet6 = "IPv6" }

local function read_proxy(given)
  if type(given) == "table" then
    return given
  end
  return proxy.parse(given)
end

local function read_server_name(options)
  if options.sni and options.no_sni then
    return nil, "sni and no_sni exclude each other"
  end
  local name, problem = nil, nil
  if options.sni then
    name, problem = target.host(options.sni)
  end
  return name, problem and "sni: " .. problem
end

local function source_problem(sources)
  for _, source in ipairs(sources or {}) do
    if type(source) ~= "string" or not address.family(source) then
      return ("source: '%s' is not an IP address"):format(escape(tostring(source), 60))
    end
  end
end

-- It goes to the server as it is, whatever its letters.
local function domain_problem(domain)
  local _, problem = target.host(domain)
  return problem and "xmpp_to: " .. problem
end

local function what_does_not_fit(route)
  if route.starttls and route.starttls ~= "auto" and not starttls.find(route.starttls) then
    return ("starttls: must be one of auto, %s%s"):format(table.concat(starttls.names, ", "),
      suggestion.question(suggestion.of(tostring(route.starttls), starttls.names)))
  elseif route.family and not FAMILY_NAMES[route.family] then
    return "family: must be inet or inet6"
  elseif route.family and route.proxy and route.proxy.resolves then
    return ("family: the proxy %s looks up names, so the family can't be chosen here"):format(route.proxy)
  end
  if route.proxy_protocol and not proxy_protocol.knows(route.proxy_protocol) then
    return "proxy_protocol: must be 1 or 2"
  end
  return source_problem(route.sources) or route.xmpp_to and domain_problem(route.xmpp_to)
end

--- Reads the options that say how targets are reached.
-- @tparam table options starttls (a protocol, or "auto": by the port), xmpp_to (domain), proxy (text, or what
--   resum.transport.proxy.parse gave), sni (name), no_sni (boolean), family ("inet" or "inet6"), source (local
--   address), sources (several, to choose among), proxy_protocol (1 or 2)
-- @treturn[1] table route
-- @treturn[2] nil
-- @treturn[2] string message: what does not fit
function M.new(options)
  local through, name, problem
  if options.proxy then
    through, problem = read_proxy(options.proxy)
    problem = problem and "proxy: " .. problem
  end
  if not problem then
    name, problem = read_server_name(options)
  end
  local route = setmetatable({
    starttls = options.starttls,
    xmpp_to = options.xmpp_to,
    proxy = through,
    server_name = name,
    no_sni = options.no_sni,
    proxy_protocol = options.proxy_protocol,
    family = options.family,
    sources = options.sources and options.sources[1] and options.sources or options.source and { options.source },
  }, Route)
  problem = problem or what_does_not_fit(route)
  if problem then
    return nil, problem
  end
  return route
end

--- Reads a target; where it has no port, it gets that of the protocol.
-- @function route:parse
-- @tparam string text
-- @return as resum.target.parse
function Route:parse(text)
  local protocol = self.starttls and starttls.find(self.starttls)
  return target.parse(text, protocol and protocol.ports[1])
end

--- A target, read where it is not yet; something else is misuse, and raised.
-- @function route:target
-- @tparam string|table given text, or what resum.target.parse gave
-- @tparam integer level of the caller who is to blame, as for error()
-- @return as resum.target.parse
function Route:target(given, level)
  if type(given) == "string" then
    return self:parse(given)
  elseif type(given) ~= "table" then
    error("resum: a target is a string such as host:port, not " .. arguments.kind(given), level + 1)
  elseif not given.host or not given.port then
    error("resum: a target is a string such as host:port, or what resum.target.parse gave", level + 1)
  end
  return given
end

local function server_name(route, parsed)
  if route.no_sni then
    return nil
  elseif route.server_name then
    return route.server_name
  end
  return not target.is_address(parsed.host) and parsed.host:gsub("%.$", "") or nil
end

--- What a result says of its target.
-- @function route:describe
-- @tparam table parsed target
-- @treturn table text, host, port, sni (nil: none is sent), starttls (the protocol), xmpp_to, proxy (without
--   credentials), proxy_protocol
function Route:describe(parsed)
  local protocol = self.starttls and starttls.find(self.starttls, parsed.port)
  return {
    text = parsed.text,
    host = parsed.host,
    port = parsed.port,
    sni = server_name(self, parsed),
    starttls = protocol and protocol.name,
    xmpp_to = self.xmpp_to,
    proxy = self.proxy and tostring(self.proxy),
    proxy_protocol = self.proxy_protocol,
  }
end

--- The addresses at which a target is to be scanned.
-- @function route:addresses
-- @tparam table parsed target
-- @tparam table host
-- @treturn[1] table list; with resolved_by = "proxy" it is the name alone: the proxy looks it up
-- @treturn[2] nil
-- @treturn[2] string message
-- @treturn[2] string code
function Route:addresses(parsed, host)
  if parsed.address then
    if self.family and address.family(parsed.address) ~= self.family then
      return nil, ("resolve: %s is not an %s address"):format(parsed.address, FAMILY_NAMES[self.family]), "unreachable"
    end
    return { parsed.address }
  elseif self.proxy and self.proxy.resolves and not target.is_address(parsed.host) then
    return { parsed.host, resolved_by = "proxy" }
  end
  return host.resolve(parsed.host, self.family)
end

--- The local addresses that connections to an address may come from.
-- @function route:sources_to
-- @tparam string to address, or the name that the proxy looks up
-- @treturn {string,...}|nil those of its family (behind a proxy all); nil: the system chooses
function Route:sources_to(to)
  local fitting = self.sources and {}
  for _, source in ipairs(self.sources or {}) do
    if self.proxy or address.family(source) == address.family(to) then
      fitting[#fitting + 1] = source
    end
  end
  return fitting
end

--- Where the connections go.
-- @function route:endpoint
-- @tparam table described target, see describe
-- @tparam string to address, or the name that the proxy looks up
-- @treturn table endpoint, see resum.transport.dialer.open; and server_name
function Route:endpoint(described, to)
  return {
    address = to,
    port = described.port,
    server_name = described.sni,
    name = described.host:gsub("%.$", ""),
    starttls = described.starttls and starttls.find(described.starttls),
    xmpp_to = self.xmpp_to or self.server_name, -- who asks for a name asks for it before TLS, too
    proxy = self.proxy,
    source = (self:sources_to(to) or {})[1],
    proxy_protocol = self.proxy_protocol,
  }
end

return M
