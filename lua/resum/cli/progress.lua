-- How far a run is: on a terminal as one line on stderr that is drawn again and again, for machines as JSON lines
-- there. It counts what it is told and draws when it is told something, never too often. Of a single target it says
-- what is done there; of many, how many are done.

local cjson = require "cjson"
local escape = require "resum.util.escape"
local mechanisms = require "resum.connection.mechanism"

local M = {}

local EVERY_S = { line = 0.1, json = 1 } -- not more often
-- Drawn over the last one. What is longer than the terminal is wide must not go on in the next line, where it would
-- stay (?7 is DECAWM).
local LINE = "\r\27[K\27[?7lresum: %s\27[?7h"
local WINDOW_S = 30 -- the rate is that of the last so many seconds

--- What connections are for, by their design.
M.PHASES = {
  control = "connecting",
  seed = "obtaining sessions",
  fixed = "offering sessions again and again",
  fresh = "offering each session once",
  pairs = "offering fresh sessions",
  chain = "offering the newest session",
  quick = "offering sessions until it is certain",
  beside = "comparing with full handshakes",
  later = "offering refused sessions again",
  after_request = "resuming after a request",
  old = "offering old sessions until one is taken",
  browser = "resuming as a browser does",
  confirm = "offering what was refused",
  look = "looking for other servers",
  served = "seeing whether requests are answered",
  marked = "telling servers apart",
  identities = "offering several sessions at once",
  across = "comparing addresses",
}

local function duration(seconds)
  if seconds < 100 then
    return ("%.0f s"):format(seconds)
  elseif seconds < 100 * 60 then
    return ("%.0f min"):format(seconds / 60)
  end
  return ("%.0f h"):format(seconds / 3600)
end

