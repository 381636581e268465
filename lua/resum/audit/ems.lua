-- Can a session lose the extended master secret, or gain it? A session that has it is offered without the extension,
-- and one that has none with it (RFC 7627, section 5.3; RFC 9846 keeps the extension as "extended_main_secret"). That
-- a server resumed is its Finished, under the session's secret.

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

M.reasons = {
  keeps = "a session does not resume where only one of the handshakes has the extended master secret",
  falls_back = "a session with the extended master secret, offered without it, gets a full handshake and no alert",
  loses = "a session with the extended master secret resumes although the client does not offer it any more",
  gains = "a session without the extended master secret resumes although the client offers it now",
  not_spoken = "the server does not speak the extended master secret (RFC 7627)",
  unclear = "the server's answers did not tell",
}

local TELLS = { resumed = true, refused = true, alert = true }

--- What answers come to.
-- @tparam string|nil lost outcome of a session that has it, offered without
-- @tparam string|nil gained outcome of a session that has none, offered with it
-- @treturn {table,...} verdict, reason
function M.decide(lost, gained)
  local list = {}
  if lost == "resumed" then
    list[#list + 1] = { verdict = "bad", reason = "loses" }
  elseif lost == "refused" then
    list[#list + 1] = { verdict = "info", reason = "falls_back" }
  end
  if gained == "resumed" then
    list[#list + 1] = { verdict = "bad", reason = "gains" }
  end
  if #list == 0 or not (TELLS[lost] and TELLS[gained]) then
    local tells = TELLS[lost] and TELLS[gained]
    list[#list + 1] = { verdict = tells and "good" or "inconclusive", reason = tells and "keeps" or "unclear",
      evidence = { without = lost, with = gained } }
  end
  return list
end

local function offer(context, mechanism, session, extensions)
  local record = context:ask({ mechanism = mechanism, session = session, engine = "probe",
    offer = { extensions = extensions }, take_sessions = false })
  return record.outcome, record.facts and record.facts.violation
end

-- Offers a session without the extension. Ours is told that it has none, or it would not take the answer.
local function lose(context, mechanism, session)
  return offer(context, mechanism, assert(session:derive({ extended_master_secret = false })), WITHOUT)
end

-- Offers a session that has none with it. A server that resumes may say either.
local function gain(context, mechanism, session)
  local outcome, violation = offer(context, mechanism, session)
  if violation == "ems_mismatch" then
    return (offer(context, mechanism, assert(session:derive({ extended_master_secret = true }))))
  end
  return outcome
end

-- A question to a session made for it; a resumption has to show with a second one. The session, unaltered, resumes.
local function ask(context, mechanism, make, question)
  local outcome
  for _ = 1, 2 do
    local session = make()
    if not session then
      return nil
    end
    outcome = question(context, mechanism, session)
    if outcome ~= "resumed" then
      return outcome
    end
  end
  return outcome
end

-- Does it resume as it is? Only a full handshake leaves that open.
local function resumes_unaltered(context, mechanism)
  local session = context:spare_session(mechanism)
  return session and context:ask({ mechanism = mechanism, session = session, engine = "probe", compare = false,
    take_sessions = false }).outcome == "resumed"
end

--- @tparam table context see resum.audit.context
-- @treturn {table,...} what was found
function M.run(context)
  local mechanism = context:resumes("ticket") and "ticket" or context:resumes("session_id") and "session_id"
  local first = mechanism and context:spare_session(mechanism)
  if not first then
    return { { verdict = "not_applicable", reason = "does_not_resume" } }
  elseif not first:fields().extended_master_secret then
    return { { verdict = "info", reason = "not_spoken" } }
  end
  local lost = ask(context, mechanism, function()
    local session = first or context:spare_session(mechanism)
    first = nil
    return session
  end, lose)
  if lost == "refused" and not resumes_unaltered(context, mechanism) then
    return { { verdict = "not_applicable", reason = "does_not_resume" } }
  end
  local gained = ask(context, mechanism, function()
    return context:session_offering(mechanism, { extended_master_secret = false })
  end, gain)
  return M.decide(lost, gained)
end

--- Where nothing resumes that must not, it takes four.
function M.connections(options)
  return 10 * (1 + options.retries)
end

return M
