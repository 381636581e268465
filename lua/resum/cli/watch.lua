-- `--watch`: targets that are watched until a time, a signal or an expectation that is not met. One line an event on
-- stdout; JSON lines, metrics and the page where they were asked for. What happened is found out elsewhere.

local EXIT = require "resum.cli.exit"
local expectation = require "resum.cli.expectation"
local interrupt = require "resum.cli.interrupt"
local escape = require "resum.util.escape"
local json = require "resum.report.watch.json"
local openmetrics = require "resum.report.watch.openmetrics"
local options_of = require "resum.options"
local output = require "resum.cli.output"
local page = require "resum.report.watch.page"
local pace = require "resum.watch.pace"
local places = require "resum.watch.place"
local resum = require "resum"
local say = require "resum.cli.say"
local setup = require "resum.cli.setup"
local side_by_side = require "resum.util.side_by_side"
local semaphore = require "resum.transport.semaphore"
local target = require "resum.target"
local utc = require "resum.util.utc"
local watching = require "resum.watch"
local words = require "resum.analysis.watch.words"

local M = {}

local Watch = {}
Watch.__index = Watch

-- Times ---------------------------------------------------------------------------------------------------------------

-- Local time, and how far it is ahead of UTC: what is read elsewhere, or later, has to say so.
local WITH_ZONE = "%Y-%m-%d %H:%M:%S %z"

-- How moments of a place are written: on its clock they do not jump, and are shown as the wall clock has them now.
local function clock_of(place)
  local function writer(format)
    return function(time)
      return os.date(format, math.floor(place.clock:wall(time)))
    end
  end
  local minute, day, dated = writer("%H:%M"), writer("%Y-%m-%d"), writer("%Y-%m-%d %H:%M")
  return {
    second = writer(WITH_ZONE),
    time = writer("%H:%M:%S"),
    iso = function(time)
      return utc(place.clock:wall(time))
    end,
    day = day,
    minute = function(time) -- with its day where that is not today
      return day(time) == os.date("%Y-%m-%d") and minute(time) or dated(time)
    end,
  }
end

-- Output --------------------------------------------------------------------------------------------------------------

-- A result that can't be written ends the watch: nobody would hear of what comes.
function Watch:note_written(written, message)
  if not written and not self.failed then
    self.failed = true
    say("%s", message)
  end
end

function Watch:write_whole(path, option, text)
  local out, message = output.open_whole(self.host, path, option)
  local written = out
  if out then
    out:write(text)
    written, message = out:finish()
  end
  self:note_written(written, message)
end

