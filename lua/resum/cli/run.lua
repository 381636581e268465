-- One run of the command: it starts the scans of all targets at once, hands each result to the sinks, and finds the
-- exit code. What a scan does, how a result looks and what an option means, it does not know.

local expectation = require "resum.cli.expectation"
local printable = require "resum.printable"
local progress = require "resum.cli.progress"
local resum = require "resum"
local sink = require "resum.cli.sink"
local target = require "resum.target"

local M = {}

--- Exit codes.
M.EXIT = { all_scanned = 0, not_all_scanned = 1, usage = 2, not_as_expected = 3, interrupted = 130 }

local EXIT = M.EXIT
local TARGETS_AT_ONCE = 20
local GRACE_MS = 1500 -- after Ctrl-C, for connections that are under way

-- The gravest wins: interrupted, usage, not all scanned, not as expected.
local GRAVITY = { [0] = 0, [3] = 1, [1] = 2, [2] = 3, [130] = 4 }

local function complain(format, ...)
  io.stderr:write("resum: ", format:format(...), "\n")
end

local Run = {}
Run.__index = Run

function Run:raise_exit(code)
  if GRAVITY[code] > GRAVITY[self.exit] then
    self.exit = code
  end
end

-- What a sink could not write is said, and the others go on.
function Run:tell_sinks(verb, ...)
  for _, one in ipairs(self.sinks) do
    local written, message = one[verb](one, ...)
    if not written then
      complain("%s", message)
      self:raise_exit(EXIT.not_all_scanned)
    end
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

function Run:finish_target(i, result)
  self.results[i] = result
  self.progress:finished()
  if result.status == "completed" then
    self:note_expectations(result)
  else
    self:raise_exit(result.unusable and EXIT.usage or EXIT.not_all_scanned)
  end
  self:tell_sinks("finished", i, result)
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
  for name, value in pairs(self.scan) do
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
  self:tell_sinks("conclude", {
    version = resum.VERSION,
    started_at = self.started_at,
    elapsed_s = self.scan.host.now() - self.started,
  }, self.results)
  return self.cancelled and EXIT.interrupted or self.exit
end

-- Ctrl-C: no new connection; those under way have a moment, then what is known is shown. A second one ends at once.
local function watch_interrupt(run)
  local found, uv = pcall(require, "luv")
  if not found or run.scan.host.name ~= "uv" then
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

--- Scans all targets and hands their results out.
-- @function run:go
-- @treturn integer exit code
function Run:go()
  local jobs = {}
  for i = 1, #self.parsed.targets do
    jobs[#jobs + 1] = self:job(i)
  end
  local stop_watching = watch_interrupt(self)
  local ran, problems = pcall(self.scan.host.parallel, jobs, TARGETS_AT_ONCE)
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

local function open_sinks(parsed, line)
  local sinks = {}
  if parsed.json_out then
    local json, message = sink.json(parsed.json_out, parsed.json_lines)
    if not json then
      return nil, message
    end
    sinks[1] = json
  end
  if parsed.show_text then
    local colour = progress.is_terminal(1) and not os.getenv("NO_COLOR") and os.getenv("TERM") ~= "dumb"
    sinks[#sinks + 1] = sink.text(line, colour)
  end
  return sinks
end

--- A run, ready to go.
-- @tparam table parsed see resum.cli.options
-- @tparam table scan what resum.run takes
-- @treturn[1] table run
-- @treturn[2] nil
-- @treturn[2] string message: an output can't be opened
function M.new(parsed, scan)
  local line = progress.new(#parsed.targets, not parsed.quiet, scan.host.now)
  local sinks, message = open_sinks(parsed, line)
  if not sinks then
    return nil, message
  end
  return setmetatable({
    parsed = parsed,
    scan = scan,
    sinks = sinks,
    progress = line,
    results = {}, -- by number, as far as they are there
    partial = {}, -- of targets that have begun: what is known of them
    exit = EXIT.all_scanned,
    started_at = os.date("!%Y-%m-%dT%H:%M:%SZ"),
    started = scan.host.now(),
  }, Run)
end

return M
