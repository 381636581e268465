-- One address that is watched: rounds of full handshakes and of offers of sessions that are held, and questions between
-- them where something is in doubt. What it sees goes to resum.analysis.watch; it waits, makes connections and keeps
-- what a restart needs. It shows nothing.

local connectivity = require "resum.connection.connectivity"
local jars = require "resum.watch.jar"
local mechanisms = require "resum.connection.mechanism"
local pace = require "resum.watch.pace"
local random = require "resum.util.random"
local seen_of = require "resum.watch.seen"
local watches = require "resum.analysis.watch"

local M = {}

--- Seconds between the starts of two rounds, when nobody says.
M.EVERY = 60
--- While the server is away, each round comes twice as late as the one before, up to so many times.
M.BACK_OFF = 8
--- Rounds after which a mechanism is tried again that has never worked, or of which nothing was ever issued.
M.IDLE = 10
local LOOK = 1 -- seconds after which it is asked whether the watch is over
local CONTACT_RETRIES = 2 -- of the first handshake: what it finds out stays
local AMPLE = 14 * 86400 -- seconds that our own copy may live: whether it does is the server's to say

local Place = {}
Place.__index = Place

-- What was seen, and what it comes to ---------------------------------------------------------------------------------

function Place:hand_out(events)
  for _, event in ipairs(events) do
    if self.store then
      self.store:event(self.name, event)
    end
    self.on_event(event, self)
  end
end

-- The time; what happened to the machine meanwhile is told.
function Place:now()
  local time, happened = self.clock:now()
  if happened and happened.slept_s then
    self:hand_out(self.watch:note_own("not_watched", time, { since = happened.since, slept = true }))
  end
  if happened and happened.set_by_s then
    self:hand_out(self.watch:note_own("clock_set", time, { by_s = happened.set_by_s }))
  end
  return time
end

-- What is lost for good is not held any longer.
function Place:forget(events)
  for _, event in ipairs(events) do
    local jar = event.mechanism and self.jars[event.mechanism]
    if jar and event.until_then and (event.kind == "cache_emptied" or event.kind == "sessions_lost") then
      jar:drop(function(one)
        return one.issued <= event.until_then
      end)
    elseif event.kind == "key_replaced" and event.old_key == "dropped" then
      for _, name in ipairs(event.old) do
        self.jars.ticket:drop(function(one) return one.key == name end)
        self.jars.psk:drop(function(one) return one.key == name end)
      end
    end
  end
end

function Place:note(seen)
  local events = self.watch:observe(seen)
  self:forget(events)
  self:hand_out(events)
end

-- Sessions that came with a full handshake.
function Place:keep(mechanism, record, seen, time)
  if seen.outcome == "resumed" or not seen.issued then
    return
  end
  for _, session in ipairs(record.sessions) do
    local one = { session = session, issued = time, promise = seen.promise, key = seen.key }
    self.jars[mechanism]:put(one, time)
    if self.store then
      self.store:keep(self.name, mechanism, one)
    end
  end
end

-- One connection. `one` is what is offered; nil: nothing. It has waited for its turn before it began.
function Place:connect(mechanism, one)
  local record = self.client:attempt({ mechanism = mechanism, want_tickets = true, design = "watch",
    session = one and assert(one.session:derive({ lifetime_s = AMPLE })) })
  if record.outcome == "interrupted" then
    return
  end
  local seen = seen_of.of(record)
  seen.mechanism, seen.time = mechanism, self:now()
  if one then
    seen.session = { id = one, issued = one.issued, age = math.max(0, seen.time - record.timing.total_s - one.issued),
      again = one.again, promise = one.promise, key = one.key }
  end
  self:keep(mechanism, record, seen, seen.time)
  self:note(seen)
  if one then
    self:put_back(mechanism, one, seen)
  end
end

