-- What happens to a client whose ticket the server does not know any more: after a change of keys, a restart, a move to
-- another implementation? It has to get a full handshake (RFC 5077, section 3.4; RFC 9846, 4.3.11). Tickets that no
-- server issued are offered, and every one that is answered with a failure is offered again, with a control between.

local random = require "resum.util.random"
local statistics = require "resum.util.statistics"

local M = {
  id = "unknown-ticket",
  title = "What happens to a client whose session the server does not know any more?",
  severity = "high",
  class = "active",
  sources = { "RFC 5077, sections 3.2 to 3.4", "RFC 9846, 4.3.11" },
  advice = "Answer a ticket that can't be read with a full handshake, as RFC 5077 and RFC 9846 ask: otherwise clients "
    .. "fail after every change of ticket keys.",
}

local SHORT = 10 -- bytes: less than any ticket that has a key's name and a MAC
local LONGER = 3 -- times
-- All extensions of a ClientHello have 65,535 bytes together (RFC 9846, section 4.1.2), of which ours take some 2,000:
-- what is longer can't be offered, and the failure would be ours.
local MOST_OFFERED = 65535 - 4096
local OTHERS_LENGTH = 96 -- bytes of ciphertext in a ticket of another implementation
--- How often a failure is seen again before it is believed. An alert is the server's word; a connection that ends or
-- stays silent may be lost: where 5 of 100 are, five in a row are lost with 3 in 10^7.
M.AGAIN = { alert = 1, other = 4 }
-- Behind a balancer some of the connections meet a server that is in order: asked three times for each group, one group
-- in three is met with 97 in 100 where turns are taken at random.
local POOL, LEAST_GROUPS, MOST_GROUPS = 3, 3, 4
local ID_LENGTH = 32 -- bytes of a session ID, as nearly all servers issue them
local SESSIONS = 2 -- that are tried before it is said that none resumes
local LOST = 0.05 -- connections that are lost by chance, at most, and what is more than chance
local BY_CHANCE = 1e-6

M.reasons = {
  full_handshake = function(evidence)
    return ("all of %d unknown sessions are answered with a full handshake"):format(evidence.cases)
  end,
  fails = function(evidence)
    return ("a client whose session is unknown fails (%s, %s: %s)"):format(evidence.mechanism, evidence.case,
      evidence.answer)
  end,
  fails_on_odd_lengths = function(evidence)
    return ("a ticket of an odd length makes the connection fail (%s, %s: %s)"):format(evidence.mechanism,
      evidence.case, evidence.answer)
  end,
  trailing_bytes = function(evidence)
    return ("a ticket with more bytes behind it still resumes (%s): they are not authenticated"):format(
      evidence.mechanism)
  end,
  altered_name = function(evidence)
    return ("a ticket still resumes when its first 16 bytes are others (%s)"):format(evidence.mechanism)
  end,
  id_despite_ticket = "a session ID resumes although an unknown ticket was sent with it",
  not_announced = "tickets are announced and not issued, or issued and not announced",
  id_not_echoed = "a resumed ticket's ServerHello does not repeat the session ID",
}

local function other_name(ticket)
  local name = ticket:sub(1, 16):gsub(".", function(byte)
    return string.char(byte:byte() ~ 0x5a)
  end)
  return name .. ticket:sub(17)
end

-- Tickets as other implementations lay them out: a key's name, a nonce, a length where they have one, ciphertext, MAC.
local function laid_out(name, nonce, has_length, mac)
  return function()
    return name .. random.bytes(nonce) .. (has_length and (">I2"):pack(OTHERS_LENGTH) or "")
      .. random.bytes(OTHERS_LENGTH + mac)
  end
end

--- The tickets that no server issued, in order: name, odd (its length is none that a client would have), make (of the
-- true one).
M.CASES = {
  { name = "another key name", make = other_name },
  { name = "one byte short", odd = true, make = function(ticket)
    return ticket:sub(1, -2)
  end },
  { name = "ten bytes", odd = true, make = function(ticket)
    return ticket:sub(1, SHORT)
  end },
  { name = "three times as long", odd = true, make = function(ticket)
    return ticket:rep(LONGER)
  end },
}

