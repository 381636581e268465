-- What else there is to say of a pool, beside the verdict: one entry for each code, with where it is found and its
-- words. Pure. Adding one: an entry here, a row in docs/json.md.

local mechanisms = require "resum.connection.mechanism"
local sights = require "resum.analysis.pool.sights"
local vocabulary = require "resum.analysis.vocabulary"

local M = {}

--- Mechanisms, in the order in which they speak.
M.ORDER = { "psk", "ticket", "session_id" }
--- What servers can differ in, in words.
M.PROPERTIES = { leaf = "certificate", lifetime_s = "lifetime of tickets", extensions = "order of TLS extensions",
  cipher = "cipher suite", ems = "extended master secret" }

local COMPARED = { "leaf", "lifetime_s", "extensions", "cipher" }
local MANY_FAILED = 0.12 -- of all connections: more than one of nine, so that of the pools of eight one may be down
local ENOUGH_SOURCES = 6 -- all of them to one of two servers: once in 32 times
local SEEN_TWICE = 2 -- what is seen once may be on its way out

local function percent(share)
  return vocabulary.percent(share) .. " %"
end

local function noun(finding)
  return finding.mechanism and mechanisms[finding.mechanism].noun .. "s" or "sessions"
end

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

local function find_failures(context)
  local failed, sum = 0, 0
  for _, evidence in pairs(context.all) do
    local offers, full = evidence.offers_tally, evidence.full_tally
    failed = failed + offers.failed + full.failed
    sum = sum + offers.failed + full.failed + offers.resumed + offers.refused + full.answered
  end
  return failed > 0 and failed >= MANY_FAILED * sum and { { share = failed / sum } } or {}
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
  { code = "mixed_configuration", find = find_configuration, words = function(finding)
    return ("The servers are not configured alike: the %s differs."):format(M.PROPERTIES[finding.property])
  end },
  { code = "no_resumption", find = of_verdict("no_resumption"), words = function(finding)
    return ("By %s nothing is resumed at all%s."):format(mechanisms[finding.mechanism].noun,
      finding.reason == "issued_not_accepted" and ", though sessions are issued" or "")
  end },
  { code = "forgets", find = of_each(function(result)
    return result.forgot_at and { at = result.forgot_at, reason = result.reason }
  end), words = function(finding)
    return ("Old %s were forgotten while the scan ran: %s."):format(noun(finding), finding.reason == "capacity"
      and "the cache is small, so that our own sessions overran it" or "they live short, or the cache is small")
  end },
  { code = "inconclusive", find = of_verdict("inconclusive"), words = function(finding, reasons)
    return ("What holds for %s is not certain. %s"):format(noun(finding), reasons[finding.reason])
  end },
  { code = "unexplained", find = of_verdict("unexplained"), words = function(finding)
    return ("Nothing known explains which %s are refused."):format(noun(finding))
  end },
  { code = "others_share_nothing", find = of_each(function(result)
    return result.member and (result.groups or 1) > 1 and {}
  end), words = function(finding)
    return ("The other members do not share their %s either."):format(
      finding.mechanism == "session_id" and "session cache" or "ticket keys")
  end },
  { code = "some_issue_none", find = of_each(function(result, _, context)
    return result.member and (result.groups or 1) <= 1 and context.verdict ~= "bad_member"
      and { share = result.member.share }
  end), words = function(finding)
    return ("About %s of the connections meet a server without %s."):format(percent(finding.share), noun(finding))
  end },
  { code = "fails_on_resumption", find = of_each(function(result, _, context)
    return result.fails and context.verdict ~= "fails_on_resumption" and { share = result.fails.share }
  end), words = function(finding)
    return ("About %s of the offers of %s fail, where full handshakes do not."):format(percent(finding.share),
      noun(finding))
  end },
  { code = "connections_failed", find = find_failures, words = function(finding)
    return ("About %s of the connections failed; a member that is down looks so."):format(percent(finding.share))
  end },
  { code = "keys_renewed", find = of_each(function(result)
    return result.renewed_at and { at = result.renewed_at, refused = result.refused_on_the_way }
  end), words = function(finding)
    return "Ticket keys were renewed while the scan ran, and old tickets stayed good"
      .. (finding.refused and "; servers that did not have the new key yet refused new ones: give it to all as a "
        .. "second key before the first server issues with it." or ".")
  end },
  { code = "group_came", find = find_change(1), words = function()
    return "A server, or a key, came while the scan ran."
  end },
  { code = "group_went", find = find_change(2), words = function()
    return "A server, or a key, went while the scan ran."
  end },
  { code = "stickiness_unknown", find = function(context)
    local several = math.max(1, #(context.sources or {}))
    return context.verdict == "all_shared" and several < ENOUGH_SOURCES and { { sources = several } } or {}
  end, words = function(finding)
    if finding.sources > 1 then
      return ("All attempts came from %d addresses: where the balancer sends each to the one or the other of two "
        .. "servers, all of them may meet the same one, in %s of the cases."):format(finding.sources,
        percent(2 ^ (1 - finding.sources)))
    end
    return "All attempts came from one address: a balancer that sends a client to the same server each time looks the "
      .. "same. --source ADDRESS, several times, tells them apart."
  end },
}

M.codes = {}
local by_code = {}
for i, one in ipairs(FINDINGS) do
  M.codes[i], by_code[one.code] = one.code, one
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

--- A finding in words.
-- @tparam table finding
-- @tparam table reasons reason -> words, where a finding gives one
-- @treturn string
function M.words(finding, reasons)
  return by_code[finding.code].words(finding, reasons)
end

return M
