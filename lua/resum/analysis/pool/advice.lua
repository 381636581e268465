-- Verdicts in words: what they mean, and what to do about it, with the names of the directives. Pure.

local mechanisms = require "resum.connection.mechanism"

local M = {}

local TICKET_KEYS = "Give all servers one file of ticket keys and renew it often, the old key staying good for one "
  .. "more round (nginx: ssl_session_ticket_key, several files, the first issues; HAProxy: tls-ticket-keys on the bind "
  .. "line; Apache: SSLSessionTicketKeyFile; Envoy: session_ticket_keys of the DownstreamTlsContext)."
local ONE_CERTIFICATE = "Give all servers the same certificate: nginx takes a session only under the certificate "
  .. "under which it was issued."
local SAME_VERSIONS = "Let all servers speak the same versions of TLS (nginx: ssl_protocols; HAProxy: ssl-min-ver and "
  .. "ssl-max-ver; Apache: SSLProtocol; Envoy: tls_minimum_protocol_version and tls_maximum_protocol_version)."
local SHARED_CACHE = "Session IDs need one cache for all servers (Apache: SSLSessionCache with memcache or redis); "
  .. "nginx's ssl_session_cache shared:NAME:SIZE and HAProxy's tune.ssl.cachesize are caches of one machine (builtin: "
  .. "of one nginx worker). Tickets need none."
local SWITCH_ON = "Switch resumption on (nginx: ssl_session_cache shared:SSL:10m and ssl_session_tickets on; HAProxy: "
  .. "leave out no-tls-tickets and tune.ssl.cachesize 0; Apache: SSLSessionCache shmcb:FILE and SSLSessionTickets on; "
  .. "Envoy: leave out disable_stateless_session_resumption)."

local LEFT_OUT = "Find out which servers were left out (the letters stand for their ticket keys)."

local HEADLINES = {
  all_shared = "All servers share their sessions, or there is one server: these two can't be told apart from outside.",
  keys_shared_caches_not = "The servers, or the processes of one, share their ticket keys, but not their session "
    .. "caches.",
  caches_shared_keys_not = "The servers share their session cache, but not their ticket keys.",
  nothing_shared = "The servers behind this address share nothing.",
  sticky_source = "The servers share nothing, and the balancer hides it: each client address meets the same server.",
  sticky_session_id = "The servers share nothing; the balancer leads a session ID back to its server, and tickets not.",
  bad_member = "A member of the pool does not resume.",
  mixed_groups = "Some of the servers share their sessions, and some do not.",
  no_resumption = "Nothing is ever resumed.",
  rotated = "While the scan ran, ticket keys changed or a server restarted: older sessions are worth nothing since.",
  inconclusive = "The attempts do not tell what stands behind this address.",
}

local ADVICE = {
  all_shared = { "Nothing to do." },
  keys_shared_caches_not = { "Clients with tickets are well served.", SHARED_CACHE },
  caches_shared_keys_not = { TICKET_KEYS },
  nothing_shared = { TICKET_KEYS, SHARED_CACHE },
  sticky_source = { "A client whose address changes, or a balancer that is reconfigured, loses every session.",
    TICKET_KEYS, SHARED_CACHE },
  sticky_session_id = { "Today's clients use tickets and TLS 1.3: these are not led back.", TICKET_KEYS },
  bad_member = { "Compare its configuration with the others'.", SWITCH_ON },
  mixed_groups = { LEFT_OUT, TICKET_KEYS },
  no_resumption = { SWITCH_ON },
  rotated = { "Scan again. If it is so each time: renew keys with the old one still accepted.", TICKET_KEYS },
  inconclusive = { "Scan again, with more --attempts or a longer --timeout." },
}

local SPLIT = { nothing_shared = true, mixed_groups = true, caches_shared_keys_not = true }
local ABOUT_KEYS = { [TICKET_KEYS] = true, [LEFT_OUT] = true }

local REASONS = {
  errors = "Too many connections failed.",
  too_few_attempts = "There were too few attempts.",
  no_attempts = "No attempt was made.",
  rare_exception = "One attempt was refused and nothing explains it.",
  not_issued = "No session is issued.",
  issued_not_accepted = "Sessions are issued and never accepted.",
}