-- One of these a mechanism, for bytes that are no ticket of this server; what OpenSSL and BoringSSL lay out is what
-- "another key name" has at most servers.
local OF_OTHERS = {
  ticket = { name = "as NSS lays it out", make = laid_out("NSS!" .. ("\1"):rep(12), 16, true, 32) },
  psk = { name = "as mbedTLS lays it out", make = laid_out("\1\2\3\4", 12, true, 16) },
}

-- Session IDs run out, and caches are emptied.
local UNKNOWN_ID = { name = "an unknown session ID", derive = function(session)
  return session:derive({ id = random.bytes(ID_LENGTH) })
end }

local ANSWERS = { resumed = true, refused = true, full = true }

local function is_failure(outcome)
  return not ANSWERS[outcome]
end

local function bad(case, severity, reason)
  return { verdict = "bad", severity = severity, reason = reason, evidence = { mechanism = case.mechanism,
    case = case.name, answer = case.answer, connections = case.seen, failed = case.failed or case.seen } }
end

-- The finding of one case, or nil; and its weight.
local function judge(case)
  if case.outcome == "resumed" then
    local is_long = case.name == M.CASES[4].name
    local reason = is_long and "trailing_bytes" or case.name == M.CASES[1].name and "altered_name"
    return reason and { verdict = "info", reason = reason, evidence = { mechanism = case.mechanism } }, 1
  elseif case.confirmed then
    return bad(case, case.odd and "low" or "high", case.odd and "fails_on_odd_lengths" or "fails"), case.odd and 2 or 3
  end
end