-- What is known of each place.
function Watch:known()
  local list = {}
  for _, place in ipairs(self.places) do
    local state = place:state()
    if state.from then
      list[#list + 1] = { target = target.label(place.target), state = state, clock = clock_of(place) }
    end
  end
  return list
end

-- What stands in files is written anew after each round; what goes to stdout once, at the end. One writes at a time,
-- and who waits for that writes what is known by then: it is enough when one waits.
function Watch:write_reports(is_end)
  if self.is_waiting and not is_end then
    return
  end
  self.is_waiting = true
  self.turn:take()
  self.is_waiting = false
  self:write_known(is_end)
  self.turn:give()
end

function Watch:write_known(is_end)
  local parsed = self.parsed
  for option, make in pairs({ openmetrics_out = openmetrics.text, html_out = page.text }) do
    local path = parsed[option]
    if path and (path == "-") == (is_end or false) or path and is_end then
      self:write_whole(path, option, make(self:known(), { version = resum.VERSION, command = parsed.command,
        written_at = os.date(WITH_ZONE), every = parsed.every or places.EVERY }))
    end
  end
end

function Watch:say(line)
  if self.out then
    self:note_written(self.out:write(line .. "\n"))
  end
end

-- A target, and its address where it has several.
function Watch:name_of(place)
  local name = target.label(place.target)
  return (self.addresses[name] or 1) > 1 and name .. " at " .. place.client.address or name
end

function Watch:tell(event, place)
  local clock, name = clock_of(place), target.label(place.target)
  self.events[place] = self.events[place] or {}
  self.events[place][event.kind] = (self.events[place][event.kind] or 0) + 1
  local day = clock.day(event.time)
  if day ~= self.day then
    self:say("-- " .. day)
  end
  self.day = day
  self:say(("%s %s %s"):format(clock.time(event.time), self:name_of(place), words.sentence(event, clock.minute)))
  if self.json then
    self:note_written(self.json:write(json.line(event, { target = name, address = place.client.address, iso = clock.iso,
      minute = clock.minute }) .. "\n"))
  end
end

-- The end -------------------------------------------------------------------------------------------------------------

function Watch:check(place)
  local state = place:state()
  for _, rule in ipairs(self.parsed.expect) do
    local met, found = expectation.check_watch(rule, state, self.events[place] or {})
    if not met and not self.broken then
      self.broken = true
      say("%s: expected %s, found %s", target.label(place.target), rule.text, found)
    end
  end
end

function Watch:is_over()
  return self.cancelled or self.failed or self.broken
end

function Watch:exit_code()
  return self.cancelled or self.failed and EXIT.stopped or self.broken and EXIT.not_as_expected
    or self.unreached and EXIT.not_all_scanned or EXIT.all_scanned
end

-- What each place was seen to do, in one line: also where nothing happened.
function Watch:tell_end()
  for _, place in ipairs(self.places) do
    local events = 0
    for _, count in pairs(self.events[place] or {}) do
      events = events + count
    end
    self:say(("watched %s from %s until %s: %s"):format(self:name_of(place), os.date(WITH_ZONE, self.began),
      os.date(WITH_ZONE), words.summary({ rounds = place.rounds, connections = place.client.connections,
        events = events, state = place:state() })))
  end
end

--- Writes what is known; the second one who asks is told that it is done.
-- @function watch:conclude
-- @treturn integer|nil exit code
function Watch:conclude()
  if self.concluded then
    return nil
  end
  self.concluded = true
  for _, place in ipairs(self.places) do
    place:save()
  end
  if self.store then
    self.store:close()
  end
  self:write_reports(true)
  self:tell_end()
  return self:exit_code()
end

-- One target; what it raises ends the watch.
function Watch:watch_target(parsed)
  local result = self.watcher:run(parsed, {
    places = self.places,
    cancelled = function() return self:is_over() end,
    on_begin = function(described, addresses) self:begin(described, addresses) end,
    on_event = function(event, place) self:tell(event, place) end,
    on_round = function(place)
      self:check(place)
      if not self.concluded then
        self:write_reports(false)
      end
    end,
    on_problem = function(message) say("%s: %s", target.label(parsed), escape(message, 300)) end,
  })
  self.unreached = self.unreached or result.error ~= nil
end

function Watch:begin(described, addresses)
  local name, parsed = target.label(described), self.parsed
  self.addresses[name] = #addresses
  self:say(("watching %s at %s from %s: a round every %g s, at most %d connections a minute to an address"):format(name,
    table.concat(addresses, ", "), os.date(WITH_ZONE), parsed.every or places.EVERY,
    parsed.max_per_minute or pace.PER_MINUTE))
end

--- Watches until the end.
-- @function watch:go
-- @treturn integer exit code
function Watch:go()
  local jobs = {}
  for i, one in ipairs(self.targets) do
    jobs[i] = function()
      self:watch_target(one)
    end
  end
  local stop_watching = interrupt.watch(self.host, self)
  local ran, problem = pcall(side_by_side.run, self.host, jobs)
  if not ran then
    self.cancelled = self.cancelled or interrupt.is(problem)
    if not self.cancelled then
      stop_watching()
      error(problem, 0)
    end
  end
  local code = self:conclude()
  while not code do -- whoever had the signal is at it, and ends the program
    self.host.sleep(1)
  end
  stop_watching()
  return code
end

-- Setting out ---------------------------------------------------------------------------------------------------------

-- One that is named twice would be watched twice, and would have one place in the state file.
local function read_targets(plan, given)
  local list, met = {}, {}
  for i, text in ipairs(given) do
    local parsed, message = plan.endpoints:parse(text)
    local name = parsed and target.label(plan.endpoints:describe(parsed))
    if not parsed or met[name] then
      return nil, message or ("%s is named twice"):format(name)
    end
    list[i], met[name] = parsed, true
  end
  return list
end

-- Lines of JSON are appended: a watch that goes on goes on with them.
function Watch:open_outputs()
  local parsed, message = self.parsed, nil
  if parsed.json_out then
    self.json, message = output.open(self.host, parsed.json_out, "a", parsed.json_out == "-" and "stdout"
      or "--json_out")
  end
  if not message and parsed.show_text then
    self.out, message = output.open(self.host, "-", "w", "stdout")
  end
  return not message, message
end

--- Runs the command.
-- @tparam table parsed see resum.cli.options
-- @tparam table options what resum.run takes
-- @tparam function in_flags see resum.cli.options
-- @treturn integer exit code: 0 at the time of --until, 1 a name could not be looked up until then, 2 usage, 3 an
--   expectation was not met, 4 something can't be written, 130 and 143 signals
function M.command(parsed, options, in_flags)
  local function usage(message)
    say("%s", message)
    return EXIT.usage
  end
  local plan, message = options_of.read(options)
  if not plan then
    return usage(in_flags(message))
  end
  local list
  list, message = read_targets(plan, parsed.targets)
  message = message or setup.find_same_output(parsed)
  if message then
    return usage(message)
  end
  local watch = setmetatable({ parsed = parsed, host = options.host, targets = list, places = {}, events = {},
    addresses = {}, turn = semaphore.new(options.host, 1), began = os.time(), day = os.date("%Y-%m-%d") }, Watch)
  watch.store, message = watching.open_state(parsed.state, function(problem)
    say("--state: %s", problem)
  end)
  if message then
    return usage(in_flags(message))
  end
  local opened
  opened, message = watch:open_outputs()
  if not opened then
    return usage(message)
  end
  options.every, options.max_per_minute, options.until_time = parsed.every, parsed.max_per_minute, parsed["until"]
  options.store = watch.store
  watch.watcher = watching.new(plan, options)
  return watch:go()
end

return M
