-- The time of a watch: seconds that never go back, go on while the machine sleeps, and do not jump when somebody sets
-- the clock. They begin as the seconds since 1970; what the wall clock says of a moment is told beside. It says when
-- the machine was suspended or its clock was set; the clocks themselves are given.

local M = {}

--- Seconds by which clocks have to part before that is said: they count in whole seconds, and a busy machine reads one
-- of them late.
M.LEAST = 5

local Clock = {}
Clock.__index = Clock

-- Seconds that the machine slept since it was looked last: the clock that counts them against the one that does not.
function Clock:slept(monotonic)
  local boot = self.read_boot and self.read_boot()
  if not boot then
    return 0
  end
  local asleep = boot - monotonic - self.apart
  if asleep < M.LEAST then
    return 0
  end
  self.apart = self.apart + asleep
  return asleep
end

--- The time.
-- @function clock:now
-- @treturn number seconds
-- @treturn table|nil what happened since it was asked last: slept_s, set_by_s (forward; negative: back), since
--   (seconds)
function Clock:now()
  local monotonic = self.read_monotonic()
  local before = self.time
  local slept = self:slept(monotonic)
  self.time = math.max(before, before + monotonic - self.monotonic + slept)
  self.monotonic = monotonic
  local set_by = self.read_wall() - self.time - self.offset
  local happened
  if math.abs(set_by) >= M.LEAST then
    self.offset = self.offset + set_by
    happened = { set_by_s = set_by, since = before }
  end
  if slept > 0 then
    happened = happened or { since = before }
    happened.slept_s = slept
  end
  return self.time, happened
end

--- Goes on from a moment of an earlier watch, where the wall clock was set back since.
-- @function clock:go_on
-- @tparam number time
-- @treturn number|nil seconds by which it was set back at least; nil: it was not
function Clock:go_on(time)
  local back = time - self.time
  if back < M.LEAST then
    return nil
  end
  self.time, self.offset = time, self.offset - back
  return back
end

--- What the wall clock says, or would have said, of a moment.
-- @function clock:wall
-- @tparam number time of this clock
-- @treturn number seconds since 1970
function Clock:wall(time)
  return time + self.offset
end

-- Seconds since the machine began, those asleep included; nil where the system does not say.
local function read_uptime()
  local file = io.open("/proc/uptime")
  local text = file and file:read("l")
  if file then
    file:close()
  end
  return text and tonumber(text:match("^[%d.]+"))
end

--- @tparam table clocks monotonic and wall (functions: seconds), boot (function: seconds since the machine began, those
--   asleep included, or nil; by default the system's)
-- @treturn table clock
function M.new(clocks)
  local monotonic, wall = clocks.monotonic(), clocks.wall()
  local read_boot = clocks.boot or read_uptime
  local boot = read_boot()
  return setmetatable({ read_monotonic = clocks.monotonic, read_wall = clocks.wall, read_boot = boot and read_boot,
    monotonic = monotonic, apart = boot and boot - monotonic, time = wall, offset = 0 }, Clock)
end

return M
