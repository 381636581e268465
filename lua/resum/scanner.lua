-- Scans targets: finds the addresses of each, makes sure that TLS is spoken there at all (the control), runs the scans
-- asked for, and folds them to one result that prints itself. What the options are is read before, and once.

local audit = require "resum.audit.run"
local clients = require "resum.connection.client"
local conclusion = require "resum.analysis.conclusion"
local connectivity = require "resum.connection.connectivity"
local costs = require "resum.analysis.cost"
local cross_address = require "resum.scan.pool.cross_address"
local evidences = require "resum.audit.evidence"
local new_failure = require "resum.util.failure"
local options_of = require "resum.options"
local rate_limiter = require "resum.transport.rate_limiter"
local reaches = require "resum.audit.reach"
local recorder = require "resum.scan.pool.recorder"
local scans = require "resum.scan"
local side_by_side = require "resum.util.side_by_side"
local states = require "resum.audit.keys.state"
local text = require "resum.report.text"
local tables = require "resum.util.tables"

local M = {}

local DEFAULTS = { concurrency = 10, retries = 2 }

local result_meta = {
  __tostring = function(result)
    return text.target(result, {})
  end,
}

local entry_meta = { __tostring = text.address }

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
  return tables.merged(scan.defaults, client.dialer.goodbye and polite, options, client.dialer.goodbye_is_owed and owed)
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

local function run_audit(entry, client, target, make_reach, options)
  entry.audit = audit.run({ client = client, options = options, target = target, entry = entry, reach = make_reach(),
    evidence = options.evidence })
end

local function run_scans(entry, client, wanted, options)
  local first
  first, entry.client_hello = connectivity.run(client, options.retries)
  entry.control = first
  entry.client_certificate = connectivity.client_certificate(first, options.has_certificate)
  local problem = first.error
  if first.outcome == "full" and options.sources and (wanted.rate or wanted.balancer) then
    problem = problem_of_sources(client, options.sources, options.retries)
  end
  if problem then
    return note_failure(entry, problem)
  end
  local recorded = recorder.new(client, options.concurrency, options.sources)
  for _, scan in ipairs(scans) do
    if wanted[scan.name] and not client.cancelled() then
      local caller = scan.recorded and recorded or client
      entry[scan.name] = scan.run(caller, first, scan_options(scan, client, options), entry)
      entry.so_far = nil
    end
  end
  return true
end

local function scan_address(entry, client, wanted, options, target, make_reach)
  local had_its_say = run_scans(entry, client, wanted, options)
  conclusion.settle(entry)
  if had_its_say and wanted.audit and not client.cancelled() then
    run_audit(entry, client, target, make_reach, options)
  end
  if had_its_say and not client.cancelled() then
    entry.status, entry.error = "completed", nil
  end
  entry.before_tls = client.dialer:refusals()
end

-- The options of a client whose handshakes are counted; where there is an audit, all that its connections show is kept.
local function watched(wanted, options, tally)
  local evidence = wanted.audit and evidences.new() or nil
  return tables.merged(options, { evidence = evidence, on_event = function(event)
    costs.note(tally, event.record)
    if evidence and event.kind == "attempt" then
      evidence:note(event.record)
    end
    options.on_event(event)
  end })
end

