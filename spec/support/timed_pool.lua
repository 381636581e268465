--- A simulated pool at the end of a link with a round trip, on a clock of its own: how long a scan takes where nothing
-- but the network takes time, to the last wait, whatever else the machine does. Owns what each connection takes, and
-- jobs that wait on that clock. What the pool answers, spec.support.pool says; it must not know what is scanned.

local jobs = require "resum.host.jobs"
local patience = require "resum.connection.patience"
local pool = require "spec.support.pool"

local M = {}

-- --- a host whose seconds pass when nobody has anything to do ---

local Clock = {}
Clock.__index = Clock

-- Runs a job until it waits.
local function go_on(clock, thread)
  local fine, problem = coroutine.resume(thread)
  if not fine then
    error(problem, 0)
  end
  return clock
end

-- The sleeper whose time comes first; of several the one that went to sleep first.
local function next_sleeper(clock)
  local first
  for i, one in ipairs(clock.asleep) do
    first = (not first or one.at < clock.asleep[first].at) and i or first
  end
  return first and table.remove(clock.asleep, first)
end

function Clock:run(thread)
  self.ready[#self.ready + 1] = thread
  while coroutine.status(thread) ~= "dead" do
    local next_one = table.remove(self.ready, 1)
    if not next_one then
      local sleeper = assert(next_sleeper(self), "everybody waits for somebody else")
      self.time, next_one = math.max(self.time, sleeper.at), sleeper.thread
    end
    go_on(self, next_one)
  end
end

local function host_on(clock)
  local host = { name = "timed" }

  function host.now()
    return clock.time
  end

  function host.sleep(seconds)
    clock.asleep[#clock.asleep + 1] = { at = clock.time + seconds, thread = coroutine.running() }
    coroutine.yield()
  end

  function host.waiter()
    local waiting, woken
    return {
      wait = function()
        if not woken then
          waiting = coroutine.running()
          coroutine.yield()
        end
        waiting, woken = nil, false
      end,
      wake = function()
        if not woken then
          woken = true
          clock.ready[#clock.ready + 1] = waiting
        end
      end,
    }
  end

  function host.start(job, on_end)
    clock.ready[#clock.ready + 1] = coroutine.create(function()
      local fine, problem = pcall(job)
      on_end(not fine and problem or nil)
    end)
  end

  function host.parallel(list, limit)
    return jobs.run(host, list, limit)
  end

  return host
end

-- --- what a connection takes, in round trips ---

-- From the ClientHello to our goodbye: a resumption or a probe is through with the server's first flight; TLS 1.2 in
-- full takes one more, and so do tickets of TLS 1.3.
local function trips_of(options, record)
  local is_new = record.version == "TLSv1.3"
  if options.engine == "probe" and (options.session or options.sessions) then
    return 1
  elseif is_new then
    return options.want_tickets and 2 or 1
  end
  return record.outcome == "resumed" and 1 or 2
end

-- When the first ones went to work and the last ones said goodbye, and how long nobody was at work in between.
local function note_work(work, now, change)
  if work.count == 0 and work.since then
    work.idle_s = work.idle_s + now - work.since
  end
  work.count, work.since = work.count + change, now
  work.most = math.max(work.most, work.count)
end

local TIMEOUT_S = 5 -- resum's

local function attempt_on(timed, client, attempt, round_trip_s)
  local host, known = client.host, patience.nothing_known()
  return function(_, given)
    local began = host.now()
    note_work(timed, began, 1)
    host.sleep(round_trip_s / 2)
    timed.pool.time = host.now()
    local options = setmetatable({}, { __index = given })
    function options.late()
      host.sleep(began + round_trip_s - host.now())
      local session = given.late and given.late()
      timed.pool.time = host.now()
      return session
    end
    local function leave(seconds)
      host.sleep(math.max(0, began + round_trip_s - host.now()) + seconds)
      note_work(timed, host.now(), -1)
    end
    local has_left
    function options.on_goodbye(record)
      has_left = true
      leave(trips_of(given, record) * round_trip_s)
      if given.on_goodbye then
        given.on_goodbye(record)
      end
    end
    local waits = patience.of(known, TIMEOUT_S)
    local record = attempt(client, options)
    if not has_left then -- it failed
      leave(record.hangs and waits or 0)
    end
    patience.note(known, not record.hangs and trips_of(given, record) * round_trip_s or nil)
    host.sleep(round_trip_s) -- the server's end
    return record
  end
end

--- A client of a pool over a link.
-- @tparam table simulated see spec.support.pool
-- @tparam number round_trip_s
-- @treturn table client
-- @treturn table timed: run(job) runs a job to its end; idle_s (seconds in which no connection was at work, between the
--   first and the last), most (at work at once), elapsed() (seconds since the beginning)
function M.client(simulated, round_trip_s)
  local clock = setmetatable({ time = 0, ready = {}, asleep = {} }, Clock)
  local client, timed = pool.client(simulated), { pool = simulated, count = 0, idle_s = 0, most = 0 }
  client.host = host_on(clock)
  client.attempt = attempt_on(timed, client, client.attempt, round_trip_s)
  function timed.run(job)
    clock:run(coroutine.create(job))
  end
  function timed.elapsed()
    return clock.time
  end
  return client, timed
end

return M
