-- A generator of random numbers of our own: Lua 5.3's draws the same ones in every process, and a host program may seed
-- the common one as it likes. Good for orders and samples, not for secrets. SplitMix64 (Steele, Lea, Flood 2014).

local M = {}

local GAMMA, MIX_1, MIX_2 = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB

local state = 0

local function next_number()
  state = state + GAMMA
  local z = state
  z = (z ~ (z >> 30)) * MIX_1
  z = (z ~ (z >> 27)) * MIX_2
  return z ~ (z >> 31)
end

--- Begins anew: the same seed gives the same numbers.
-- @tparam integer seed
function M.seed(seed)
  state = seed
end

--- A whole number from 1 to most, each as likely as the others.
-- @tparam integer most
-- @treturn integer
function M.integer(most)
  return (next_number() >> 1) % most + 1 -- at most 2^-40 off for what is drawn here
end

--- Bytes, each as likely as the others.
-- @tparam integer count
-- @treturn string
function M.bytes(count)
  local bytes = {}
  for i = 1, count do
    bytes[i] = string.char(M.integer(256) - 1)
  end
  return table.concat(bytes)
end

--- Puts a list into random order (Fisher and Yates).
-- @tparam {any,...} list it is changed
-- @treturn {any,...} the same
function M.shuffle(list)
  for i = #list, 2, -1 do
    local j = M.integer(i)
    list[i], list[j] = list[j], list[i]
  end
  return list
end

return M
