-- Groups of servers that were met: how many, how large, how many there may be. Pure.

local statistics = require "resum.util.statistics"

local M = {}

local CONFIDENCE = 0.95

-- Random order, the same each time: an interval must not depend on when it is computed.
local function shuffled(list)
  local state, copy = 1, { table.unpack(list) }
  for i = #copy, 2, -1 do
    state = (state * 48271) % 2147483647 -- Park and Miller's generator
    local j = state % i + 1
    copy[i], copy[j] = copy[j], copy[i]
  end
  return copy
end

-- How often do two connections, drawn without regard to their order, meet the same group? Disjoint pairs, so that
-- Wilson's interval holds.
local function agreement(sequence)
  local drawn, agree, pairs_ = shuffled(sequence), 0, 0
  for i = 1, #drawn - 1, 2 do
    pairs_ = pairs_ + 1
    agree = agree + (drawn[i] == drawn[i + 1] and 1 or 0)
  end
  return agree, pairs_
end

local function counts_of(sequence)
  local counts, order = {}, {}
  for _, group in ipairs(sequence) do
    order[#order + 1] = not counts[group] and group or nil
    counts[group] = (counts[group] or 0) + 1
  end
  table.sort(order, function(a, b)
    return counts[a] > counts[b] or (counts[a] == counts[b] and a.text < b.text)
  end)
  return order, counts
end

--- The effective number of groups (1 / sum of squared shares) from how often two connections agree.
-- @tparam number agree
-- @tparam number trials
-- @treturn number|nil estimate
-- @treturn table|nil interval {lo, hi}; hi is absent where it has no bound
function M.effective(agree, trials)
  local lo, hi = statistics.wilson(agree, trials, CONFIDENCE)
  if not lo then
    return nil
  end
  return agree > 0 and trials / agree or nil, { 1 / hi, lo > 0 and 1 / lo or nil }
end

--- Groups from a sequence of what each connection showed.
-- @tparam {string,...} sequence the group of each connection that showed it
-- @treturn table list ({label, connections, share, interval}, largest first), effective_groups, effective_interval,
--   groups, groups_interval ({lo, hi}), chao1, coverage
function M.count(sequence)
  local order, counts = counts_of(sequence)
  local result, numbers, same = { list = {}, groups = #order }, {}, 0
  for i, label in ipairs(order) do
    local n = counts[label]
    local lo, hi = statistics.wilson(n, #sequence, CONFIDENCE)
    numbers[i], same = n, same + n * (n - 1)
    result.list[i] = { label = label, connections = n, share = n / #sequence, interval = { lo, hi } }
  end
  if #order == 0 then
    return result
  end
  local highest
  result.chao1, highest = statistics.chao1(numbers, CONFIDENCE)
  result.coverage = statistics.coverage(numbers)
  result.groups_interval = { #order, math.max(#order, math.ceil(highest - 1e-9)) }
  result.effective_groups = same > 0 and math.min(#order, #sequence * (#sequence - 1) / same) or nil
  local _
  _, result.effective_interval = M.effective(agreement(sequence))
  return result
end

return M
