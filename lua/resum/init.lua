-- The public face: what `require "resum"` gives. It finds the addresses of a target, makes sure that TLS is
-- spoken there at all (the control), runs the scans asked for, and folds them to one result that prints
-- itself.

local attempt = require "resum.attempt"
local core = require "resum.core"
local mechanisms = require "resum.mechanism"
local scans = require "resum.scan"
local target = require "resum.target"
local text = require "resum.report.text"

local M = {
  _VERSION = "resum " .. core.VERSION,
  VERSION = core.VERSION,
  attempt = attempt,
  core = core,
  target = target,
}

local DEFAULTS = { concurrency = 10, retries = 2, timeout = 5 }

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
  sni = "string",
  certificate = "string",
  private_key = "string",
  passphrase = "string",
  source = "string",
  family = "string",
  host = "table",
  on_event = "function",
  cancelled = "function",
  admit = "function",
}

local function check_types(options, level)
  for name, value in pairs(options) do
    if not OPTIONS[name] then
      error(("resum: there is no option '%s'"):format(tostring(name)), level + 1)
    elseif type(value) ~= OPTIONS[name] then
      error(("resum: the option %s must be a %s, not a %s"):format(name, OPTIONS[name], type(value)), level + 1)
    end
  end
  if options.engine and options.engine ~= "probe" and options.engine ~= "handshake" then
    error(("resum: there is no engine '%s'"):format(options.engine), level + 1)
  end
  for _, name in ipairs(options.mechanisms or {}) do
    if not mechanisms[name] or not mechanisms[name].title then
      error(("resum: there is no mechanism '%s'"):format(tostring(name)), level + 1)
    end
  end
end

local function check(options, level)
  check_types(options, level + 1)
  local context, message = core.context({
    certificate = options.certificate,
    private_key = options.private_key,
    passphrase = options.passphrase,
  })
  if not context then
    return nil, message, "usage"
  end
  return true
end

--- Can these options be used? A misuse (unknown name, wrong type) is raised.
-- @tparam table options see run
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string message: the client certificate or its key is not usable
-- @treturn[2] string code: "usage"
function M.check(options)
  return check(options, 2)
end

local result_meta = {
  __tostring = function(result)
    return text.target(result, {})
  end,
}

local function merge(...)
  local all = {}
  for i = 1, select("#", ...) do
    for name, value in pairs((select(i, ...)) or {}) do
      all[name] = value
    end
  end
  return all
end

-- A full handshake with every version allowed; where that fails for another reason than the network, once more
-- without TLS 1.3, for servers that are upset by its ClientHello.
local function control_handshake(client, retries)
  local record
  for try = 0, retries do
    record = client:attempt({ mechanism = "control", design = "control" })
    local silent = record.outcome == "timeout" or record.outcome == "unreachable"
    if record.outcome == "full" or client.cancelled() or (silent and try > 0) then
      return record
    end
  end
  if record.outcome ~= "timeout" and record.outcome ~= "unreachable" then
    local older = client:attempt({ mechanism = "ticket", design = "control" })
    if older.outcome == "full" then
      return older
    end
  end
  return record
end

local function nothing() end

local function interrupted()
  return "error", { message = "interrupted", code = "interrupted" }
end

local function scan_address(entry, client, wanted, options)
  local control = control_handshake(client, options.retries)
  entry.control = control
  if control.outcome ~= "full" then
    entry.status = control.timing.handshake_s and "error" or "unreachable"
    entry.error = control.error
    return
  end
  for _, scan in ipairs(scans) do
    if wanted[scan.name] and not client.cancelled() then
      entry[scan.name] = scan.run(client, control, merge(scan.defaults, options))
    end
  end
  if not client.cancelled() then
    entry.status, entry.error = "completed", nil
  end
end

local function server_name(parsed, options)
  if options.sni then
    return options.sni
  end
  return not target.is_address(parsed.host) and parsed.host:gsub("%.$", "") or nil
end

-- One job an address; what one raises is kept as its error, the others go on.
local function scan_addresses(result, addresses, wanted, options)
  local jobs = {}
  for i, address in ipairs(addresses) do
    local status, problem = interrupted() -- until it is done
    local entry = { address = address, status = status, error = problem }
    result.addresses[i] = entry
    local client = attempt.new_client(
      { address = address, port = result.target.port, server_name = result.target.sni }, options)
    jobs[i] = function()
      scan_address(entry, client, wanted, options)
    end
  end
  for i, problem in pairs(options.host.parallel(jobs, #jobs)) do
    result.addresses[i].status = "error"
    result.addresses[i].error = { message = tostring(problem), code = "internal" }
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

local function resolve(parsed, options)
  if parsed.address then
    return { parsed.address }
  end
  return options.host.resolve(parsed.host, options.family)
end

--- Runs the scans asked for on every address of a target.
-- @tparam string|table wanted_target "host:port", "[v6]:port", "host:port{ip}", or what resum.target.parse gave
-- @tparam[opt] table options support and rate (booleans: the scans to run, support by default), mechanisms (list of
--   "session_id", "ticket", "psk"), attempts (support 5, rate 100), concurrency (10), timeout (seconds, 5), retries
--   (2), engine ("probe" or "handshake": what offers sessions; by default support uses handshake, rate probe), sni
--   (name; by default the host's name), certificate and private_key (PEM text), source (local address),
--   host (a host module), family ("inet" or "inet6": addresses of that kind only), on_event (called with {kind =
--   "started", result} and {kind = "attempt", record}), cancelled (asked between connections; true ends the scan),
--   admit (asked before each connection, see resum.admission: limits that several scans share)
-- @treturn[1] table {target, status ("completed", "unreachable", "error"), error, elapsed_s, addresses = {{address,
--   status, error, support, rate},...}}; tostring() of it is the report
-- @treturn[2] nil
-- @treturn[2] string message: the target or an option is not usable
-- @treturn[2] string code: "usage"
function M.run(wanted_target, options)
  local usable, message, code = check(options or {}, 2)
  local parsed = usable and wanted_target
  if usable and type(wanted_target) ~= "table" then
    parsed, message, code = target.parse(wanted_target)
  end
  if not parsed then
    return nil, message, code
  end
  options = merge(DEFAULTS, { mechanisms = mechanisms.names, on_event = nothing }, options)
  options.host = options.host or M.host.default()
  local wanted = { support = options.support or not options.rate, rate = options.rate }
  local started = options.host.now()
  local result = setmetatable({
    target = { text = parsed.text, host = parsed.host, port = parsed.port, sni = server_name(parsed, options) },
    addresses = {},
  }, result_meta)
  options.on_event({ kind = "started", result = result })
  local addresses, problem, problem_code = resolve(parsed, options)
  if addresses then
    scan_addresses(result, addresses, wanted, options)
    conclude(result)
  else
    result.status, result.error = "unreachable", { message = problem, code = problem_code }
  end
  result.elapsed_s = options.host.now() - started
  return result
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

return M
