-- The verdict on one mechanism: the explanation that won, in the fields that reports show; or why none did. Pure.

local classes = require "resum.analysis.pool.classes"
local groups = require "resum.analysis.pool.groups"
local matrix = require "resum.analysis.pool.matrix"
local rates = require "resum.analysis.pool.rates"
local routing = require "resum.analysis.pool.routing"
local score = require "resum.analysis.pool.score"
local sighting = require "resum.analysis.pool.sighting"
local statistics = require "resum.util.statistics"

local M = {}

local LEAST_ANSWERED = 30 -- offers: with fewer an unshared eighth of the pool is missed in more than 2 % of scans
-- Offers fail more often than full handshakes: by chance once in 10,000 scans.
local FAILS_BY_CHANCE = 1e-4
local MAY_FAIL = 0.01 -- and so often it is too likely that they do, to say that all is well
local ACCIDENTS = 2 -- full handshakes that failed: fewer, and these may be lost connections

local function share_of(tally)
  return tally.failed / math.max(1, tally.failed + tally.answered)
end

-- Do offers fail where full handshakes of the same time, for any mechanism, do not? Fisher's p; 1 where they do not.
local function compare(offers, full)
  return share_of(offers) > share_of(full)
    and statistics.fisher(offers.failed, offers.answered, full.failed, full.answered) or 1
end

-- What is told of a share of offers that failed.
local function failing_of(offers, full, p)
  local lo, hi = statistics.wilson(offers.failed, offers.failed + offers.answered)
  return { share = share_of(offers), interval = { lo, hi }, p = p, bars = p < MAY_FAIL,
    alike = full.failed >= ACCIDENTS and 2 * share_of(full) >= share_of(offers) }
end

-- By this mechanism's offers; or by those of all, where these fail about as often: so likely is it chance. 1 where they
-- do not.
local function chance_of(offers, full, all)
  local p = compare(offers, full)
  if share_of(offers) >= share_of(all.offers) / 2 then
    p = math.min(p, compare(all.offers, all.full))
  end
  return offers.failed > 0 and p or 1
end

-- Do offers resume, and their connections break before a request is answered? Full handshakes were made beside them.
local function breaks_on_resumption(evidence, tallies)
  local served = evidence.served
  local p = chance_of(served.offers, served.full, tallies.served)
  local failing = p < 1 and failing_of(served.offers, served.full, p) or nil
  if failing then
    failing.certain, failing.served = p < FAILS_BY_CHANCE, true
  end
  return failing
end

-- It is not certain where they do not fail beside full handshakes: what keeps a server from answering for a moment
-- befalls whatever is under way.
local function fails_on_resumption(evidence, tallies)
  local tally = evidence.offers_tally
  local offers = { failed = tally.failed, answered = tally.resumed + tally.refused }
  local p, breaks = chance_of(offers, tallies.full, tallies), breaks_on_resumption(evidence, tallies)
  if p == 1 then
    return breaks
  end
  local failing = failing_of(offers, tallies.full, p)
  failing.certain = p < FAILS_BY_CHANCE and tallies.offers_fail ~= false
  return breaks and breaks.certain and not failing.certain and breaks or failing
end

-- Without an explanation, or too little to explain.
local function without_one(evidence, judged, failing)
  local fails = failing and failing.certain
  local tally = evidence.offers_tally
  local answered = tally.resumed + tally.refused
  if answered == 0 and not fails then
    if evidence.issues_none and evidence.issued == 0 then
      return "no_resumption", "not_issued"
    end
    return "inconclusive", tally.failed > 0 and "errors" or "no_attempts"
  elseif tally.failed > answered and not fails then
    return "inconclusive", "errors"
  elseif fails and (answered == 0 or not judged.best) then
    return "fails_on_resumption"
  elseif failing and not fails and failing.bars and judged.best.verdict == "all_shared" then
    return "inconclusive", "may_fail"
  elseif answered < LEAST_ANSWERED and judged.best.verdict == "all_shared" then
    return "inconclusive", "too_few_attempts"
  elseif not judged.decisive and judged.beats_nothing then
    return "inconclusive", judged.short and "too_few_attempts" or "rivals"
  elseif not judged.beats_nothing then
    return judged.gain < 0 and "unexplained" or "inconclusive", "like_nothing"
  elseif not judged.fit.fits then
    return "unexplained", judged.fit.covariate or "contradictions"
  end
end

--- The label that stands for the group of each label, as an explanation has it.
-- @tparam table evidence
-- @tparam table|nil best see resum.analysis.pool.score
-- @treturn function label -> label
function M.group_of(evidence, best)
  local labels, part, stands = classes.labels(evidence), best and best.parameters.part, {}
  for _, label in ipairs(labels) do
    if best and best.verdict == "all_shared" then
      stands[label] = labels[1]
    elseif part and part[label] then
      stands[label] = stands[part[label]] or label
      stands[part[label]] = stands[label]
    end
  end
  return function(label)
    return stands[label] or label
  end
end

