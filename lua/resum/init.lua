-- The public face: what `require "resum"` gives, and nothing else. How it is done stands in the modules it requires.

local arguments = require "resum.util.arguments"
local clients = require "resum.connection.client"
local core = require "resum.core"
local default_host = require "resum.host.default"
local handshake_text = require "resum.report.text.handshake"
local handshakes = require "resum.connection.handshake"
local hellos = require "resum.connection.hello"
local help = require "resum.help"
local many = require "resum.many"
local one_connection = require "resum.one_connection"
local options_of = require "resum.options"
local random = require "resum.util.random"
local scanner = require "resum.scanner"
local tables = require "resum.util.tables"
local target = require "resum.target"
local watching = require "resum.watch"

local M = {
  _VERSION = "resum " .. core.VERSION,
  VERSION = core.VERSION,
  client_hello = core.client_hello,
  core = core,
  parse = core.parse,
}

-- What a ClientHello begins with comes from libcrypto's generator; so this process draws other numbers than the last.
local RANDOM_AT = 5 + 4 + 2 + 1 -- behind the headers of record and message, and the version
random.seed((string.unpack("<i8", core.client_hello(), RANDOM_AT)))

handshakes.Handshake.__tostring = handshake_text.summary
handshakes.Transcript.__tostring = handshake_text.transcript
hellos.Answer.__tostring = handshake_text.answer

--- Targets: reading what a user calls one.
M.target = { parse = target.parse }

local function check_text(text, what)
  if type(text) ~= "string" then
    error(("resum: %s is a string, not %s"):format(what, arguments.kind(text)), 3)
  end
end

--- "host:port", with brackets where the host needs them.
-- @function target.label
-- @tparam table parsed what resum.target.parse gave
-- @treturn string
function M.target.label(parsed)
  if type(parsed) ~= "table" or type(parsed.host) ~= "string" or math.type(parsed.port) ~= "integer" then
    error("resum: what resum.target.parse gave has a label, and this is something else", 2)
  end
  return (target.label(parsed))
end

--- A host name as the wire carries it.
-- @function target.host
-- @tparam string name
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] string what is wrong
-- @treturn[2] string code: "usage"
function M.target.host(name)
  check_text(name, "a host name")
  local host, message = target.host(name)
  if not host then
    return nil, message, "usage"
  end
  return host
end

--- Is a text an IP address, and no name?
-- @function target.is_address
-- @tparam string text
-- @treturn boolean
function M.target.is_address(text)
  check_text(text, "an address")
  return (target.is_address(text))
end

--- Hosts: what connects, resolves and waits.
M.host = {}

--- The host used when none is given: luv, or LuaSocket where luv is not installed; inside nmap nsock.
-- @function host.default
-- @treturn table host
M.host.default = default_host.choose

--- Single attempts: a client of one address, see resum.connection.client.
M.attempt = { new_client = clients.new_client }

-- A caller's options, checked, with a host; `own` are those that make up the verb, which take no other value.
local function checked(options, level, own, verb)
  local given = options_of.check(options, level + 1)
  for name, value in pairs(own or {}) do
    if given[name] ~= nil and given[name] ~= value then
      error(("resum: resum.%s does not take %s = %s; resum.run does"):format(verb, name, tostring(given[name])),
        level + 1)
    end
  end
  local all = tables.merged(given, own)
  options_of.check_together(all, level + 1)
  all.host = all.host or M.host.default()
  return all
end

--- Can these options be used? A misuse (unknown name, wrong type) is raised.
-- @tparam table options see run
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string message: the client certificate, the proxy or a name is not usable, options exclude each other
-- @treturn[2] string code: "usage"
function M.check(options)
  local own = options_of.check(options, 2)
  options_of.check_together(own, 2)
  local plan, message, code = options_of.read(own)
  return plan and true, message, code
end

--- Reads options once for many targets, which then share what is offered to servers (making that takes as long as some
-- handshakes).
-- @tparam[opt] table options see run
-- @treturn[1] table scanner, with scanner:run(target, more)
-- @treturn[2] nil
-- @treturn[2] string message: an option is not usable
-- @treturn[2] string code: "usage"
function M.prepare(options)
  return scanner.new(checked(options, 2))
end

