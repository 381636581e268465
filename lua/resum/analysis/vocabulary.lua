-- What verdicts, reasons, errors and certificates are called: every code has its words here, and every report takes
-- them from here. Pure. What came from a server is returned as it came: whoever shows it escapes it.

local attempt_words = require "resum.analysis.attempt_words"
local mechanisms = require "resum.connection.mechanism"

local M = {}

for name, words in pairs(attempt_words) do
  M[name] = words
end

--- Verdicts on a mechanism.
M.verdicts = {
  supported = "supported",
  partially_supported = "partially supported",
  not_supported = "not supported",
  not_applicable = "not applicable",
  inconclusive = "inconclusive",
  not_tested = "not tested", -- what is inconclusive because no attempt was made
  not_finished = "not finished", -- and what is because there were too few
}

local ISSUED = { session_id = "session ID", ticket = "ticket", psk = "ticket" }
local SPOKEN = { session_id = "TLS 1.2 or older", ticket = "TLS 1.2 or older", psk = "TLS 1.3" }

--- Why a mechanism got its verdict: each code, as text or as a function of the mechanism's name. A code that is not
-- here does not exist.
M.reasons = {
  not_issued = function(mechanism)
    return ("no %s is issued"):format(ISSUED[mechanism])
  end,
  lifetime_zero = "issued with lifetime 0, so to be thrown away at once",
  issued_not_accepted = "issued, but never accepted",
  issued_not_always_accepted = "", -- what "partially" says
  alert_on_resumption = "the server answers an offered session with an alert",
  errors_on_resumption = "full handshakes work, but no connection that offered a session did",
  fails_on_resumption = "connections that offer a session fail more often than others",
  late_cache = "a session is refused at once, and taken a moment later",
  forgotten_at_request = "sessions are taken until their client sends a request, and refused then",
  single_use_tickets = function(mechanism)
    return ("each %s is good for one connection"):format(ISSUED[mechanism])
  end,
  single_use_not_renewed = function(mechanism)
    return ("each %s is good for one connection, and a resumed one brings no other"):format(ISSUED[mechanism])
  end,
  version_not_supported = function(mechanism)
    return "the server does not speak " .. SPOKEN[mechanism]
  end,
  breaks_with_tickets = "handshakes break where a ticket is asked for, and not without",
  no_attempts = "no attempt was made",
  interrupted = "the scan was over before there was enough to tell",
  no_answer = "no ticket came, and the server has not answered our request yet: --timeout waits longer for it, "
    .. "--request says something else",
  hung_up = "no ticket came, and the server hung up on our request: --request says something else",
  cut_short = "connections broke right after the handshake, before a ticket could come",
  timeout = "no answer in time",
  reset = "connections were reset",
  closed = "connections were closed in the middle",
  unreachable = "the server could not be reached any more",
  protocol_error = "answers broke the protocol",
  no_starttls = "STARTTLS was refused",
  alert = "the server ends handshakes with an alert",
}

--- Verdicts on what stands behind an address, the quick check's at the end.
M.pools = {
  all_shared = "all shared",
  keys_shared_caches_not = "keys shared, caches not",
  caches_shared_keys_not = "caches shared, keys not",
  nothing_shared = "nothing shared",
  mixed_groups = "shared by some",
  sticky_source = "nothing shared, sticky by client address",
  sticky_session_id = "nothing shared, sticky by session ID",
  bad_member = "a member does not resume",
  one_way = "accepted one way only",
  differs = "one key, configured differently",
  fails_on_resumption = "fails on resumption",
  late_cache = "cache written late",
  no_resumption = "no resumption",
  rotated = "keys changed",
  unexplained = "unexplained",
  inconclusive = "inconclusive",
  healthy = "in order",
  broken = "broken",
  not_applicable = "not applicable",
}

