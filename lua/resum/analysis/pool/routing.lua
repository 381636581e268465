-- How does the balancer choose a server? From the sequence of what each connection met: the period of a rotation, and
-- the runs test. Pure.

local statistics = require "resum.util.statistics"

local M = {}

local LONGEST_PERIOD = 24
local CERTAIN = 1e-5
local LEAST = 24 -- connections, to call it random
local SEVERAL = 0.98 -- two connections agree less often: more than one group was met
local AGREES = 0.5 -- of the connections one period apart, where some are lost or come from other clients

-- How often two connections would agree by chance.
local function chance_of_agreement(met)
  local counts, n, sum = {}, 0, 0
  for _, group in pairs(met) do
    counts[group] = (counts[group] or 0) + 1
    n = n + 1
  end
  for _, count in pairs(counts) do
    sum = sum + (count / n) ^ 2
  end
  return sum, n
end

local function agreements(met, lag)
  local agree, trials = 0, 0
  for order, group in pairs(met) do
    if met[order + lag] then
      trials = trials + 1
      agree = agree + (met[order + lag] == group and 1 or 0)
    end
  end
  return agree, trials
end

-- The lag at which something comes back far more often than by chance; a multiple of the period does no better.
local function best_lag(first, count, chance)
  local best, best_share
  for lag = first, LONGEST_PERIOD do
    local hits, trials = count(lag)
    local share = trials > 0 and hits / trials or 0
    if share >= AGREES and share > (best_share or 0) + 0.1
      and statistics.binomial_tail(hits, trials, chance) < CERTAIN then
      best, best_share = lag, share
    end
  end
  return best, best_share
end

--- The period of a rotation: the smallest distance at which connections meet the same group far more often than by
-- chance.
-- @tparam table met order of a connection -> group it met
-- @treturn integer|nil period; 1 where neighbours agree, which is no rotation
-- @treturn number|nil share of the connections that agree with the one a period before
function M.period(met)
  return best_lag(1, function(lag)
    return agreements(met, lag)
  end, (chance_of_agreement(met)))
end

-- The same from outcomes alone: a session that comes back after a whole number of turns meets its server again.
local function period_of_offers(offers)
  local resumed = 0
  for _, entry in ipairs(offers) do
    resumed = resumed + (entry.outcome == "resumed" and 1 or 0)
  end
  if resumed == 0 or resumed == #offers then
    return nil
  end
  return best_lag(2, function(lag)
    local hits, trials = 0, 0
    for _, entry in ipairs(offers) do
      if (entry.order - entry.from) % lag == 0 then
        trials = trials + 1
        hits = hits + (entry.outcome == "resumed" and 1 or 0)
      end
    end
    return hits, trials
  end, resumed / #offers)
end

-- Fresh sessions on the next connection resume far more seldom than old ones: the next server is another one. (Where a
-- member does not resume it tells nothing: of the old sessions none may be from there, and of the fresh ones some are.)
local function next_is_another(offers)
  local near, near_resumed, far, far_resumed = 0, 0, 0, 0
  for _, entry in ipairs(offers) do
    local resumed = entry.outcome == "resumed" and 1 or 0
    if entry.design == "fixed" then
      far, far_resumed = far + 1, far_resumed + resumed
    elseif entry.design == "pairs" or entry.design == "chain" then
      near, near_resumed = near + 1, near_resumed + resumed
    end
  end
  if far < LEAST or near < LEAST or far_resumed == 0 then
    return false
  end
  local share = far_resumed / far
  return 1 - statistics.binomial_tail(near_resumed + 1, near, share) < 1e-4
end

-- Labels that tell no group, and yet one member from the others.
local APART = { none = true, stateful = true, other_version = true }

-- What each connection met, by its order; and those of the sampling designs as a list. (Where PSKs of all keys were
-- offered at once, only who took one is known: that tells an order, and no shares.)
local function groups_met(view)
  local met, list = {}, {}
  for _, entry in ipairs(view.identities) do
    met[entry.order] = view.group[entry.order]
  end
  for _, entry in ipairs(view.sequence) do
    local label = view.label[entry.order]
    local group = view.group[entry.order] or (APART[label] and label or nil)
    met[entry.order] = group
    list[#list + 1] = group
  end
  return met, list
end

--- How the connections of one mechanism were spread.
-- @tparam table view see resum.analysis.pool.view
-- @tparam boolean some_are_off there is a member that does not resume
-- @treturn string "round_robin", "random" or "unknown"
-- @treturn table evidence: period and agreement, runs_z (of the groups met: the largest one, or another)
function M.of(view, some_are_off)
  local met, list = groups_met(view)
  local evidence, first = {}, {}
  local several = #list > 0 and chance_of_agreement(met) < SEVERAL
  if several then
    evidence.period, evidence.agreement = M.period(met)
    for i, group in ipairs(list) do
      first[i] = group == list[1]
    end
    evidence.runs_z = statistics.runs(first)
  else
    evidence.period, evidence.agreement = period_of_offers(view.offers)
  end
  if evidence.period == 1 then
    return "unknown", evidence
  elseif evidence.period or (not some_are_off and next_is_another(view.offers)) then
    return "round_robin", evidence
  elseif several and #list >= LEAST then
    return "random", evidence
  end
  return "unknown", evidence
end

return M
