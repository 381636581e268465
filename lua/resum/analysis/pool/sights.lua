-- Names that came or went while the scan ran: first and last sight of each, against chance. Pure.

local M = {}

-- The chance that a name which is met all the time is first seen so late, or last seen so early: once in so many scans.
M.BY_CHANCE = 1e-4
local LEAST = 3 -- sights, so that there is a share to reckon with

--- @tparam {table,...} list in order, each {order, label}
-- @tparam[opt] number by_chance
-- @treturn table label -> order at which it was first seen, of those that came
-- @treturn table label -> order at which it was last seen, of those that went
function M.of(list, by_chance)
  by_chance = by_chance or M.BY_CHANCE
  local first, last, count, came, went = {}, {}, {}, {}, {}
  for i, one in ipairs(list) do
    first[one.label] = first[one.label] or i
    last[one.label], count[one.label] = i, (count[one.label] or 0) + 1
  end
  for label, n in pairs(count) do
    local absent = 1 - math.min(1 - 1e-9, n / (last[label] - first[label] + 1))
    if n >= LEAST and absent ^ (first[label] - 1) < by_chance then
      came[label] = list[first[label]].order
    end
    if n >= LEAST and absent ^ (#list - last[label]) < by_chance then
      went[label] = list[last[label]].order
    end
  end
  return came, went
end

return M