--- What the answers come to: the gravest for each mechanism.
-- @tparam {table,...} cases mechanism, name, odd, outcome (of the first connection), answer (in words), confirmed (a
--   failure that came again, while controls worked), explained (the same failure was confirmed for another case), seen
--   and failed (connections)
-- @treturn {table,...} verdict, reason, severity, evidence; one at least
-- @treturn table finding -> the case that it is about
function M.decide(cases)
  local list, open, weights, of = {}, false, {}, {}
  for _, case in ipairs(cases) do
    local found, weight = judge(case)
    open = open or is_failure(case.outcome) and not case.confirmed and not case.explained
    local known = weights[case.mechanism]
    if found and (not known or weight > known.weight) then
      weights[case.mechanism], of[found] = { weight = weight, found = found }, case
    end
  end
  for _, mechanism in ipairs({ "session_id", "ticket", "psk" }) do
    list[#list + 1] = weights[mechanism] and weights[mechanism].found
  end
  if #list == 0 then
    list[1] = open and { verdict = "inconclusive", reason = "connection_failed" }
      or { verdict = "good", reason = "full_handshake", evidence = { cases = #cases } }
  end
  return list, of
end

--- What full and resumed handshakes of TLS 1.2 say about their tickets (RFC 5077, sections 3.2 to 3.4).
-- @tparam {table,...} connections see resum.audit.evidence
-- @treturn {table,...} verdict, reason, severity, evidence; none where all is as it should be
function M.read_handshakes(connections)
  local counts = { not_announced = 0, id_not_echoed = 0 }
  for _, one in ipairs(connections) do
    local facts = one.facts
    local old = one.version ~= "TLSv1.3" and facts and facts.session_id_sent ~= nil
    if old and (one.outcome == "full" or one.outcome == "refused") and one.engine == "handshake" then
      local issued = #facts.tickets > 0
      counts.not_announced = counts.not_announced + ((facts.session_ticket or false) ~= issued and 1 or 0)
    elseif old and one.outcome == "resumed" and (facts.ticket_length_sent or 0) > 0 then
      counts.id_not_echoed = counts.id_not_echoed + (facts.session_id ~= facts.session_id_sent and 1 or 0)
    end
  end
  local list = {}
  for _, reason in ipairs({ "not_announced", "id_not_echoed" }) do
    list[#list + 1] = counts[reason] >= 2 and { verdict = "bad", severity = "low", reason = reason,
      evidence = { connections = counts[reason] } } or nil
  end
  return list
end

local function answer_of(record)
  for _, alert in ipairs(record.facts and record.facts.alerts or {}) do
    if alert.from == "server" and alert.level == "fatal" then
      return "alert " .. alert.description
    end
  end
  return record.outcome
end

-- What the offers of a mechanism need: the session, how many groups of servers there are, what has failed for certain.
local function new_asked(context, mechanism)
  return { context = context, mechanism = mechanism, groups = math.min(MOST_GROUPS,
    math.max(1, #context.evidence:members(mechanism))), known = {} }
end

-- Offers a session, where it is one for a case.
local function offer(asked, session, case)
  local record = asked.context:attempt({ mechanism = asked.mechanism, session = session, want_tickets = true })
  if case and ANSWERS[record.outcome] then
    case.answered[#case.answered + 1] = #asked.context.evidence.connections
  end
  return record
end

-- Servers that share their keys look like one: of two of which one fails, so many in a row do with 6 in 100.
local function fails_always(case)
  return case.failed == case.seen and case.failed > M.AGAIN.other
end

-- Is it told apart from connections that are lost by chance? An alert is the server's word.
local function is_certain(case)
  if case.outcome == "alert" then
    return case.failed > M.AGAIN.alert
  elseif case.failed == case.seen then
    return fails_always(case)
  end
  return statistics.binomial_tail(case.failed, case.seen, LOST) < BY_CHANCE
end

-- The only one of several groups of servers that never answered a case.
local function silent_member(asked, case)
  local silent, count, evidence = nil, 0, asked.context.evidence
  for _, member in ipairs(asked.groups > 1 and evidence:members(asked.mechanism) or {}) do
    local has_answered = false
    for _, order in ipairs(case.answered) do
      has_answered = has_answered or evidence:group_of({ order }) == member.letter
    end
    if not has_answered then
      silent, count = member, count + 1
    end
  end
  return count == 1 and silent or nil
end

-- Sees a failure again, with a control before each offer. Those that do not fail may be other servers, which need not
-- be told apart where they share their keys; but connections are lost at one server, too.
local function confirm(asked, case, make)
  local is_alert = case.outcome == "alert"
  local most = (is_alert or asked.groups > 1) and POOL * math.max(asked.groups, LEAST_GROUPS) or M.AGAIN.other
  for _ = 1, most do
    if not asked.context:control() then
      return false
    end
    local record = offer(asked, make(), case)
    case.seen = case.seen + 1
    case.failed = case.failed + (answer_of(record) == case.answer and 1 or 0)
    if is_certain(case) and (silent_member(asked, case) or asked.groups == 1 and fails_always(case)) then
      return true
    elseif not is_alert and asked.groups == 1 and ANSWERS[record.outcome] then
      case.outcome = record.outcome -- that one was answered: the one before it was lost
      return false
    elseif not is_alert and asked.groups == 1 and case.failed < case.seen then
      return false
    end
  end
  return is_certain(case)
end

-- Behind a balancer the ticket that a client may really have is offered until each group is met: else who fails would
-- be missed, or seen to fail at odd lengths only.
local function times(asked, case)
  return case.name == M.CASES[1].name and asked.groups > 1 and POOL * asked.groups or 1
end

-- Offers a case. What another one has shown for certain needs no further connections.
local function try(asked, session, case)
  local function make()
    return assert(case.derive and case.derive(session)
      or session:derive({ ticket = case.make(session:fields().ticket) }))
  end
  local told, record = { mechanism = asked.mechanism, name = case.name, odd = case.odd, seen = 0, failed = 1,
    answered = {} }, nil
  for _ = 1, times(asked, case) do
    record, told.seen = offer(asked, make(), told), told.seen + 1
    if is_failure(record.outcome) then
      break
    end
  end
  told.outcome, told.answer, told.before = record.outcome, answer_of(record), told.seen
  if is_failure(record.outcome) then
    local weight = case.odd and "odd" or "usual"
    told.explained = asked.known.usual == told.answer or asked.known[weight] == told.answer
    told.confirmed = not told.explained and confirm(asked, told, make)
    asked.known[weight] = told.confirmed and told.answer or asked.known[weight]
  end
  return told
end

-- Which group of servers failed: the only one that did not answer; else how often one did after the first failure, for
-- which the offers were made.
local function note_group(asked, found, case)
  local silent = silent_member(asked, case)
  if silent then
    found.group, found.share = silent.letter, silent.share
  elseif case.failed < case.seen then
    found.share = (case.failed - 1) / (case.seen - case.before)
  end
end

-- A session that was offered as it is, and resumed: the newest that is at hand, else a new one. Behind a balancer the
-- next server may know it.
local function known_session(asked)
  local context = asked.context
  local tickets = context.evidence:tickets_of(asked.mechanism)
  local session = context:unoffered(asked.mechanism) or tickets[#tickets] and tickets[#tickets].session
  for _ = 1, SESSIONS do
    session = session or context:session(asked.mechanism)
    for _ = 1, session and asked.groups > 1 and POOL * asked.groups or 2 do
      if not session or offer(asked, session).outcome == "resumed" then
        return session
      end
    end
    session = nil
  end
end

-- The newest session with an ID, or a new one.
local function id_session(context)
  return context:resumes("session_id") and (context.evidence.id_session or (context:session("session_id")))
    or nil
end

-- A known session ID with an unknown ticket (RFC 5077, section 3.4: the server "MUST NOT" use the former).
local function id_despite_ticket(context)
  local session = id_session(context)
  if not session then
    return nil
  end
  local both = assert(session:derive({ ticket = random.bytes(OTHERS_LENGTH * 2) }))
  for _ = 1, 2 do
    if context:attempt({ mechanism = "ticket", session = both }).outcome ~= "resumed" then
      return nil
    end
  end
  return { verdict = "info", reason = "id_despite_ticket" }
end

-- An ID that the server never issued. Nil where it resumes none.
local function ask_id(context, cases)
  local session = id_session(context)
  if not session then
    return nil
  end
  local asked = new_asked(context, "session_id")
  cases[#cases + 1] = try(asked, session, UNKNOWN_ID)
  return asked
end

-- All that is asked with a mechanism; what was found out is appended to the cases.
local function ask(context, mechanism, cases)
  local asked = new_asked(context, mechanism)
  local session = context:resumes(mechanism) and known_session(asked)
  if not session then
    return nil
  end
  local ticket = session:fields().ticket
  for _, case in ipairs(M.CASES) do
    cases[#cases + 1] = #case.make(ticket) <= MOST_OFFERED and try(asked, session, case) or nil
  end
  cases[#cases + 1] = try(asked, session, OF_OTHERS[mechanism])
  return asked
end

--- @tparam table context see resum.audit.context
-- @treturn {table,...} what was found
function M.run(context)
  local cases, asked, was_missed = {}, {}, false
  asked.session_id = ask_id(context, cases)
  for _, mechanism in ipairs({ "ticket", "psk" }) do
    asked[mechanism] = ask(context, mechanism, cases)
    was_missed = was_missed or context:resumes(mechanism) and not asked[mechanism]
  end
  if next(asked) == nil then
    return { { verdict = "not_applicable", reason = "does_not_resume" } }
  end
  local list, case_of = M.decide(cases)
  if was_missed and list[1].verdict == "good" then
    list[1] = { verdict = "inconclusive", reason = "connection_failed" }
  end
  for _, found in ipairs(list) do
    if found.verdict == "bad" then
      note_group(asked[found.evidence.mechanism], found, case_of[found])
    end
  end
  list[#list + 1] = id_despite_ticket(context)
  return table.move(M.read_handshakes(context.evidence.connections), 1, 2, #list + 1, list)
end

--- Where nothing fails it takes 6 for each mechanism that has tickets, and 3 for session IDs; behind a balancer up to
-- 11 more, and a failure is asked for again and again.
function M.connections(options)
  local each = SESSIONS * (1 + options.retries + 2 * POOL) + POOL * MOST_GROUPS + #M.CASES
  return 2 * each + 4 + options.retries + 3 * 2 * M.AGAIN.other * POOL
end

return M