-- One job an address; what one raises is kept as its error, the others go on.
local function scan_addresses(result, addresses, wanted, plan, options)
  local jobs, callers = {}, {}
  for i, address in ipairs(addresses) do
    local status, problem = interrupted() -- until it is done
    local entry = setmetatable({
      address = address,
      resolved_by = addresses.resolved_by,
      status = status,
      error = problem,
    }, entry_meta)
    result.addresses[i] = entry
    local tally = {}
    local own = watched(wanted, options, tally)
    local endpoint = plan.endpoints:endpoint(result.target, address)
    local client = clients.new(endpoint, own)
    local sources = plan.endpoints:sources_to(address)
    callers[i] = client
    jobs[i] = function()
      if sources and not sources[1] then
        note_failure(entry, new_failure("connect: no source address has its family", "unreachable", "connect"))
      else
        own.sources = options.sources and sources
        scan_address(entry, client, wanted, own, result.target, function()
          return reaches.new(plan.endpoints, endpoint, options, addresses)
        end)
        entry.costs, entry.server_software = costs.fold(tally), client.software
      end
    end
  end
  side_by_side.each(options.host, jobs, nil, function(i, problem)
    result.addresses[i].status, result.addresses[i].so_far = "error", nil
    result.addresses[i].error = new_failure(tostring(problem), "internal")
  end)
  if wanted.rate and wanted.balancer and #callers > 1 and not callers[1].cancelled() then
    result.across = cross_address.run(result.addresses, callers, options)
  end
  for i, client in ipairs(callers) do
    result.addresses[i].connections = client.connections
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

-- What to do where no address was found.
local function after_resolving(options)
  return options.family and ". Leave out -4 or -6." or ". Is the name right?"
end

-- What may be asked for one target alone.
local FOR_ONE_TARGET = { on_event = true, cancelled = true }

local Scanner = {}
Scanner.__index = Scanner

-- Called as scanner.run(target) it has no scanner.
local function check_self(self, verb, level)
  if getmetatable(self) ~= Scanner then
    error(("resum: call it with a colon: scanner:%s(…)"):format(verb), level + 1)
  end
end

--- Runs the scans on every address of a target.
-- @function scanner:run
-- @tparam string|table wanted_target see resum.run
-- @tparam[opt] table more options for this target alone: on_event, cancelled
-- @return as resum.run
function Scanner:run(wanted_target, more)
  check_self(self, "run", 2)
  local plan, options = self.plan, tables.merged(self.options, options_of.check(more, 2, FOR_ONE_TARGET))
  local parsed, message, code = plan.endpoints:target(wanted_target, 2)
  if not parsed then
    return nil, message, code
  end
  local started = options.host.now()
  local result = setmetatable({
    target = plan.endpoints:describe(parsed),
    addresses = {},
  }, result_meta)
  options.on_event({ kind = "started", result = result })
  local addresses, problem, problem_code = plan.endpoints:addresses(parsed, options.host)
  if addresses then
    scan_addresses(result, addresses, self.wanted, plan, options)
    conclude(result)
  else
    result.status, result.error = "unreachable", new_failure(problem .. after_resolving(options), problem_code)
  end
  result.elapsed_s = options.host.now() - started
  return result
end

-- What is added to the control's own handshake and the scans' connections.
local function add(sum, more)
  sum.least, sum.most = sum.least + more.least, sum.most + more.most
end

