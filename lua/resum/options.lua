-- What can be asked of a scan: the options, their types and bounds, and what they come to. It reads them once, for all
-- targets; it opens no connection.

local arguments = require "resum.util.arguments"
local audit = require "resum.audit.run"
local endpoints = require "resum.transport.endpoint"
local identities = require "resum.connection.identity"
local mechanisms = require "resum.connection.mechanism"
local target = require "resum.target"

local M = {}

-- What run, scan and rate take, and of which type.
local OPTIONS = {
  support = "boolean",
  rate = "boolean",
  audit = "boolean",
  audit_checks = "table",
  audit_names = "table",
  intrusive = "boolean",
  lifetime = "boolean",
  state = "string",
  forget = "number",
  mechanisms = "table",
  attempts = "number",
  concurrency = "number",
  timeout = "number",
  retries = "number",
  engine = "string",
  delay = "number",
  starttls = "string",
  xmpp_to = "string",
  proxy = "string or table",
  proxy_protocol = "number",
  sni = "string",
  no_sni = "boolean",
  tls = "string",
  certificate = "string",
  private_key = "string",
  key_form = "string",
  passphrase = "string",
  request = "string",
  alpn = "table",
  source = "string",
  sources = "table",
  quick = "boolean",
  browser_full = "boolean",
  balancer = "boolean",
  family = "string",
  host = "table",
  on_event = "function",
  cancelled = "function",
  admit = "function",
}

-- Lowest, highest, and whether they must be whole.
local BOUNDS = {
  attempts = { 1, 100000, whole = true },
  concurrency = { 1, 1000, whole = true },
  max_connections = { 1, 100000, whole = true },
  max_targets = { 1, 100000000, whole = true },
  retries = { 0, 100, whole = true },
  forget = { 1, 36500, whole = true },
  timeout = { 0.01, 3600 },
  delay = { 0, 3600 },
  every = { 0.1, 86400 },
  max_per_minute = { 1, 60000, whole = true },
  proxy_protocol = { 1, 2, whole = true },
}

--- Does an option take a number?
-- @tparam string|nil name with - or _
-- @treturn boolean
function M.takes_number(name)
  return name ~= nil and BOUNDS[(name:gsub("-", "_"))] ~= nil
end

--- What is wrong with a number?
-- @tparam string name of the option
-- @tparam number|nil value
-- @treturn string|nil what the option takes, in words; nil when nothing is wrong
function M.number_problem(name, value)
  local bounds = BOUNDS[name]
  local lowest, highest, whole = bounds[1], bounds[2], bounds.whole
  if value and value >= lowest and value <= highest and not (whole and value % 1 ~= 0) then -- NaN is not
    return nil
  end
  return ("takes %s from %.10g to %.10g"):format(whole and "a whole number" or "a number of seconds", lowest, highest)
end

local LONGEST_PROTOCOL = 255 -- bytes (RFC 7301, section 3.1)
local LONGEST_LIST = 512 -- bytes in all: what is taken in is bounded, and so is what is sent

--- What is wrong with a list of application protocols?
-- @tparam table list
-- @treturn string|nil what the option takes, in words; nil when nothing is wrong
function M.protocols_problem(list)
  local length = 0
  for i, name in ipairs(list) do
    if type(name) ~= "string" or name == "" or #name > LONGEST_PROTOCOL then
      return ("takes names of 1 to %d bytes, and number %d is none"):format(LONGEST_PROTOCOL, i)
    end
    length = length + 1 + #name
  end
  if length == 0 then
    return "takes a list of names, and this one is empty"
  end
  return length > LONGEST_LIST and ("takes names of %d bytes in all"):format(LONGEST_LIST) or nil
end

--- What is wrong with a list of names of servers?
-- @tparam table list
-- @treturn string|nil what the option takes, in words; nil when nothing is wrong
function M.names_problem(list)
  for _, name in ipairs(list) do
    local parsed, message = target.parse(tostring(name))
    if not parsed then
      return "takes a list of targets: " .. message
    end
  end
  return #list == 0 and "takes a list of targets, and this one is empty" or nil
end

