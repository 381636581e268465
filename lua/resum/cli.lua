-- The command line: options in, reports out, an exit code. It starts the scans of all targets at once and shows each
-- report as soon as those before it are shown. What a scan does, it does not know.

local argparse = require "argparse"
local core = require "resum.core"
local expectation = require "resum.cli.expectation"
local json = require "resum.report.json"
local mechanisms = require "resum.mechanism"
local printable = require "resum.printable"
local progress = require "resum.cli.progress"
local resum = require "resum"
local target = require "resum.target"
local text = require "resum.report.text"

local M = {}

local EXIT = { all_scanned = 0, not_all_scanned = 1, usage = 2, not_as_expected = 3, interrupted = 130 }
local TARGETS_AT_ONCE = 20
local GRACE_MS = 1500 -- after Ctrl-C, for connections that are under way

-- Numbers that options may have: lowest, highest, and whether they must be whole.
local LIMITS = {
  attempts = { 1, 100000, whole = true },
  concurrency = { 1, 1000, whole = true },
  retries = { 0, 100, whole = true },
  timeout = { 0.01, 3600 },
}

local function number(name)
  local lowest, highest, whole = LIMITS[name][1], LIMITS[name][2], LIMITS[name].whole
  return function(given)
    local value = tonumber(given)
    if not value or not (value >= lowest and value <= highest) or (whole and value % 1 ~= 0) then
      return nil, ("--%s takes %s from %g to %g, not '%s'"):format(
        name, whole and "a whole number" or "a number of seconds", lowest, highest, printable(given, 40))
    end
    return whole and math.floor(value) or value
  end
end

