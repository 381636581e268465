-- What else there is to say of a pool, beside the verdict: each finding with its code, the fields that it has, where it
-- is found, and its sentence. Pure. Adding one: an entry here, and a row in docs/json.md.

local mechanisms = require "resum.connection.mechanism"
local sights = require "resum.analysis.pool.sights"
local statistics = require "resum.util.statistics"
local ticket_keys = require "resum.analysis.ticket_key"
local vocabulary = require "resum.analysis.vocabulary"

local M = {}

--- Mechanisms, in the order in which they speak.
M.ORDER = { "psk", "ticket", "session_id" }

local COMPARED = { "leaf", "lifetime_s", "extensions", "cipher", "client_certificate" }
local MANY_FAILED = 0.12 -- of all connections: more than one of nine, so that of the pools of eight one may be down
--- Of what fails more, or is met more often, one server of several is not the cause.
M.MOST = 0.5
local ENOUGH_SOURCES = 6 -- all of them to one of two servers: once in 32 times
-- The worst network on which verdicts are to hold drops 5 % of connections; one scan in 10,000 may blame the server
-- for it.
local DROPPED, BY_CHANCE = 0.05, 1e-4
-- What crowds of connections meet more often than single ones, by chance in one scan of a thousand.
local BY_LOAD = 1e-3
-- Crowds are not blamed for what time may have done. Few sessions are offered behind a crowd, one at the least: that it
-- is refused, and none of some 100 before, happens by chance once in 100 times.
local BY_TIME = 0.05
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

-- The mechanisms by which somebody answered: a version that nobody speaks fails by itself. All, where nobody did.
local function with_answers(all)
  local answered = {}
  for name, evidence in pairs(all) do
    local offers, others = evidence.offers_tally, evidence.full_tally
    answered[name] = others.answered + offers.resumed + offers.refused > 0 and evidence or nil
  end
  return next(answered) and answered or all
end

-- Connections that failed, and full handshakes: whoever breaks these off late, as for want of a client certificate, is
-- not met by offers, as the probe leaves when it is refused. Where their share is certainly larger, it is the one.
local function find_failures(context)
  local failed, sum, begun, failed_full, full = 0, 0, 0, 0, 0
  for name, evidence in pairs(with_answers(context.all)) do
    local offers, others = evidence.offers_tally, evidence.full_tally
    offers = (context.results[name] or {}).fails and NO_OFFERS or offers
    failed, failed_full = failed + offers.failed + others.failed, failed_full + others.failed
    begun = begun + (offers.begun or 0) + (others.begun or 0)
    full = full + others.failed + others.answered
    sum = sum + offers.failed + others.failed + offers.resumed + offers.refused + others.answered
  end
  local least = statistics.wilson(failed_full, full) or 0
  local is_begun = 2 * begun > failed or nil
  if least > math.max(MANY_FAILED, failed / math.max(1, sum)) then
    return { { share = failed_full / full, full = true, begun = is_begun } }
  end
  return failed > 0 and failed >= MANY_FAILED * sum and { { share = failed / sum, begun = is_begun } } or {}
end

-- Handshakes that were completed, and connections that broke all the same: more than a network drops.
local function find_cut_short(_, name, context)
  local tally = context.all[name].full_tally
  return statistics.binomial_tail(tally.cut_short, tally.answered, DROPPED) < BY_CHANCE
    and { share = tally.cut_short / tally.answered } or nil
end

-- So many tickets, and no two that name one key: of 256 equal servers that happens once in 1,000 scans (birthdays,
-- exp(-60^2 / (2 * 256))).
local NO_TWO = 60

-- Tickets that are never accepted, and each of which names a key of its own.
local function find_new_keys(result, name, context)
  local seen, count = {}, 0
  for _, entry in ipairs(result.verdict == "no_resumption" and context.all[name].entries or {}) do
    local key = entry.ticket
    if key and (seen[key] or ticket_keys.is_cache_entry(entry.ticket_length)) then
      return nil
    elseif key then
      seen[key], count = true, count + 1
    end
  end
  return count >= NO_TWO and { tickets = count } or nil
end

local function is_more_often(here, of_here, there, of_there, least)
  return here * of_there > there * of_here
    and statistics.fisher(here, of_here - here, there, of_there - there) < least
end

-- Is something met in crowds more often than alone?
local function is_by_load(in_crowds, of_crowds, alone, of_alone)
  return is_more_often(in_crowds, of_crowds, alone, of_alone, BY_LOAD)
end