-- As M.run, with options that were checked; level is that of the caller who is to blame.
local function run(wanted_target, options, level)
  local one, message, code = scanner.new(options)
  local parsed
  if one then
    parsed, message, code = one:target(wanted_target, level + 1)
  end
  if not parsed then
    return nil, message, code
  end
  return one:run(parsed)
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
--   (bytes said inside TLS where a ticket does not come by itself, instead of the protocol's), alpn (list of
--   application protocols to offer), proxy_protocol (1 or 2: a PROXY header comes before anything else), host (a host
--   module), family ("inet" or "inet6": addresses of that kind only), on_event (called with {kind = "started", result}
--   and {kind = "attempt", record}), cancelled (asked between connections: true ends the scan), admit (asked before
--   each connection, see resum.transport.rate_limiter: limits that several scans share; with it, delay is admit's
--   business)
-- @treturn[1] table {target, status ("completed", "unreachable", "error"), error, elapsed_s, addresses = {{address,
--   resolved_by ("proxy": the address is the name), status, error, client_certificate, client_hello (see
--   resum.connection.smaller_hello), support, rate, browser (see resum.scan.browser), balancer (see
--   resum.analysis.pool.analyse)},...}, across (with several addresses: see resum.scan.pool.cross_address)};
--   tostring() of it is the report
-- @treturn[2] nil
-- @treturn[2] string message: the target or an option is not usable
-- @treturn[2] string code: "usage"
function M.run(wanted_target, options)
  local result, message, code = run(wanted_target, checked(options, 2), 2)
  return result, message, code -- no tail call, here and below: an error names the caller's line
end

--- Is resumption supported? A few attempts for each mechanism.
-- @tparam string|table wanted_target see run
-- @tparam[opt] table options see run
-- @treturn table as run
function M.scan(wanted_target, options)
  local result, message, code = run(wanted_target, checked(options, 2, { support = true, rate = false }, "scan"), 2)
  return result, message, code
end

--- How often is a session resumed? Many attempts for each mechanism.
-- @tparam string|table wanted_target see run
-- @tparam[opt] table options see run
-- @treturn table as run
function M.rate(wanted_target, options)
  local result, message, code = run(wanted_target, checked(options, 2, { support = false, rate = true }, "rate"), 2)
  return result, message, code
end

--- What does resumption give away? The support scan, and the checks of resum.audit.
-- @tparam string|table wanted_target see run
-- @tparam[opt] table options see run
-- @treturn table as run; addresses[i].audit is the list of findings, see resum.audit.finding
function M.audit(wanted_target, options)
  local result, message, code = run(wanted_target, checked(options, 2, { audit = true }, "audit"), 2)
  return result, message, code
end

-- The targets of a list, one after another.
local function each_of(list)
  local i = 0
  return function()
    i = i + 1
    return list[i]
  end
end