--- What an explanation says of the servers behind an address, as a clause: where more than one remains, each is named.
M.explanations = {
  all_shared = "all servers share their sessions",
  nothing_shared = "the servers share nothing",
  mixed_groups = "some servers share their sessions, and some do not",
  sticky_source = "the servers share nothing, and each client address always meets the same one",
  sticky_session_id = "the servers share nothing, and a session ID is led back to its server",
  bad_member = "one server does not resume",
  one_way = "sessions are accepted in one direction only",
  differs = "the servers have one key and are configured differently",
  late_cache = "the session cache is written too late",
  no_resumption = "nothing is ever resumed",
  rotated = "keys changed, or a server restarted, during the scan",
}

--- Which version of TLS has each mechanism.
M.versions = { psk = "TLS 1.3", ticket = "TLS 1.2", session_id = "TLS 1.2" }

--- Why a verdict on what stands behind an address is open, as a sentence. What speaks against every explanation
-- (resum.analysis.pool.misfit) is not among them.
M.pool_reasons = {
  like_nothing = "No known explanation fits much better than chance.",
  errors = "Too many connections failed.",
  may_fail = "Connections that offer a session failed more often than full handshakes, perhaps by chance.",
  too_few_attempts = "There were too few attempts.",
  no_attempts = "No attempt was made.",
  rivals = "More than one explanation remains.",
}

--- What servers can differ in.
M.properties = {
  leaf = "certificate",
  lifetime_s = "lifetime of tickets",
  extensions = "order of TLS extensions",
  cipher = "cipher suite",
  ems = "extended master secret",
}

--- Verdicts on whether the addresses of a name share their sessions.
M.across = {
  shared = "shared",
  not_shared = "not shared",
  partly = "shared in part",
  no_resumption = "no resumption",
  inconclusive = "inconclusive",
}

--- How sessions are chosen, as the question that is answered by it: an old session that is offered again, a fresh one
-- each time, a fresh one on the next connection, always the newest; and what a browser does.
M.questions = {
  fixed = "an older session, offered again",
  fresh = "older sessions, each offered once",
  pairs = "a new one, on the next connection",
  chain = "always the newest one",
  browser = "a browser: each ticket once",
}

--- What went wrong with a connection, or with a target: each code of an error or an outcome that is one. What is not
-- here is a plain word already.
M.failures = {
  timeout = "timeout",
  refused = "connection refused",
  reset = "reset",
  unreachable = "unreachable",
  eof = "ended by the server",
  closed = "closed by the server",
  alert = "alert",
  protocol_error = "protocol error",
  not_tls = "not TLS",
  too_much = "too much data",
  dh_too_large = "Diffie-Hellman group too large",
  injected = "clear text injected",
  unsupported = "beyond the probe",
  not_offered = "not offered",
  no_starttls = "STARTTLS refused",
  no_tunnel = "tunnel refused",
  busy = "busy",
  turned_away = "turned away",
  proxy = "proxy",
  interrupted = "interrupted",
  internal = "fault of resum",
  usage = "usage",
}

--- Whether the server wants a certificate of the client's.
M.client_certificates = {
  optional = "asked for; the handshake passes without one",
  required = "required: the handshake fails without one (--cert, --key)",
  accepted = "asked for, and ours was taken",
  refused = "asked for, and ours was refused",
  asked = "asked for; whether the handshake passes without one is not known",
}

--- What was offered where the usual ClientHello would not do.
M.client_hellos = {
  no_hybrid_share = "without a hybrid key share",
}

local INSTEAD_OF_SERVER_HELLO = {
  timeout = "no answer comes",
  reset = "the connection is reset",
  closed = "the connection is closed",
  alert = "an alert comes",
}

--- What the usual ClientHello met, and what was offered in its place.
-- @tparam table hello code, bytes, usual_bytes, usual_outcome: see resum.connection.smaller_hello
-- @treturn string "without a hybrid key share (317 bytes); with one (1552 bytes), as browsers have it, no answer comes"
function M.client_hello(hello)
  return ("%s (%d bytes); with one (%d bytes), as browsers have it, %s"):format(M.client_hellos[hello.code],
    hello.bytes, hello.usual_bytes, INSTEAD_OF_SERVER_HELLO[hello.usual_outcome])
