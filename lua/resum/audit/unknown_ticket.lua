-- What happens to a client whose ticket the server does not know any more: after a change of keys, a restart, a move to
-- another implementation? It has to get a full handshake (RFC 5077, section 3.4; RFC 9846, 4.3.11). Tickets that no
-- server issued are offered, and every one that is answered with a failure is offered again, with a control between.

local random = require "resum.util.random"

local M = {
  id = "unknown-ticket",
  title = "What happens to a client whose ticket the server does not know any more?",
  severity = "high",
  class = "active",
  sources = { "RFC 5077, sections 3.2 to 3.4", "RFC 9846, 4.3.11" },
  advice = "Answer a ticket that can't be read with a full handshake, as RFC 5077 and RFC 9846 ask: otherwise clients "
    .. "fail after every change of ticket keys.",
}

local SHORT = 10 -- bytes: less than any ticket that has a key's name and a MAC
local LONGER = 3 -- times
local OTHERS_LENGTH = 96 -- bytes of ciphertext in a ticket of another implementation
--- How often a failure is seen again before it is believed. An alert is the server's word; a connection that ends or
-- stays silent may be lost: where 5 of 100 are, five in a row are lost with 3 in 10^7.
M.AGAIN = { alert = 1, other = 4 }

M.reasons = {
  full_handshake = function(evidence)
    return ("all of %d unknown tickets are answered with a full handshake"):format(evidence.cases)
  end,
  fails = function(evidence)
    return ("a client whose ticket is unknown fails (%s, %s: %s)"):format(evidence.mechanism, evidence.case,
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
  { name = "random bytes", make = function(ticket)
    return random.bytes(#ticket)
  end },
  { name = "one byte short", make = function(ticket)
    return ticket:sub(1, -2)
  end },
  { name = "ten bytes", odd = true, make = function(ticket)
    return ticket:sub(1, SHORT)
  end },
  { name = "three times as long", odd = true, make = function(ticket)
    return ticket:rep(LONGER)
  end },
}

-- One of these a mechanism; what OpenSSL and BoringSSL lay out is what "another key name" has at most servers.
local OF_OTHERS = {
  ticket = { name = "as NSS lays it out", make = laid_out("NSS!" .. ("\1"):rep(12), 16, true, 32) },
  psk = { name = "as mbedTLS lays it out", make = laid_out("\1\2\3\4", 12, true, 16) },
}

local ANSWERS = { resumed = true, refused = true, full = true }

local function is_failure(outcome)
  return not ANSWERS[outcome]
end

local function bad(case, severity, reason)
  return { verdict = "bad", severity = severity, reason = reason, evidence = { mechanism = case.mechanism,
    case = case.name, answer = case.answer, connections = case.seen } }
end

-- The finding of one case, or nil; and its weight.
local function judge(case)
  if case.outcome == "resumed" then
    local is_long = case.name == M.CASES[5].name
    local reason = is_long and "trailing_bytes" or case.name == M.CASES[1].name and "altered_name"
    return reason and { verdict = "info", reason = reason, evidence = { mechanism = case.mechanism } }, 1
  elseif case.confirmed then
    return bad(case, case.odd and "low" or "high", case.odd and "fails_on_odd_lengths" or "fails"), case.odd and 2 or 3
  end
end

--- What the answers come to: the gravest for each mechanism.
-- @tparam {table,...} cases mechanism, name, odd, outcome (of the first connection), answer (in words), confirmed (a
--   failure that came again each time, while controls worked), seen (connections)
-- @treturn {table,...} verdict, reason, severity, evidence; one at least
function M.decide(cases)
  local list, open, weights = {}, false, {}
  for _, case in ipairs(cases) do
    local found, weight = judge(case)
    open = open or is_failure(case.outcome) and not case.confirmed
    local known = weights[case.mechanism]
    if found and (not known or weight > known.weight) then
      weights[case.mechanism] = { weight = weight, found = found }
    end
  end
  for _, mechanism in ipairs({ "ticket", "psk" }) do
    list[#list + 1] = weights[mechanism] and weights[mechanism].found
  end
  if #list == 0 then
    list[1] = open and { verdict = "inconclusive", reason = "connection_failed" }
      or { verdict = "good", reason = "full_handshake", evidence = { cases = #cases } }
  end
  return list
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

local function offer(context, mechanism, session)
  return context:attempt({ mechanism = mechanism, session = session })
end

-- Offers a case; a failure again and again, with a control before each.
local function try(context, mechanism, session, case)
  local function make()
    return assert(session:derive({ ticket = case.make(session:fields().ticket) }))
  end
  local record = offer(context, mechanism, make())
  local known = { mechanism = mechanism, name = case.name, odd = case.odd, outcome = record.outcome,
    answer = answer_of(record), seen = 1 }
  local again = is_failure(record.outcome) and (record.outcome == "alert" and M.AGAIN.alert or M.AGAIN.other) or 0
  known.confirmed = again > 0
  for _ = 1, again do
    known.confirmed = context:control() and answer_of(offer(context, mechanism, make())) == known.answer
    if not known.confirmed then
      break
    end
    known.seen = known.seen + 1
  end
  return known
end

-- A session that was offered as it is, and resumed: the newest that is at hand, else a new one. Behind a balancer the
-- next server may know it.
local function known_session(context, mechanism)
  local tickets = context.evidence:tickets_of(mechanism)
  local session = tickets[#tickets] and tickets[#tickets].session
  for _ = 0, 1 + context.options.retries do
    session = session or context:session(mechanism)
    if not session or offer(context, mechanism, session).outcome == "resumed" then
      return session
    end
    session = nil
  end
end

-- A known session ID with an unknown ticket (RFC 5077, section 3.4: the server "MUST NOT" use the former).
local function id_despite_ticket(context)
  local session = context:resumes("session_id") and context:session("session_id")
  if not session then
    return nil
  end
  local both = assert(session:derive({ ticket = random.bytes(OTHERS_LENGTH * 2) }))
  local record = offer(context, "ticket", both)
  if record.outcome ~= "resumed" or offer(context, "ticket", both).outcome ~= "resumed" then
    return nil
  end
  return { verdict = "info", reason = "id_despite_ticket" }
end

--- @tparam table context see resum.audit.context
-- @treturn {table,...} what was found
function M.run(context)
  local cases, resumes = {}, false
  for _, mechanism in ipairs({ "ticket", "psk" }) do
    local session = context:resumes(mechanism) and known_session(context, mechanism)
    resumes = resumes or session ~= nil and session ~= false
    for _, case in ipairs(session and M.CASES or {}) do
      cases[#cases + 1] = try(context, mechanism, session, case)
    end
    if session then
      cases[#cases + 1] = try(context, mechanism, session, OF_OTHERS[mechanism])
    end
  end
  if not resumes then
    return { { verdict = "not_applicable", reason = "does_not_resume" } }
  end
  local list = M.decide(cases)
  list[#list + 1] = id_despite_ticket(context)
  return table.move(M.read_handshakes(context.evidence.connections), 1, 2, #list + 1, list)
end

--- Where nothing fails it takes 7 for each mechanism, and 2 for session IDs.
function M.connections(options)
  local each = 2 * (2 + options.retries) + #M.CASES + 1
  return 2 * each + 2 + (M.AGAIN.other + 1) * 4
end

return M
