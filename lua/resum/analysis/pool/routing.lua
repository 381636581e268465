-- How does the balancer choose a server? Ways to choose are scored as explanations of the sequence of groups met: drawn
-- by lot with weights; in turns, with a period or disturbed by others; in stretches. What is not far likelier than all
-- others is not claimed. Pure.

local classes = require "resum.analysis.pool.classes"
local hidden = require "resum.analysis.pool.hidden"
local turns = require "resum.analysis.pool.turns"

local M = {}

local LONGEST_PERIOD = turns.LONGEST_PERIOD
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

-- The last one before, by whole periods, of which is known whom it met.
local function whole_periods_before(met, order, period)
  for lag = period, LONGEST_PERIOD, period do
    if met[order - lag] then
      return met[order - lag]
    end
  end
end

-- The same, but whoever comes whole periods later meets the same one with a chance that is learnt.
local function by_period(list, met, period)
  local same, trials, value = 0, 0, 0
  for _, one in ipairs(list) do
    local before = whole_periods_before(met, one.order, period)
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

-- A multiple of a period holds as well: it has to spare half of what the period leaves unexplained.
local function explains_more(period, agrees, best, agreement)
  return not best or period % best > 0 or 2 * (1 - agrees) < 1 - agreement
end

-- What holds by a divisor as well is that one's, though it may fall just short of being told by itself: what comes a
-- multiple later is nearer in time, or was seen more often.
local function shortest(list, met, lot, period, agreement)
  for divisor = 2, period // 2 do
    if period % divisor == 0 then
      local value, agrees = by_period(list, met, divisor)
      if value > lot and agrees >= AGREES and not explains_more(period, agreement, divisor, agrees) then
        return divisor, agrees
      end
    end
  end
  return period, agreement
end

local function best_period(list, met, lot)
  local best, most, agreement = nil, lot + DECISIVE + math.log(LONGEST_PERIOD), nil
  for period = 1, LONGEST_PERIOD do
    local value, agrees = by_period(list, met, period)
    if agrees >= AGREES and value > most + (best and DECISIVE or 0)
      and explains_more(period, agrees, best, agreement) then
      best, most, agreement = period, value, agrees
    end
  end
  if best then
    return shortest(list, met, lot, best, agreement)
  end
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

-- Offers that were in no crowd.
local function alone(offers)
  local list = {}
  for _, offer in ipairs(offers) do
    list[#list + 1] = not offer.entry.crowd and offer or nil
  end
  return list
end

-- Where nothing names the groups: a session that comes back after whole turns meets its server again.
local function period_of_offers(offers)
  local total = 0
  offers = alone(offers)
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

-- Mechanisms that show the same names of ticket keys have the same servers.
local function has_names(evidence, names)
  for label in pairs(select(2, classes.labels(evidence))) do
    if label.kind ~= "key" or not names[label] then
      return false
    end
  end
  return true
end

local function of_same_names(evidence, all)
  local list, names = { evidence }, select(2, classes.labels(evidence))
  for _, other in pairs(has_names(evidence, names) and all or {}) do
    local same = other ~= evidence and has_names(other, names) and has_names(evidence, select(2, classes.labels(other)))
    list[#list + 1] = same and other or nil
  end
  return list
end

-- Whom connections met, as far as they show it: whoever resumed a session and shows nothing is of its group. Crowds are
-- left out: a balancer that counts open connections deals them out in an order of their own.
local function sequence_of(evidences, group_of)
  local list, met = {}, {}
  local function add(order, label)
    if label and not met[order] then
      met[order] = { order = order, group = group_of(label) }
      list[#list + 1] = met[order]
    end
  end
  for _, evidence in ipairs(evidences) do
    local label = evidence.label
    for _, entry in ipairs(evidence.sequence) do
      local carried = entry.outcome == "resumed" and label[evidence.origin[entry.from]] or nil
      add(entry.order, not entry.crowd and (label[entry.order] or carried))
    end
    for _, offer in ipairs(evidence.identities) do -- who took one of several is known
      add(offer.order, offer.resumed and label[offer.origin] or nil)
    end
  end
  table.sort(list, function(a, b)
    return a.order < b.order
  end)
  return list, met
end

-- Is a session good at its own group, and nowhere else? Then each answer tells whether that was met.
local function accepts_own(explained, group_of)
  local model = explained.parameters.model
  if explained.condition.explanation then -- or it may have been forgotten there
    return false
  end
  for a = 1, model.count do
    for b = 1, model.count do
      if model.accept(a, b) ~= (group_of(model.names[a]) == group_of(model.names[b])) then
        return false
      end
    end
  end
  return true
end

-- The same, with the old sessions that were offered meanwhile.
local function with_offers(list, met, evidences, group_of)
  local all = table.move(list, 1, #list, 1, {})
  for _, evidence in ipairs(evidences) do
    for _, offer in ipairs(alone(evidence.offers)) do
      if offer.issuer and offer.lag == 0 and not met[offer.order] then
        all[#all + 1] = { order = offer.order, group = group_of(offer.issuer), offered = true,
          refused = not offer.resumed }
      end
    end
  end
  table.sort(all, function(a, b)
    return a.order < b.order
  end)
  return all
end

-- Turns that show no period, as others disturb them; by lot, where neither those nor connections that stay where the
-- one before went, or leave it, are nearly as likely.
local function without_period(list)
  local found = turns.compare(list)
  if found and found.turns[1] > math.max(found.lot[2], found.staying[2]) + DECISIVE then
    return "round_robin", {}
  elseif found and found.lot[1] > math.max(found.turns[2], found.staying[2], found.leaving[2]) + DECISIVE then
    return "random", {}
  end
  return "unknown", { alike = true }
end

--- How the connections of one mechanism were spread.
-- @tparam table evidence
-- @tparam table explained the best explanation, see resum.analysis.pool.score
-- @tparam function group_of label -> name of its group
-- @tparam table all mechanism -> evidence
-- @treturn string "sticky", "round_robin", "random" or "unknown"
-- @treturn table period, agreement (share of the connections that meet what was met whole periods before), stretches
--   (true: connections meet the same one for long, and then another), alike (true: of several servers, and turns and a
--   lot are too much alike)
function M.of(evidence, explained, group_of, all)
  if explained.parameters.routing then
    return explained.parameters.routing, {}
  end
  local evidences = of_same_names(evidence, all)
  local list, met = sequence_of(evidences, group_of)
  local lot, kinds = by_lot(list)
  if kinds < 2 then
    -- Where time or use decides what is refused, the order of refusals tells nothing of the balancer.
    local period = not explained.condition.explanation and period_of_offers(evidence.offers) or nil
    local in_turns = period or neighbours_differ(explained)
    return in_turns and "round_robin" or "unknown", { period = period }
  end
  local period, agreement = best_period(list, met, lot)
  if period == 1 then
    return "unknown", { stretches = true, agreement = agreement }
  elseif period or neighbours_differ(explained) then
    return "round_robin", { period = period, agreement = agreement }
  end
  return without_period(accepts_own(explained, group_of) and with_offers(list, met, evidences, group_of) or list)
end

return M
