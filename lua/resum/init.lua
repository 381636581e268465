-- The public face: what `require "resum"` gives. It finds the addresses of a target, makes sure that TLS is
-- spoken there at all (the control), runs the scans asked for, and folds them to one result that prints
-- itself.

local cross_address = require "resum.scan.pool.cross_address"
local rate_limiter = require "resum.transport.rate_limiter"
local attempt = require "resum.connection.client"
local connectivity = require "resum.connection.connectivity"
local core = require "resum.core"
local help = require "resum.help"
local recorder = require "resum.scan.pool.recorder"
local limits = require "resum.limits"
local mechanisms = require "resum.connection.mechanism"
local new_failure = require "resum.util.failure"
local handshakes = require "resum.connection.handshake"
local handshake_text = require "resum.report.text.handshake"
local endpoints = require "resum.transport.endpoint"
local scans = require "resum.scan"
local target = require "resum.target"
local text = require "resum.report.text"

local M = {
  _VERSION = "resum " .. core.VERSION,
  VERSION = core.VERSION,
  attempt = attempt,
  client_hello = core.client_hello,
  core = core,
  parse = core.parse,
  target = target,
}

local DEFAULTS = { concurrency = 10, retries = 2 }

--- Hosts: what connects, resolves and waits.
M.host = {}

--- The host used when none is given: luv, or LuaSocket where luv is not installed.
-- @treturn table host
function M.host.default()
  local found, host = pcall(require, "resum.host.uv")
  return found and host or require("resum.host.luasocket")
end

-- What run, scan and rate take, and of which type.
local OPTIONS = {
  support = "boolean",
  rate = "boolean",
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
  sni = "string",
  no_sni = "boolean",
  tls = "string",
  certificate = "string",
  private_key = "string",
  key_form = "string",
  passphrase = "string",
  request = "string",
  source = "string",
  sources = "table",
  quick = "boolean",
  balancer = "boolean",
  family = "string",
  host = "table",
  on_event = "function",
  cancelled = "function",
  admit = "function",
}

local function check_number(name, value, level)
  local problem = limits.problem(name, value)
  if problem then
    error(("resum: the option %s %s, not %s"):format(name, problem, value), level + 1)
  end
end

local function check_mechanisms(names, level)
  if #names == 0 then
    error("resum: the option mechanisms names none", level + 1)
  end
  for _, name in ipairs(names) do
    if not mechanisms[name] or not mechanisms[name].title then
      error(("resum: there is no mechanism '%s'"):format(tostring(name)), level + 1)
    end
  end
end

local function check_types(options, level)
  for name, value in pairs(options) do
    if not OPTIONS[name] then
      error(("resum: there is no option '%s'"):format(tostring(name)), level + 1)
    elseif not OPTIONS[name]:find(type(value), 1, true) then
      error(("resum: the option %s must be a %s, not a %s"):format(name, OPTIONS[name], type(value)), level + 1)
    elseif OPTIONS[name] == "number" then
      check_number(name, value, level + 1)
    end
  end
  if options.engine and options.engine ~= "probe" and options.engine ~= "handshake" then
    error(("resum: there is no engine '%s'"):format(options.engine), level + 1)
  end
  if options.mechanisms then
    check_mechanisms(options.mechanisms, level + 1)
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

-- What the options come to: the route, the pinned versions, the mechanisms.
local function read_options(options, level)
  check_types(options, level + 1)
  local context, message = core.context(attempt.identity(options))
  local plan = {}
  if context then
    plan.route, message = endpoints.new(options)
  end
  if plan.route then
    plan.versions, message = mechanisms.pin(options.tls)
  end
  if plan.versions then
    plan.mechanisms, message = fitting_mechanisms(options, plan.versions)
  end
  if not plan.mechanisms then
    return nil, message, "usage"
  end
  return plan
end

--- Can these options be used? A misuse (unknown name, wrong type) is raised.
-- @tparam table options see run
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string message: the client certificate, the proxy or a name is not usable, options exclude each other
-- @treturn[2] string code: "usage"
function M.check(options)
  local plan, message, code = read_options(options, 2)
  return plan and true, message, code
end

local result_meta = {
  __tostring = function(result)
    return text.target(result, {})
  end,
}

local entry_meta = { __tostring = text.address }

local function merge(...)
  local all = {}
  for i = 1, select("#", ...) do
    for name, value in pairs((select(i, ...)) or {}) do
      all[name] = value
    end
  end
  return all
end

local function nothing() end

-- Where a way in that ends has not led to the server.
local UNREACHED = { connect = true, proxy = true }

local function interrupted()
  return "error", new_failure("interrupted", "interrupted")
end

