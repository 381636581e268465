-- Groups of servers that share their sessions: how many were seen, how large they are, how many there may be. Two names
-- of keys are one group as soon as a session of the one resumed at the other. Pure.

local statistics = require "resum.util.statistics"

local M = {}

local CONFIDENCE = 0.95

-- The label that stands for the group of this one.
local function find(parent, label)
  while parent[label] and parent[label] ~= label do
    label = parent[label]
  end
  return label
end

-- The name of the state in which each connection's session lives: its own, or that of the session it resumed.
local function carried_names(entries, labels, names)
  local carried = {}
  for _, entry in ipairs(entries) do
    local order = entry.order
    carried[order] = names[order] and labels[order] or (entry.outcome == "resumed" and carried[entry.from]) or nil
  end
  return carried
end

--- Which group did each connection meet? Names that accept each other's sessions are one group. (A session ID that was
-- offered to see the name of a ticket key says nothing about that key.)
-- @tparam {table,...} entries
-- @tparam table labels see resum.analysis.pool.labels.assign
-- @tparam table names see resum.analysis.pool.labels.assign
-- @treturn table order -> the label that stands for the group; nil where nothing names it
-- @treturn table order -> the label that names the state in which the connection's session lives
function M.of_entries(entries, labels, names)
  local parent, carried, met = {}, carried_names(entries, labels, names), {}
  for _, entry in ipairs(entries) do
    local old, new = carried[entry.from], carried[entry.order]
    if entry.outcome == "resumed" and old and new and entry.design ~= "marked" then
      local a, b = find(parent, old), find(parent, new)
      if a ~= b then
        parent[a < b and b or a] = a < b and a or b
      end
    end
  end
  for order, label in pairs(carried) do
    met[order] = find(parent, label)
  end
  return met, carried
end

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
    if not counts[group] then
      counts[group] = 0
      order[#order + 1] = group
    end
    counts[group] = counts[group] + 1
  end
  table.sort(order, function(a, b)
    return counts[a] > counts[b] or (counts[a] == counts[b] and a < b)
  end)
  return order, counts
end

--- The effective number of groups (1 / sum of squared shares) from how often two connections agree.
-- @tparam integer agree
-- @tparam integer trials
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
-- @treturn table list ({label, connections, share, interval}, largest first), effective, effective_interval, interval
--   ({lo, hi} of the number of groups), chao1, coverage
function M.count(sequence)
  local order, counts = counts_of(sequence)
  local result, numbers, same = { list = {} }, {}, 0
  for i, label in ipairs(order) do
    local n = counts[label]
    local lo, hi = statistics.wilson(n, #sequence, CONFIDENCE)
    numbers[i] = n
    same = same + n * (n - 1)
    result.list[i] = { label = label, connections = n, share = n / #sequence, interval = { lo, hi } }
  end
  if #order == 0 then
    return result
  end
  local highest
  result.chao1, highest = statistics.chao1(numbers, CONFIDENCE)
  result.coverage = statistics.coverage(numbers)
  result.interval = { #order, math.max(#order, math.ceil(highest - 1e-9)) }
  if same > 0 then
    result.effective = math.min(#order, #sequence * (#sequence - 1) / same)
  end
  local _, interval = M.effective(agreement(sequence))
  result.effective_interval = interval
  return result
end

return M
