-- So many at once and no more: jobs take a slot, wait in line where none is free, and give it back. One slot makes a
-- lock. It waits on its host's waiters, and does not know what the slots stand for.

local M = {}

local Slots = {}
Slots.__index = Slots

--- Takes a slot; waits, in the order of asking, until there is one.
-- @function slots:take
function Slots:take()
  if self.free > 0 then
    self.free = self.free - 1
    return
  end
  local waiter = self.host.waiter()
  self.last = self.last + 1
  self.line[self.last] = waiter
  waiter:wait() -- who wakes us leaves us the slot
end

--- Gives a slot back.
-- @function slots:give
function Slots:give()
  local waiter = self.line[self.first]
  if not waiter then
    self.free = self.free + 1
    return
  end
  self.line[self.first] = nil
  self.first = self.first + 1
  waiter:wake()
end

--- @tparam table host
-- @tparam integer count how many there are
-- @treturn table slots
function M.new(host, count)
  return setmetatable({ host = host, free = count, line = {}, first = 1, last = 0 }, Slots)
end

return M
