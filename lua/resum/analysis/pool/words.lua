-- Verdicts in words: what they mean, and what to do about it, with the names of the directives. Headlines and advice of
-- one explanation stand in its file; here is what the comparison of mechanisms says, and what is common to all. Pure.

local directives = require "resum.analysis.pool.directives"
local explanations = require "resum.analysis.pool.explanations"
local findings = require "resum.analysis.pool.findings"
local mechanisms = require "resum.connection.mechanism"
local vocabulary = require "resum.analysis.vocabulary"

local M = {}

local WORDS = {
  keys_shared_caches_not = {
    headline = "The servers, or the processes of one, share their ticket keys, but not their session caches.",
    advice = { "Clients with tickets are well served.", directives.SHARED_CACHE },
  },
  caches_shared_keys_not = {
    headline = "The servers share their session cache, but not their ticket keys.",
    advice = { directives.TICKET_KEYS },
  },
  mixed_groups = {
    headline = "Some of the servers share their sessions, and some do not.",
    advice = { directives.LEFT_OUT, directives.TICKET_KEYS },
  },
  fails_on_resumption = {
    headline = "Connections that offer a session fail, where full handshakes do not: returning clients are dropped.",
    advice = { "Look for what these servers do with a session that they know: a bug of the TLS stack or of a "
      .. "middlebox, or a limit. Clients that can't come again are better served without resumption "
      .. "until it is mended." },
  },
  inconclusive = {
    headline = "The attempts do not tell what stands behind this address.",
    advice = { "Scan again, with more --attempts or a longer --timeout." },
  },
  unexplained = {
    headline = "Sessions are refused in a way that nothing known explains; the matrix shows who accepts whose.",
    advice = { "See which of the connections are refused: what they have in common is what to look for." },
  },
}

for _, list in pairs(explanations) do
  for _, explanation in ipairs(list) do
    WORDS[explanation.code or explanation.id] = explanation.headline and explanation
      or WORDS[explanation.code or explanation.id]
  end
end

local REASONS = {
  like_nothing = "No known explanation fits much better than chance.",
  errors = "Too many connections failed.",
  may_fail = "Connections that offer a session failed more often than full handshakes, by chance perhaps.",
  too_few_attempts = "There were too few attempts.",
  no_attempts = "No attempt was made.",
  rivals = "More than one explanation remains.",
  not_issued = "No session is issued.",
  issued_not_accepted = "Sessions are issued and never accepted.",
}

local COVARIATES = {
  contradictions = "more offers contradict each of them than chance allows",
  session = "some sessions fare better than others of the same server",
  source = "outcomes depend on the local address",
  home = "outcomes depend on the local address that a session was issued to",
  same_source = "outcomes depend on whether a session is offered from the local address that it was issued to",
  issuing_cipher = "outcomes depend on the cipher suite of the full handshake",
  issuing_certificate = "outcomes depend on the certificate of the full handshake",
  issuing_ems = "outcomes depend on whether the full handshake had the extended master secret",
  first_offer = "the first offer of a session fares unlike later ones",
  second = "outcomes change from second to second",
  time = "outcomes change in the course of the scan",
  age = "outcomes depend on the age of the session",
  concurrency = "outcomes depend on how many connections are open at once",
  order = "outcomes come in runs",
  at_a_time = "offers of one session at one moment fare more alike than explained",
}

local function percent(share)
  return vocabulary.percent(share) .. " %"
end

local function group_words(summary)
  local groups, interval = summary.groups, summary.groups_interval
  if not groups or groups < 2 then
    return nil
  end
  local span = interval and interval[2] ~= interval[1]
  local range = span and (" (%s)"):format(interval[2] and ("%d to %d"):format(interval[1], interval[2])
    or ("%d or more"):format(interval[1])) or ""
  local effective = summary.effective_groups
  local unequal = effective and effective < groups - 0.35
    and ("; their shares are unequal, as if there were %.1f"):format(effective) or ""
  return ("There are %d groups of servers%s%s."):format(groups, range, unequal)
end

local function routing_words(summary)
  local evidence = summary.routing_evidence or {}
  if summary.routing == "round_robin" then
    local over = evidence.period and (evidence.period == summary.groups and (" over %d servers"):format(evidence.period)
      or (", and starts again every %d connections"):format(evidence.period))
    return ("The load balancer is round-robin%s."):format(over or "")
  elseif summary.routing == "random" then
    return "The load balancer chooses servers at random, as far as can be seen."
  elseif evidence.stretches then
    return "Connections meet the same server for a while, and then another."
  end