end

local NOT_FOR_ERRORS = { no_attempts = "not_tested", interrupted = "not_finished" }

--- The code under which a verdict has its words: what is inconclusive for another reason than errors says so.
-- @tparam table verdict verdict, reason
-- @treturn string of M.verdicts
function M.verdict_shown(verdict)
  return NOT_FOR_ERRORS[verdict.reason] or verdict.verdict
end

local BEFORE_TLS = { no_starttls = "STARTTLS was refused", no_tunnel = "the proxy refused a tunnel",
  turned_away = "the server turned us away" }

--- What ended connections before TLS.
-- @tparam table|nil refusals connections, and code -> how many
-- @treturn {string,...} "STARTTLS was refused on 12 of 25 connections"
function M.before_tls(refusals)
  local list = {}
  for _, code in ipairs({ "no_starttls", "no_tunnel", "turned_away" }) do
    if refusals and refusals[code] then
      list[#list + 1] = ("%s on %d of %s"):format(BEFORE_TLS[code], refusals[code],
        M.count(refusals.connections, "connection"))
    end
  end
  return list
end

-- What becomes of a session that is spent, where it is no full handshake.
local AGAIN = {
  alert = "an alert",
  reset = "a reset",
  closed = "the end of the connection",
  timeout = "silence",
  unreachable = "a refused connection",
  protocol_error = "an answer that breaks the protocol",
  no_starttls = "a refusal of STARTTLS",
}

--- The reason of a verdict.
-- @tparam string mechanism its name
-- @tparam table verdict reason, again (see resum.analysis.single_use), alert (its name, where there is one)
-- @treturn string|nil
function M.reason(mechanism, verdict)
  if not verdict.reason then
    return nil
  end
  local words = M.reasons[verdict.reason]
  if type(words) == "function" then
    words = words(mechanism)
  end
  if verdict.again then
    words = ("%s; offered again, it is met with %s"):format(words, AGAIN[verdict.again])
  end
  return verdict.alert and ("%s (%s)"):format(words, verdict.alert:gsub("_", " ")) or words
end

--- What has to be known of a rate of sessions that were offered once each.
-- @tparam string mechanism its name
-- @tparam table rate design, reason, again, alert
-- @treturn string|nil
function M.single_use(mechanism, rate)
  if rate.design ~= "fresh" then
    return nil
  end
  local is_explained = rate.reason == "single_use_tickets" or rate.reason == "single_use_not_renewed"
  return is_explained and M.reason(mechanism, rate) or M.reasons.single_use_tickets(mechanism)
end

--- "1 error", "3 errors".
-- @tparam integer n
-- @tparam string one
-- @tparam[opt] string many
-- @treturn string
function M.count(n, one, many)
  return ("%d %s"):format(n, n == 1 and one or many or one .. "s")
end

