-- One run of the command: it takes one target after another, scans as many at once as may be, hands each result to
-- the sinks, and finds the exit code. It holds the targets that are under way, and no others. What a scan does, how a
-- result looks and what an option means, it does not know.

local EXIT = require "resum.cli.exit"
local expectation = require "resum.cli.expectation"
local interrupt = require "resum.cli.interrupt"
local escape = require "resum.util.escape"
local say = require "resum.cli.say"
local side_by_side = require "resum.util.side_by_side"
local target = require "resum.target"
local vocabulary = require "resum.analysis.vocabulary"

local M = {}

-- The gravest wins: interrupted, stopped, usage, not as expected, not all scanned. A gate must not be masked by another
-- target that is down.
local GRAVITY = { [0] = 0, [1] = 1, [3] = 2, [2] = 3, [4] = 4, [130] = 5 }

local Run = {}
Run.__index = Run

function Run:complain(format, ...)
  self.progress:clear()
  say(format, ...)
end

function Run:raise_exit(code)
  if GRAVITY[code] > GRAVITY[self.exit] then
    self.exit = code
  end
end

-- A result that can't be written is lost, and so would be all others: the run stops, and from then on notes nothing as
-- done.
function Run:tell(sink, verb, what)
  if self.stopped and sink.notes_done then
    return
  end
  local written, message = sink[verb](sink, what)
  if not written and not self.stopped then
    self:complain("%s", message)
    self:raise_exit(EXIT.stopped)
    self.stopped = true
  end
end

-- In the order in which the targets were named, as far as there is no gap.
function Run:tell_in_order(number, result)
  self.waiting[number] = result
  while self.waiting[self.told + 1] do
    self.told = self.told + 1
    local next_one = self.waiting[self.told]
    self.waiting[self.told] = nil
    for _, sink in ipairs(self.sinks.in_order) do
      self:tell(sink, "write", next_one)
    end
  end
end

function Run:deliver(number, result)
  for _, sink in ipairs(self.sinks.as_they_come) do
    self:tell(sink, "write", result)
  end
  if #self.sinks.in_order > 0 then
    self:tell_in_order(number, result)
  end
end

function Run:note_expectations(result)
  for _, rule in ipairs(self.parsed.expect) do
    local met, found = expectation.check(rule, result)
    if not met then
      self:complain("%s: expected %s, found %s", target.label(result.target), rule.text, found)
      self:raise_exit(EXIT.not_as_expected)
    end
  end
  local in_order, found = true, nil
  if self.parsed.quick then
    in_order, found = expectation.is_in_order(result)
  end
  if not in_order then
    if self.parsed.quiet then -- else the report says it
      self:complain("%s: expected resumption to be in order, found %s", target.label(result.target), found)
    end
    self:raise_exit(EXIT.not_as_expected)
  end
end

-- What has been said of it, or is nobody's fault.
local TOLD = { interrupted = true, internal = true }

local function failure_words(problem)
  return escape(vocabulary.failure(problem.message), 300)
end

-- What the report would say of what could not be scanned, where there is none.
function Run:tell_errors(result)
  if not self.parsed.quiet or result.unusable then
    return
  end
  local said = TOLD[result.error and result.error.code]
  for _, entry in ipairs(said and {} or result.addresses) do
    if entry.error and not TOLD[entry.error.code] then
      said = true
      self:complain("%s: %s: %s", target.label(result.target), escape(entry.address), failure_words(entry.error))
    end
  end
  if result.error and not said then
    self:complain("%s: %s", target.label(result.target), failure_words(result.error))
  end
end

-- An error of ours at one address hides what is there, whatever the others say.
function Run:tell_defects(result)
  for _, entry in ipairs(result.addresses) do
    if entry.error and entry.error.code == "internal" then
      self:complain("%s: %s: internal error: %s", target.label(result.target), escape(entry.address),
        escape(entry.error.message, 300))
      self:raise_exit(EXIT.not_all_scanned)
    end
  end
end

function Run:settle_target(number, result)
  self.progress:finished(result)
  self:tell_errors(result)
  self:tell_defects(result)
  if self.summary then
    self.summary:add(result)
  end
  if result.status == "completed" then
    self:note_expectations(result)
  else
    self:raise_exit(result.misused and EXIT.usage or EXIT.not_all_scanned)
  end
  self:deliver(number, result)
end

-- What is raised ends the run. An error of ours loses what was under way: nobody may take that for "as expected".
function Run:stop_for(problem)
  self.cancelled = interrupt.is(problem) or self.cancelled
  if not interrupt.is(problem) then
    self:complain("internal error: %s", escape(tostring(problem), 300))
    self:raise_exit(EXIT.stopped)
    self.stopped = true
  end
end

-- A result may be lost where it is judged or told.
function Run:finish_target(number, result)
  self.under_way[number] = nil
  local fine, problem = pcall(self.settle_target, self, number, result)
  if not fine then
    self:stop_for(problem)
  end
end

-- A target that can't be read keeps its place among the results. Named on the command line it is a misuse; among a
-- million lines of a list it is a target that could not be scanned.
local function unusable(given, message, is_named)
  return {
    unusable = true,
    misused = is_named,
    target = { text = target.without_password(given) },
    status = "error",
    error = { message = message, code = "usage" },
    addresses = {},
  }
end

function Run:is_over()
  return self.cancelled or self.stopped
end

-- What concerns this target alone.
function Run:options_of(number)
  return {
    cancelled = function()
      return self:is_over()
    end,
    on_event = function(event)
      if event.kind == "started" then
        self.under_way[number] = event.result
      end
      self.progress:event(event)
    end,
  }
end

local function with_error(result, message, code)
  result.status, result.error = "error", { message = message, code = code }
  return result
end

