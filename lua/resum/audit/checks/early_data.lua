-- Does a server take requests before the handshake is done, and the same one twice? A GET is sent as early data under
-- fresh sessions; where that is taken, once more with a ticket's age that can't be true, under another application
-- protocol and another name than the session's; and, where it was asked for, with more bytes than the ticket allows,
-- and the same bytes again and again.

local answers = require "resum.audit.answer"
local poll = require "resum.audit.poll"
local random = require "resum.util.random"
local session_age = require "resum.connection.session_age"
local tables = require "resum.util.tables"

local M = {
  id = "early-data",
  title = "Does a server take requests before the handshake is done, and the same one twice?",
  severity = "medium",
  class = "active",
  sources = { "RFC 9846, sections 4.3.10 and 8", "RFC 8470" },
  advice = "Switch early data off; or keep what was seen (single-use tickets, or ClientHellos in a window of time), "
    .. "and answer what is not safe to repeat with 425 (Too Early).",
}

local TRIES = 3 -- sessions: a server may take none for a while after it was started (NSS 10 s; GnuTLS its first)
--- How often the same bytes are sent.
M.SENDS = 5
-- Seconds by which the ticket's age is wrong: an hour and more than any window that was met (BoringSSL has 60 s).
local AGE_OFF = 4000
local TOO_EARLY = 425
local PROTOCOL, OTHER_PROTOCOL = "http/1.1", "resum-other"
local OTHER_NAME = "resumption-test.invalid" -- a name that nobody has (RFC 6761, section 6.4)
-- Bytes beyond what a ticket allows, so that it is not a matter of how they are counted (with padding, or without); and
-- the most that we send.
local BEYOND, MOST_SENT = 1024, 65536

M.reasons = {
  not_allowed = "tickets allow no early data",
  rejected = function(evidence)
    return ("tickets allow early data, and it was rejected %d of %d times"):format(evidence.rejected, evidence.sent)
  end,
  accepted = function(evidence)
    return ("early data is taken (%s)"):format(evidence.answer)
  end,
  accepted_once = function(evidence)
    return ("early data is taken, and the same bytes %s of %d times"):format(
      evidence.accepted > 0 and "once" or "none", evidence.sent)
  end,
  replayed = function(evidence)
    return ("the same early data was taken %d of %d times (%s)"):format(evidence.accepted, evidence.sent,
      evidence.answer)
  end,
  replayed_sometimes = function(evidence)
    return ("the same early data was taken %d of %d times: more than once by one server, or once by several"):format(
      evidence.accepted, evidence.sent)
  end,
  age_not_checked = "early data is taken under a ticket whose age is wrong by more than an hour",
  other_protocol = "early data is taken although the application protocol is another one than the session's",
  other_name = "early data is taken although the server name is another one than the session's",
  more_than_allowed = function(evidence)
    return ("%d bytes of early data are taken, and the ticket allows %d"):format(evidence.sent, evidence.allowed)
  end,
  mixed_answers = function(evidence)
    return ("early data was taken once %s, and not again"):format(evidence.question)
  end,
}

--- One server takes 21 at most, and 31 with what is intrusive.
function M.connections(options)
  local of_early_data = 3 * poll.MOST_ROUNDS + options.retries + answers.ENDS * (2 * poll.CONNECTIONS
    + poll.CONNECTIONS_ANY)
  return of_early_data + (options.intrusive and 1 + M.SENDS + answers.ENDS * poll.CONNECTIONS
    + 2 * poll.MOST_MEMBERS * poll.MOST_ROUNDS or 0)
end

local function allows(session)
  return session:fields().max_early_data > 0
end

-- Seconds since the session came; at this moment it is the age that a client would send.
local function age_of(context, session)
  return session_age.of(session, context.host.now())
end

local function obfuscated(session, age_s)
  return math.floor(session:fields().age_add + 1000 * age_s) % 4294967296
end

local function new_session(context)
  return (context:session("psk"))
end

