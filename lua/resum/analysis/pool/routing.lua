-- How does the balancer choose a server? Ways to choose are scored as explanations of the sequence of groups met: drawn
-- by lot with weights; in turns, with a period; in stretches. Pure.

local hidden = require "resum.analysis.pool.hidden"

local M = {}

local LONGEST_PERIOD = 24 -- weights of a few servers of one site add up to no more
local LEAST = 24 -- connections, to call it random: a rotation of a dozen servers has shown itself twice by then
local DECISIVE = math.log(1000) -- as for every verdict
local AGREES = 0.5 -- connections that find what a period before found: fewer, and most turns are other clients'

-- Krichevsky and Trofimov's estimate of each next one: it pays for what it learns.
local function by_lot(list)
  local counts, kinds, n, value = {}, 0, 0, 0
  for _, one in ipairs(list) do
    kinds = kinds + (counts[one.group] and 0 or 1)
    counts[one.group] = 0
  end
  for _, one in ipairs(list) do
    one.chance = (counts[one.group] + 0.5) / (n + 0.5 * kinds)
    counts[one.group], n = counts[one.group] + 1, n + 1
    value = value + math.log(one.chance)
  end
  return value, kinds
end

-- The same, but who comes a period later meets the same one with a chance that is learnt.
local function by_period(list, met, period)
  local same, trials, value = 0, 0, 0
  for _, one in ipairs(list) do
    local before = met[one.order - period]
    if before then
      local agrees = before.group == one.group
      local chance = (same + 0.5) / (trials + 1)
      value = value + math.log(agrees and chance or (1 - chance) * one.chance / math.max(0.01, 1 - before.chance))
      same, trials = same + (agrees and 1 or 0), trials + 1
    else
      value = value + math.log(one.chance)
    end
  end
  return value, trials > 0 and same / trials or 0
end

local function best_period(list, met, lot)
  local best, most, agreement = nil, lot + DECISIVE + math.log(LONGEST_PERIOD), nil
  for period = 1, LONGEST_PERIOD do
    local value, agrees = by_period(list, met, period)
    if agrees >= AGREES and value > most + (best and DECISIVE or 0) then -- a multiple does no better
      best, most, agreement = period, value, agrees
    end
  end
  return best, agreement
end

-- Log likelihood of outcomes that come at one rate.
local function at_one_rate(resumed, all)
  local value = 0
  for i = 0, resumed - 1 do
    value = value + math.log((i + 0.5) / (i + 1))
  end
  for i = 0, all - resumed - 1 do
    value = value + math.log((i + 0.5) / (resumed + i + 1))
  end
  return value
end

-- Where nothing names the groups: a session that comes back after whole turns meets its server again.
local function period_of_offers(offers)
  local total = 0
  for _, offer in ipairs(offers) do
    total = total + (offer.resumed and 1 or 0)
  end
  local best, most = nil, at_one_rate(total, #offers) + DECISIVE + math.log(LONGEST_PERIOD)
  for period = 2, LONGEST_PERIOD do
    local resumed, all = 0, 0
    for _, offer in ipairs(offers) do
      if (offer.order - offer.origin) % period == 0 then
        resumed, all = resumed + (offer.resumed and 1 or 0), all + 1
      end
    end
    local value = at_one_rate(resumed, all) + at_one_rate(total - resumed, #offers - all)
    if all > 0 and resumed >= AGREES * all and value > most + (best and DECISIVE or 0) then
      best, most = period, value
    end
  end
  return best
end

-- Neighbours meet another one, as the hidden classes have it.
local function neighbours_differ(explained)
  local model = explained.parameters.model
  if explained.leaning ~= -1 or model.count < 2 then
    return false
  end
  return hidden.log_likelihood(explained.view, model, -1) > hidden.log_likelihood(explained.view, model, 0) + DECISIVE
end

local function sequence_of(evidence, group_of)
  local list, met, sampled = {}, {}, 0
  local function add(order)
    local label = evidence.label[order]
    if label and not met[order] then
      met[order] = { order = order, group = group_of(label) }
      list[#list + 1] = met[order]
    end
  end
  for _, entry in ipairs(evidence.sequence) do
    add(entry.order)
    sampled = sampled + (met[entry.order] and 1 or 0)
  end
  for _, offer in ipairs(evidence.identities) do -- who took one of several is known; that gives an order, and no shares
    local label = offer.resumed and evidence.label[offer.origin]
    if label then
      met[offer.order] = { order = offer.order, group = group_of(label) }
      list[#list + 1] = met[offer.order]
    end
  end
  table.sort(list, function(a, b)
    return a.order < b.order
  end)
  return list, met, sampled
end

--- How the connections of one mechanism were spread.
-- @tparam table evidence
-- @tparam table explained the best explanation, see resum.analysis.pool.score
-- @tparam function group_of label -> name of its group
-- @treturn string "sticky", "round_robin", "random" or "unknown"
-- @treturn table period, agreement (share of the connections that meet what a period before was met), stretches (true:
--   connections meet the same one for long, and then another)
function M.of(evidence, explained, group_of)
  if explained.parameters.routing then
    return explained.parameters.routing, {}
  end
  local list, met, sampled = sequence_of(evidence, group_of)
  local lot, kinds = by_lot(list)
  if kinds < 2 then
    local period = period_of_offers(evidence.offers)
    local turns = period or (kinds <= 1 and neighbours_differ(explained))
    return turns and "round_robin" or "unknown", { period = period }
  end
  local period, agreement = best_period(list, met, lot)
  if period == 1 then
    return "unknown", { stretches = true, agreement = agreement }
  elseif period or neighbours_differ(explained) then
    return "round_robin", { period = period, agreement = agreement }
  end
  return sampled >= LEAST and "random" or "unknown", {}
end

return M