--- What a scan of one address is made of, and how many connections that takes where none fails: the least where all
-- resumes, the most where sessions are refused.
-- @function scanner:parts
-- @treturn {table,...} name ("control" or a scan's), least, most, summary of each part, in order
function Scanner:parts()
  local options = self.options
  local looks_from = self.wanted.rate or self.wanted.balancer
  local handshakes = looks_from and options.sources and math.max(1, #options.sources) or 1
  local parts = { { name = "control", least = handshakes, most = handshakes, summary = "whether TLS is spoken there" } }
  for _, scan in ipairs(scans) do
    if self.wanted[scan.name] then
      local made = scan.connections(tables.merged(scan.defaults, options))
      parts[#parts + 1] = { name = scan.name, least = made.least, most = made.most,
        summary = made.summary or scan.summary }
    end
  end
  if self.wanted.audit then
    local made = audit.connections(options)
    parts[#parts + 1] = { name = audit.name, least = made.least, most = made.most, summary = audit.summary }
  end
  return parts
end

--- How many connections a target takes where none fails.
-- @function scanner:connections
-- @tparam[opt=1] integer count of its addresses
-- @treturn table least and most
function Scanner:connections(count)
  check_self(self, "connections", 2)
  if count ~= nil and math.type(count) ~= "integer" then
    error("resum: the number of addresses is a whole number", 2)
  end
  count = count or 1
  local sum = { least = 0, most = 0 }
  for _, part in ipairs(self:parts()) do
    add(sum, { least = count * part.least, most = count * part.most })
  end
  if self.wanted.rate and self.wanted.balancer then
    add(sum, cross_address.connections(count, self.options.mechanisms))
  end
  return sum
end

--- Where a target's connections would go. Names are looked up; no connection is made.
-- @function scanner:plan_of
-- @tparam table parsed target
-- @treturn[1] table of the target: see resum.transport.endpoint's describe
-- @treturn[1] {string,...} addresses
-- @treturn[2] nil
-- @treturn[2] string message
function Scanner:plan_of(parsed)
  local addresses, message = self.plan.endpoints:addresses(parsed, self.options.host)
  return addresses and self.plan.endpoints:describe(parsed), addresses or message
end

--- The proxy through which all connections would go. Its name is looked up; no connection is made.
-- @function scanner:proxy
-- @treturn[1] table host, port; nil: there is none
-- @treturn[1] {string,...} its addresses
-- @treturn[2] table host, port
-- @treturn[2] nil
-- @treturn[2] string message: it has no address
function Scanner:proxy()
  local proxy = self.plan.endpoints.proxy
  if not proxy then
    return nil
  end
  return proxy, self.options.host.resolve(proxy.host)
end

--- The target that a caller gives; misuse is raised.
-- @function scanner:target
-- @tparam string|table given see resum.run
-- @tparam integer level of the caller who is to blame, as for error()
-- @return as resum.target.parse
function Scanner:target(given, level)
  local parsed, message, code = self.plan.endpoints:target(given, level + 1)
  return parsed, message, code
end

--- The target that a user names, with the port of the protocol where it has none.
-- @function scanner:parse
-- @tparam string given see resum.target.parse
-- @return as resum.target.parse
function Scanner:parse(given)
  check_self(self, "parse", 2)
  return self.plan.endpoints:parse(given)
end

-- What earlier runs wrote down; nil where nobody asked for it. Only luv can keep a file to its owner.
local function open_state(options)
  if not options.state then
    return nil, options.forget and "forget: this is about a state file (state)" or nil
  end
  local found, files = pcall(require, "resum.host.private_file")
  if not found then
    return nil, "state: luv has to be installed for it (lua-luv)"
  end
  local store, message = states.open(options.state, { files = files, now = os.time, forget_days = options.forget })
  return store, message and "state: " .. message
end

--- A scanner for many targets, which share what is offered to servers: making that takes as long as some handshakes.
-- @tparam table options checked, see resum.options; host
-- @treturn[1] table scanner
-- @treturn[2] nil
-- @treturn[2] string message: an option can't be used
-- @treturn[2] string code: "usage"
function M.new(options)
  local plan, message, code = options_of.read(options)
  if not plan then
    return nil, message, code
  end
  local store, problem = open_state(options)
  if problem then
    return nil, problem, "usage"
  end
  options = tables.merged(DEFAULTS, { on_event = nothing }, options, {
    store = store,
    mechanisms = plan.mechanisms,
    versions = plan.versions,
    identity = plan.identity,
    has_certificate = plan.has_certificate,
    contexts = {},
    load = clients.new_load(),
  })
  for _, secret in ipairs({ "certificate", "private_key", "key_form", "passphrase" }) do
    options[secret] = nil -- the identity has them
  end
  options.admit = options.admit or options.delay and rate_limiter.new(options.host, { delay = options.delay })
  return setmetatable({
    plan = plan,
    options = options,
    wanted = {
      support = options.support or options.audit or not options.rate,
      audit = options.audit,
      rate = options.rate and not options.quick,
      balancer = options.rate and options.balancer ~= false,
    },
  }, Scanner)
end

return M