-- Names that are met in crowds more often: whether they are seen hangs on how many connections are open, and not on
-- when.
local function names_by_load(evidence)
  local met, all, list = { alone = {}, crowd = {} }, { alone = 0, crowd = 0 }, {}
  for _, entry in ipairs(evidence.sequence) do
    local label, where = evidence.label[entry.order], entry.crowd and "crowd" or "alone"
    if label then
      met[where][label], all[where] = (met[where][label] or 0) + 1, all[where] + 1
    end
  end
  for label, count in pairs(met.crowd) do
    list[label] = is_by_load(count, all.crowd, met.alone[label] or 0, all.alone)
  end
  return list
end

local function first_in_crowd(offers)
  local first = math.huge
  for _, offer in ipairs(offers) do
    first = offer.entry.crowd and math.min(first, offer.entry.order) or first
  end
  return first
end

-- Offers, and those of them that were refused: in crowds, alone, and of the latter those before the first crowd, and
-- those behind it of sessions that are older (others may be of servers that only crowds meet).
local function by_crowds(offers)
  local tallies, first = {}, first_in_crowd(offers)
  for _, where in ipairs({ "crowd", "alone", "before", "after" }) do
    tallies[where] = { refused = 0, all = 0 }
  end
  local function count(where, offer)
    local tally = tallies[where]
    tally.all, tally.refused = tally.all + 1, tally.refused + (offer.resumed and 0 or 1)
  end
  for _, offer in ipairs(offers) do
    local entry = offer.entry
    count(entry.crowd and "crowd" or "alone", offer)
    if not entry.crowd and (entry.order < first or (offer.origin or 0) < first) then
      count(entry.order < first and "before" or "after", offer)
    end
  end
  return tallies
end

-- Offers that crowds see refused more often, of the first mechanism that shows it. What was lost when the crowd came,
-- as with a restart or an emptied cache, is refused behind it, too: it was time then, and not the crowd.
local function find_crowds(context)
  for _, name in ipairs(M.ORDER) do
    local met = by_crowds(context.results[name] and context.all[name].offers or {})
    local crowd, alone, before, after = met.crowd, met.alone, met.before, met.after
    if crowd.all > 0 and is_by_load(crowd.refused, crowd.all, alone.refused, alone.all)
      and not is_more_often(after.refused, after.all, before.refused, before.all, BY_TIME) then
      return { { mechanism = name, share = crowd.refused / crowd.all } }
    end
  end
  return {}
end