-- Only libssl says goodbye in the server's protocol. Where there is one it makes the attempts, unless somebody wants
-- otherwise; and where the server would hold it against us, no probe is made at all.
local function scan_options(scan, client, options)
  local polite, owed = { engine = "handshake" }, { engine = "handshake", no_probe = true }
  return merge(scan.defaults, client.dialer.goodbye and polite, options, client.dialer.goodbye_is_owed and owed)
end

local function note_failure(entry, problem)
  entry.status, entry.error = UNREACHED[problem.stage] and "unreachable" or "error", problem
end

-- The control came from the first of several local addresses. One that leads nowhere would look like a server that
-- drops connections.
local function problem_of_sources(client, sources, retries)
  for i = 2, #sources do
    local record = connectivity.try(client, retries, sources[i])
    if record.outcome ~= "full" and not client.cancelled() then
      local problem = record.error
      return new_failure(("from %s: %s"):format(sources[i], problem.message), problem.code, problem.stage)
    end
  end
end

local function scan_address(entry, client, wanted, options)
  local first = connectivity.run(client, options.retries)
  entry.control = first
  entry.client_certificate = connectivity.client_certificate(first, options.certificate ~= nil)
  local problem = first.error
  if first.outcome == "full" and options.sources and (wanted.rate or wanted.balancer) then
    problem = problem_of_sources(client, options.sources, options.retries)
  end
  if problem then
    return note_failure(entry, problem)
  end
  local recorded = recorder.new(client, options.sources)
  for _, scan in ipairs(scans) do
    if wanted[scan.name] and not client.cancelled() then
      local caller = scan.recorded and recorded or client
      entry[scan.name] = scan.run(caller, first, scan_options(scan, client, options), entry)
    end
  end
  if not client.cancelled() then
    entry.status, entry.error = "completed", nil
  end
end

