-- Is the ticket authenticated? One bit of each of its bytes is turned, and the altered ticket offered under its true
-- secret: it must lead to a full handshake. Where it resumes, what the server keeps in it can be altered; unless the
-- byte is the same in all tickets, and so may be one that nobody reads.

local altered_tickets = require "resum.audit.tickets.altered"
local poll = require "resum.audit.poll"

local M = {
  id = "tampered",
  title = "Is the ticket authenticated?",
  severity = "critical",
  class = "intrusive",
  sources = { "RFC 5077, section 4", "RFC 9846, section 4.7.1", "Hebrok et al. 2023" },
  advice = "Have tickets authenticated as a whole before they are decrypted (RFC 5077, section 4): update the TLS "
    .. "library, or replace the code that makes tickets.",
}

-- A server that keeps no tickets and fails on each of them may grow without bound (CVE-2024-2511): so not every byte of
-- a long one.
M.MOST_OFFSETS = 256
local CONTROL_EACH = 32 -- offers between two full handshakes
-- How often two offsets with an alert and two with a full handshake have to be answered so again: two servers that take
-- turns by chance, of which one always has an alert and the other never, do that once in 10^6 (2^-20).
local TWO, AGAIN = 2, 5
local FAILURES = 5 -- offers in a row that fail without an alert: then it is given up
-- An alert that says that something was found in the ticket, or in its binder: illegal_parameter, decode_error,
-- decrypt_error, internal_error.
local TOLD = { [47] = true, [50] = true, [51] = true, [80] = true }

M.reasons = {
  authenticated = function(evidence)
    return ("no ticket with an altered byte resumes (%d offsets)"):format(evidence.offsets)
  end,
  unauthenticated = function(evidence)
    return ("tickets with altered bytes resume (%s; %d of %d offsets, the first at %d)"):format(evidence.mechanism,
      evidence.resumed, evidence.offsets, evidence.first)
  end,
  malleable = function(evidence)
    return ("tickets resume with other bytes where all tickets have the same (%s; %d of %d offsets, the first at %d)")
      :format(evidence.mechanism, evidence.resumed, evidence.offsets, evidence.first)
  end,
  decrypted_first = function(evidence)
    return ("altered tickets are answered with an alert at %d offsets and with a full handshake at %d (%s): they are "
      .. "decrypted before they are authenticated"):format(evidence.alerts, evidence.full, evidence.mechanism)
  end,
  names_only = "tickets are names of entries in a cache",
  session_ended = altered_tickets.session_ended,
  mixed_answers = function(evidence)
    return ("altered tickets are answered with an alert or with a full handshake, and not always in the same way (%s): "
      .. "they may be several servers'"):format(evidence.mechanism)
  end,
}

