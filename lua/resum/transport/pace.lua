-- Keeps the connections to one address apart in time. One pace serves all targets of a run, as several names may lead
-- to one address. It knows no connection: who is about to make one waits here first.

local M = {}

local SWEEP_EVERY = 1024 -- addresses; those whose turn has passed are forgotten then

local Pace = {}
Pace.__index = Pace

function Pace:sweep(now)
  self.known = 0
  for address, turn in pairs(self.turns) do
    if turn <= now then
      self.turns[address] = nil
    else
      self.known = self.known + 1
    end
  end
end

--- Waits until a connection to the address may be made; the next one may be made `delay` seconds later.
-- @function pace:wait
-- @tparam table host
-- @tparam string address
function Pace:wait(host, address)
  local now = host.now()
  if self.known >= SWEEP_EVERY then
    self:sweep(now)
  end
  local next_turn = self.turns[address]
  self.known = self.known + (next_turn and 0 or 1)
  local turn = math.max(now, next_turn or now)
  self.turns[address] = turn + self.delay
  if turn > now then
    host.sleep(turn - now)
  end
end

--- A pace for any number of addresses.
-- @tparam number delay seconds between the starts of two connections to one address
-- @treturn table pace
function M.new(delay)
  return setmetatable({ delay = delay, turns = {}, known = 0 }, Pace)
end

return M
