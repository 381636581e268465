-- What else there is to say of a pool, beside the verdict: where each is found. Pure. Adding one: an entry here, its
-- sentence in resum.analysis.pool_words, a row in docs/json.md.

local sights = require "resum.analysis.pool.sights"
local statistics = require "resum.util.statistics"

local M = {}

--- Mechanisms, in the order in which they speak.
M.ORDER = { "psk", "ticket", "session_id" }

local COMPARED = { "leaf", "lifetime_s", "extensions", "cipher" }
local MANY_FAILED = 0.12 -- of all connections: more than one of nine, so that of the pools of eight one may be down
local ENOUGH_SOURCES = 6 -- all of them to one of two servers: once in 32 times
-- The worst network on which verdicts are to hold drops 5 % of connections; one scan in 10,000 may blame the server for it.
local DROPPED, BY_CHANCE = 0.05, 1e-4
local SEEN_TWICE = 2 -- what is seen once may be on its way out

-- A finding for each mechanism of which a condition gives its fields.
local function of_each(condition)
  return function(context)
    local list = {}
    for _, name in ipairs(M.ORDER) do
      local result = context.results[name]
      local fields = result and condition(result, name, context)
      if fields then
        fields.mechanism = name
        list[#list + 1] = fields
      end
    end
    return list
  end
end

local function of_verdict(verdict)
  return of_each(function(result)
    return result.verdict == verdict and { reason = result.reason } or nil
  end)
end

-- Does a property have several values, each seen more than once? Then members are configured differently.
local function varies(evidence, property)
  local counts, kinds = {}, 0
  for _, entry in ipairs(evidence.sequence) do
    local value = entry.outcome ~= "resumed" and entry[property]
    if value then
      counts[value] = (counts[value] or 0) + 1
    end
  end
  for _, count in pairs(counts) do
    kinds = kinds + (count >= SEEN_TWICE and 1 or 0)
  end
  return kinds >= 2
end

local function find_configuration(context)
  local list = {}
  for _, property in ipairs(COMPARED) do
    local differs = false
    for _, evidence in pairs(context.all) do
      differs = differs or varies(evidence, property)
    end
    list[#list + 1] = differs and { property = property } or nil
  end
  return list
end

-- Failures that only offers of a mechanism meet are told of that mechanism: they are no server that is down.
local NO_OFFERS = { failed = 0, resumed = 0, refused = 0 }

local function find_failures(context)
  local failed, sum = 0, 0
  for name, evidence in pairs(context.all) do
    local offers, full = (context.results[name] or {}).fails and NO_OFFERS or evidence.offers_tally, evidence.full_tally
    failed = failed + offers.failed + full.failed
    sum = sum + offers.failed + full.failed + offers.resumed + offers.refused + full.answered
  end
  return failed > 0 and failed >= MANY_FAILED * sum and { { share = failed / sum } } or {}
end

-- Handshakes that were completed, and connections that broke all the same: more than a network drops.
local function cut_short(_, name, context)
  local tally = context.all[name].full_tally
  return statistics.binomial_tail(tally.cut_short, tally.answered, DROPPED) < BY_CHANCE
    and { share = tally.cut_short / tally.answered } or nil
end

-- Names that came, or went: each once, as the first mechanism shows it.
local function find_change(which)
  return function(context)
    local list, told = {}, {}
    for _, name in ipairs(M.ORDER) do
      local evidence, result, met = context.all[name], context.results[name], {}
      for _, entry in ipairs(result and not result.renewed_at and evidence.sequence or {}) do
        local label = evidence.label[entry.order]
        met[#met + 1] = label and label.value and { order = entry.order, label = label } or nil
      end
      for label, at in pairs((select(which, sights.of(met)))) do
        list[#list + 1] = not told[label] and { mechanism = name, at = at } or nil
        told[label] = true
      end
    end
    return list
  end
end

-- In the order in which they are told.
local FINDINGS = {
  { code = "mixed_configuration", find = find_configuration },
  { code = "no_resumption", find = of_verdict("no_resumption") },
  { code = "forgets", find = of_each(function(result)
    return result.forgot_at and { at = result.forgot_at, reason = result.reason }
  end) },
  { code = "inconclusive", find = of_verdict("inconclusive") },
  { code = "unexplained", find = of_verdict("unexplained") },
  { code = "others_share_nothing", find = of_each(function(result)
    return result.member and (result.groups or 1) > 1 and {}
  end) },
  { code = "some_issue_none", find = of_each(function(result, _, context)
    return result.member and (result.groups or 1) <= 1 and context.verdict ~= "bad_member"
      and { share = result.member.share }
  end) },
  { code = "fails_on_resumption", find = of_each(function(result, _, context)
    return result.fails and context.verdict ~= "fails_on_resumption" and { share = result.fails.share }
  end) },
  { code = "connections_failed", find = find_failures },
  { code = "cut_short", find = of_each(cut_short) },
  { code = "keys_renewed", find = of_each(function(result)
    return result.renewed_at and { at = result.renewed_at, refused = result.refused_on_the_way }
  end) },
  { code = "group_came", find = find_change(1) },
  { code = "group_went", find = find_change(2) },
  { code = "stickiness_unknown", find = function(context)
    local several = math.max(1, #(context.sources or {}))
    return context.verdict == "all_shared" and several < ENOUGH_SOURCES and { { sources = several } } or {}
  end },
}

M.codes = {}
for i, one in ipairs(FINDINGS) do
  M.codes[i] = one.code
end

--- What else was found.
-- @tparam table context results (mechanism -> see resum.analysis.pool.verdict), all (mechanism -> evidence), verdict
--   (on the whole), sources (list, or nil)
-- @treturn {table,...} list of {code, mechanism, and as the code has it property, reason, at, sources, share, refused}
function M.of(context)
  local list = {}
  for _, one in ipairs(FINDINGS) do
    for _, finding in ipairs(one.find(context)) do
      finding.code = one.code
      list[#list + 1] = finding
    end
  end
  return list
end

return M
