-- Does resumption keep what was agreed in the full handshake, and nothing else? A session is offered without its cipher
-- suite, to another hash, under another version with its true secret, and under another application protocol; and the
-- handshakes of all scans are read for extensions that a resumed ServerHello must not have.

local answer_of = require "resum.audit.answer"
local poll = require "resum.audit.poll"

local M = {
  id = "resume-rules",
  title = "Does resumption keep what was agreed?",
  severity = "medium",
  class = "active",
  sources = { "RFC 5246, 7.4.1.2 and 7.4.1.3", "RFC 9846, 4.3.11 and 4.7.1", "RFC 6066, sections 1.1 and 3",
    "RFC 7301, section 3.1" },
  advice = "Update the TLS library: a session stands for its version and its cipher suite.",
}

local SHA256_SUITE, SHA384_SUITE = "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"
local OLD_SUITE = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384" -- for a secret of 48 bytes under TLS 1.2
local PROTOCOL, OTHER_PROTOCOL = "http/1.1", "resum-other"
local SERVER_NAME, STATUS_REQUEST, TIMESTAMPS = 0, 5, 18
-- What asks for them: status_type ocsp, no responders, no extensions (RFC 6066, section 8; RFC 6962, section 3.3.1).
local ASKS_FOR_STATUS = { { type = STATUS_REQUEST, body = "\1\0\0\0\0" }, { type = TIMESTAMPS, body = "" } }

M.reasons = {
  keeps = function(evidence)
    return evidence.kept == evidence.asked
      and ("a session is refused in all %d ways in which it must not resume"):format(evidence.asked)
      or ("a session is refused in %d of %d ways in which it must not resume; the others gave no answer"):format(
        evidence.kept, evidence.asked)
  end,
  other_cipher = "a session of TLS 1.2 resumes with its cipher suite although that is not offered",
  cipher_changed = "a session of TLS 1.2 resumes with another cipher suite than its own, which no client takes",
  other_hash = "a PSK resumes with a cipher suite of another hash",
  old_as_new = "a ticket of TLS 1.2 is taken for a PSK of TLS 1.3",
  new_as_old = "a ticket of TLS 1.3 is taken for one of TLS 1.2",
  server_name_repeated = "a resumed ServerHello repeats server_name, which it must not (RFC 6066, section 3)",
  other_protocol = "a resumed connection has the session's application protocol, which is not offered any more",
  protocol_not_offered = "the server chooses an application protocol that was not offered: in full handshakes as well",
  status_repeated = "a resumed ServerHello has status_request or signed_certificate_timestamp, where there is no "
    .. "certificate that they could go with",
  mixed_answers = "a session resumed once in a way in which it must not, and not again",
  nothing_told = function(evidence)
    return ("only %d of %d answers told"):format(evidence.told, evidence.asked)
  end,
}

-- What a server does that went on with the session all the same, as our own engine calls it: it ends there, at the
-- ServerHello.
local VIOLATIONS = { cipher_not_offered = true, psk_selected = true }
-- Between versions a session says nothing of the extended master secret: the server may have taken either view of it.
local BETWEEN_VERSIONS = { ems_mismatch = true }

-- Suites of TLS 1.2 that a client of today offers, but for one.
local OLD_SUITES = { "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
  "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
  "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
  "TLS_RSA_WITH_AES_128_GCM_SHA256", "TLS_RSA_WITH_AES_128_CBC_SHA" }