-- Each offset, the sessions of the groups, what confirms a finding, and the controls.
function M.connections(options)
  local each = M.MOST_OFFSETS + poll.MOST_MEMBERS * (poll.MOST_ROUNDS + 2 * TWO * AGAIN + 2 * poll.MOST_ROUNDS)
    + 3 * (M.MOST_OFFSETS // CONTROL_EACH + poll.MOST_MEMBERS)
  return altered_tickets.connections(options.mechanisms, each)
end

--- The offsets at which a byte is altered: all, or as many as may be, evenly spread, the first and the last among them.
-- @tparam integer length of the ticket
-- @tparam[opt=1] integer groups of servers, among whose tickets they are divided
-- @treturn {integer,...}
function M.offsets(length, groups)
  local list, count = {}, math.min(length, M.MOST_OFFSETS // (groups or 1))
  for i = 0, count - 1 do
    list[i + 1] = count == 1 and 0 or i * (length - 1) // (count - 1)
  end
  return list
end

--- A ticket with one bit turned.
-- @tparam string ticket
-- @tparam integer offset
-- @treturn string
function M.alter(ticket, offset)
  return ticket:sub(1, offset) .. string.char(ticket:byte(offset + 1) ~ 1) .. ticket:sub(offset + 2)
end

-- Whether all tickets of this length have one byte at an offset.
local function constant_at(tickets, length)
  return function(offset)
    local seen, count
    for _, ticket in ipairs(tickets) do
      if #ticket.ticket == length then
        local byte = ticket.ticket:byte(offset + 1)
        if seen and seen ~= byte then
          return false
        end
        seen, count = byte, (count or 0) + 1
      end
    end
    return (count or 0) >= 2
  end
end

-- What one altered ticket leads to: "resumed", "rekeyed", "full", "alert", or "failed".
local function offer(context, mechanism, session, ticket)
  local altered = session:derive({ ticket = ticket })
  local answer, code = altered_tickets.answer(altered and context:attempt({ mechanism = mechanism, session = altered,
    engine = "probe", offer = {} }))
  if answer == "alert" then
    return TOLD[code] and "alert" or "full"
  end
  return answer ~= "ended" and answer or "failed"
end

local ACCEPTED = { resumed = true, rekeyed = true }

-- The same, at the server that made the session, where servers take strict turns.
local function offer_in_turn(context, mechanism, session, ticket)
  if poll.turns_of(context, mechanism) then
    return context:on_behalf_of(session, function()
      return offer(context, mechanism, session, ticket)
    end)
  end
  return offer(context, mechanism, session, ticket)
end

-- Accepted once more, with a ticket of a session of its own? Behind a balancer it has to reach the server that made it.
local function confirm(context, mechanism, offset, member)
  for _ = 1, member.share and poll.rounds_of(member.share) or 1 do
    local session
    if member.letter then
      session = context:session_of(mechanism, member.letter, 1)
    else
      session = context:session(mechanism)
    end
    local ticket = session and session:fields().ticket
    if ticket and #ticket > offset
      and ACCEPTED[offer_in_turn(context, mechanism, session, M.alter(ticket, offset))] then
      return true
    end
  end
  return false
end

-- Is each of some offsets answered as before, again and again? (Not those of a key's name: many servers answer an
-- unknown one in one way.)
local function stays_so(context, mechanism, session, answers, is_constant)
  local ticket, counts = session:fields().ticket, { alert = 0, full = 0 }
  for offset, answer in pairs(answers) do
    if counts[answer] and counts[answer] < TWO and not is_constant(offset) then
      counts[answer] = counts[answer] + 1
      for _ = 1, AGAIN do
        if offer_in_turn(context, mechanism, session, M.alter(ticket, offset)) ~= answer then
          return false
        end
      end
    end
  end
  return true
end

--- What the answers of one mechanism come to.
-- @tparam string mechanism
-- @tparam table answers offset -> "resumed", "rekeyed" (see resum.audit.tickets.altered), "full", "alert", "failed"
-- @tparam function is_constant offset -> whether all tickets have one byte there
-- @tparam[opt] boolean was_cut not all offsets were tried, as too many offers failed
-- @treturn table|nil finding; nil where all is well
-- @treturn integer|nil an offset that has to be confirmed
function M.decide(mechanism, answers, is_constant, was_cut)
  local counts, first, outside = { resumed = 0, rekeyed = 0, full = 0, alert = 0, failed = 0 }, {}, nil
  local varying = { full = 0, alert = 0 } -- an unknown name of a key may well be another matter
  for offset, answer in pairs(answers) do
    counts[answer] = counts[answer] + 1
    varying[answer] = varying[answer] and not is_constant(offset) and varying[answer] + 1 or varying[answer]
    first[answer] = math.min(first[answer] or offset, offset)
    if answer == "rekeyed" or answer == "resumed" and not is_constant(offset) then
      outside = math.min(outside or offset, offset)
    end
  end
  local accepted = counts.resumed + counts.rekeyed
  local offsets = accepted + counts.full + counts.alert
  if accepted > 0 then
    local at = outside or first.resumed
    return { verdict = "bad", severity = outside and "critical" or "low",
      reason = outside and "unauthenticated" or "malleable",
      evidence = { mechanism = mechanism, resumed = accepted, offsets = offsets, first = at } }, at
  elseif varying.alert >= 2 and varying.full >= 2 then
    return { verdict = "bad", severity = "medium", reason = "decrypted_first",
      evidence = { mechanism = mechanism, alerts = varying.alert, full = varying.full, first = first.alert } }
  elseif was_cut or counts.failed > offsets then
    return { verdict = "inconclusive", reason = "connection_failed", evidence = { mechanism = mechanism } }
  end
end

local function try_all(context, mechanism, session, groups)
  local ticket, answers, failures = session:fields().ticket, {}, 0
  local turns = poll.turns_of(context, mechanism)
  for i, offset in ipairs(M.offsets(#ticket, groups)) do
    if context.client:expired(session) then
      break
    end
    local is_turn = not turns or turns:wait(session) == 0 -- a stranger's answer says nothing
    local answer = offer(context, mechanism, session, M.alter(ticket, offset))
    answers[offset] = is_turn and answer or nil
    failures = answer == "failed" and failures + 1 or 0
    if failures == FAILURES then
      return answers, true
    elseif i % CONTROL_EACH == 0 then
      context:stay_sure("altered tickets")
    end
  end
  return answers
end

local function count_answered(answers)
  local count = 0
  for _, answer in pairs(answers) do
    count = count + (answer ~= "failed" and 1 or 0)
  end
  return count
end

local function judge(context, mechanism, session, ticket, member)
  local answers, was_cut = try_all(context, mechanism, session, member.count)
  local is_constant = constant_at(context.evidence:tickets_of(mechanism), #ticket)
  local found, at = M.decide(mechanism, answers, is_constant, was_cut)
  if at and not confirm(context, mechanism, at, member) then
    found = { verdict = "inconclusive", reason = "connection_failed", evidence = { mechanism = mechanism, first = at } }
  elseif found and found.reason == "decrypted_first"
    and not stays_so(context, mechanism, session, answers, is_constant) then
    found = { verdict = "inconclusive", reason = "mixed_answers", evidence = { mechanism = mechanism } }
  end
  return found, count_answered(answers)
end

--- @tparam table context see resum.audit.context
-- @treturn {table,...} findings
function M.run(context)
  return altered_tickets.run(context, function(...)
    return judge(context, ...)
  end, function(offsets)
    return { verdict = "good", reason = "authenticated", evidence = { offsets = offsets } }
  end)
end

return M