end

-- What a member does not speak.
local VERSIONS = { psk = "TLS 1.3", ticket = "TLS 1.2", session_id = "TLS 1.2" }

local function member_words(member, mechanism)
  if not member then
    return nil
  elseif member.how == "other_version" then
    return ("About %s of the connections meet a member that does not speak %s, so that %ss are worth nothing there.")
      :format(percent(member.share), VERSIONS[mechanism], mechanisms[mechanism].noun)
  end
  local how = member.how == "issues_nothing" and "issue no session" or "issue sessions that are never accepted"
  return ("About %s of the connections meet a member where servers %s."):format(percent(member.share), how)
end

local function more_words(summary)
  if summary.verdict == "differs" then
    local property = findings.PROPERTIES[summary.attribute]
    return property and ("Sessions are refused where the %s differs."):format(property)
      or "Connections do not show in what they differ: clocks, timeouts and the name of the virtual host are not seen."
  elseif summary.verdict == "fails_on_resumption" and summary.fails then
    return ("About %s of the offers fail."):format(percent(summary.fails.share))
  elseif summary.verdict == "rotated" and summary.scope == "some" then
    return "Only some of the servers changed."
  elseif summary.verdict == "inconclusive" and summary.reason == "rivals" and summary.rival and summary.supposed then
    return ("Two explanations remain: either %s, or %s."):format(vocabulary.explanations[summary.supposed],
      vocabulary.explanations[summary.rival.verdict])
  elseif summary.verdict == "unexplained" then
    return COVARIATES[summary.reason] and ("What speaks against every explanation: %s."):format(
      COVARIATES[summary.reason])
  end
end

local function append(list, sentence)
  list[#list + 1] = sentence
end

-- Where what can be shared is shared, something may be left to do all the same: a mechanism whose sessions are issued
-- and never accepted, connections that fail.
local function where_all_is_shared(summary)
  local list, unaccepted = {}, {}
  for _, finding in ipairs(summary.findings) do
    if finding.code == "no_resumption" and finding.reason ~= "not_issued" then
      unaccepted[#unaccepted + 1] = mechanisms[finding.mechanism].noun
    elseif finding.code == "connections_failed" then
      list[#list + 1] = "Find out why connections fail: who is dropped has to connect again, and has not resumed."
    end
  end
  if #unaccepted > 0 then
    table.insert(list, 1, ("Sessions by %s are issued and never accepted: mend that, or issue none."):format(
      table.concat(unaccepted, " and by ")))
    list[#list + 1] = directives.SWITCH_ON
  end
  return #list > 0 and list or WORDS.all_shared.advice
end

--- The verdict in words.
-- @tparam table summary of resum.analysis.pool.whole
-- @treturn string headline: what it means
-- @treturn {string,...} evidence: what speaks for it, and what else was found
-- @treturn string advice: what to do about it
function M.of(summary)
  local evidence, told = {}, {}
  local more = more_words(summary)
  append(evidence, not (more and summary.reason == "rivals") and REASONS[summary.reason] or nil)
  append(evidence, more)
  append(evidence, group_words(summary))
  append(evidence, member_words(summary.member, summary.decided_by))
  append(evidence, routing_words(summary))
  for _, finding in ipairs(summary.findings) do
    local sentence = findings.words(finding, REASONS)
    if not told[sentence] then
      told[sentence] = true
      append(evidence, sentence)
    end
  end
  local words = WORDS[summary.verdict]
  local headline, advice = words.headline, words.advice
  if summary.verdict == "all_shared" then
    advice = where_all_is_shared(summary)
  elseif summary.member and summary.member.how == "other_version" then
    advice = { directives.SAME_VERSIONS }
  elseif summary.verdict == "differs" then
    advice = { summary.attribute == "leaf" and directives.ONE_CERTIFICATE or directives.ALIKE,
      (summary.keys or 1) > 1 and directives.TICKET_KEYS or nil }
  elseif summary.verdict == "no_resumption" and summary.reason == "issued_not_accepted" then
    headline = ("By %s nothing is ever resumed, though sessions are issued."):format(
      mechanisms[summary.decided_by].noun)
  end
  return headline, evidence, table.concat(advice, " ")
end

return M
