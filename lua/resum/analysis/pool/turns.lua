-- Turns that others disturb: servers follow one another in a fixed order, some of the turns go to other clients or to
-- the balancer's own checks, and some connections take none, as they are lost before it or led elsewhere. Beside them,
-- what stays where it was. Both are scored against a lot, see resum.analysis.pool.routing. Pure.

local M = {}

local LONGEST_PERIOD = 24 -- weights of a few servers of one site add up to no more
M.LONGEST_PERIOD = LONGEST_PERIOD
-- Of all turns this share is others', and of our connections this one takes none; and what has to be excluded always.
local OTHERS, IDLE, HARDLY = { 0, 0.1, 0.33, 0.6, 0.8 }, { 0, 0.1, 0.33 }, 0.1
-- Disturbed by more, turns are a lot for whoever sees a hundred connections: of these each has to tell one from the
-- other by so many natural logarithms on the average. (Two servers in turns with a third of the turns others': 0.14.)
local LEAST_TOLD = 0.12
-- Such a share of the connections stays where the one before went; so many leave it, as where it has a connection more.
local STAYING, LEAVING = { 0.5, 0.75 }, { -0.75 }
local NOISE = 0.01 -- who is met out of turn all the same, as one server is away, or two connections change places
local MOST_PERMUTED = 4 -- groups, whose orders are all tried; of more the likeliest, as seen
local MOST_PATTERNS = 4 -- sums of weights that the shares allow
local UNLIKELY = 4 -- natural logarithms behind the best: shares that are no more likely are those of other weights

local exp, log, max = math.exp, math.log, math.max

-- What a connection adds to the turn, of `period` turns: nothing, or its own and those that others took before it.
local function step_of(period, others, idle)
  local step = {}
  for j = 0, period - 1 do
    local ahead = j == 0 and period or j
    step[j] = (1 - idle) * others ^ (ahead - 1) * (1 - others) / (1 - others ^ period)
  end
  step[0] = step[0] + idle
  return step
end

-- How well a lot can be told from these turns: by who comes next behind whom (Kullback and Leibler's divergence, in
-- natural logarithms for a connection).
local function told_by(pattern, weights, step)
  local period, chances, sum = #pattern, {}, 0
  for i, last in ipairs(pattern) do
    chances[last] = chances[last] or {}
    for j = 0, period - 1 do
      local group = pattern[(i + j - 1) % period + 1]
      chances[last][group] = (chances[last][group] or 0) + step[j] / weights[last]
    end
  end
  for last, row in pairs(chances) do
    for group, chance in pairs(row) do
      sum = sum + weights[last] * weights[group] / period ^ 2 * log(weights[group] / period / max(NOISE, chance))
    end
  end
  return sum
end

-- Turns after two steps.
local function add(a, b, period)
  local sum = {}
  for j = 0, period - 1 do
    local all = 0
    for k = 0, j do
      all = all + a[k] * b[j - k]
    end
    for k = j + 1, period - 1 do -- round once
      all = all + a[k] * b[j - k + period]
    end
    sum[j] = all
  end
  return sum
end

-- The log likelihood of who was met, where servers follow one another like this.
local function in_turns(list, pattern, step)
  local period, state, value = #pattern, {}, 0
  local steps = { step }
  for i = 0, period - 1 do
    state[i] = 1 / period
  end
  local before = list[1].order
  for _, one in ipairs(list) do
    local gap = math.min(one.order - before, 2 * period) -- by then nothing of it is left, or all
    gap = one.order - before > gap and gap + (one.order - before - gap) % period or gap
    for g = #steps + 1, gap do
      steps[g] = add(steps[g - 1], steps[1], period)
    end
    state = gap > 0 and add(state, steps[gap], period) or state
    local all = 0
    for i = 0, period - 1 do
      state[i] = state[i] * ((pattern[i + 1] == one.group) == not one.refused and 1 - NOISE or NOISE)
      all = all + state[i]
    end
    for i = 0, period - 1 do
      state[i] = state[i] / all
    end
    value, before = value + log(all), one.order
  end
  return value
end

-- The chance of a group by its share, where a share of the connections stays where the one before went, or as many
-- leave it (negative), the more the nearer it is.
local function chance_of(share, same, staying, gap)
  if staying >= 0 then
    local near = staying ^ gap
    return (1 - near) * share + (same and near or 0)
  end
  return same and share * (1 - (-staying) ^ gap) or share
end

-- The same, where each is drawn by lot; staying as above.
local function by_lot(list, weights, sum, staying)
  local value, last = 0, nil
  for _, one in ipairs(list) do
    local own, gap = weights[one.group] / sum, last and one.order - last.order or math.huge
    local chance = chance_of(own, last and last.group == one.group, staying, gap)
    if last and staying < 0 then
      chance = chance / (1 - (-staying) ^ gap * weights[last.group] / sum)
    end
    value = value + log(one.refused and 1 - chance or chance)
    last = not one.refused and one or last
  end
  return value
end

-- Smooth weighted turns (nginx, HAProxy): each gains its weight, the richest pays for all.
local function smooth(order, weights, period)
  local credit, pattern = {}, {}
  for turn = 1, period do
    local richest
    for _, group in ipairs(order) do
      credit[group] = (credit[group] or 0) + weights[group]
      richest = (not richest or credit[group] > credit[richest]) and group or richest
    end
    credit[richest] = credit[richest] - period
    pattern[turn] = richest
  end
  return pattern
end

local function divisor(a, b)
  return b == 0 and a or divisor(b, a % b)
end

-- Whole weights that add up to so many, as the shares have them; nil where there are none.
local function weights_of(counts, total, sum)
  local weights, left, common = {}, sum, 0
  for group, count in pairs(counts) do
    weights[group] = max(1, math.floor(count * sum / total + 0.5))
    left, common = left - weights[group], divisor(weights[group], common)
  end
  return left == 0 and common == 1 and weights or nil
end

-- Weights that may be, the smallest first.
local function plausible(counts, total, groups)
  local list, best = {}, -math.huge
  for sum = groups, LONGEST_PERIOD do
    local weights = weights_of(counts, total, sum)
    if weights then
      local value = 0
      for group, count in pairs(counts) do
        value = value + count * log(weights[group] / sum)
      end
      list[#list + 1] = { weights = weights, sum = sum, value = value }
      best = max(best, value)
    end
  end
  local kept = {}
  for _, one in ipairs(list) do
    kept[#kept + 1] = (one.value > best - UNLIKELY and #kept < MOST_PATTERNS) and one or nil
  end
  return kept
end

-- All orders of a list that begin with its first.
local function permutations(list)
  local found = {}
  local function place(taken, used)
    if #taken == #list then
      found[#found + 1] = { table.unpack(taken) }
    end
    for _, one in ipairs(list) do
      if not used[one] then
        taken[#taken + 1], used[one] = one, true
        place(taken, used)
        taken[#taken], used[one] = nil, nil
      end
    end
  end
  place({ list[1] }, { [list[1]] = true })
  return found
end

-- The order in which each is followed by whom it was followed by most, of those that are left.
local function likeliest_order(list, groups)
  local followed = {}
  for i = 2, #list do
    if list[i].order == list[i - 1].order + 1 and not list[i].refused and not list[i - 1].refused then
      local a, b = list[i - 1].group, list[i].group
      followed[a] = followed[a] or {}
      followed[a][b] = (followed[a][b] or 0) + 1
    end
  end
  local order, used = { groups[1] }, { [groups[1]] = true }
  while #order < #groups do
    local counts, best = followed[order[#order]] or {}, nil
    for _, group in ipairs(groups) do
      if not used[group] and (not best or (counts[group] or 0) > (counts[best] or 0)) then
        best = group
      end
    end
    order[#order + 1], used[best] = best, true
  end
  return order
end

local function orders_of(list, groups, period)
  if #groups <= MOST_PERMUTED and period <= 2 * MOST_PERMUTED then
    return permutations(groups), 0
  end
  local untried = 0
  for i = 2, #groups - 1 do
    untried = untried + log(i)
  end
  return { likeliest_order(list, groups) }, untried
end

-- A pattern's turns as others may disturb them, as far as a lot can be told from them.
local function steps_of(pattern, weights)
  local list = {}
  for _, others in ipairs(OTHERS) do
    for _, idle in ipairs(IDLE) do
      local step = step_of(#pattern, others, idle)
      local hardly = max(others, idle) <= HARDLY
      list[#list + 1] = (hardly or told_by(pattern, weights, step) >= LEAST_TOLD) and step or nil
    end
  end
  return list
end

local function mean_of(values)
  local top, sum = -math.huge, 0
  for _, value in ipairs(values) do
    top = max(top, value)
  end
  for _, value in ipairs(values) do
    sum = sum + exp(value - top)
  end
  return top + log(sum / #values), top
end

-- Groups in the order in which they were met, and how often. An offer shows whether a connection met one group: of
-- shares it tells nothing.
local function count(list)
  local counts, groups, met = {}, {}, 0
  for _, one in ipairs(list) do
    if not one.offered then
      groups[#groups + 1] = not counts[one.group] and one.group or nil
      counts[one.group], met = (counts[one.group] or 0) + 1, met + 1
    end
  end
  return counts, groups, met
end

-- Without the offers of groups that were met in no other way: nothing is known of their shares.
local function of_known(list, counts)
  local kept = {}
  for _, one in ipairs(list) do
    kept[#kept + 1] = counts[one.group] and one or nil
  end
  return kept
end

local function add_each(values, shares, list, one)
  for _, share in ipairs(shares) do
    values[#values + 1] = by_lot(list, one.weights, one.sum, share)
  end
end

--- How likely turns, a lot, and staying or leaving are.
-- @tparam {table,...} list connections, in order: {order, group, refused (true: any but that group was met), offered
--   (true: a session of that group was, and so told)}
-- @treturn table|nil turns, lot, staying, leaving: {log likelihood on the average of all that may be, of the best};
--   nil where the shares fit no weights
function M.compare(list)
  local counts, groups, met = count(list)
  list = of_known(list, counts)
  local turns, lots, staying, leaving, untried = {}, {}, {}, {}, 0
  for _, one in ipairs(plausible(counts, met, #groups)) do
    local orders, more = orders_of(list, groups, one.sum)
    untried = max(untried, more)
    lots[#lots + 1] = by_lot(list, one.weights, one.sum, 0)
    add_each(staying, STAYING, list, one)
    add_each(leaving, LEAVING, list, one)
    for _, order in ipairs(orders) do
      local pattern = smooth(order, one.weights, one.sum)
      for _, step in ipairs(steps_of(pattern, one.weights)) do
        turns[#turns + 1] = in_turns(list, pattern, step)
      end
    end
  end
  if #turns == 0 then
    return nil
  end
  local mean, top = mean_of(turns)
  return { turns = { mean - untried, top }, lot = { mean_of(lots) }, staying = { mean_of(staying) },
    leaving = { mean_of(leaving) } }
end

return M