local function all_but(suite)
  local list = {}
  for _, other in ipairs(OLD_SUITES) do
    list[#list + 1] = other ~= suite and other or nil
  end
  return list
end

-- The ways, in order: of which mechanism a session is wanted, and how it is offered (nil: it can't be).
local WAYS = {
  -- RFC 5246 binds the client ("MUST include at least the cipher_suite from that session"), and has the server repeat
  -- the session's: so this is worth knowing, and no more.
  { reason = "other_cipher", verdict = "info", of = "ticket", to = "ticket", may_change = true, make = function(session)
    return session, { ciphers = all_but(session:fields().cipher) }
  end },
  { reason = "other_hash", of = "psk", to = "psk", make = function(session)
    return session, { ciphers = { session:fields().cipher == SHA384_SUITE and SHA256_SUITE or SHA384_SUITE } }
  end },
  { reason = "old_as_new", of = "ticket", to = "psk", between = true, make = function(session)
    return (session:derive({ version = "TLSv1.3", cipher = SHA384_SUITE }))
  end },
  { reason = "new_as_old", of = "psk", to = "ticket", between = true, make = function(session)
    local has_room = session:fields().cipher == SHA384_SUITE -- a secret of 48 bytes
    return has_room and session:derive({ version = "TLSv1.2", cipher = OLD_SUITE }) or nil
  end },
}
-- A session that was made under a protocol: one that is left over, or a new one; nil where the server agrees to none.
local function session_of_protocol(context, mechanism)
  local function has_protocol(session)
    return session:fields().alpn == PROTOCOL
  end
  local session = context:unoffered(mechanism, has_protocol)
    or context:session_offering(mechanism, { alpn = { PROTOCOL } })
  return session and has_protocol(session) and session or nil
end

-- A protocol is of a connection, not of a session (RFC 7301, section 3.1): a server that goes on with the session's has
-- not looked at what is offered now. That it resumes is no fault. One version is enough: the newest.
for _, mechanism in ipairs({ "psk", "ticket" }) do
  WAYS[#WAYS + 1] = { reason = "other_protocol", severity = "low", of = mechanism, to = mechanism, is_small = true,
    instead_of = mechanism == "ticket" and "psk" or nil, obtain = session_of_protocol,
    make = function(session)
      return session, { alpn = { OTHER_PROTOCOL } }
    end,
    read = function(record)
      if record.outcome == "protocol_error" and record.facts and record.facts.violation == "alpn_not_offered" then
        return record.facts.certificate == false and "resumed" or nil
      end
      return (record.outcome == "alert" or record.outcome == "refused" or record.outcome == "resumed") and "kept" or nil
    end }
end

--- What an answer says: did the server resume, as far as a client can tell?
-- @tparam table record see resum.connection.client
-- @tparam[opt] boolean between the session was offered under another version than its own
-- @treturn string|nil "resumed", "kept" (a full handshake, or an alert); nil where it does not tell
function M.read(record, between)
  if record.outcome == "resumed" then
    return "resumed"
  elseif record.outcome == "refused" or record.outcome == "alert" then
    return "kept"
  end
  local facts = record.facts or {}
  local tells = VIOLATIONS[facts.violation] or between and BETWEEN_VERSIONS[facts.violation]
  return tells and facts.certificate == false and "resumed" or nil
end

-- Reasons why a way is left open that say more than that answers did not tell.
local OPEN = { not_met = true, mixed_answers = true }
-- Where a session is offered without its suite, and resumes with one of those that are: RFC 5246, section 7.4.1.3, has
-- "the value from the state of the session being resumed".
local CHANGED = { reason = "cipher_changed", severity = "low" }

--- What the answers come to.
-- @tparam table answers number of the way -> "resumed" or "kept"
-- @tparam integer asked ways
-- @tparam[opt] table places number of the way -> group and share of the servers that resumed; has_changed (true: with
--   another suite than the session's); why, where that can't be told
-- @treturn {table,...} verdict, reason, evidence, group, share
function M.decide(answers, asked, places)
  local list, kept, told, seen, open = {}, 0, 0, {}, nil
  for i, way in ipairs(WAYS) do
    local answer = answers[i]
    told, kept = told + (answer and 1 or 0), kept + (answer == "kept" and 1 or 0)
    local place = places and places[i] or {}
    open = open or OPEN[place.why] and place.why or nil
    if answer == "resumed" and not seen[way.reason] then
      seen[way.reason] = true
      local one = place.has_changed and CHANGED or way
      list[#list + 1] = { verdict = one.verdict or "bad", severity = one.severity, reason = one.reason,
        group = place.group, share = place.share, evidence = { mechanism = way.of } }
    end
  end
  if #list == 0 then
    list[1] = told < asked and { verdict = "inconclusive", reason = open or "nothing_told", evidence = { told = told,
      asked = asked } } or { verdict = "good", reason = "keeps", evidence = { kept = kept, asked = asked } }
  end
  return list
end

-- What a resumed ServerHello up to TLS 1.2 should not have. RFC 6066, section 3: it "MUST NOT" have server_name;
-- section 1.1 says of other extensions, and RFC 6962 of its own, that a server does not include them.
local REPEATED = {
  { types = { [SERVER_NAME] = true }, verdict = "bad", severity = "low", reason = "server_name_repeated" },
  { types = { [STATUS_REQUEST] = true, [TIMESTAMPS] = true }, verdict = "info", reason = "status_repeated" },
}

local function count_with(connections, types)
  local count = 0
  for _, one in ipairs(connections) do
    if one.outcome == "resumed" and one.version ~= "TLSv1.3" then
      local has = false
      for _, kind in ipairs(one.facts.extensions or {}) do
        has = has or types[kind]
      end
      count = count + (has and 1 or 0)
    end
  end
  return count
end

--- The extensions of resumed ServerHellos that should not be there; a thing has to be seen twice.
-- @tparam {table,...} connections see resum.audit.evidence
-- @treturn {table,...} what was found
function M.read_handshakes(connections)
  local list = {}
  for _, one in ipairs(REPEATED) do
    local count = count_with(connections, one.types)
    list[#list + 1] = count >= 2 and { verdict = one.verdict, severity = one.severity, reason = one.reason,
      evidence = { connections = count } } or nil
  end
  return list
end

-- Are small faults looked for as well? They are worth their connections to whoever chooses checks, or wants all there
-- are.
local function is_thorough(context)
  return (context.options.audit_checks or context.options.intrusive) and true or false
end

-- Offers a session in a way. Gives "resumed" or "kept", nil where that can't be told; and whether it resumed with
-- another suite. That is said by a ServerHello which may as well begin a full handshake: so the session is offered
-- again as one of the server's suite, and the server's Finished proves that it resumes.
local function try(context, way, altered, offer)
  local function offer_it(session)
    return context:hear_out({ mechanism = way.to, session = session, engine = "probe", offer = offer or {},
      compare = false, take_sessions = false })
  end
  local record, is_end = offer_it(altered)
  local facts = record.facts
  if is_end then
    return "kept" -- by whoever refuses without a word
  elseif way.may_change and record.outcome == "protocol_error" and facts.violation == "cipher_changed" then
    local changed = facts.cipher and altered:derive({ cipher = facts.cipher })
    local is_proved = changed and offer_it(changed).outcome == "resumed"
    return is_proved and "resumed" or nil, is_proved
  end
  return (way.read or M.read)(record, way.between)
end

-- Asks one way; what must not be has to show with a second session. Gives the answer, and where; nil and true where the
-- session can't be offered in this way.
local function ask(context, way)
  local can_not, has_changed = false, nil
  local resumed, where = poll.ask(context, way.of, function(session)
    local altered, offer = way.make(session)
    can_not = not altered
    local answer, changed
    if altered then
      answer, changed = try(context, way, altered, offer)
    end
    has_changed = has_changed or changed
    if answer then
      return answer == "resumed"
    end
  end, function()
    local session = (way.obtain or context.spare_session)(context, way.of)
    can_not = way.obtain ~= nil and not session
    return session
  end, way.obtain ~= nil)
  if can_not then
    return nil, true
  end
  where.has_changed = has_changed
  return resumed and "resumed" or resumed == false and "kept" or nil, where
end

-- Two resumptions that ask for what goes with a certificate; the second one where the first brought something. (In TLS
-- 1.2 a ticket may be offered again.)
local function ask_for_status(context)
  local session = context:resumes("ticket") and context:spare_session("ticket")
  for _ = 1, session and 2 or 0 do
    local list = { "server_name", "ec_point_formats", "supported_groups", "session_ticket", "encrypt_then_mac",
      "signature_algorithms", "renegotiation_info", table.unpack(ASKS_FOR_STATUS) }
    if session:fields().extended_master_secret then
      table.insert(list, 6, "extended_master_secret")
    end
    local record = context:ask({ mechanism = "ticket", session = session, engine = "probe",
      offer = { extensions = list }, take_sessions = false })
    if record.outcome ~= "resumed" or count_with({ record }, REPEATED[2].types) == 0 then
      return
    end
  end
end

-- Is it resumption's fault that a protocol is chosen that was not offered? Nil where that can't be told.
local function only_when_resumed(context, mechanism)
  local session, records = context:session_offering(mechanism, { alpn = { OTHER_PROTOCOL } })
  local chosen = session and session:fields().alpn
  local last = records[#records]
  if session then
    return chosen == nil or chosen == OTHER_PROTOCOL
  elseif last and last.outcome == "protocol_error" then -- libssl takes no protocol that it did not offer
    return false
  end
  return last and last.outcome == "alert" or nil
end

-- A finding is blamed on resumption only where a full handshake does better.
local function blame(context, list)
  for _, found in ipairs(list) do
    if found.reason == "other_protocol" then
      local is_its_own = only_when_resumed(context, found.evidence.mechanism)
      if is_its_own == false then
        found.verdict, found.severity, found.reason = "info", nil, "protocol_not_offered"
      elseif is_its_own == nil then
        found.verdict, found.severity, found.reason = "inconclusive", nil, "connection_failed"
      end
    end
  end
end

--- @tparam table context see resum.audit.context
-- @treturn {table,...} what was found
function M.run(context)
  local answers, places, asked = {}, {}, 0
  for i, way in ipairs(WAYS) do
    if context:resumes(way.of) and (context:resumes(way.to) or way.of == way.to)
      and not (way.instead_of and context:resumes(way.instead_of)) and (is_thorough(context) or not way.is_small) then
      local answer, where = ask(context, way)
      answers[i] = answer
      if where ~= true then
        places[i], asked = where, asked + 1
      end
    end
  end
  if asked == 0 then
    return { { verdict = "not_applicable", reason = "does_not_resume" } }
  end
  local list = M.decide(answers, asked, places)
  blame(context, list)
  if is_thorough(context) then
    ask_for_status(context)
  end
  return table.move(M.read_handshakes(context.evidence.connections), 1, #REPEATED, #list + 1, list)
end

--- Where nothing resumes that must not, one server takes 12.
function M.connections(options)
  return #WAYS * answer_of.ENDS * (poll.CONNECTIONS + 2 * options.retries) + 4 * (1 + options.retries)
end

return M
