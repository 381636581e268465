-- Rings when time is up, for whoever waits on luv until a deadline. Those that are due within the same few milliseconds
-- share one of libuv's timers, and timers that are free are used again: thousands of connections each have a deadline,
-- and hardly one of them reaches it. It knows neither coroutines nor streams.

local is_open = require("resum.host.uv.handle").is_open
local uv = require "resum.host.uv.luv"

local M = {}

local GRAINS = 256 -- in a second; what is due in one of them rings at its end, so never too early
local AHEAD_MOST = 24 * 3600 -- seconds; then it rings in any case, and whoever waits longer sets it again

local alarms = {} -- number of a grain -> its alarm: the timer, and who waits, from 1 to count
local free = {} -- timers that nobody needs now; as many as were needed at once

--- Seconds on a clock that never goes back; its zero means nothing.
-- @treturn number
function M.now()
  return uv.hrtime() / 1e9
end

local ceil, max, remove = math.ceil, math.max, table.remove

-- Whoever it wakes may end, or set, what others here wait for: so all of them are let go of first.
local function ring(alarm)
  alarms[alarm.grain] = nil
  free[#free + 1] = alarm.timer
  for place = 1, alarm.count do
    alarm[place].alarm = nil
  end
  for place = 1, alarm.count do
    alarm[place]:on_alarm()
  end
end

local function take_timer()
  local timer
  repeat
    timer = remove(free)
  until not timer or is_open(timer)
  return timer or assert(uv.new_timer())
end

local function new_alarm(grain)
  local time = M.now()
  if grain > (time + AHEAD_MOST) * GRAINS then
    grain = (time + AHEAD_MOST) * GRAINS // 1
    if alarms[grain] then
      return alarms[grain]
    end
  end
  local alarm = { grain = grain, count = 0, timer = take_timer() }
  alarms[grain] = alarm
  uv.update_time() -- a timer counts from when the loop last looked at the clock
  alarm.timer:start(ceil(max(0, grain / GRAINS - time) * 1000), 0, function()
    ring(alarm)
  end)
  return alarm
end

--- Has waiter:on_alarm() called when time is up, or a few milliseconds later. Where one is set already, the earlier one
-- stays.
-- @tparam table waiter its fields alarm (nil: none is set) and place are ours
-- @tparam number due on M.now()'s clock
function M.set(waiter, due)
  local grain, alarm = due * GRAINS // 1 + 1, waiter.alarm
  if alarm then
    if alarm.grain <= grain then
      return
    end
    M.clear(waiter)
  end
  alarm = alarms[grain] or new_alarm(grain)
  local place = alarm.count + 1
  alarm[place], alarm.count = waiter, place
  waiter.alarm, waiter.place = alarm, place
end

--- Takes a waiter's alarm back, if it has one.
-- @tparam table waiter
function M.clear(waiter)
  local alarm = waiter.alarm
  if not alarm then
    return
  end
  local count, place = alarm.count, waiter.place
  local last = alarm[count]
  alarm[place], last.place = last, place
  alarm[count], alarm.count, waiter.alarm = nil, count - 1, nil
  if count == 1 then
    alarms[alarm.grain] = nil
    alarm.timer:stop() -- else it would keep the loop alive
    free[#free + 1] = alarm.timer
  end
end

return M