local function percent(share)
  return ("%.0f %%"):format(100 * share)
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
  local period = summary.routing_evidence and summary.routing_evidence.period
  if summary.routing == "round_robin" then
    return "The balancer takes turns" .. (period and (": every %d connections it starts anew."):format(period) or ".")
  elseif summary.routing == "random" then
    return "The balancer shows no order: the next server is as good as drawn by lot."
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

local function noun(finding)
  return finding.mechanism and mechanisms[finding.mechanism].noun .. "s" or "sessions"
end

local PROPERTIES = { leaf = "certificate", lifetime_s = "lifetime of tickets", extensions = "order of TLS extensions" }

local FINDINGS = {
  stickiness_unknown = function(finding)
    if finding.sources > 1 then
      return ("All attempts came from %d addresses: where the balancer sends each to the one or the other of two "
        .. "servers, all of them may meet the same one, in %s of the cases."):format(finding.sources,
        percent(2 ^ (1 - finding.sources)))
    end
    return "All attempts came from one address: a balancer that sends a client to the same server each time looks the "
      .. "same. --source ADDRESS, several times, tells them apart."
  end,
  mixed_configuration = function(finding)
    return ("The servers are not configured alike: the %s differs."):format(PROPERTIES[finding.property])
  end,
  no_resumption = function(finding)
    return ("By %s nothing is resumed at all."):format(noun(finding):gsub("s$", ""))
  end,
  inconclusive = function(finding)
    return ("About %s: %s"):format(noun(finding), REASONS[finding.reason] or "not certain.")
  end,
  others_share_nothing = function(finding)
    return ("The other members do not share their %s either."):format(
      finding.mechanism == "session_id" and "session cache" or "ticket keys")
  end,
  forgets = function(finding)
    return ("Old %s were forgotten while the scan ran: they live short, or the cache is small."):format(noun(finding))
  end,
  parted_by_certificate = function()
    return "Servers have the same ticket key and refuse each other's tickets, as their certificates differ."
  end,
  may_have_run_out = function()
    return "Only session IDs tell so: a server that keeps them for as short a time looks the same."
  end,
  connections_failed = function(finding)
    return ("About %s of the connections failed; a member that is down looks so."):format(percent(finding.share))
  end,
  group_came = function()
    return "A server, or a key, came while the scan ran."
  end,
  group_went = function()
    return "A server, or a key, went while the scan ran."
  end,
  keys_renewed = function(finding)
    return "Ticket keys were renewed while the scan ran, and old tickets stayed good"
      .. (finding.refused and "; servers that did not have the new key yet refused new ones: give it to all as a "
        .. "second key before the first server issues with it." or ".")
  end,
}

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
    list[#list + 1] = SWITCH_ON
  end
  return #list > 0 and list or ADVICE.all_shared
end

-- What else to do, or what to do instead, where it is the version or the certificate.
local function advice_of(summary)
  local list = ADVICE[summary.verdict]
  if summary.verdict == "all_shared" then
    return where_all_is_shared(summary)
  end
  if summary.member and summary.member.how == "other_version" then
    return { SAME_VERSIONS }
  end
  for _, finding in ipairs(summary.findings) do
    if finding.code == "parted_by_certificate" and SPLIT[summary.verdict] then
      local changed = { ONE_CERTIFICATE }
      for _, sentence in ipairs(list) do
        changed[#changed + 1] = not (finding.one_key and ABOUT_KEYS[sentence]) and sentence or nil
      end
      return changed
    end
  end
  return list
end

--- The verdict in words.
-- @tparam table summary of resum.analysis.pool.whole
-- @treturn string headline: what it means
-- @treturn {string,...} evidence: what speaks for it, and what else was found
-- @treturn string advice: what to do about it
function M.of(summary)
  local evidence, told = {}, {}
  append(evidence, REASONS[summary.reason])
  append(evidence, group_words(summary))
  append(evidence, member_words(summary.member, summary.decided_by))
  append(evidence, routing_words(summary))
  for _, finding in ipairs(summary.findings) do
    local sentence = FINDINGS[finding.code](finding)
    if not told[sentence] then
      told[sentence] = true
      append(evidence, sentence)
    end
  end
  return HEADLINES[summary.verdict], evidence, table.concat(advice_of(summary), " ")
end

return M