--- How many attempts ended in an error, and in which.
-- @tparam table counts errors, error_kinds
-- @treturn string|nil
function M.errors(counts)
  if counts.errors == 0 then
    return nil
  end
  local kinds = {}
  for kind, n in pairs(counts.error_kinds) do
    kinds[#kinds + 1] = ("%s %d"):format(M.failures[kind] or kind, n)
  end
  table.sort(kinds)
  return ("%s (%s)"):format(M.count(counts.errors, "error"), table.concat(kinds, ", "))
end

--- Offers that count neither way, and why: another connection had to do with their session, and did not end in order.
-- @tparam table counts left_out (see resum.analysis.counting.left_out)
-- @treturn string|nil
function M.left_out(counts)
  if not counts.left_out then
    return nil
  end
  local sum, kinds = 0, {}
  for kind, n in pairs(counts.left_out) do
    sum, kinds[#kinds + 1] = sum + n, ("%s (%d)"):format(M.breaks[kind], n)
  end
  table.sort(kinds)
  return ("%s left out: another connection with the session %s"):format(M.count(sum, "offer"),
    table.concat(kinds, ", "))
end

--- How many of the attempts that were answered resumed; of all, where it is offers that fail: a client that has to come
-- again has not resumed.
-- @tparam table counts attempted, resumed, refused, failures
-- @treturn string|nil
function M.resumed(counts)
  if counts.attempted == 0 then
    return nil
  elseif counts.failures then
    return ("%d of %d resumed (of %d that were answered)"):format(counts.resumed, counts.attempted,
      counts.resumed + counts.refused)
  end
  return ("%d of %d resumed"):format(counts.resumed, counts.resumed + counts.refused)
end

-- "23 of 45".
local function share_words(tally)
  return ("%d of %d"):format(tally.failed, tally.made)
end

--- What shows the reason: the figures that were held against each other.
-- @tparam table verdict failures, usable_after_s
-- @treturn string|nil
function M.evidence(verdict)
  if verdict.failures then
    return ("%s failed, and %s full handshakes"):format(share_words(verdict.failures.offers),
      share_words(verdict.failures.full))
  elseif verdict.usable_after_s then
    return ("%g s later it resumes"):format(verdict.usable_after_s)
  end
end

local function tickets(n)
  return n % 1 == 0 and M.count(math.floor(n), "ticket") or ("%.1f tickets"):format(n)
end

--- How many tickets a server issues.
-- @tparam table browser see resum.scan.browser
-- @treturn string "2 tickets after a full handshake, 0 tickets after a resumed one"
function M.browser_tickets(browser)
  local words = tickets(browser.tickets_after_full) .. " after a full handshake"
  if browser.tickets_after_resumed then
    words = words .. (", %s after a resumed one"):format(tickets(browser.tickets_after_resumed))
  end
  return words
end

--- What a browser meets, that uses each ticket once.
-- @tparam table browser see resum.scan.browser
-- @treturn string "8 of 12 connections in a row resumed; 2 tickets after a full handshake, 0 after a resumed one"
function M.browser(browser)
  local words = ("%d of %s in a row resumed; %s"):format(browser.resumed,
    M.count(browser.attempted, "connection"), M.browser_tickets(browser))
  return words .. (browser.errors > 0 and "; " .. M.count(browser.errors, "error") or "")
end

--- How many full handshakes broke before a ticket could come.
-- @tparam table verdict cut_short, full_handshakes
-- @treturn string|nil
function M.cut_short(verdict)
  if verdict.cut_short and verdict.reason ~= "cut_short" then
    return ("%d of %s broke before a ticket could come"):format(verdict.cut_short,
      M.count(verdict.full_handshakes, "full handshake"))
  end
end

--- What the server handed out, as far as it says more than the verdict.
-- @tparam string mechanism its name
-- @tparam table verdict
-- @treturn string|nil
function M.issued(mechanism, verdict)
  if mechanism == "ticket" and verdict.ticket_length then
    local hint = verdict.lifetime_hint_s == 0 and "no lifetime hint"
      or ("lifetime hint %.0f s"):format(verdict.lifetime_hint_s)
    return ("%d-byte ticket, %s"):format(verdict.ticket_length, hint)
  elseif mechanism == "psk" and verdict.lifetime_s then
    return ("%s%s, lifetime %.0f s"):format(verdict.more_tickets and "at least " or "",
      M.count(verdict.tickets_issued, "ticket"), verdict.lifetime_s)
  end
end

--- A version of TLS.
-- @tparam string|nil version "TLSv1.2"
-- @treturn string "TLS 1.2"; "" where there is none
function M.version(version)
  return version and version:gsub("^TLSv", "TLS ") or ""
end

--- How the target was reached, where that was not at once.
-- @tparam table described see endpoints:describe
-- @treturn {string,...}
function M.way(described)
  local list = {}
  list[#list + 1] = described.starttls and "STARTTLS of " .. described.starttls or nil
  list[#list + 1] = described.proxy_protocol and ("with a PROXY header (version %d)"):format(described.proxy_protocol)
  list[#list + 1] = described.proxy and "through " .. described.proxy or nil
  return list
end

-- Where a message says at which stage it happened: that is left out, or put in words.
local STAGES = {
  { "connect: refused", "connection refused" },
  { "connect: reset", "connection reset" },
  { "connection: reset by the server", "the server reset the connection" },
  { "connect: ", "" },
  { "connection: ", "" },
  { "resolve: ", "" },
  { "handshake: ", "" },
}

--- An error in words for people, its next step included.
-- @tparam string message "connect: refused. Is the port right?"
-- @treturn string "connection refused. Is the port right?"
function M.failure(message)
  for _, one in ipairs(STAGES) do
    if message:sub(1, #one[1]) == one[1] then
      return one[2] .. message:sub(#one[1] + 1)
    end
  end
  return (message:gsub("^starttls (%S+): ", function(protocol)
    return protocol:upper() .. ": "
  end))
end

--- Why there is no result, or not a whole one.
-- @tparam table holder status, error: a result, or the entry of an address
-- @treturn string
function M.problem(holder)
  local what = holder.status == "unreachable" and "unreachable" or "error"
  return ("%s: %s"):format(what, holder.error and M.failure(holder.error.message) or "unknown")
end

--- "a, b and c".
-- @tparam {string,...} list
-- @treturn string
function M.enumerate(list)
  if #list < 2 then
    return list[1]
  end
  return table.concat(list, ", ", 1, #list - 1) .. " and " .. list[#list]
end

--- "a session ID, a ticket or a TLS 1.3 ticket", of nouns that begin with consonants.
-- @tparam {string,...} list
-- @treturn string
function M.any_of(list)
  local last = "a " .. list[#list]
  return #list < 2 and last or ("a %s or %s"):format(table.concat(list, ", a ", 1, #list - 1), last)
end

--- A share as a whole number of percent.
-- @tparam number share 0 to 1
-- @treturn string
function M.percent(share)
  return ("%.0f"):format(100 * share)
end

--- Which servers behind an address a finding is about.
-- @tparam table one group and share (0 to 1) of them, where they are known
-- @treturn string|nil "servers B, 33 % of the connections", or the latter alone; nil where it is about all
function M.servers(one)
  if one.group then
    return ("servers %s, %s %% of the connections"):format(one.group, M.percent(one.share))
  end
  return one.share and one.share < 1 and M.percent(one.share) .. " % of the connections" or nil
end

--- Says each piece of advice once: what stands at the head of a report, or was said before, is referred to.
-- @tparam[opt] {table,...} steps at the head, under "What to do" (see resum.analysis.overview)
-- @treturn function (advice): gives what to say in its place, in a sentence's words
function M.advice_once(steps)
  local said = {}
  for i, step in ipairs(steps or {}) do
    said[step.text] = #steps > 1 and ('see step %d of "What to do"'):format(i) or 'see "What to do"'
  end
  return function(advice)
    local words = said[advice] or advice
    said[advice] = said[advice] or "the same as above"
    return words
  end
end

--- An interval of shares, its ends rounded outwards: it must not promise more than was measured.
-- @tparam {number,number} interval
-- @tparam[opt=" to "] string between what stands between the ends, "-" where there is little room
-- @treturn string
function M.interval(interval, between)
  return ("%.0f%s%.0f %%"):format(math.floor(100 * interval[1] + 1e-9), between or " to ",
    math.ceil(100 * interval[2] - 1e-9))
end

--- The words of a code. One that a newer scan has, and this page does not know, is shown without its strokes.
-- @tparam string kind "designs", "outcomes", "kinds", "pools", …
-- @tparam string code
-- @treturn string
function M.say(kind, code)
  return M[kind][code] or (code:gsub("_", " "))
end

--- The mechanisms of a table, in the order in which reports show them.
-- @tparam table by_name mechanism -> anything
-- @treturn function iterator: name, value
function M.each_mechanism(by_name)
  local i = 0
  return function()
    repeat
      i = i + 1
    until not mechanisms.names[i] or by_name[mechanisms.names[i]]
    return mechanisms.names[i], by_name[mechanisms.names[i]]
  end
end

return M