-- The share of a member without session IDs, by full handshakes: whoever refuses an offer shows an ID that it issues
-- and, to the probe, hardly ever that it issues none.
local function share_of_mute(evidence)
  local all, mute = 0, 0
  for _, entry in ipairs(evidence.sequence) do
    local label = not entry.from and evidence.label[entry.order]
    all, mute = all + (label and 1 or 0), mute + (label == sighting.NONE and 1 or 0)
  end
  return all > 0 and mute / all or nil, all
end

local function member_of(evidence, best)
  local parameters = best.parameters
  if best.verdict ~= "bad_member" then
    return nil
  end
  local shown = {}
  for label in pairs(parameters.dead_labels or {}) do
    shown[#shown + 1] = label
  end
  table.sort(shown, function(a, b)
    return a.text < b.text
  end)
  local all, met = 0, 0
  for _, entry in ipairs(evidence.sequence) do
    local label = evidence.label[entry.order]
    all, met = all + (label and 1 or 0), met + ((parameters.dead_labels or {})[label] and 1 or 0)
  end
  local trials, share = math.max(1, all > 0 and all or #evidence.offers), parameters.dead_share
  if parameters.how == "issues_nothing" and evidence.mechanism == "session_id" and share_of_mute(evidence) then
    share, trials = share_of_mute(evidence)
  end
  local lo, hi = statistics.wilson(math.min(trials, share * trials), trials)
  return { how = parameters.how, share = share, interval = { lo, hi }, label = shown[1],
    connections = shown[1] and met or nil }
end

-- Are there servers that name no key, or keep tickets in a cache, each of which may be a group?
local function nameless(evidence)
  local _, counts = classes.labels(evidence)
  return (counts[sighting.UNNAMED] or counts[sighting.STATEFUL] or 0) > 0
end

-- Groups by their names where most connections showed one, or else as many as the explanation has.
local function describe_groups(evidence, best, group_of, result)
  local parameters, met = best.parameters, {}
  local off = parameters.dead_labels or {}
  for _, entry in ipairs(evidence.sequence) do
    local label = evidence.label[entry.order]
    met[#met + 1] = label and not off[label] and label ~= sighting.NONE and group_of(label) or nil
  end
  local seen = groups.count(met)
  result.list = seen.list
  if best.verdict == "all_shared" then
    result.groups, result.groups_interval, result.effective_groups = 1, { 1, 1 }, 1
  elseif not parameters.divided and not parameters.view and #seen.list > 0 then
    for name, value in pairs(seen) do
      result[name] = value
    end
    result.named = true
    if nameless(evidence) then -- any number of groups
      result.groups_interval[2], result.effective_interval = nil, { (result.effective_interval or { 1 })[1] }
    end
  elseif parameters.groups then
    -- Old sessions resume as often as two connections meet the same group, whichever servers they are.
    local fixed = result.designs.fixed or {}
    local share, interval = math.max(fixed.rate or 0, 1e-9), fixed.interval or { 0, 1 }
    result.groups, result.keys = parameters.groups, #seen.list
    result.groups_interval = { math.max(1, math.min(parameters.groups, math.ceil(1 / interval[2] - 1e-9))) }
    result.effective_groups = fixed.resumed and fixed.resumed > 0 and 1 / share or nil
    result.effective_interval = { 1 / interval[2], interval[1] > 0 and 1 / interval[1] or nil }
  end
end

-- Whoever takes turns has no more servers than turns. (Names that were seen count for themselves.)
local function bound_by_turns(result)
  local period = result.routing == "round_robin" and result.routing_evidence.period
  if period and not result.named and result.groups and result.groups > period then
    result.groups = period
    for i, bound in pairs(result.groups_interval) do
      result.groups_interval[i] = math.min(bound, period)
    end
  end
end

local function rival_of(judged)
  local rival = judged.rival
  return rival and { verdict = rival.verdict, odds = math.exp(math.min(judged.odds, 20)) } or nil
end

-- Is it certain at least that servers do not share, and that this is no matter of time? Then all that would say so is
-- 1,000 times less likely than the best.
local TEMPORARY = { all_shared = true, rotated = true, late_cache = true }

-- Of so many that were offered the soonest one is refused, where half of all are: all resume once in a million times.
local SOONEST = 20

local function resume_when_young(evidence)
  local young = table.move(evidence.offers, 1, #evidence.offers, 1, {})
  table.sort(young, function(one, other)
    return one.age < other.age or (one.age == other.age and one.order < other.order)
  end)
  for i = 1, math.min(SOONEST, #young) do
    if not young[i].resumed then
      return false
    end
  end
  return #young > 0
end

local function is_refuted(evidence, judged)
  if resume_when_young(evidence) then
    return false
  end
  for _, one in ipairs(judged.ranking or {}) do
    if TEMPORARY[one.verdict] and judged.best.score - one.score < math.log(score.ODDS) then
      return false
    end
  end
  return judged.best ~= nil
end

-- Sessions were forgotten for want of room, or as their time was over: in a scan both grow together, and a restart does
-- the same to all that is old. What the others do not make so likely by far is said; else nothing is.
local LIKELIER = math.log(100)
local LOSES = { forgets = true, restarted = true }

local function how_forgotten(judged, condition)
  for _, one in ipairs(judged.ranking) do
    local other = one.condition.explanation
    if other and LOSES[other.id] and one.condition.how ~= condition.how
      and one.likelihood > judged.best.likelihood - LIKELIER then
      return nil
    end
  end
  return condition.how
end

-- Do all explanations that come near the best say that sessions are good only some time after they were issued? Then
-- that holds, whichever of them is true.
local function late_by(judged)
  for _, one in ipairs(judged.best and judged.ranking or {}) do
    local explanation = one.condition.explanation
    local is_near = judged.best.score - one.score < math.log(score.ODDS)
    if is_near and not (explanation and explanation.id == "late_cache") then
      return nil
    end
  end
  return judged.best and judged.best.condition.delay
end

-- Do servers beside the bad member share nothing, though nothing names them? If they did, all but its connections would
-- resume what the others issued.
local function others_are_strangers(result, best)
  local member, rate = result.member, (result.designs.fixed or {}).interval
  if not member or not rate or (best.parameters.groups or 1) < 2 or best.condition.explanation then
    return nil
  end
  local others = 1 - member.interval[2]
  return rate[2] < (member.how == "never_accepts" and others * others or others) or nil
end

--- Judges one mechanism at one address.
-- @tparam table evidence see resum.analysis.pool.evidence
-- @tparam table tallies offers and full (full handshakes) of all mechanisms: each {answered, failed}; served and breaks
--   (the same two of each, see resum.analysis.pool.evidence); offers_fail (see resum.analysis.pool.analyse)
-- @tparam table all mechanism -> evidence
-- @treturn table verdict, reason, routing, routing_evidence, resumed, refused, failed, groups, groups_interval,
--   effective_groups, effective_interval, chao1, coverage, list (groups seen), named (they have names), keys (how
--   many names, where sessions are bound to more), member (one that does not resume: {how, share, interval, label,
--   connections}), sources (offers by local address), attribute (in what servers of one key differ), delay (until
--   sessions are good), late_by (the same, where nothing else is likely, whatever the verdict), strangers (beside
--   the member there are several that share nothing, and show no names), changed_at (order of the first connection
--   after a change), forgot_at (of the first that found an old session forgotten), lived_s (seconds that sessions
--   live, where it is that), renewed_at, scope ("all" or "some" members changed), fails ({share, interval, p}:
--   offers that fail where full handshakes do not), failing (the same, where it may be chance; with bars: it is too
--   likely to say that all is well; alike: full handshakes fail half as often, or more; and served: they resume, and
--   break then), designs, rival ({verdict, odds}), fit (see resum.analysis.pool.misfit), group_of (label -> label)
function M.of(evidence, tallies, all)
  local tally, judged = evidence.offers_tally, score.judge(evidence)
  local best, failing = judged.best, fails_on_resumption(evidence, tallies)
  local fails = failing and failing.certain and failing or nil
  local result = { resumed = tally.resumed, refused = tally.refused, failed = tally.failed, list = {},
    routing = "unknown", routing_evidence = {}, sources = matrix.of_sources(evidence), fails = fails,
    failing = failing, rival = rival_of(judged),
    fit = judged.fit, judged = judged, designs = rates.of(evidence) }
  result.group_of = M.group_of(evidence, best)
  result.not_shared, result.late_by = is_refuted(evidence, judged), late_by(judged)
  result.verdict, result.reason = without_one(evidence, judged, failing)
  if not best or not best.parameters.model or (result.verdict and result.verdict ~= "unexplained") then
    result.supposed = best and best.verdict
    if best and best.parameters.model then
      describe_groups(evidence, best, result.group_of, result)
      result.groups, result.groups_interval = nil, nil -- what is not certain is not counted
    end
    return result
  end
  local parameters, condition = best.parameters, best.condition
  result.routing, result.routing_evidence = routing.of(evidence, best, result.group_of, all)
  describe_groups(evidence, best, result.group_of, result)
  bound_by_turns(result)
  if result.verdict then
    return result
  end
  result.verdict = best.verdict == "all_shared" and fails and "fails_on_resumption" or best.verdict
  result.reason = parameters.how or parameters.reason or (condition.how and how_forgotten(judged, condition)) or nil
  result.member = member_of(evidence, best)
  result.strangers = others_are_strangers(result, best)
  result.attribute, result.delay = parameters.attribute, condition.delay
  local id = condition.explanation and condition.explanation.id
  result.changed_at = (best.verdict == "rotated" and (parameters.at or condition.at)) or nil
  result.forgot_at = id == "forgets" and condition.at or nil
  result.lived_s = result.reason == "lifetime" and math.ceil(condition.limit) or nil
  result.single_use = id == "single_use" or nil
  result.renewed_at = parameters.kept and parameters.at or nil
  result.scope, result.refused_on_the_way = parameters.scope, parameters.refused_on_the_way
  if best.verdict == "rotated" or result.renewed_at then
    result.routing, result.routing_evidence = "unknown", {} -- what was met hangs on the moment
  end
  return result
end

return M
