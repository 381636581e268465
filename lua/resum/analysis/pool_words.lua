-- What stands behind an address, in words: the sentence of each verdict, what speaks for it, and what else was found
-- (each finding has a sentence of its own: see resum.analysis.pool.findings). What to do about it resum.analysis.advice
-- says. Pure; it infers nothing.

local findings = require "resum.analysis.pool.findings"
local mechanisms = require "resum.connection.mechanism"
local vocabulary = require "resum.analysis.vocabulary"

local M = {}

local HEADLINES = {
  all_shared = "All servers share their sessions, or there is only one server: from outside the two look the same.",
  keys_shared_caches_not = "The servers, or the processes of one, share their ticket keys, but not their session "
    .. "caches.",
  caches_shared_keys_not = "The servers share their session cache, but not their ticket keys.",
  nothing_shared = "The servers behind this address share nothing.",
  mixed_groups = "Some of the servers share their sessions, and some do not.",
  sticky_source = "The servers share nothing, and the balancer hides it: each client address meets the same server.",
  sticky_session_id = "The servers share nothing; the balancer leads session IDs back to their server, not tickets.",
  bad_member = "One of the servers behind this address does not resume%s.",
  one_way = "Some servers accept the sessions of others, but not the other way round, as when a new key has not "
    .. "reached all of them.",
  differs = "The servers name the same ticket key, and yet some refuse the sessions of others.",
  fails_on_resumption = "Connections that offer a session fail, where full handshakes do not: returning clients are "
    .. "dropped.",
  late_cache = "The session cache is written late: a session is refused at first and accepted a moment later, so "
    .. "clients that come back at once pay.",
  rotated = "Ticket keys changed, or a server restarted, while the scan ran: earlier sessions are no longer accepted.",
  no_resumption = "Nothing is ever resumed.",
  inconclusive = "The attempts do not show what stands behind this address.",
  unexplained = "Sessions are refused in a way that nothing known explains; the matrix shows who accepts whose.",
}

-- Where the bad member has more of the connections than all others, it may be several.
local MOST_DO_NOT = "Most connections to this address meet a server that does not resume%s."

-- Connections show one mechanism at a time: not whether the member that fails at one also fails at the other.
local PERHAPS_ONE = "A server behind this address does not resume by %s, and a server, perhaps the same one, not by %s."

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
  order = "offers that resume come in long runs, and so do those that are refused",
  at_a_time = "offers of one session that are made close together end alike too often",
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
  local count = not span and ("%d"):format(groups)
    or interval[2] and ("about %d (%d to %d)"):format(groups, interval[1], interval[2])
    or groups == interval[1] and ("at least %d"):format(groups)
    or ("about %d (%d or more)"):format(groups, interval[1])
  local effective, most = summary.effective_groups, (summary.effective_interval or {})[2]
  local unequal = effective and effective < groups - 0.35 and most and most < groups
    and ("; connections are spread unevenly, as over %.1f equal ones"):format(effective) or ""
  return ("There are %s servers, or groups of servers, with sessions of their own%s."):format(count, unequal)
end

-- Turns are more than groups: where these were counted, some servers share, or one has more turns than others.
local function turns_exceed_groups(summary)
  local period, most = (summary.routing_evidence or {}).period, (summary.groups_interval or {})[2]
  return summary.routing == "round_robin" and summary.verdict == "nothing_shared" and period ~= nil and most ~= nil
    and period > most
end

local function routing_words(summary)
  local evidence = summary.routing_evidence or {}
  if summary.routing == "round_robin" then
    if not evidence.period then -- who has a connection more is not met by the next one either
      return "The load balancer takes turns, or chooses the server with the fewest connections."
    end
    local over = evidence.period == summary.groups and (" over %d servers"):format(evidence.period)
      or (": it starts over after every %d connections"):format(evidence.period)
    local why = turns_exceed_groups(summary) and " Some servers share their sessions, then, or one has more turns than "
      .. "another." or ""
    return ("The load balancer is round-robin%s.%s"):format(over, why)
  elseif summary.routing == "random" then
    return "The load balancer chooses servers at random, or other clients take most of the turns."
  elseif evidence.stretches then
    return "For a while all connections meet one server, and then another."
  elseif evidence.alike then
    return "How the load balancer chooses a server can't be told: at random, or in turns that others disturb."
  end
