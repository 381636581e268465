-- The verbs of the public face that make one connection, to look at: open, probe, hello. What a caller gives them is
-- read and checked here; the connection is made in resum.connection. `level` is always that of the caller who is to
-- blame for a misuse, as for error(); and no call is a tail call, which would leave a level out.

local arguments = require "resum.util.arguments"
local core = require "resum.core"
local default_host = require "resum.host.default"
local handshakes = require "resum.connection.handshake"
local hellos = require "resum.connection.hello"
local mechanisms = require "resum.connection.mechanism"
local options_of = require "resum.options"
local tables = require "resum.util.tables"

local M = {}

-- Those options of run that say how a connection is made.
local OF_CONNECTIONS = {}
for name in ("timeout retries starttls xmpp_to proxy proxy_protocol sni no_sni tls certificate private_key key_form "
  .. "passphrase request alpn source family host"):gmatch("%S+") do
  OF_CONNECTIONS[name] = true
end

local RETRIES = 2 -- as in a scan

local function is_session(value)
  return type(value) == "userdata" and pcall(function()
    return value:fields()
  end)
end

local function check_sessions(asked, level)
  if asked.session and not is_session(asked.session) then
    error("resum: the option session must be a session, and this is something else", level + 1)
  end
  for i, session in ipairs(asked.sessions or {}) do
    if not is_session(session) then
      error(("resum: the option sessions is a list of sessions, and number %d is none"):format(i), level + 1)
    end
  end
end

--- Reads what a verb is given whose connections are its own.
-- @tparam string|table wanted_target
-- @tparam table|nil options the verb's own, and those of run that say how a connection is made
-- @tparam table own schema of the verb's own options, see resum.util.arguments
-- @tparam integer level
-- @tparam[opt] {string=true,...} more names of options of run that the verb takes
-- @treturn[1] table asked (the verb's own options), target, options (the others, with a host), route and plan (see
--   resum.options.read)
-- @treturn[2] nil
-- @treturn[2] string message: the target or an option is not usable
-- @treturn[2] string code: "usage"
function M.read(wanted_target, options, own, level, more)
  if options ~= nil and type(options) ~= "table" then
    error("resum: the options must be a table, not " .. arguments.kind(options), level + 1)
  end
  local asked, others = {}, {}
  for name, value in pairs(options or {}) do
    (own[name] and asked or others)[name] = value
  end
  arguments.check(asked, own, "option", level + 1)
  check_sessions(asked, level + 1)
  others = tables.merged(options_of.check(others, level + 1, tables.merged(OF_CONNECTIONS, more), own))
  options_of.check_together(others, level + 1)
  others.host = others.host or default_host.choose()
  local plan, message, code = options_of.read(others)
  local parsed
  if plan then
    parsed, message, code = plan.endpoints:target(wanted_target, level + 1)
  end
  if not parsed then
    return nil, message, code
  end
  others.retries = others.retries or RETRIES
  others.versions, others.identity = plan.versions, plan.identity
  return { route = plan.endpoints, target = parsed, options = others, asked = asked, plan = plan }
end

-- The mechanism by which a session is offered, where nobody says.
local function mechanism_of(session)
  local fields = session:fields()
  return fields.version == "TLSv1.3" and "psk" or fields.ticket and "ticket" or "session_id"
end

local function check_mechanism(name, level)
  if name and name ~= "any" and not mechanisms.find(name) then
    error(("resum: the option mechanism takes any, %s, not '%s'"):format(table.concat(mechanisms.names, ", "), name),
      level + 1)
  end
end

--- See resum.open.
function M.open(wanted_target, options, level)
  local one, message, code = M.read(wanted_target, options, { session = "userdata", mechanism = "string" }, level + 1)
  if not one then
    return nil, message, code
  end
  check_mechanism(one.asked.mechanism, level + 1)
  return (handshakes.open(one.route, one.target, one.options, one.asked))
end

local OF_PROBE = { session = "userdata", sessions = "table", mechanism = "string" }

--- See resum.probe.
function M.probe(wanted_target, options, level)
  local one, message, code = M.read(wanted_target, options, OF_PROBE, level + 1)
  if not one then
    return nil, message, code
  end
  local asked = one.asked
  local first = asked.session or asked.sessions and asked.sessions[1]
  if not first or asked.session and asked.sessions then
    error("resum: probe needs the option session, or sessions: what is to be offered", level + 1)
  end
  check_mechanism(asked.mechanism, level + 1)
  asked.mechanism, asked.engine = asked.mechanism or mechanism_of(first), "probe"
  return (handshakes.open(one.route, one.target, one.options, asked))
end

-- The fields of a ClientHello, with the server's name where nobody has said anything about it; false: none.
local function with_name(fields, name)
  local all = tables.merged(fields)
  all.server_name = (all.server_name == nil and name or all.server_name) or nil
  return all
end

local function check_hello(hello, level)
  local fine, problem = pcall(core.client_hello, with_name(hello))
  if not fine then
    error("resum: the option hello: " .. (tostring(problem):match("%((.*)%)$") or tostring(problem)), level + 1)
  end
end

--- See resum.hello.
function M.hello(wanted_target, options, level)
  local one, message, code = M.read(wanted_target, options, { hello = "table or string" }, level + 1)
  if not one then
    return nil, message, code
  end
  local hello = one.asked.hello or {}
  if type(hello) == "table" then
    check_hello(hello, level + 1)
  end
  return (hellos.say(one.route, one.target, one.options, function(endpoint)
    return type(hello) == "string" and hello or core.client_hello(with_name(hello, endpoint.server_name))
  end))
end

return M