local function interrupted(result)
  return with_error(result, "interrupted", "interrupted")
end

-- The scans of a target that is not waited for any longer know something all the same.
local function add_what_is_known(result)
  for _, entry in ipairs(result.addresses) do
    if entry.so_far then
      entry.so_far()
      entry.so_far = nil
    end
  end
end

-- Scans one target; an error in here concerns this target only.
function Run:scan_target(number, parsed)
  local fine, result = pcall(self.scanner.run, self.scanner, parsed, self:options_of(number))
  if not fine and interrupt.is(result) then
    self.cancelled = interrupt.is(result)
    result = interrupted(self.under_way[number])
    add_what_is_known(result)
  elseif not fine then
    self:complain("internal error: %s", escape(tostring(result), 300))
    result = with_error(self.under_way[number], tostring(result), "internal")
  end
  if self.under_way[number] then -- else the run was concluded meanwhile
    self:finish_target(number, result)
  end
end

-- Where a line of the list stands.
function Run:place(line)
  return ("%s: line %d: "):format(self.parsed.targets_in == "-" and "stdin" or self.parsed.targets_in, line)
end

-- The target that a text names; or nil and a message.
function Run:parse(text, problem)
  if problem then
    return nil, ("target: '%s': %s"):format(escape(text, 80), problem)
  end
  return self.scanner:parse(text)
end

-- The next target as a job; what is no target is said and counts as finished. nil: there is none left, or the run is
-- over.
function Run:next_job()
  local text, is_named, line, problem
  if not self:is_over() then
    text, is_named, line, problem = self.targets:next()
  end
  while text and not self:is_over() do
    self.count = self.count + 1
    local number = self.count
    local parsed, message = self:parse(text, problem)
    if parsed then
      self.under_way[number] = { target = parsed, addresses = {} }
      return function()
        self:scan_target(number, parsed)
      end
    end
    self:complain("%s%s", line and self:place(line) or "", message)
    self:finish_target(number, unusable(text, message, is_named))
    text, is_named, line, problem = self.targets:next()
  end
  return nil
end

-- What has begun and not ended, in order, and what the command line names and was never begun.
function Run:mark_unfinished()
  local numbers = {}
  for number in pairs(self.under_way) do
    numbers[#numbers + 1] = number
  end
  table.sort(numbers)
  for _, number in ipairs(numbers) do
    local result = self.under_way[number]
    add_what_is_known(result)
    self:finish_target(number, interrupted(result))
  end
  local text = self.targets:next_argument()
  while text do
    self.count = self.count + 1
    local parsed, message = self.scanner:parse(text)
    self:finish_target(self.count, parsed and interrupted({ target = parsed, addresses = {} })
      or unusable(text, message, true))
    text = self.targets:next_argument()
  end
end

-- What could not be written down, later runs won't know.
function Run:tell_store()
  local store = self.scanner.options and self.scanner.options.store
  if store and store.failure then
    self:complain("--state: %s", store.failure)
    self:raise_exit(EXIT.stopped)
  end
end

--- Shows everything that is known; what is not known yet is marked.
-- @function run:conclude
-- @treturn integer|nil exit code; nil when somebody else does this already
function Run:conclude()
  if self.concluding then
    return nil
  end
  self.concluding = true
  self:mark_unfinished()
  self.progress:close()
  if self.targets.problem then
    self:complain("--targets_in: %s: %s", self.parsed.targets_in, self.targets.problem)
    self:raise_exit(EXIT.stopped)
  elseif self.count == 0 and self.targets.skipped == 0 and not self.cancelled then
    self:complain("nothing was tested: the list names no target, and no open port with TLS")
    self:raise_exit(EXIT.usage)
  end
  self:tell_store()
  local about = { elapsed_s = self.host.now() - self.started, summary = self.summary and self.summary:fold() }
  for _, sinks in ipairs({ self.sinks.as_they_come, self.sinks.in_order }) do
    for _, sink in ipairs(sinks) do
      self:tell(sink, "finish", about)
    end
  end
  return self.cancelled or self.exit
end

-- Where so many targets are under way at once, what they hold is large, and Lua would let as much garbage lie beside it
-- before it collects (measured with 10,000 that never answer: 510 MB; so 330 MB, for a fifth more CPU time).
local MANY, PAUSE = 1000, 120 -- targets; percent of what was in use after the last collection

--- Scans all targets and hands their results out.
-- @function run:go
-- @treturn integer exit code
function Run:go()
  local host = self.host
  if self.at_once > MANY then
    collectgarbage("setpause", PAUSE)
  end
  local stop_watching = interrupt.watch(host, self)
  local ran, problem = pcall(side_by_side.run, host, function()
    return self:next_job()
  end, self.at_once)
  if not ran then
    self:stop_for(problem)
  end
  local code = self:conclude()
  while not code do -- the watch is at it, and ends the program
    host.sleep(1)
  end
  stop_watching()
  return code
end

--- A run, ready to go.
-- @tparam table plan see resum.cli.setup
-- @treturn table run
function M.new(plan)
  local run = setmetatable({
    parsed = plan.parsed,
    host = plan.host,
    scanner = plan.scanner,
    targets = plan.targets,
    at_once = plan.at_once,
    sinks = plan.sinks,
    progress = plan.progress,
    summary = plan.summary,
    count = 0, -- targets so far
    under_way = {}, -- number -> what is known of a target that has begun
    waiting = {}, -- number -> result that has to wait for those before it
    told = 0, -- how many are told in order
    exit = EXIT.all_scanned,
    started = plan.host.now(),
  }, Run)
  -- Whatever stood there was not scanned.
  function plan.targets.on_problem(line, problem)
    run:complain("%s%s; it is left out", run:place(line), problem)
    run:raise_exit(EXIT.not_all_scanned)
  end
  return run
end

return M