end

-- Mechanisms of which this holds, by their nouns.
local function nouns_of(summary, holds)
  local nouns, all = {}, true
  for _, name in ipairs(mechanisms.names) do
    local result = (summary.mechanisms or {})[name]
    if result and holds(result) then
      nouns[#nouns + 1] = mechanisms[name].noun
    end
    all = all and (not result or holds(result))
  end
  return nouns, all
end

local function is_of_bad_member(result)
  return result.verdict == "bad_member"
end

local function works_otherwise(result)
  return result.verdict ~= "bad_member" and result.verdict ~= "no_resumption"
end

-- The mechanisms by which a member fails, where others are in order, or fail in another way: by these it may resume.
local function fails_by(summary)
  return #nouns_of(summary, works_otherwise) > 0 and nouns_of(summary, is_of_bad_member) or {}
end

local function member_words(summary)
  local member, mechanism = summary.member, mechanisms[summary.decided_by]
  if not member then
    return nil
  elseif member.how == "other_version" then
    return ("About %s of the connections meet a server that does not speak %s, where %ss are of no use.")
      :format(percent(member.share), vocabulary.versions[mechanism.name], mechanism.noun)
  end
  local what = #fails_by(summary) > 0 and mechanism.noun or "session"
  local how = member.how == "issues_nothing" and "issues no " .. what
    or ("issues %ss and never accepts them"):format(what)
  return ("About %s of the connections meet a server that %s."):format(percent(member.share), how)
end

-- Why servers of one key refuse each other's sessions.
local function differing_words(summary)
  local property = vocabulary.properties[summary.attribute]
  if property then
    return ("Sessions are refused where the %s differs."):format(property)
  end
  if findings.with_code(summary.findings, "mixed_configuration") then
    return "It may be for what the servers are seen to differ in, or for clocks, timeouts, the name of the virtual "
      .. "host or the software, which connections do not show."
  end
  return "Connections do not show what differs: it may be clocks, timeouts, the name of the virtual host or the "
    .. "software."
end

local function more_words(summary)
  if summary.verdict == "differs" then
    return differing_words(summary)
  elseif summary.verdict == "fails_on_resumption" and summary.fails then
    return (summary.fails.served and "About %s of the connections that resumed broke before a request was answered."
      or "About %s of the offers fail."):format(percent(summary.fails.share))
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

-- A sentence for each finding, but for those that the headline tells, and which codes there are.
local function finding_words(summary, evidence, is_said)
  local told, met = {}, {}
  for _, finding in ipairs(summary.findings) do
    local sentence = findings.sentence(finding, summary)
    met[finding.code] = sentence
    if not told[sentence] and not (is_said and is_said(finding)) then
      told[sentence] = true
      append(evidence, sentence)
    end
  end
  return met
end

local function is_shared(result)
  return result.verdict == "all_shared"
end

local function is_worthless(result)
  return result.verdict == "no_resumption" and result.reason == "issued_not_accepted"
end

--- Do all servers share the sessions of some mechanism?
-- @tparam table summary
-- @treturn boolean
function M.some_are_shared(summary)
  return #nouns_of(summary, is_shared) > 0
end

-- Was every session accepted that was offered, and not only the younger ones?
local function all_resume(result)
  for _, counts in pairs(result.designs or {}) do
    if counts.refused > 0 then
      return false
    end
  end
  return is_shared(result)
end

-- By which mechanisms every session resumes, unless that is by all, and what that means.
local function shared_words(summary, means)
  local shared, all = nouns_of(summary, all_resume)
  if #shared == 0 then
    return "Sessions resume while they are young, and are forgotten soon."
  end
  return ("Every session resumes%s: %s."):format(all and "" or " by " .. vocabulary.enumerate(shared), means)
end

local function is_of_worthless(finding)
  return finding.code == "no_resumption" and finding.reason == "issued_not_accepted"
end

-- Sessions of some mechanisms are issued and worth nothing, and those of others resume: the former decide.
local function worthless_words(summary)
  local worthless, shared = nouns_of(summary, is_worthless), nouns_of(summary, is_shared)
  return #worthless > 0 and #shared > 0 and (("%ss are issued and never accepted; only %ss resume."):format(
    table.concat(worthless, "s and "), table.concat(shared, "s and ")):gsub("^%l", string.upper)) or nil
end