-- Names that came, or went: each once, as the first mechanism shows it.
local function find_change(which)
  return function(context)
    local list, told = {}, {}
    for _, name in ipairs(M.ORDER) do
      local evidence, result, met = context.all[name], context.results[name], {}
      for _, entry in ipairs(result and not result.renewed_at and evidence.sequence or {}) do
        local label = evidence.label[entry.order]
        met[#met + 1] = label and label.value and not entry.crowd and { order = entry.order, label = label } or nil
      end
      local by_load = names_by_load(context.all[name] or { sequence = {} })
      for label, at in pairs((select(which, sights.of(met)))) do
        list[#list + 1] = not told[label] and not by_load[label] and { mechanism = name, at = at } or nil
        told[label] = true
      end
    end
    return list
  end
end

-- Did these connections meet several servers, whatever these share? Then the balancer does not lead each client to one.
local function met_several(context)
  for _, result in pairs(context.results) do
    if result.member or result.verdict == "nothing_shared" and (result.groups or 1) > 1 then
      return true
    end
  end
  return #find_configuration(context) > 0
end

-- That of the mechanism which decides is told before all findings.
local function find_member(result, name, context)
  return result.member and context.decided_by ~= name and { share = result.member.share, how = result.member.how }
end

local function find_stickiness_unknown(context)
  local sources = math.max(1, #(context.sources or {}))
  return context.verdict == "all_shared" and sources < ENOUGH_SOURCES and not met_several(context)
    and { { sources = sources } } or {}
end

-- --- their sentences ---

local function percent(share)
  return vocabulary.percent(share) .. " %"
end

local function noun(finding)
  return finding.mechanism and mechanisms[finding.mechanism].noun .. "s" or "sessions"
end

local function say_mixed_configuration(finding)
  if finding.property == "client_certificate" then
    return "Some of the servers ask for a client certificate, and others do not."
  end
  return ("The servers are not configured alike: the %s differs."):format(vocabulary.properties[finding.property])
end

local NO_RESUMPTION = { issued_not_accepted = "%ss are issued, but never accepted.", not_issued = "No %s is issued." }
local NO_TICKET = "No ticket is issued up to TLS 1.2." -- it may be with TLS 1.3

local MEMBERS = {
  issues_nothing = "About %s of the connections meet a server without %s.",
  never_accepts = "About %s of the connections meet a server that issues %s and never accepts them.",
  other_version = "About %s of the connections that ask for %s meet a server that does not speak %s.",
}

local function say_no_resumption(finding)
  local words = NO_RESUMPTION[finding.reason] or "By %s nothing is ever resumed."
  if finding.mechanism == "ticket" and finding.reason == "not_issued" then
    return NO_TICKET
  end
  return (words:format(mechanisms[finding.mechanism].noun):gsub("^%l", string.upper))
end

local FORGOTTEN = {
  capacity = "the cache is so small that our own sessions filled it",
  lifetime = "their lifetime is short",
}

local function say_forgets(finding)
  if finding.lived_s then
    return ("Old %s were forgotten while the scan ran: they live about %d s."):format(noun(finding), finding.lived_s)
  end
  return ("Old %s were forgotten while the scan ran: %s."):format(noun(finding), FORGOTTEN[finding.reason]
    or "a short lifetime, a small cache or a restart does that")
end

-- Was each session refused? Then nothing tells who shares them.
local function none_resumed(summary, mechanism)
  local result, refused = (summary.mechanisms or {})[mechanism] or {}, 0
  for _, counts in pairs(result.designs or {}) do
    if counts.resumed > 0 then
      return false
    end
    refused = refused + counts.refused
  end
  return refused > 0
end

local function say_inconclusive(finding, summary)
  if finding.mechanism and none_resumed(summary, finding.mechanism) then
    return ("No %s resumed, so whether the servers share them is not known."):format(
      mechanisms[finding.mechanism].noun)
  end
  return ("What holds for %s is not certain. %s"):format(noun(finding), vocabulary.pool_reasons[finding.reason])
end

-- What failed, and in what way: a server that is down says nothing, and one alone is not met by most.
local function say_connections_failed(finding)
  local how = finding.begun and ", most of them after a server had begun to answer"
    or finding.share <= M.MOST and ", as they would if one server were down" or ""
  return ("About %s of the %s failed%s."):format(percent(finding.share), finding.full and "full handshakes"
    or "connections", how)
end

local function say_keys_renewed(finding)
  return "Ticket keys were renewed while the scan ran, and old tickets stayed good"
    .. (finding.refused and "; servers that did not have the new key yet refused new ones: give it to all as a "
      .. "second key before the first server issues with it." or ".")
end

local function say_stickiness_unknown(finding)
  if finding.sources > 1 then
    return ("All attempts came from %d addresses. A balancer that chooses between two servers by address sends all of "
      .. "them to the same one in %s of cases."):format(finding.sources, percent(2 ^ (1 - finding.sources)))
  end
  return "All attempts came from one address. From there a single server, servers that share their sessions, and a "
    .. "balancer that always sends a client to the same server look the same. Scan with several --source addresses to "
    .. "tell."
end

-- --- the list ---

-- In the order in which they are told: code; the fields it may have; find(context) gives a list of them; say(finding,
-- summary) gives its sentence.
local FINDINGS = {
  {
    code = "mixed_configuration",
    fields = { "property" },
    find = find_configuration,
    say = say_mixed_configuration,
  },
  {
    code = "no_resumption",
    fields = { "mechanism", "reason" },
    find = of_verdict("no_resumption"),
    say = say_no_resumption,
  },
  {
    code = "new_key_each_time",
    fields = { "mechanism", "tickets" },
    find = of_each(find_new_keys),
    say = function(finding)
      return ("No two of %d %s name the same key, as where each connection has a TLS context, and so a key, of its "
        .. "own."):format(finding.tickets, noun(finding))
    end,
  },
  {
    code = "forgets",
    fields = { "mechanism", "at", "reason", "lived_s" },
    find = of_each(function(result)
      return result.forgot_at and { at = result.forgot_at, reason = result.reason, lived_s = result.lived_s }
    end),
    say = say_forgets,
  },
  {
    code = "late_cache",
    fields = { "mechanism", "delay_s" },
    find = of_each(function(result, _, context)
      return result.late_by and context.verdict ~= "late_cache" and { delay_s = result.late_by }
    end),
    say = function(finding)
      return ("New %s are refused at first, and accepted about %.1g s later: their cache is written late."):format(
        noun(finding), finding.delay_s)
    end,
  },
  {
    code = "inconclusive",
    fields = { "mechanism", "reason" },
    find = of_verdict("inconclusive"),
    say = say_inconclusive,
  },
  {
    code = "unexplained",
    fields = { "mechanism", "reason" },
    find = of_verdict("unexplained"),
    say = function(finding)
      return ("Nothing known explains which %s are refused."):format(noun(finding))
    end,
  },
  {
    code = "some_issue_none",
    fields = { "mechanism", "share", "how" },
    find = of_each(find_member),
    say = function(finding)
      return MEMBERS[finding.how or "issues_nothing"]:format(percent(finding.share), noun(finding),
        vocabulary.versions[finding.mechanism])
    end,
  },
  { -- by their names, or by how seldom sessions resume: of hidden servers, one other looks much like two
    code = "others_share_nothing",
    fields = { "mechanism" },
    find = of_each(function(result)
      return result.member and (result.strangers or result.named and (result.groups or 1) > 1) and {}
    end),
    say = function(finding, summary)
      local hidden = ((summary.mechanisms or {})[finding.mechanism] or {}).strangers
      return ("The other servers do not share their %s either."):format(hidden and noun(finding)
        or finding.mechanism == "session_id" and "session cache" or "ticket keys")
    end,
  },
  {
    code = "fails_on_resumption",
    fields = { "mechanism", "share" },
    find = of_each(function(result, _, context)
      return result.fails and context.verdict ~= "fails_on_resumption" and { share = result.fails.share }
    end),
    say = function(finding)
      return ("About %s of the offers of %s fail, while full handshakes do not."):format(percent(finding.share),
        noun(finding))
    end,
  },
  {
    code = "connections_failed",
    fields = { "share", "full", "begun" },
    find = find_failures,
    say = say_connections_failed,
  },
  {
    code = "cut_short",
    fields = { "mechanism", "share" },
    find = of_each(find_cut_short),
    say = function(finding)
      return ("About %s of the connections with %s broke right after the handshake, before a ticket could come.")
        :format(percent(finding.share), vocabulary.versions[finding.mechanism])
    end,
  },
  {
    code = "keys_renewed",
    fields = { "mechanism", "at", "refused" },
    find = of_each(function(result)
      return result.renewed_at and { at = result.renewed_at, refused = result.refused_on_the_way }
    end),
    say = say_keys_renewed,
  },
  {
    code = "group_came",
    fields = { "mechanism", "at" },
    find = find_change(1),
    say = function()
      return "A new server, or a new key, appeared while the scan ran."
    end,
  },
  {
    code = "group_went",
    fields = { "mechanism", "at" },
    find = find_change(2),
    say = function()
      return "A server, or a key, disappeared while the scan ran."
    end,
  },
  {
    code = "crowds_are_refused",
    fields = { "mechanism", "share" },
    find = find_crowds,
    say = function(finding)
      return ("About %s of the %s offered while many connections were open were refused, more than of others: the "
        .. "balancer goes by the number of open connections, and uses more of its servers then."):format(
        percent(finding.share), noun(finding))
    end,
  },
  {
    code = "stickiness_unknown",
    fields = { "sources" },
    find = find_stickiness_unknown,
    say = say_stickiness_unknown,
  },
}

--- code -> what a finding of it has: code, fields (list), find, say
M.by_code = {}
--- What a finding may have, whatever its code.
M.fields = { "code" }

do
  local seen = {}
  for _, one in ipairs(FINDINGS) do
    M.by_code[one.code] = one
    for _, name in ipairs(one.fields) do
      M.fields[#M.fields + 1] = not seen[name] and name or nil
      seen[name] = true
    end
  end
end

--- Of what was found, the first finding of a code.
-- @tparam {table,...}|nil list of findings
-- @tparam string code
-- @treturn table|nil
function M.with_code(list, code)
  for _, finding in ipairs(list or {}) do
    if finding.code == code then
      return finding
    end
  end
end

--- What else was found.
-- @tparam table context results (mechanism -> see resum.analysis.pool.verdict), all (mechanism -> evidence), verdict
--   (on the whole), decided_by (a mechanism, or nil), sources (list, or nil)
-- @treturn {table,...} list of {code, and the fields that it declares}
function M.of(context)
  local list = {}
  for _, one in ipairs(FINDINGS) do
    for _, found in ipairs(one.find(context)) do
      local finding = { code = one.code }
      for _, name in ipairs(one.fields) do
        finding[name] = found[name]
      end
      list[#list + 1] = finding
    end
  end
  return list
end

--- A finding as a sentence.
-- @tparam table finding
-- @tparam[opt] table summary of resum.analysis.pool.whole, or of resum.scan.quick
-- @treturn string
function M.sentence(finding, summary)
  return M.by_code[finding.code].say(finding, summary or {})
end

return M