-- What was refused is of no further use where all servers take all sessions, nor is what may be used only once.
function Place:put_back(mechanism, one, seen)
  local known = self.watch:mechanism(mechanism).acceptance
  one.offered, one.offered_age, one.again = seen.time, seen.session.age, true
  local is_spent = seen.outcome == "unknown" or seen.outcome == "resumed" and not known:may_repeat()
    or seen.outcome == "refused" and known:spends_refused()
  if is_spent then
    self.jars[mechanism]:drop(function(other)
      return other == one
    end)
  end
end

-- What is asked -------------------------------------------------------------------------------------------------------

-- Sessions that are too old: for the server, as far as is known, or for us.
function Place:drop_old(mechanism, now)
  local limit = self.watch:mechanism(mechanism).acceptance.limit or jars.OLDEST
  self.jars[mechanism]:drop(function(one)
    return now - one.issued > limit
  end)
end

-- In turns the oldest one, which shows how long they live, and any other.
function Place:offer(mechanism)
  self:drop_old(mechanism, self:now())
  local jar = self.jars[mechanism]
  local is_spare = self.watch:mechanism(mechanism).acceptance:may_repeat() or self.round % 2 == 0
  local one = is_spare and (self.round % 4 < 2 and jar:oldest() or jar:any())
  if one then
    self:connect(mechanism, one)
  end
end

-- What would end a doubt: an offer for one of the mechanisms, which take turns, or a session to offer.
function Place:urgent_offer()
  local now = self:now()
  for i = 1, #self.mechanisms do
    local at = (self.turn + i - 1) % #self.mechanisms + 1
    local mechanism = self.mechanisms[at]
    for _, want in ipairs(self.watch:wants(mechanism)) do
      local one = not want.fresh and self.jars[mechanism]:find(want, now) or nil
      if one or want.fresh then
        self.turn = at
        return function()
          self:connect(mechanism, one)
        end
      end
    end
  end
end

-- A full handshake that shows what is not certain yet.
function Place:urgent_handshake()
  local wanted = self.watch:wants_handshakes()
  for _ = 1, wanted and #self.mechanisms or 0 do
    self.handshakes = self.handshakes % #self.mechanisms + 1
    local mechanism = self.mechanisms[self.handshakes]
    if not self.is_idle[mechanism] and (wanted == "any" or self.watch:mechanism(mechanism).has_keys) then
      return function()
        self:connect(mechanism)
      end
    end
  end
end

function Place:urgent()
  return self:urgent_offer() or self:urgent_handshake()
end

