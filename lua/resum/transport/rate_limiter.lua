-- Who may connect when: so many connections at once overall, and so many to one address, whichever targets they are
-- for, and those to one address apart in time. It keeps in mind only the addresses in use. It knows no connection: an
-- attempt asks before it opens one.

local semaphore = require "resum.transport.semaphore"

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
function M.pace(delay)
  return setmetatable({ delay = delay, turns = {}, known = 0 }, Pace)
end

--- Makes what resum.run takes as its option `admit`.
-- @tparam table host
-- @tparam table limits total (connections at once), per_address (the same, to one address), delay (seconds between the
--   starts of two connections to one address); no limit where it is not given
-- @treturn function admit(address): waits until a connection may be opened, and returns a function to be called when it
--   is closed, and one that may be called before, when we have said goodbye: to the address it counts no longer then,
--   in total it does
function M.new(host, limits)
  local total = semaphore.new(host, limits.total or math.huge)
  local apart = limits.delay and M.pace(limits.delay)
  local places = {} -- address -> its slots, and how many jobs hold or want one

  local function place_of(address)
    local place = places[address] or { slots = semaphore.new(host, limits.per_address or math.huge), users = 0 }
    places[address] = place
    place.users = place.users + 1
    return place
  end

  return function(address)
    local place = place_of(address)
    -- in this order: whoever waits for a busy address must not keep others from connecting elsewhere
    place.slots:take()
    if apart then
      apart:wait(host, address)
    end
    total:take()
    local has_left = false
    local function leave()
      if not has_left then
        has_left = true
        place.slots:give()
        place.users = place.users - 1
        if place.users == 0 then
          places[address] = nil
        end
      end
    end
    return function()
      total:give()
      leave()
    end, leave
  end
end

return M
