-- Does resumption keep what was agreed in the full handshake? A session is offered without its cipher suite, to another
-- hash, and under another version with its true secret; and the handshakes of all scans are read for extensions that a
-- resumed ServerHello must not have.

local poll = require "resum.audit.poll"

local M = {
  id = "resume-rules",
  title = "Does resumption keep what was agreed?",
  severity = "medium",
  class = "active",
  sources = { "RFC 5246, 7.4.1.2 and 7.4.1.3", "RFC 9846, 4.3.11 and 4.7.1", "RFC 6066, section 3" },
  advice = "Update the TLS library: a session stands for its version and its cipher suite.",
}

local SHA256_SUITE, SHA384_SUITE = "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"
local OLD_SUITE = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384" -- for a secret of 48 bytes under TLS 1.2
local SERVER_NAME = 0

M.reasons = {
  keeps = function(evidence)
    return ("in %d of %d ways in which it must not, a session does not resume"):format(evidence.kept, evidence.asked)
  end,
  other_cipher = "a session of TLS 1.2 resumes with its cipher suite although that is not offered",
  other_hash = "a PSK resumes with a cipher suite of another hash",
  old_as_new = "a ticket of TLS 1.2 is taken for a PSK of TLS 1.3",
  new_as_old = "a ticket of TLS 1.3 is taken for one of TLS 1.2",
  server_name_repeated = "a resumed ServerHello repeats server_name, which it must not (RFC 6066, section 3)",
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
  { reason = "other_cipher", verdict = "info", of = "ticket", to = "ticket", make = function(session)
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

--- What the answers come to.
-- @tparam table answers reason -> "resumed" or "kept"
-- @tparam integer asked ways
-- @tparam[opt] table places reason -> group and share of the servers that resumed
-- @treturn {table,...} verdict, reason, evidence, group, share
function M.decide(answers, asked, places)
  local list, kept, told = {}, 0, 0
  for _, way in ipairs(WAYS) do
    local answer = answers[way.reason]
    told, kept = told + (answer and 1 or 0), kept + (answer == "kept" and 1 or 0)
    local place = places and places[way.reason] or {}
    list[#list + 1] = answer == "resumed" and { verdict = way.verdict or "bad", reason = way.reason,
      group = place.group, share = place.share } or nil
  end
  if #list == 0 then
    list[1] = told < asked and { verdict = "inconclusive", reason = "nothing_told", evidence = { told = told,
      asked = asked } } or { verdict = "good", reason = "keeps", evidence = { kept = kept, asked = asked } }
  end
  return list
end

--- How often a resumed ServerHello repeats server_name.
-- @tparam {table,...} connections see resum.audit.evidence
-- @treturn table|nil what was found
function M.read_handshakes(connections)
  local count = 0
  for _, one in ipairs(connections) do
    if one.outcome == "resumed" and one.version ~= "TLSv1.3" then
      for _, kind in ipairs(one.facts.extensions or {}) do
        count = count + (kind == SERVER_NAME and 1 or 0)
      end
    end
  end
  return count >= 2 and { verdict = "bad", severity = "low", reason = "server_name_repeated",
    evidence = { connections = count } } or nil
end

-- Asks one way; what must not be has to show with a second session. Gives the answer, and where; nil and true where the
-- session can't be offered in this way.
local function ask(context, way)
  local can_not = false
  local resumed, where = poll.ask(context, way.of, function(session)
    local altered, offer = way.make(session)
    can_not = not altered
    local answer = altered and M.read(context:ask({ mechanism = way.to, session = altered, engine = "probe",
      offer = offer or {}, compare = false, take_sessions = false }), way.between)
    if answer then
      return answer == "resumed"
    end
  end, function()
    return context:spare_session(way.of)
  end)
  if can_not then
    return nil, true
  end
  return resumed and "resumed" or resumed == false and "kept" or nil, where
end

--- @tparam table context see resum.audit.context
-- @treturn {table,...} what was found
function M.run(context)
  local answers, places, asked = {}, {}, 0
  for _, way in ipairs(WAYS) do
    if context:resumes(way.of) and (context:resumes(way.to) or way.of == way.to) then
      local answer, where = ask(context, way)
      answers[way.reason] = answer
      if where ~= true then
        places[way.reason], asked = where, asked + 1
      end
    end
  end
  if asked == 0 then
    return { { verdict = "not_applicable", reason = "does_not_resume" } }
  end
  local list = M.decide(answers, asked, places)
  list[#list + 1] = M.read_handshakes(context.evidence.connections)
  return list
end

--- Where nothing resumes that must not, one server takes eight.
function M.connections(options)
  return #WAYS * (poll.CONNECTIONS + 2 * options.retries)
end

return M