--- Scans many targets, as many at once as may be, each connection within limits that all share; names are looked up
-- once. Memory is taken for those under way, however many there are. (On a host that can't wait side by side, as
-- LuaSocket's, they come one after another.)
-- @tparam function|table targets a function that returns the next target each time and nil after the last one (a
--   string, or what resum.target.parse gave), such as io.lines(path); or a list of targets
-- @tparam table|nil options see run, and max_connections (in total at once, 100: it has to fit this process's limit of
--   open files)
-- @tparam function on_result called with each result as it comes (see run; of a string that is no target: status
--   "error", error.code "usage") and its number among the targets
-- @treturn[1] table counts: targets, completed, unreachable, error
-- @treturn[2] nil
-- @treturn[2] string message: an option is not usable
-- @treturn[2] string code: "usage"
-- @raise what targets or on_result raise; nothing new is begun after it
function M.scan_all(targets, options, on_result)
  if type(targets) ~= "function" and type(targets) ~= "table" then
    error("resum: scan_all takes a function or a list of targets, not " .. arguments.kind(targets), 2)
  elseif type(on_result) ~= "function" then
    error("resum: scan_all needs a function to be called with each result, not " .. arguments.kind(on_result), 2)
  elseif options ~= nil and type(options) ~= "table" then
    error("resum: the options must be a table, not " .. arguments.kind(options), 2)
  end
  local own = tables.merged(options)
  local at_once = own.max_connections or many.IN_TOTAL
  own.max_connections = nil
  local problem = options_of.number_problem("max_connections", type(at_once) == "number" and at_once or nil)
  if problem then
    error("resum: the option max_connections " .. problem, 2)
  end
  options_of.check(own, 2, nil, { max_connections = true })
  own = checked(own, 2)
  many.share(own, at_once)
  local one, message, code = scanner.new(own)
  if not one then
    return nil, message, code
  end
  local counts
  counts, message = many.run(one, {
    next_target = type(targets) == "table" and each_of(targets) or targets,
    on_result = on_result,
    at_once = at_once,
    cancelled = own.cancelled,
    host = own.host,
  })
  if message then
    error("resum: " .. message, 2)
  end
  return counts
end

--- Makes one handshake, to look at.
-- @tparam string|table wanted_target see run; of several addresses the first one that answers
-- @tparam[opt] table options session (offered for resumption, from an earlier handshake:session()), mechanism (what is
--   offered is made for it, as in a scan: "session_id", "ticket", "psk"; by default "any"), and those of run that say
--   how a connection is made
-- @treturn[1] table handshake: outcome ("full", "resumed", "refused", or why it failed: see resum.connection.client),
--   version, cipher, facts, sessions, session(), transcript (its messages, see resum.core.parse, each with from;
--   tostring() of it shows all their fields), address, target, timing, error; tostring() of it is a summary
-- @treturn[2] nil
-- @treturn[2] string message: the target or an option is not usable
-- @treturn[2] string code: "usage"
function M.open(wanted_target, options)
  local handshake, message, code = one_connection.open(wanted_target, options, 2)
  return handshake, message, code
end

--- Offers a session on resum's own engine, which says exactly what it is told to, and proves the resumption by the
-- server's Finished.
-- @tparam string|table wanted_target see open
-- @tparam table options session, or sessions (list: several of TLS 1.3 at once), mechanism (by default that of the
--   session), and those of run that say how a connection is made
-- @return as open; engine is "handshake" where only libssl could tell
function M.probe(wanted_target, options)
  local handshake, message, code = one_connection.probe(wanted_target, options, 2)
  return handshake, message, code
end

--- Says one ClientHello, of any shape, and reads what the server answers in clear.
-- @tparam string|table wanted_target see open
-- @tparam[opt] table options hello (the fields of resum.client_hello; the server's name is added unless there is one,
--   or server_name = false; or the bytes of a record), and those of run that say how a connection is made
-- @treturn[1] table answer: outcome ("answered", "alert", "timeout", "reset", "closed", "protocol_error",
--   "unreachable"), messages (see resum.core.parse), sent and bytes (both ways, as they were), address, target, error;
--   tostring() of it shows all fields
-- @treturn[2] nil
-- @treturn[2] string message: the target or an option is not usable
-- @treturn[2] string code: "usage"
function M.hello(wanted_target, options)
  local answer, message, code = one_connection.hello(wanted_target, options, 2)
  return answer, message, code
end

-- What a watch takes beside what its connections take.
local OF_WATCH = { every = "number", max_per_minute = "number", until_time = "number", state = "string",
  on_round = "function", on_problem = "function" }

local ALSO_OF_WATCH = { mechanisms = true, cancelled = true } -- which other verbs take as well

local function check_watch(asked, level)
  for _, name in ipairs({ "every", "max_per_minute" }) do
    local problem = asked[name] and options_of.number_problem(name, asked[name])
    if problem then
      error(("resum: the option %s %s, not %s"):format(name, problem, asked[name]), level + 1)
    end
  end
end

--- Holds sessions of each mechanism, offers them for ever, and tells when and why old ones are refused. It returns when
-- `cancelled` or `until_time` says so.
-- @tparam string|table wanted_target see run
-- @tparam table|nil options every (seconds between the starts of two rounds, 60), max_per_minute (connections to an
--   address, 6), until_time (seconds since 1970: the end), state (path of a file from which the next watch goes on; it
--   holds secrets, and only its owner can read it), on_round (called after each round with the place: address, target,
--   and state(), see resum.watch.place), on_problem (called with a message where the name can't be looked up, or the
--   state not be written), cancelled (asked each second and between connections: true ends the watch), mechanisms, and
--   those of run that say how a connection is made
-- @tparam function|nil on_event called with each event (see docs/watch.md: kind, time, since, …), and the place; the
--   sentence of an event: resum.analysis.watch.words
-- @treturn[1] table target, places (list: of each address, with state()), error (where the name could not be looked up)
-- @treturn[2] nil
-- @treturn[2] string message: the target or an option is not usable
-- @treturn[2] string code: "usage"
-- @raise what on_event and on_round raise
function M.watch(wanted_target, options, on_event)
  if on_event ~= nil and type(on_event) ~= "function" then
    error("resum: watch calls a function with each event, not " .. arguments.kind(on_event), 2)
  end
  local one, message, code = one_connection.read(wanted_target, options, OF_WATCH, 2, ALSO_OF_WATCH)
  if not one then
    return nil, message, code
  end
  check_watch(one.asked, 2)
  local store, problem = watching.open_state(one.asked.state, one.asked.on_problem)
  if problem then
    return nil, problem, "usage"
  end
  local watcher = watching.new(one.plan, tables.merged(one.options, one.asked, { store = store }))
  local ran, result = pcall(watcher.run, watcher, one.target, { on_event = on_event, on_round = one.asked.on_round,
    on_problem = one.asked.on_problem, cancelled = one.options.cancelled })
  if store then
    store:close()
  end
  return ran and result or error(result, 0)
end

--- Prints what there is, with an example each.
-- @tparam[opt] string name of one verb, such as "rate": prints more of that
function M.help(name)
  print(help.text(name))
end

return M
