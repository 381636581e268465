-- At most so many connections a minute to an address, whoever makes them: each waits for its turn, and the turns are a
-- little irregular, so that no two watches fall into step. It keeps in mind the addresses that are watched.

local random = require "resum.util.random"

local M = {}

--- Connections a minute to one address, when nobody says: a full handshake and an offer of each of three mechanisms.
M.PER_MINUTE = 6
--- By how much a gap is longer than it has to be, at most.
M.JITTER = 0.1

local STEPS = 1000

--- A number that is a little larger, by chance.
-- @tparam number value
-- @treturn number up to JITTER more
function M.jittered(value)
  return value * (1 + M.JITTER * random.integer(STEPS) / STEPS)
end

local LOOK = 1 -- seconds after which it is asked whether who waits still wants to

--- A pace for any number of addresses.
-- @tparam table host
-- @tparam[opt] number per_minute
-- @treturn function pace(cancelled) makes what resum.run takes as its option `admit`, for one who has places at
--   addresses: admit(address) waits for the turn, or until cancelled() is true, and returns a function to be called
--   when the connection is closed. Turns are given in the order in which they are asked for
function M.new(host, per_minute)
  local gap, turns = 60 / (per_minute or M.PER_MINUTE), {}
  local function closed() end
  return function(cancelled)
    return function(address)
      local turn = math.max(host.now(), turns[address] or -math.huge)
      turns[address] = turn + M.jittered(gap)
      while host.now() < turn and not cancelled() do
        host.sleep(math.min(LOOK, turn - host.now()))
      end
      return closed
    end
  end
end

return M