-- Session IDs that resume, for one reason or another: servers that share no keys may share a cache.
local function may_share_cache(summary)
  local ids = (summary.mechanisms or {}).session_id
  return ids and ids.verdict == "inconclusive" and (ids.supposed == "all_shared" or ids.supposed == "sticky_session_id")
end

-- A share is that of the mechanism which decides.
local function bad_member_words(summary, nouns)
  if summary.member and summary.member.share > findings.MOST then
    return MOST_DO_NOT:format(#nouns > 0 and " by " .. mechanisms[summary.decided_by].noun or "")
  elseif #nouns > 1 then
    return PERHAPS_ONE:format(table.unpack(nouns)) -- two, as another mechanism is in order
  end
  local decisive = (summary.mechanisms or {})[summary.decided_by]
  local headline = HEADLINES.bad_member:format(#nouns > 0 and " by " .. nouns[1] or "")
  return decisive and decisive.strangers and headline:sub(1, -2) .. ", and the others share nothing." or headline
end

local function headline_of(summary, met)
  if met.stickiness_unknown then
    return shared_words(summary, "all servers share them, or each client always meets the same server")
  elseif summary.verdict == "all_shared" and (met.some_issue_none or met.mixed_configuration) then
    return shared_words(summary, "the servers share them")
  elseif summary.verdict == "nothing_shared" and may_share_cache(summary) then
    return "The servers behind this address do not share their ticket keys; whether they share their session caches is "
      .. "not certain."
  elseif turns_exceed_groups(summary) then
    return "The servers behind this address, or groups of them, share nothing with one another."
  elseif summary.verdict == "rotated" and summary.scope == "some" then
    return "Some servers came, were restarted or got another ticket key while the scan ran: they do not accept the "
      .. "others' sessions."
  elseif summary.verdict == "bad_member" then
    return bad_member_words(summary, fails_by(summary))
  end
  return HEADLINES[summary.verdict]
end

--- The verdict in words.
-- @tparam table summary of resum.analysis.pool.whole
-- @treturn string headline: what it means
-- @treturn {string,...} evidence: what speaks for it, and what else was found
function M.of(summary)
  local evidence, more = {}, more_words(summary)
  if summary.verdict ~= "no_resumption" and not (more and summary.reason == "rivals") then
    append(evidence, vocabulary.pool_reasons[summary.reason])
  end
  append(evidence, more)
  append(evidence, group_words(summary))
  append(evidence, member_words(summary))
  append(evidence, routing_words(summary))
  local worthless = summary.verdict == "no_resumption" and worthless_words(summary)
  local met = finding_words(summary, evidence, worthless and is_of_worthless)
  return worthless or headline_of(summary, met), evidence
end

local QUICK = {
  healthy = "Every session resumed%s: a server that does not share is all but ruled out%s.",
  broken = "Sessions are refused: not all servers behind this address share them, or each is good for one connection.",
  no_resumption = "Nothing is ever resumed: no session is issued, or none is accepted.",
  inconclusive = "There were too few answers to be certain.",
  not_applicable = "The server does not speak the version of TLS that this takes.",
}

-- Mechanisms that are in order, and those whose sessions are issued and were never accepted.
local function sorted(quick)
  local healthy, unaccepted = {}, {}
  for _, name in ipairs(mechanisms.names) do
    local result = quick[name]
    local list = result and (result.verdict == "healthy" and healthy or result.refused > 0 and unaccepted)
    if list then
      list[#list + 1] = mechanisms[name].noun
    end
  end
  return healthy, unaccepted
end

--- The verdict of the quick check in words.
-- @tparam table summary of resum.scan.quick: verdict, findings, quick
-- @treturn string headline
-- @treturn {string,...} evidence
function M.of_quick(summary)
  local evidence, by = {}, ""
  local sticky = finding_words(summary, evidence).stickiness_unknown
  local healthy, unaccepted = sorted(summary.quick)
  if summary.verdict == "healthy" and #unaccepted > 0 then -- it speaks for itself alone
    by = " by " .. vocabulary.enumerate(healthy)
    table.insert(evidence, 1, ("The server issues a %s, and never accepted one."):format(
      table.concat(unaccepted, " or a ")))
  end
  return QUICK[summary.verdict]:format(by,
    sticky and ", unless each client always meets the same server" or ""), evidence
end

return M
