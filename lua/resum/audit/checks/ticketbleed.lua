-- Does the server answer a short session ID with a longer one, filled up with memory (CVE-2016-9244)? It offers a
-- ticket with session IDs of several lengths and looks at the one in the ServerHello.

local core = require "resum.core"
local poll = require "resum.audit.poll"
local random = require "resum.util.random"

local M = {
  id = "ticketbleed",
  title = "Does the server leak memory behind a short session ID?",
  severity = "critical",
  class = "active",
  sources = { "CVE-2016-9244", "RFC 5077, section 3.4" },
  advice = "Install the update that CVE-2016-9244 names for the product; until then, switch session tickets off.",
}

-- Lengths of session IDs. Of 16 bytes on, a new ID that begins like ours by chance is out of the question; the single
-- byte comes last and never decides alone.
M.LENGTHS = { 16, 31, 1 }
local SERIES = 3 -- connections of each length; for each group of servers more, as chance brings its sessions to it
local MOST_GROUPS = poll.MOST_MEMBERS
local LEAST_DECIDES = 16 -- bytes
local BYTE = "\xa5"
local CIPHER = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" -- what nearly all servers of TLS 1.2 have
local SECRET, TICKET, LIFETIME = 48, 192, 7200 -- of an invented session: bytes, bytes as OpenSSL's have, seconds

M.reasons = {
  leaks = function(evidence)
    return ("session IDs of %d bytes come back with %d more, which differ from one connection to the next"):format(
      evidence.sent_bytes, evidence.more_bytes)
  end,
  constant_tail = function(evidence)
    return ("session IDs of %d bytes come back with %d more, always the same"):format(evidence.sent_bytes,
      evidence.more_bytes)
  end,
  exact_echo = "short session IDs come back as they were sent, or the server makes new ones",
  no_answer = "the server answered none of the hellos with an unusual session ID",
  no_old_version = "the server does not speak TLS 1.2 or older",
}

-- What stands behind our bytes; nil where the server's ID is another, or no longer than ours.
local function tail_of(answer)
  local sent, got = answer.sent, answer.received
  return got and #got > #sent and got:sub(1, #sent) == sent and got:sub(#sent + 1) or nil
end