-- A request of the same meaning, with so many bytes; nil where that is more than we send, or less than it has. (A
-- server says what it allows: it may be 4 GiB.)
local function lengthened(request, length)
  if length > MOST_SENT then
    return nil
  end
  local head = request:match("^(.*\r\n)\r\n$")
  local filler = "X-Filler: "
  return head and #request + #filler + 2 < length
    and head .. filler .. ("x"):rep(length - #request - #filler - 2) .. "\r\n\r\n" or nil
end

-- Sends a GET as early data. Gives the record, and whether the data was taken; nil where the handshake failed. With
-- hears_out an end of the connection refuses it where it comes again and again.
local function send(context, session, offer, hears_out)
  local client = context.client
  offer.early_data = offer.early_data or client.dialer:who_are_you(client.server_name or client.address)
  local method = hears_out and "hear_out" or "attempt"
  local record, is_end = context[method](context, { mechanism = "psk", session = session, engine = "probe",
    offer = offer, request = offer.data and "" or nil })
  if is_end then
    return record, false
  elseif record.outcome ~= "resumed" and record.outcome ~= "refused" then
    return record, nil
  end
  return record, record.outcome == "resumed" and record.facts.early_data == true
end

local function answer_of(record)
  local response = record.response
  return response and response.status and "HTTP " .. response.status or response and "an answer" or "no answer"
end

-- A fresh session's early data, as a client sends it. Where several servers take turns, only one that resumes has
-- rejected it: the others don't know the session.
local function try_fresh(context, session)
  local sent, failed, rejected, rounds = 0, 0, 0, poll.rounds(context, "psk")
  for i = 1, math.max(TRIES, rounds) do
    session = i == 1 and session or new_session(context)
    if session then
      local record, taken = send(context, session, { data = true })
      sent, failed = sent + 1, failed + (taken == nil and 1 or 0)
      rejected = rejected + (taken == false and (rounds == 1 or record.outcome == "resumed") and 1 or 0)
      if taken then
        return record
      end
    end
  end
  if rejected == 0 then
    return nil, { verdict = "inconclusive", reason = sent > failed and "not_met" or "connection_failed" }
  end
  return nil, { verdict = "info", reason = "rejected", evidence = { sent = rejected + failed, rejected = rejected } }
end

-- Is it taken in an odd offer as well, with two sessions? make(session) gives the offer, or nil where there is none.
-- Nil where that can't be told; and where, see resum.audit.poll.
local function is_taken(context, make, obtain, is_special)
  return poll.ask(context, "psk", function(session)
    local offer = allows(session) and make(session)
    if not offer then
      return false
    end
    local record, taken = send(context, session, offer, true)
    if taken == nil then
      return record.outcome ~= "alert" and nil
    end
    return taken and (not offer.data or record.response ~= nil)
  end, obtain and function()
    return obtain(context)
  end, is_special)
end

-- A session that was made under a protocol; nil where the server agrees to none.
local function session_of_protocol(context)
  local session = context:session_offering("psk", { alpn = { PROTOCOL } })
  return session and session:fields().alpn and session
end

-- Of another connection's, where that did not offer all it got: it costs no handshake.
local function spare_session(context)
  return context:spare_session("psk")
end

-- A request that is longer than a ticket allows; nil where we don't send so much.
local function too_long(context, allowed)
  local client = context.client
  return lengthened(client.dialer:who_are_you(client.server_name or client.address), allowed + BEYOND)
end

-- The odd offers, in order: words for the question, whether it is asked (by default yes), the offer that is made of a
-- session, where the session comes from (is_special: from nowhere else), and what is found.
local QUESTIONS = {
  { words = "under a wrong age", make = function(context, session)
    return { obfuscated_ticket_age = obfuscated(session, age_of(context, session) + AGE_OFF) }
  end, found = { verdict = "bad", severity = "low", reason = "age_not_checked" }, evidence = function()
    return { off_s = AGE_OFF }
  end },
  -- RFC 9846 leaves the name to the server, and OpenSSL takes none under another.
  { words = "under another name", is_asked = function(context)
    return context.client.server_name ~= nil
  end, make = function()
    return { server_name = OTHER_NAME }
  end, obtain = spare_session, found = { verdict = "info", reason = "other_name" } },
  -- Taken where the request is answered all the same: "SHOULD terminate" (section 4.3.10).
  { words = "beyond what the ticket allows", is_asked = function(context, allowed)
    return context.options.intrusive and too_long(context, allowed) ~= nil
  end, make = function(context, session)
    local request = too_long(context, session:fields().max_early_data)
    return request and { early_data = request, data = true }
  end, obtain = spare_session, found = { verdict = "info", reason = "more_than_allowed" },
    evidence = function(context, allowed)
      return { sent = #too_long(context, allowed), allowed = allowed }
    end },
  -- Last: sessions that are left over from here have a protocol.
  { words = "under another application protocol", make = function()
    return { alpn = { OTHER_PROTOCOL } }
  end, obtain = session_of_protocol, is_special = true,
    found = { verdict = "bad", severity = "medium", reason = "other_protocol" } },
}

-- What an odd offer comes to: a finding, or nil.
local function answer_to(context, question, allowed)
  if question.is_asked and not question.is_asked(context, allowed) then
    return nil
  end
  local had_session = not question.is_special
  local taken, where = is_taken(context, function(session)
    return question.make(context, session)
  end, question.obtain and function()
    local session = question.obtain(context)
    had_session = had_session or session
    return session
  end, question.is_special)
  if taken then
    local evidence = question.evidence and question.evidence(context, allowed)
    return tables.merged(question.found, { evidence = evidence, group = where.group, share = where.share })
  elseif taken == nil and had_session then
    return { verdict = "inconclusive", reason = where.why,
      evidence = { question = question.words } }
  end
end

-- The same bytes: with the same random, session ID, key share and age. (Their answers are not looked at: the base point
-- is a key share that anybody knows the secret of.)
-- Until so many were sent, or were taken. Gives how often they were taken, how often answered, and how often the
-- session resumed without them.
local function replay(context, session, most, enough)
  if not session or not allows(session) then
    return 0, 0, 0
  end
  local offer = { random = random.bytes(32), session_id = random.bytes(32), key_share = "base_point",
    obfuscated_ticket_age = obfuscated(session, age_of(context, session)) }
  local accepted, answered, rejected = 0, 0, 0
  for _ = 1, most do
    local record, taken = send(context, session, offer)
    accepted, answered = accepted + (taken and 1 or 0), answered + (taken ~= nil and 1 or 0)
    rejected = rejected + (taken == false and record.outcome == "resumed" and 1 or 0)
    if accepted == enough then
      break
    end
  end
  return accepted, answered, rejected
end

--- What the replays come to.
-- @tparam integer accepted
-- @tparam integer sent that were answered
-- @tparam table first record of the early data that was taken
-- @tparam[opt] integer groups of servers that take turns by chance: each may take it once, and most don't know the
--   session
-- @tparam[opt=0] integer rejected how often the session resumed, so that its server was met, and they were not taken
-- @treturn table finding
function M.decide(accepted, sent, first, groups, rejected)
  local answer = answer_of(first)
  local evidence = { accepted = accepted, sent = sent, answer = answer }
  if sent < 2 then
    return { verdict = "inconclusive", reason = "connection_failed" }
  elseif groups and accepted + (rejected or 0) == 0 then
    return { verdict = "inconclusive", reason = "not_met" }
  elseif accepted == sent or groups and accepted > groups then
    local is_guarded = first.response and first.response.status == TOO_EARLY
    return { verdict = "bad", reason = "replayed", severity = is_guarded and "medium" or "high", is_intrusive = true,
      evidence = evidence }
  elseif accepted > 1 then
    return { verdict = "inconclusive", reason = "replayed_sometimes", evidence = evidence }
  end
  return { verdict = "info", reason = "accepted_once", evidence = evidence }
end

-- A session that allows early data: some servers of several may allow none. Gives the last one that was had, too.
local function allowing_session(context)
  local last
  for _ = 1, poll.rounds(context, "psk") do
    local session = new_session(context)
    last = session or last
    if session and allows(session) then
      return session, session
    end
  end
  return nil, last
end

-- From what tells least.
local WEIGHT = { connection_failed = 0, accepted_once = 1, not_met = 2, replayed_sometimes = 3, replayed = 4 }

-- Of two findings the one that tells more: of those that say the same, the one where more was taken.
local function graver(one, other)
  local function taken(found)
    return found.evidence and found.evidence.accepted or 0
  end
  if WEIGHT[one.reason] == WEIGHT[other.reason] then
    return taken(one) > taken(other) and one or other
  end
  return WEIGHT[one.reason] > WEIGHT[other.reason] and one or other
end

-- The same bytes again, where chance chooses the server: for each group, with a session of its own.
local function replay_by_chance(context, first, members)
  local share, worst = 0, nil
  for i = 1, math.min(#members, poll.MOST_MEMBERS) do
    local session = context:session_of("psk", members[i].letter, poll.MOST_ROUNDS)
    local accepted, sent, rejected = replay(context, session, poll.MOST_ROUNDS, #members + 1)
    local one = M.decide(accepted, sent, first, #members, rejected)
    share = share + (one.reason == "replayed" and members[i].share or 0)
    worst = graver(one, worst or one)
  end
  worst.share = share > 0 and share < 0.999 and share or nil
  return worst
end

-- The same bytes again; where servers take turns, to each of them, with a session of its own.
local function replay_to_all(context, first)
  local turns, members = poll.turns_of(context, "psk"), context.evidence:members("psk")
  if #members > 1 and poll.is_divided(context, "psk") then
    return replay_by_chance(context, first, members)
  end
  local count, taken, worst = turns and turns.period or 1, 0, nil
  for _ = 1, count do
    local accepted, sent = replay(context, new_session(context), M.SENDS)
    local one = M.decide(accepted, sent, first)
    taken = taken + (one.reason == "replayed" and 1 or 0)
    worst = graver(one, worst or one)
  end
  worst.share = taken > 0 and taken < count and taken / count or nil
  return worst
end

-- What the first early data that was taken, and the same bytes again, come to.
local function once_or_more(context, first)
  if context.options.intrusive then
    return replay_to_all(context, first)
  end
  return { verdict = "info", reason = "accepted", evidence = { answer = answer_of(first) } }
end

--- @tparam table context see resum.audit.context
-- @treturn {table,...} findings
function M.run(context)
  if not context:resumes("psk") then
    return { { verdict = "not_applicable", reason = "does_not_resume", evidence = { sessions = "TLS 1.3 tickets" } } }
  end
  local session, any = allowing_session(context)
  if not session then
    return { any and { verdict = "not_applicable", reason = "not_allowed" }
      or { verdict = "inconclusive", reason = "connection_failed" } }
  end
  local first, found = try_fresh(context, session)
  if not first then
    return { found }
  end
  local list, allowed = { once_or_more(context, first) }, session:fields().max_early_data
  local has_failed = list[1].reason == "connection_failed"
  for _, question in ipairs(QUESTIONS) do
    local one = answer_to(context, question, allowed)
    if one and not (has_failed and one.reason == "connection_failed") then -- it is enough to say that once
      list[#list + 1] = one
    end
    has_failed = has_failed or one ~= nil and one.reason == "connection_failed"
  end
  return list
end

return M