-- One job an address; what one raises is kept as its error, the others go on.
local function scan_addresses(result, addresses, wanted, plan, options)
  local jobs, clients = {}, {}
  for i, address in ipairs(addresses) do
    local status, problem = interrupted() -- until it is done
    local entry = setmetatable({
      address = address,
      resolved_by = addresses.resolved_by,
      status = status,
      error = problem,
    }, entry_meta)
    result.addresses[i] = entry
    local client = attempt.new_client(plan.route:endpoint(result.target, address), options)
    local sources = plan.route:sources_to(address)
    clients[i] = client
    jobs[i] = function()
      if sources and not sources[1] then
        note_failure(entry, new_failure("connect: no source address is of its family", "unreachable", "connect"))
      else
        scan_address(entry, client, wanted, merge(options, { sources = options.sources and sources }))
      end
    end
  end
  for i, problem in pairs(options.host.parallel(jobs, #jobs)) do
    result.addresses[i].status = "error"
    result.addresses[i].error = new_failure(tostring(problem), "internal")
  end
  if wanted.rate and wanted.balancer and #clients > 1 then
    result.across = cross_address.run(result.addresses, clients, options)
  end
end

-- A target counts as scanned when one of its addresses was.
local function conclude(result)
  local first = result.addresses[1]
  result.status, result.error = first.status, first.error
  for _, entry in ipairs(result.addresses) do
    if entry.status == "completed" then
      result.status, result.error = "completed", nil
      return
    end
  end
end

local Scanner = {}
Scanner.__index = Scanner

--- Runs the scans on every address of a target.
-- @function scanner:run
-- @tparam string|table wanted_target see resum.run
-- @tparam[opt] table more options for this target alone: on_event, cancelled
-- @return as resum.run
function Scanner:run(wanted_target, more)
  local plan, options = self.plan, merge(self.options, more)
  if type(wanted_target) == "table" and not (wanted_target.host and wanted_target.port) then
    error("resum: a target is a string such as host:port, or what resum.target.parse gave", 3)
  end
  local parsed, message, code = wanted_target, nil, nil
  if type(wanted_target) ~= "table" then
    parsed, message, code = plan.route:parse(wanted_target)
  end
  if not parsed then
    return nil, message, code
  end
  local started = options.host.now()
  local result = setmetatable({
    target = plan.route:describe(parsed),
    addresses = {},
  }, result_meta)
  options.on_event({ kind = "started", result = result })
  local addresses, problem, problem_code = plan.route:addresses(parsed, options.host)
  if addresses then
    scan_addresses(result, addresses, self.wanted, plan, options)
    conclude(result)
  else
    result.status, result.error = "unreachable", new_failure(problem, problem_code)
  end
  result.elapsed_s = options.host.now() - started
  return result
end

local function new_scanner(options, level)
  local plan, message, code = read_options(options, level + 1)
  if not plan then
    return nil, message, code
  end
  options = merge(DEFAULTS, { on_event = nothing }, options, {
    mechanisms = plan.mechanisms,
    versions = plan.versions,
    contexts = {},
  })
  options.host = options.host or M.host.default()
  options.admit = options.admit or options.delay and rate_limiter.new(options.host, { delay = options.delay })
  return setmetatable({
    plan = plan,
    options = options,
    wanted = {
      support = options.support or not options.rate,
      rate = options.rate and not options.quick,
      balancer = options.rate and options.balancer ~= false,
    },
  }, Scanner)
end

--- Reads options once for many targets, which then share what is offered to servers (making that takes as long as some
-- handshakes).
-- @tparam[opt] table options see run
-- @treturn[1] table scanner, with scanner:run(target, more)
-- @treturn[2] nil
-- @treturn[2] string message: an option is not usable
-- @treturn[2] string code: "usage"
function M.prepare(options)
  return new_scanner(options or {}, 2)
end

--- Runs the scans asked for on every address of a target.
-- @tparam string|table wanted_target "host:port", "[v6]:port", "host:port{ip}", or what resum.target.parse gave
-- @tparam[opt] table options support and rate (booleans: the scans to run, support by default), mechanisms (list of
--   "session_id", "ticket", "psk"), attempts (support 5, rate 100), concurrency (to one address, 10), timeout
--   (seconds, 5; some protocols' greetings have 15), retries (2), delay (seconds between connections to one address),
--   engine ("probe" or "handshake": what offers sessions; by default support uses handshake, rate probe), tls ("1.0"
--   to "1.3": that version only), sni (name; by default the host's name), no_sni (true: none), starttls (a protocol,
--   or "auto": by the port), xmpp_to (domain), proxy ("http://user:password@host:port", socks5://…, socks5h://…),
--   certificate, private_key, key_form and passphrase (see resum.core.context), source (local address), sources (list
--   of them: the rate's connections are spread over them, the others come from the first), quick (with rate: a
--   verdict only, as soon as it is certain), balancer (false: the rate alone, not what stands behind it), request
--   (bytes said inside TLS where a ticket does not come by itself, instead of the protocol's), host (a host module),
--   family ("inet" or "inet6": addresses of that kind only), on_event (called with {kind = "started", result} and
--   {kind = "attempt", record}), cancelled (asked between connections: true ends the scan), admit (asked before each
--   connection, see resum.transport.rate_limiter: limits that several scans share; with it, delay is admit's business)
-- @treturn[1] table {target, status ("completed", "unreachable", "error"), error, elapsed_s, addresses = {{address,
--   resolved_by ("proxy": the address is the name), status, error, client_certificate, support, rate, balancer (see
--   resum.analysis.pool.analyse)},...}, across (with several addresses: see resum.scan.pool.cross_address)}; tostring()
--   of it is the report
-- @treturn[2] nil
-- @treturn[2] string message: the target or an option is not usable
-- @treturn[2] string code: "usage"
function M.run(wanted_target, options)
  local scanner, message, code = new_scanner(options or {}, 2)
  if not scanner then
    return nil, message, code
  end
  return scanner:run(wanted_target)
end

--- Is resumption supported? A few attempts for each mechanism.
-- @tparam string|table wanted_target see run
-- @tparam[opt] table options see run
-- @treturn table as run
function M.scan(wanted_target, options)
  return M.run(wanted_target, merge(options, { support = true, rate = false }))
end

--- How often is a session resumed? Many attempts for each mechanism.
-- @tparam string|table wanted_target see run
-- @tparam[opt] table options see run
-- @treturn table as run
function M.rate(wanted_target, options)
  return M.run(wanted_target, merge(options, { support = false, rate = true }))
end

handshakes.Handshake.__tostring = handshake_text.summary
handshakes.Transcript.__tostring = handshake_text.transcript

--- Makes one handshake, to look at.
-- @tparam string|table wanted_target see run; of several addresses the first one that answers
-- @tparam[opt] table options session (offered for resumption, from an earlier handshake:session()), and those of run
--   that say how a connection is made
-- @treturn[1] table handshake: outcome ("full", "resumed", "refused", or why it failed: see resum.connection.client),
--   version, cipher, facts, sessions, session(), transcript (its messages, see resum.core.parse, each with from;
--   tostring() of it shows all their fields), address, target, timing, error; tostring() of it is a summary
-- @treturn[2] nil
-- @treturn[2] table problem {message, code = "usage"}: the target or an option is not usable
function M.open(wanted_target, options)
  options = merge(options)
  local session = options.session
  options.session = nil
  local plan, message, code = read_options(options, 2)
  local parsed = plan and wanted_target
  if plan and type(wanted_target) ~= "table" then
    parsed, message, code = plan.route:parse(wanted_target)
  end
  if not parsed then
    return nil, new_failure(message, code)
  end
  options = merge(DEFAULTS, options, { versions = plan.versions })
  options.host = options.host or M.host.default()
  return handshakes.open(plan.route, parsed, options, session)
end

--- What there is, with an example each; for the REPL.
-- @treturn string
function M.help()
  return help
end

return M