local function error_words(errors)
  local kinds = {}
  for kind, count in pairs(errors) do
    kinds[#kinds + 1] = ("%s %d"):format(escape(kind), count)
  end
  table.sort(kinds)
  return table.concat(kinds, ", ")
end

-- Of a single target: what is done there, and how much of it.
local function words_of_one(state)
  local mechanism = mechanisms.find(state.mechanism or "")
  local words = {
    (mechanism and mechanism.title .. ": " or "") .. (M.PHASES[state.phase] or "looking up the address"),
    ("%d of %d to %d connections made"):format(state.connections, state.connections_least, state.connections_most),
  }
  if state.eta_s then
    words[#words + 1] = ("about %s left"):format(duration(state.eta_s))
  end
  return table.concat(words, ", ")
end

--- The line's words.
-- @tparam table state done, total (or nil), connections, per_second (or nil), errors (code -> count), eta_s (or nil);
--   of a single target also connections_least and connections_most, mechanism and phase (or nil)
-- @treturn string
function M.words(state)
  if state.connections_least then
    return words_of_one(state)
  end
  local words = {
    state.total and ("%d of %d targets done"):format(state.done, state.total) or ("%d targets done"):format(state.done),
    ("%d connections made"):format(state.connections),
  }
  if state.per_second then
    words[#words + 1] = ("%.1f targets/s"):format(state.per_second)
  end
  if next(state.errors) then
    words[#words + 1] = "errors: " .. error_words(state.errors)
  end
  if state.eta_s then
    words[#words + 1] = duration(state.eta_s) .. " left"
  end
  return table.concat(words, ", ")
end

local Progress = {}
Progress.__index = Progress

-- Targets per second in the last seconds: samples of how many were finished when, the oldest one first.
function Progress:per_second(now)
  local samples = self.samples
  while samples[2] and now - samples[2].time > WINDOW_S do
    table.remove(samples, 1)
  end
  local oldest = samples[1]
  local seconds = now - oldest.time
  if now - samples[#samples].time >= 1 then
    samples[#samples + 1] = { time = now, finished = self.finished_count }
  end
  return seconds > 0 and (self.finished_count - oldest.finished) / seconds or nil
end

-- Seconds left, at the speed so far: until the fewest connections are made that there can be, and after those, until
-- the most.
local function seconds_left(made, expected, elapsed)
  local goal = made < expected.least and expected.least or expected.most
  return made > 0 and elapsed > 0 and math.max(0, goal - made) * elapsed / made or nil
end

-- What is known of a single target, while it is scanned.
function Progress:add_single(state)
  local count = self.result and #self.result.addresses or 0
  local expected = self.expected(math.max(1, count))
  state.connections_least, state.connections_most = expected.least, expected.most
  state.mechanism, state.phase = self.mechanism, self.phase
  if self.finished_count == 0 then
    state.eta_s = seconds_left(self.connections, expected, state.elapsed_s)
  end
  return state
end

--- How far the run is.
-- @function progress:state
-- @treturn table see words (mechanism is a name, phase one of PHASES); elapsed_s, skipped as well
function Progress:state()
  local now = self.now()
  local done = self.finished_count + self.skipped()
  local per_second = self.finished_count > 0 and self:per_second(now) or nil
  local left = self.total and math.max(0, self.total - done)
  local state = {
    done = done,
    total = self.total,
    skipped = self.skipped(),
    connections = self.connections,
    per_second = per_second,
    errors = self.errors,
    eta_s = left and per_second and per_second > 0 and left / per_second or nil,
    elapsed_s = now - self.started,
  }
  return self.expected and self:add_single(state) or state
end

local function rounded(number)
  return number and math.floor(number * 1000 + 0.5) / 1000
end

function Progress:draw()
  self.last = self.now()
  if self.mode == "json" then
    local state = self:state()
    for _, name in ipairs({ "per_second", "eta_s", "elapsed_s" }) do
      state[name] = rounded(state[name])
    end
    io.stderr:write(cjson.encode(state), "\n")
  else
    io.stderr:write(LINE:format(M.words(self:state())))
    self.drawn = true
  end
  io.stderr:flush()
end

function Progress:draw_when_due()
  if self.mode and self.now() - self.last >= EVERY_S[self.mode] then
    self:draw()
  end
end

--- Takes note of an event of a scan.
-- @function progress:event
function Progress:event(event)
  if event.kind == "started" then
    self.result = self.expected and event.result
    self:draw_when_due()
  elseif event.kind == "attempt" then
    local record = event.record
    self.connections = self.connections + 1
    self.mechanism = mechanisms.find(record.mechanism) and record.mechanism or nil
    self.phase = record.design
    self:draw_when_due()
  end
end

--- A target is done.
-- @function progress:finished
-- @tparam table result
function Progress:finished(result)
  self.finished_count = self.finished_count + 1
  if result.status ~= "completed" then
    local code = result.error and result.error.code or "unknown"
    self.errors[code] = (self.errors[code] or 0) + 1
  end
  self:draw_when_due()
end

--- Makes room for other output.
-- @function progress:clear
function Progress:clear()
  if self.drawn then
    io.stderr:write("\r\27[K")
    io.stderr:flush()
    self.drawn = false
  end
end

--- The run is over.
-- @function progress:close
function Progress:close()
  self:clear()
  if self.mode == "json" then
    self:draw()
  end
end

--- @tparam table options mode ("line", "json"; nil: nothing is shown), now (seconds, monotonic), total (how many
--   targets there are, or nil), skipped (function: how many of them were done before), expected (of a single target:
--   function of the number of its addresses, see resum.scanner's connections)
-- @treturn table progress
function M.new(options)
  local now = options.now()
  return setmetatable({
    mode = options.mode,
    now = options.now,
    total = options.total,
    skipped = options.skipped,
    started = now,
    samples = { { time = now, finished = 0 } },
    expected = options.expected,
    result = nil, -- of a single target, while it is scanned
    mechanism = nil, -- of the last connection
    phase = nil,
    finished_count = 0,
    connections = 0,
    errors = {},
    last = -math.huge,
  }, Progress)
end

return M