-- What is wrong with an option's value, in words; nil when nothing is.
local function problem_of(name, value)
  local problem = arguments.problem(OPTIONS, "option", name, value)
  if problem then
    return problem
  elseif OPTIONS[name] == "number" and M.number_problem(name, value) then
    return ("the option %s %s, not %s"):format(name, M.number_problem(name, value), value)
  elseif name == "engine" and value ~= "probe" and value ~= "handshake" then
    return ("there is no engine '%s'"):format(value)
  elseif name == "alpn" then
    local what = M.protocols_problem(value)
    return what and "the option alpn " .. what
  elseif name == "host" then
    return arguments.host_problem("option", value, arguments.ALL_VERBS)
  elseif name == "sources" then
    return #value == 0 and "the option sources takes a list of local addresses, and this one is empty" or nil
  elseif name == "audit_checks" then
    local chosen, what = audit.read_list(value)
    return not chosen and "the option audit_checks " .. what or nil
  elseif name == "audit_names" then
    local what = M.names_problem(value)
    return what and "the option audit_names " .. what
  elseif name == "mechanisms" then
    local list, what = mechanisms.read_list(value)
    return not list and "the option mechanisms " .. what or nil
  end
end

--- Raises what a caller did wrong: an option of another type or without bounds, a name that is none.
-- @param options what the caller gave; nil is an empty table
-- @tparam integer level of the caller who is to blame, as for error()
-- @tparam[opt] {string=true,...} known the names that may be given here; by default all
-- @tparam[opt] table more names that the verb takes beside these, as keys: to tell which one was meant
-- @treturn table options
function M.check(options, level, known, more)
  if options == nil then
    return {}
  elseif type(options) ~= "table" then
    error("resum: the options must be a table, not " .. arguments.kind(options), level + 1)
  end
  for name, value in pairs(options) do
    local problem = OPTIONS[name] and problem_of(name, value)
    if not OPTIONS[name] then
      local meant = arguments.meant(name, known or OPTIONS, more or {})
      problem = ("there is no option '%s'%s"):format(tostring(name), meant)
    elseif not problem and known and not known[name] then
      problem = ("the option %s can't be used here"):format(name)
    end
    if problem then
      error("resum: " .. problem, level + 1)
    end
  end
  return options
end

-- What an option is about, without which it would be ignored; and the value that asks for nothing.
local NEEDS = {
  quick = { "rate", without = false },
  balancer = { "rate", without = false },
  audit_checks = { "audit" },
  audit_names = { "audit" },
  intrusive = { "audit", without = false },
  lifetime = { "audit", without = false },
  state = { "audit" },
  forget = { "state" },
  private_key = { "certificate" },
  key_form = { "certificate" },
  passphrase = { "certificate" },
}

--- Values of starttls with which a domain can be asked for (xmpp_to).
M.XMPP = { xmpp = true, ["xmpp-server"] = true, auto = true }

--- Raises what would be ignored: options that do nothing without another one, or that another one replaces.
-- @tparam table options checked
-- @tparam integer level of the caller who is to blame, as for error()
function M.check_together(options, level)
  for name, need in pairs(NEEDS) do
    if options[name] ~= nil and options[name] ~= need.without and not options[need[1]] then
      error(("resum: the option %s does nothing without the option %s"):format(name, need[1]), level + 1)
    end
  end
  local intrusive = not options.intrusive and audit.intrusive_one(options.audit_checks)
  if intrusive then
    error(("resum: the check %s is intrusive: it does nothing without the option intrusive"):format(intrusive),
      level + 1)
  elseif options.xmpp_to and not M.XMPP[options.starttls] then
    error("resum: the option xmpp_to does nothing unless starttls is xmpp, xmpp-server or auto", level + 1)
  elseif options.source and options.sources then
    error("resum: the options source and sources exclude each other", level + 1)
  end
end

-- The mechanisms to be scanned; all that fit the version, where none are named.
local function fitting_mechanisms(options, versions)
  local fitting = {}
  for _, name in ipairs(options.mechanisms or mechanisms.names) do
    if mechanisms.fits(mechanisms[name], versions) then
      fitting[#fitting + 1] = name
    elseif options.mechanisms then
      return nil, ("tls: %s does not belong to TLS %s"):format(name, options.tls)
    end
  end
  return fitting
end

--- What options come to.
-- @tparam table options checked
-- @treturn[1] table endpoints (see resum.transport.endpoint), identity and has_certificate (see
--   resum.connection.identity), versions ({min_version, max_version}), mechanisms (list)
-- @treturn[2] nil
-- @treturn[2] string message: the client certificate, the proxy or a name can't be used, or options exclude each other
-- @treturn[2] string code: "usage"
function M.read(options)
  local identity, certified = identities.read(options) -- or nil and what is wrong with it
  if not identity then
    return nil, certified, "usage"
  end
  local route, message = endpoints.new(options)
  local versions, chosen
  if route then
    versions, message = mechanisms.pin(options.tls)
  end
  if versions then
    chosen, message = fitting_mechanisms(options, versions)
  end
  if not chosen then
    return nil, message, "usage"
  end
  return {
    endpoints = route,
    identity = identity,
    has_certificate = certified,
    versions = versions,
    mechanisms = chosen,
  }
end

return M