-- The connections of a round, in an order that changes.
function Place:plan()
  local tasks = {}
  for _, mechanism in ipairs(self.mechanisms) do
    local state = self.watch:mechanism(mechanism)
    self.is_idle[mechanism] = self.round > 2 and not (state.has_worked and state.has_issued)
    if not self.is_idle[mechanism] or self.round % M.IDLE == 0 then
      tasks[#tasks + 1] = function()
        self:connect(mechanism)
      end
      tasks[#tasks + 1] = function()
        self:offer(mechanism)
      end
    end
  end
  return random.shuffle(tasks)
end

-- The rounds ----------------------------------------------------------------------------------------------------------

-- Waits, and looks now and then whether the watch is over. Returns false when it is.
function Place:wait_until(time)
  local now = self:now()
  while now < time do
    if self.cancelled() then
      return false
    end
    self.host.sleep(math.min(LOOK, time - now))
    now = self:now()
  end
  return not self.cancelled()
end

-- The first contact finds out what the server can bear.
function Place:make_contact()
  local record = self.control(self.client, CONTACT_RETRIES)
  if record.outcome == "interrupted" then
    return
  end
  local seen = seen_of.of(record)
  seen.mechanism, seen.time, seen.issued = "control", self:now(), nil
  self.has_contact = seen.outcome ~= "failed"
  self:note(seen)
end

-- A server that is away is asked by one mechanism after another that has worked.
function Place:ask()
  for _ = 1, #self.mechanisms do
    self.handshakes = self.handshakes % #self.mechanisms + 1
    local mechanism = self.mechanisms[self.handshakes]
    if self.watch:mechanism(mechanism).has_worked then
      return self:connect(mechanism)
    end
  end
  self:make_contact()
end

-- It is asked once a round; where it answers, at once again.
function Place:ask_whether_up()
  repeat
    self:ask()
  until not self.watch.presence.is_down or self.watch.presence.back == 0 or self.cancelled()
end

-- Questions of a doubt come between the connections of a round, and behind them until the next one is due.
function Place:run_round(due)
  local tasks = self:plan()
  while not self.cancelled() and not self.watch.presence.is_down do
    local urgent = self:urgent()
    if urgent then
      urgent()
    end
    local task = table.remove(tasks)
    if task and not self.cancelled() and not self.watch.presence.is_down then
      task()
    elseif not urgent or self:now() >= due then
      break
    end
  end
end

function Place:save()
  if self.store then
    self.store:save(self.name, self.watch:save(), self:now())
  end
end

--- Watches until it is cancelled.
-- @function place:run
function Place:run()
  local late = 0.5
  while not self.cancelled() do
    self.round = self.round + 1
    local started = self:now()
    local due = started + pace.jittered(self.every)
    if not self.has_contact then
      self:make_contact()
    elseif self.watch.presence.is_down then
      self:ask_whether_up()
    end
    if self.has_contact and not self.watch.presence.is_down then
      self:run_round(due)
    end
    late = self.watch.presence.is_down and math.min(2 * late, M.BACK_OFF) or 0.5
    self.rounds, self.round_ended = self.rounds + 1, self:now()
    self:save()
    self.on_round(self)
    self:wait_until(started + (due - started) * math.max(1, late))
  end
end

--- What is known now.
-- @function place:state
-- @treturn table see resum.analysis.watch, and address, now (on the clock of the watch), time (when its
--   newest round ended, in seconds since 1970; nil: none has), sessions (mechanism -> how many are held)
function Place:state()
  local state = self.watch:state()
  state.now = self:now()
  state.address, state.sessions = self.client.address, {}
  state.time = self.round_ended and self.clock:wall(self.round_ended)
  for name, jar in pairs(self.jars) do
    state.sessions[name] = #jar.list
  end
  return state
end

-- What an earlier run has left.
local function restore(place, left)
  local set_back = left.time and place.clock:go_on(left.time)
  local time = place:now()
  for _, one in ipairs(left.sessions) do
    place.jars[one.mechanism]:put(one, time)
  end
  if set_back then
    place:hand_out(place.watch:note_own("clock_set", time, { by_s = -set_back }))
  elseif left.time and time - left.time >= place.every then
    place:hand_out(place.watch:note_own("not_watched", time, { since = left.time }))
  end
end

local function no_events() end

--- @tparam table client of resum.connection.client
-- @tparam table options host, clock (see resum.watch.clock), mechanisms (list), every (seconds), cancelled, on_event
--   (called with each event and the place), on_round (called with the place), store (see resum.watch.state; or nil),
--   name (of the place, there), target (for whoever is called with the place), control (makes the first handshake; by
--   default resum.connection.connectivity.run)
-- @treturn table place
function M.new(client, options)
  local place = setmetatable({ client = client, host = options.host, clock = options.clock, store = options.store,
    name = options.name, target = options.target, mechanisms = options.mechanisms, every = options.every or M.EVERY,
    cancelled = options.cancelled, control = options.control or connectivity.run,
    on_event = options.on_event or no_events, on_round = options.on_round or no_events,
    jars = {}, is_idle = {}, round = 0, rounds = 0, turn = 0, handshakes = 0, has_contact = false }, Place)
  local left = place.store and place.store:left(place.name) or { sessions = {} }
  place.watch = watches.new(left.watch)
  for _, mechanism in ipairs(mechanisms.names) do
    place.jars[mechanism] = jars.new(function(one)
      if place.store then
        place.store:drop(place.name, one)
      end
    end)
  end
  restore(place, left)
  return place
end

return M