--- What one length's connections tell.
-- @tparam {table,...} series sent and received (session IDs; nil where no ServerHello came) of each
-- @treturn string "good", "leaks", "constant", "silent" (no answer), "unclear" (some answers are like that, some not)
-- @treturn integer bytes behind ours, 0 for none
-- @treturn integer connections that were answered so
function M.read_series(series)
  local tails, answered, differ = {}, 0, false
  for _, one in ipairs(series) do
    answered = answered + (one.received and 1 or 0)
    local tail = tail_of(one)
    if tail then
      differ = differ or tails[1] ~= nil and tails[1] ~= tail
      tails[#tails + 1] = tail
    end
  end
  if answered == 0 then
    return "silent", 0, 0
  elseif #tails == 0 then
    return "good", 0, 0
  elseif differ then
    return "leaks", #tails[1], #tails
  end
  return #tails >= 2 and "constant" or "unclear", #tails[1], #tails
end

--- What all lengths come to.
-- @tparam {table,...} all series, in the order of M.LENGTHS; one that is good ends it
-- @treturn table verdict, reason, evidence
function M.decide(all)
  local suspect, answered
  for _, series in ipairs(all) do
    local read, more, leaking = M.read_series(series)
    local sent = #series[1].sent
    local evidence = { sent_bytes = sent, more_bytes = more, connections = #series }
    if read == "good" then
      return { verdict = "good", reason = "exact_echo", evidence = { sent_bytes = sent, connections = #series } }
    elseif read == "leaks" and sent >= LEAST_DECIDES then
      return { verdict = "bad", reason = "leaks", evidence = evidence,
        share = leaking < #series and leaking / #series or nil }
    elseif sent >= LEAST_DECIDES and (read == "constant" or read == "unclear") then
      suspect = suspect or evidence
    end
    answered = answered or read ~= "silent"
  end
  if suspect then
    return { verdict = "inconclusive", reason = "constant_tail", evidence = suspect }
  end
  return { verdict = "inconclusive", reason = answered and "connection_failed" or "no_answer" }
end

local function invented(version, cipher)
  return assert(core.session({ version = version, cipher = cipher, secret = random.bytes(SECRET),
    ticket = random.bytes(TICKET), lifetime_s = LIFETIME, id = BYTE:rep(M.LENGTHS[1]) }))
end

-- A ticket that the server issued; where it issues none, or would not shake hands, an invented one. And whether it is
-- known to refuse the version.
local function any_session(context)
  local tickets = context.evidence:tickets_of("ticket")
  if tickets[#tickets] and tickets[#tickets].session then
    return tickets[#tickets].session, false
  end
  local session, records = context:session("ticket")
  if session and session:fields().ticket then
    return session, false
  end
  local last = records[#records]
  if last.outcome == "full" then
    return invented(last.version, last.cipher), false
  end
  return invented("TLSv1.2", CIPHER), last.outcome == "alert"
end

-- The sessions that are offered, and each of them how often in a series: one of each server, where there are several
-- with keys of their own. A server that does not know the ticket has nothing to leak.
local function sessions_of(context)
  local turns, members = poll.turns_of(context, "ticket"), context.evidence:members("ticket")
  local list, rounds = {}, poll.rounds(context, "ticket")
  for i = 1, turns and turns.period or rounds > 1 and math.min(#members, MOST_GROUPS) or 0 do
    local session
    if turns then
      session = context:session("ticket")
    else
      session = context:session_of("ticket", members[i].letter, rounds)
    end
    list[#list + 1] = session and { session = session, share = turns and 1 / turns.period or members[i].share }
  end
  if #list > 0 then
    return list, turns and SERIES or math.max(SERIES, rounds), false
  end
  local session, is_refused = any_session(context)
  -- A leak may be one server's, whatever resumes there: of several that another mechanism shows, each is met twice.
  local period, met = context.turns and context.turns.period or 1, poll.rounds(context, "psk")
  return { { session = session } }, math.max(SERIES * period, rounds, met > 1 and 2 * met or 1), is_refused
end

local function ask(context, one, length)
  local sent = BYTE:rep(length)
  local record = context:attempt({ mechanism = "ticket", session = assert(one.session:derive({ id = sent })),
    origin = one.session, take_sessions = false })
  local facts = record.facts or {}
  return { sent = sent, received = facts.session_id_sent == sent and facts.session_id or nil, of = one,
    resumed = record.outcome == "resumed" }
end

-- What a length of session IDs brings. One server gives one answer; so does, of several, the one that made a session
-- and resumes it. (In strict turns each is met as often.) Where nobody knows whose a session is, all are asked on.
local function ask_series(context, sessions, times, length)
  local series, is_met, left = {}, {}, #sessions
  for _ = 1, times do
    for _, session in ipairs(sessions) do
      local answer = not is_met[session] and ask(context, session, length)
      series[#series + 1] = answer or nil
      is_met[session] = is_met[session] or times > SERIES and session.share ~= nil and answer.resumed
        and tail_of(answer) == nil
      left = left - (answer and is_met[session] and 1 or 0)
    end
    if left == 0 or times == SERIES and #sessions == 1 and M.read_series(series) == "good" then
      return series
    end
  end
  return series
end

-- The share of the servers whose sessions come back with more; nil where that is not known, or it is all of them.
local function share_of(series, sessions)
  local met, sum, count = {}, 0, 0
  for _, answer in ipairs(series) do
    if tail_of(answer) and not met[answer.of] then
      met[answer.of], sum, count = true, sum + (answer.of.share or 0), count + 1
    end
  end
  return count < #sessions and sum or nil
end

-- Is it known that each of the sessions has met the server that made it, and so resumed? Of one server the scans have
-- shown that they do.
local function has_met(context, series, sessions)
  local met, count = {}, 0
  for _, answer in ipairs(series) do
    count = count + (answer.resumed and not met[answer.of] and 1 or 0)
    met[answer.of] = met[answer.of] or answer.resumed
  end
  return count == #sessions or poll.rounds(context, "ticket") == 1
end

--- @tparam table context see resum.audit.context
-- @treturn {table,...} what was found
function M.run(context)
  local sessions, times, is_refused = sessions_of(context)
  local all = {}
  for i, length in ipairs(M.LENGTHS) do
    all[i] = ask_series(context, sessions, times, length)
    local read = M.read_series(all[i])
    if read == "silent" and is_refused then
      return { { verdict = "not_applicable", reason = "no_old_version" } }
    elseif read == "good" then
      break
    end
  end
  local found = M.decide(all)
  if found.verdict == "good" and not context:resumes("ticket") then
    return { { verdict = "not_applicable", reason = "does_not_resume", evidence = { sessions = "TLS 1.2 tickets" } } }
  elseif found.verdict == "good" and not has_met(context, all[#all], sessions) then
    return { { verdict = "inconclusive", reason = "not_met" } }
  end
  if found.verdict == "bad" and #sessions > 1 then
    found.share = share_of(all[#all], sessions)
  end
  return { found }
end

function M.connections(options)
  return 1 + options.retries + (#M.LENGTHS + 1) * poll.MOST_ROUNDS * MOST_GROUPS
end

return M