local function mechanism_list(given)
  local list, seen = {}, {}
  for name in (given .. ","):gmatch("%s*(.-)%s*,") do
    name = name:gsub("-", "_")
    local known = false
    for _, one in ipairs(mechanisms.names) do
      known = known or one == name
    end
    if not known then
      return nil, ("--mechanisms takes a list of %s, not '%s'"):format(
        table.concat(mechanisms.names, ", "), printable(name, 40))
    elseif not seen[name] then
      seen[name] = true
      list[#list + 1] = name
    end
  end
  return list
end

local function new_parser()
  local parser = argparse("resum")
    :description("Tells whether TLS session resumption really works: by session ID, RFC 5077 ticket and TLS 1.3 PSK.")
    :epilog("Exit: 0 all scanned; 1 some target could not be scanned; 2 usage; 3 an --expect was not met; "
      .. "130 interrupted.\nIn option names, - and _ are the same.")
  parser:argument("targets", "host, host:port, [v6]:port or host:port{address}; the port is 443 when there is none")
    :args("*"):argname("TARGET")
  parser:flag("--resum", "is resumption supported? 5 attempts each (this is the default)")
  parser:flag("--resum-rate", "how often, behind a load balancer? 100 attempts each")
  parser:option("--attempts", "attempts for each mechanism"):argname("N"):convert(number("attempts"))
  parser:option("--mechanisms", "which: " .. table.concat(mechanisms.names, ",")):argname("LIST")
    :convert(mechanism_list)
  parser:option("--engine", "what makes the handshakes"):choices({ "handshake" })
  parser:option("--concurrency", "connections at once to an address, for the rate (10)"):argname("N")
    :convert(number("concurrency"))
  parser:option("--timeout", "seconds for a connection, and for a handshake (5)"):argname("S")
    :convert(number("timeout"))
  parser:option("--retries", "how often a full handshake that failed is tried again (2)"):argname("N")
    :convert(number("retries"))
  parser:option("--sni", "server name to ask for, instead of the target's host"):argname("NAME")
  parser:option("--cert", "client certificate, PEM (chain allowed)"):argname("FILE")
  parser:option("--key", "its private key, PEM; without this option it is looked for in --cert's file"):argname("FILE")
  parser:option("--expect", "exit with 3 unless it holds: ticket=supported, or psk>=0.95 (a rate); repeatable")
    :argname("RULE"):count("*"):convert(expectation.parse)
  parser:option("--json-out", "write JSON there; - is stdout, and then there is no other output"):argname("FILE")
  parser:flag("--json-lines", "write JSON as one object a line for each target, as each finishes; without --json-out "
    .. "to stdout")
  parser:option("--host", "what makes the connections: uv, luasocket"):choices({ "uv", "luasocket" })
  parser:flag("--quiet", "no report and no progress; only errors, and JSON where asked for")
  parser:flag("--version", "print the version"):action(function()
    print(resum._VERSION .. ", " .. core.OPENSSL .. ", " .. _VERSION)
    os.exit(0)
  end)
  return parser
end

-- --resum_rate is --resum-rate
local function normalise(argv)
  local out, is_option = {}, true
  for i, word in ipairs(argv) do
    is_option = is_option and word ~= "--"
    out[i] = is_option and word:gsub("^%-%-[%w_]+", function(name)
      return (name:gsub("_", "-"))
    end) or word
  end
  return out
end

local function complain(format, ...)
  io.stderr:write("resum: ", format:format(...), "\n")
end

local function read_file(path)
  local file, message = io.open(path, "rb")
  local content = file and file:read("a")
  if file then
    file:close()
  end
  return content, content and nil or message or path .. ": cannot be read"
end

local function client_certificate(parsed)
  if not parsed.cert then
    if parsed.key then
      return nil, "--key needs --cert"
    end
    return true
  end
  local certificate, message = read_file(parsed.cert)
  if not certificate then
    return nil, "--cert: " .. message
  end
  local key = certificate
  if parsed.key then
    key, message = read_file(parsed.key)
  end
  if not key then
    return nil, "--key: " .. message
  end
  return true, certificate, key
end

-- What resum.run takes; nil and a message when something does not fit.
local function scan_options(parsed)
  local good, certificate, key = client_certificate(parsed)
  if not good then
    return nil, certificate
  end
  local options = {
    support = parsed.resum or not parsed.resum_rate,
    rate = parsed.resum_rate,
    attempts = parsed.attempts,
    mechanisms = parsed.mechanisms,
    concurrency = parsed.concurrency,
    timeout = parsed.timeout,
    retries = parsed.retries,
    sni = parsed.sni,
    certificate = certificate,
    private_key = key,
    host = parsed.host and require("resum.host." .. parsed.host) or resum.host.default(),
  }
  local usable, message = resum.check(options)
  return usable and options, message and "--cert, --key: " .. message
end

local function parse(argv)
  local good, parsed = new_parser():pparse(normalise(argv))
  if not good then
    return nil, printable(parsed, 200) .. " (resum --help lists the options)"
  elseif #parsed.targets == 0 then
    return nil, "no target: name one or more as host:port (resum --help says more)"
  end
  for _, rule in ipairs(parsed.expect) do
    if rule.share and not parsed.resum_rate then
      return nil, "--expect " .. rule.text .. " is about a rate: add --resum_rate"
    end
  end
  if parsed.json_lines and not parsed.json_out then
    parsed.json_out = "-"
  end
  parsed.show_text = not parsed.quiet and parsed.json_out ~= "-"
  return parsed
end

-- One run of the command: targets, results by number, what is shown so far.
local Run = {}
Run.__index = Run

local function open_json(path)
  if not path then
    return nil
  elseif path == "-" then
    return io.stdout
  end
  return io.open(path, "w")
end

local function new_run(parsed, options)
  local run = setmetatable({
    parsed = parsed,
    options = options,
    results = {},
    shown = 0,
    exit = EXIT.all_scanned,
    colour = progress.is_terminal(1) and not os.getenv("NO_COLOR") and os.getenv("TERM") ~= "dumb",
    progress = progress.new(#parsed.targets, not parsed.quiet, options.host.now),
    started_at = os.date("!%Y-%m-%dT%H:%M:%SZ"),
    started = options.host.now(),
  }, Run)
  local message
  run.json, message = open_json(parsed.json_out)
  return (run.json or not parsed.json_out) and run, message and "--json_out: " .. message
end

-- The gravest wins: interrupted, usage, not all scanned, not as expected.
local GRAVITY = { [0] = 0, [3] = 1, [1] = 2, [2] = 3, [130] = 4 }

function Run:raise_exit(code)
  if GRAVITY[code] > GRAVITY[self.exit] then
    self.exit = code
  end
end

function Run:write_json(line)
  local written, message = self.json:write(line, "\n")
  if not written or not self.json:flush() then
    complain("--json_out: %s", message or "not written")
    self:raise_exit(EXIT.not_all_scanned)
  end
end

function Run:note_expectations(result)
  for _, rule in ipairs(self.parsed.expect) do
    local met, found = expectation.check(rule, result)
    if not met then
      complain("%s: expected %s, found %s", target.label(result.target), rule.text, found)
      self:raise_exit(EXIT.not_as_expected)
    end
  end
end

-- In the order of the command line, as far as there is no gap.
function Run:show_reports()
  while self.results[self.shown + 1] do
    self.shown = self.shown + 1
    local result = self.results[self.shown]
    if self.parsed.show_text and not result.unusable then
      self.progress:clear()
      io.stdout:write(self.shown > 1 and "\n" or "", text.target(result, { colour = self.colour }))
      io.stdout:flush()
    end
  end
end

function Run:finish_target(i, result)
  self.results[i] = result
  self.progress:finished()
  if result.status == "completed" then
    self:note_expectations(result)
  else
    self:raise_exit(result.unusable and EXIT.usage or EXIT.not_all_scanned)
  end
  if self.parsed.json_lines then
    self:write_json(json.line(result))
  end
  self:show_reports()
end

-- A target that can't be read keeps its place among the results.
local function unusable(given, message)
  return {
    unusable = true,
    target = { text = given },
    status = "error",
    error = { message = message, code = "usage" },
    addresses = {},
  }
end

function Run:job(i)
  local given = self.parsed.targets[i]
  local parsed, message = target.parse(given)
  if not parsed then
    complain("%s", message)
    self:finish_target(i, unusable(given, message))
    return nil
  end
  local options = {}
  for name, value in pairs(self.options) do
    options[name] = value
  end
  options.cancelled = function()
    return self.cancelled
  end
  options.on_event = function(event)
    if event.kind == "started" then
      self.partial[i] = event.result
    end
    self.progress:event(event)
  end
  return function()
    if not self.cancelled then
      self:finish_target(i, resum.run(parsed, options))
    end
  end
end

-- Everything that is known goes out; what is not known yet is marked.
function Run:conclude()
  for i = 1, #self.parsed.targets do
    if not self.results[i] then
      local parsed = target.parse(self.parsed.targets[i])
      local result = self.partial[i] or { target = parsed, addresses = {} }
      result.status, result.error = "error", { message = "interrupted", code = "interrupted" }
      self:finish_target(i, result)
    end
  end
  self.progress:clear()
  if self.json and not self.parsed.json_lines then
    self:write_json(json.run({
      version = resum.VERSION,
      started_at = self.started_at,
      elapsed_s = self.options.host.now() - self.started,
    }, self.results))
  end
  return self.cancelled and EXIT.interrupted or self.exit
end

-- Ctrl-C: no new connection; those under way have a moment, then what is known is shown. A second one ends at once.
local function watch_interrupt(run)
  local found, uv = pcall(require, "luv")
  if not found or run.options.host.name ~= "uv" then
    return function() end
  end
  local signal, timer = uv.new_signal(), uv.new_timer()
  signal:start("sigint", function()
    if run.cancelled then
      os.exit(EXIT.interrupted)
    end
    run.cancelled = true
    timer:start(GRACE_MS, 0, function()
      os.exit(run:conclude())
    end)
  end)
  return function()
    signal:close()
    timer:close()
    uv.run("nowait")
  end
end

function Run:go()
  self.partial = {}
  local jobs = {}
  for i = 1, #self.parsed.targets do
    jobs[#jobs + 1] = self:job(i)
  end
  local stop_watching = watch_interrupt(self)
  local ran, problems = pcall(self.options.host.parallel, jobs, TARGETS_AT_ONCE)
  stop_watching()
  if not ran then
    self.cancelled = tostring(problems):find("interrupted!", 1, true) ~= nil -- Lua's own word for Ctrl-C
    if not self.cancelled then
      error(problems, 0)
    end
  else
    for _, message in pairs(problems) do
      complain("internal error: %s", printable(tostring(message), 300))
      self:raise_exit(EXIT.not_all_scanned)
    end
  end
  return self:conclude()
end

--- Runs the command.
-- @tparam {string,...} argv the words after the command's name
-- @treturn integer exit code: 0 all scanned, 1 some target could not be scanned, 2 usage, 3 an expectation was not
--   met, 130 interrupted
function M.main(argv)
  local parsed, message = parse(argv)
  local options
  if parsed then
    options, message = scan_options(parsed)
  end
  local run
  if options then
    run, message = new_run(parsed, options)
  end
  if not run then
    complain("%s", message)
    return EXIT.usage
  end
  return run:go()
end

return M
