-- Can a session lose the extended master secret, or gain it? A session that has it is offered without the extension,
-- and one that has none with it (RFC 7627, section 5.3; RFC 9846 keeps the extension as "extended_main_secret"). That
-- a server resumed is its Finished, under the session's secret.

local answers = require "resum.audit.answer"
local poll = require "resum.audit.poll"

local M = {
  id = "ems",
  title = "Can a session lose or gain the extended master secret?",
  severity = "medium",
  class = "active",
  sources = { "RFC 7627, section 5.3", "RFC 9846, D.2" },
  advice = "Update the TLS library: a session must not resume where the two handshakes differ in the extended master "
    .. "secret.",
}

-- What a TLS 1.2 ClientHello of ours has, without extended_master_secret.
local WITHOUT = { "server_name", "ec_point_formats", "supported_groups", "session_ticket",
  "application_layer_protocol_negotiation", "encrypt_then_mac", "signature_algorithms", "renegotiation_info" }

local UNALTERED = 9 -- offers behind a balancer: one in three servers is met with 97 in 100
local PROOFS = 3 -- offers, of which one has to prove by its Finished what a ServerHello has said

M.reasons = {
  keeps = "a session does not resume where only one of the handshakes has the extended master secret",
  falls_back = "a session with the extended master secret, offered without it, gets a full handshake and no alert",
  loses = "a session with the extended master secret resumes although the client does not offer it any more",
  gains = "a session without the extended master secret resumes although the client offers it now",
  not_spoken = "the server does not speak the extended master secret (RFC 7627)",
  unclear = "the server's answers did not tell",
  mixed_answers = "a session resumed once where only one of the handshakes has the extended master secret, and not "
    .. "again",
}

local NOTHING_RESUMES = { verdict = "not_applicable", reason = "does_not_resume",
  evidence = { sessions = "sessions of TLS 1.2" } }

-- Reasons of a question that came to nothing, that say more than that answers did not tell.
local OPEN = { not_met = true, mixed_answers = true }

local TELLS = { resumed = true, refused = true, alert = true }

--- What answers come to.
-- @tparam string|nil lost outcome of a session that has it, offered without
-- @tparam string|nil gained outcome of a session that has none, offered with it
-- @tparam[opt] table losing group and share of the servers that resumed the first; why, where that can't be told
-- @tparam[opt] table gaining of those that resumed the second
-- @treturn {table,...} verdict, reason, group, share
function M.decide(lost, gained, losing, gaining)
  local list = {}
  losing, gaining = losing or {}, gaining or {}
  if lost == "resumed" then
    list[#list + 1] = { verdict = "bad", reason = "loses", group = losing.group, share = losing.share }
  elseif lost == "refused" then
    list[#list + 1] = { verdict = "info", reason = "falls_back" }
  end
  if gained == "resumed" then
    list[#list + 1] = { verdict = "bad", reason = "gains", group = gaining.group, share = gaining.share }
  end
  local tells = TELLS[lost] and TELLS[gained]
  if #list == 0 or not tells then
    local open = not TELLS[lost] and losing.why or not TELLS[gained] and gaining.why
    list[#list + 1] = { verdict = tells and "good" or "inconclusive",
      reason = tells and "keeps" or OPEN[open] and open or "unclear", evidence = { without = lost, with = gained } }
  end
  return list
end

-- Who ends the connection instead of sending an alert means the same.
local function offer(context, mechanism, session, extensions)
  local record, is_end = context:hear_out({ mechanism = mechanism, session = session, engine = "probe",
    offer = { extensions = extensions }, take_sessions = false })
  return is_end and "alert" or record.outcome, record.facts and record.facts.violation
end

-- Offers a session without the extension. Ours is told that it has none, or it would not take the answer.
local function lose(context, mechanism, session)
  return offer(context, mechanism, assert(session:derive({ extended_master_secret = false })), WITHOUT)
end

-- Offers a session that has none with it. A server that resumes may say either; behind a balancer, where it does, the
-- next one may be another, which refuses.
local function gain(context, mechanism, session)
  local outcome, violation = offer(context, mechanism, session)
  if violation ~= "ems_mismatch" then
    return outcome
  end
  local altered = assert(session:derive({ extended_master_secret = true }))
  for _ = 1, PROOFS do
    if offer(context, mechanism, altered) == "resumed" then
      return "resumed"
    end
  end
  return nil
end

-- A question to sessions made for it; a resumption has to show with a second one. Gives the outcome, nil where it can't
-- be told; and where, see resum.audit.poll.
local function ask(context, mechanism, question, make, is_special)
  local resumed, where = poll.ask(context, mechanism, function(session)
    local outcome = question(context, mechanism, session)
    if TELLS[outcome] then
      return outcome == "resumed", outcome
    end
  end, make, is_special)
  -- Behind a balancer a server that does not know the session makes a full handshake; the one that does may not.
  local kept = where.codes.alert and "alert" or where.code
  return resumed and "resumed" or resumed == false and kept or nil, where
end

-- Does it resume as it is? Only a full handshake leaves that open. (In turns that are known it was offered then.)
local function resumes_unaltered(context, mechanism)
  local session = context:spare_session(mechanism)
  for _ = 1, session and (poll.rounds(context, mechanism) > 1 and UNALTERED or 1) or 0 do
    if context:ask({ mechanism = mechanism, session = session, engine = "probe", compare = false,
      take_sessions = false }).outcome == "resumed" then
      return true
    end
  end
  return false
end

--- @tparam table context see resum.audit.context
-- @treturn {table,...} what was found
function M.run(context)
  local mechanism = context:resumes("ticket") and "ticket" or context:resumes("session_id") and "session_id"
  local first = mechanism and context:spare_session(mechanism)
  if not first then
    return { NOTHING_RESUMES }
  elseif not first:fields().extended_master_secret then
    return { { verdict = "info", reason = "not_spoken" } }
  end
  local lost, losing = ask(context, mechanism, lose, function()
    local session = first or context:spare_session(mechanism)
    first = nil
    return session
  end)
  if lost == "refused" and not resumes_unaltered(context, mechanism) then
    return { NOTHING_RESUMES }
  end
  local gained, gaining = ask(context, mechanism, gain, function()
    return context:session_offering(mechanism, { extended_master_secret = false })
  end, true)
  return M.decide(lost, gained, losing, gaining)
end

--- Where nothing resumes that must not, one server takes four.
function M.connections(options)
  return 2 * answers.ENDS * poll.CONNECTIONS + 4 * (1 + options.retries)
end

return M
