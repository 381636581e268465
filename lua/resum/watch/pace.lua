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

--- Makes what resum.run takes as its option `admit`.
-- @tparam table host
-- @tparam[opt] number per_minute
-- @treturn function admit(address): waits for the turn, and returns a function to be called when the connection is
--   closed
function M.new(host, per_minute)
  local gap, turns = 60 / (per_minute or M.PER_MINUTE), {}
  local function closed() end
  return function(address)
    while host.now() < (turns[address] or -math.huge) do
      host.sleep(turns[address] - host.now())
    end
    turns[address] = host.now() + M.jittered(gap)
    return closed
  end
end

return M
