-- Does resumption drop the hybrid group? A ClientHello names X25519MLKEM768 before x25519 and brings a share of x25519
-- alone: a server that prefers the hybrid group asks for a second ClientHello. So no ML-KEM of ours is needed. It is
-- asked for a full handshake and for a resumed one.

local core = require "resum.core"
local poll = require "resum.audit.poll"

local M = {
  id = "pq-resumption",
  title = "Does resumption drop the hybrid group?",
  severity = "info",
  class = "active",
  sources = { "RFC 9846, sections 4.2.1 and 4.3.8", "draft-ietf-tls-ecdhe-mlkem" },
  advice = "Have the server prefer the hybrid group for resumed handshakes as well: update the TLS library.",
}

local HYBRID, CLASSIC = 4588, 29 -- X25519MLKEM768 and x25519 (IANA)
local BASE_POINT = "\9" .. ("\0"):rep(31) -- a share that anybody knows the secret of: nothing is said under it
local TWICE = 2
local READS = 8 -- at most, until the answer is there as a whole
-- The alert of a server that has neither group (RFC 9846, section 4.2.1): one that has the hybrid group asks for it.
local NO_GROUP, REFUSED = 40, "refused"
local RECORD_HEADER = 5 -- bytes

M.reasons = {
  kept = "full and resumed handshakes prefer the hybrid group X25519MLKEM768",
  dropped = "full handshakes prefer the hybrid group X25519MLKEM768, resumed ones do not: what is recorded of them may "
    .. "be read by a quantum computer one day",
  only_resumed = "resumed handshakes prefer the hybrid group X25519MLKEM768, full ones do not",
  none = "the server does not ask for the hybrid group X25519MLKEM768",
}

-- A full handshake's ClientHello, a session and its offer; each once more where it fails, and behind a balancer until
-- the server is met that knows the session. One server takes 6 at most.
function M.connections()
  return 2 + 2 * math.max(TWICE, poll.MOST_ROUNDS)
end

local GROUPS = { type = "supported_groups", body = (">I2 I2 I2"):pack(4, HYBRID, CLASSIC) }

local function extensions(...)
  return { "server_name", GROUPS, "alpn", "signature_algorithms", "supported_versions", "psk_key_exchange_modes",
    "key_share", ... }
end

-- The first message of these bytes, also where what follows its record is no TLS: vsftpd tells in words why it refuses.
local function first_message(bytes)
  local messages = core.parse(bytes)
  if not messages and #bytes >= RECORD_HEADER then
    messages = core.parse(bytes:sub(1, RECORD_HEADER + (">I2"):unpack(bytes, RECORD_HEADER - 1)))
  end
  return messages and messages[1]
end

-- What the server says first to a full handshake: true for a HelloRetryRequest, "refused" where it has neither group;
-- nil where that can't be told.
local function asks_in_full(context)
  local hello = core.client_hello({ server_name = context.client.server_name, extensions = extensions(),
    key_shares = { { group = CLASSIC, share = BASE_POINT } } })
  local record = context:converse(function(talk)
    local all = ""
    local bytes = talk:write(hello) and talk:read()
    for _ = 1, READS do
      local first = bytes and first_message(all .. bytes)
      if first or not bytes then
        return first and (first.code == NO_GROUP and REFUSED or first.type)
      end
      all, bytes = all .. bytes, talk:read()
    end
  end)
  if record.result == REFUSED then
    return REFUSED
  elseif record.result == "hello_retry_request" or record.result == "server_hello" then
    return record.result == "hello_retry_request"
  end
end

local function asks_resumed(context)
  local session = context:spare_session("psk")
  local record = session and context:attempt({ mechanism = "psk", session = session, engine = "probe",
    offer = { groups = { CLASSIC }, extensions = extensions("pre_shared_key") } })
  local facts = record and record.facts
  if facts and facts.hello_retry then
    return true
  elseif record and record.outcome == "resumed" then
    return false
  end
  local alert = record and record.outcome == "alert" and facts and facts.alerts and facts.alerts[#facts.alerts]
  return alert and alert.code == NO_GROUP and REFUSED or nil
end

local function is_told(answer)
  return answer == true or answer == false
end

--- What both answers come to.
-- @tparam boolean|string|nil full "refused" where the server said that it has neither group
-- @tparam boolean|string|nil resumed
-- @tparam[opt] boolean is_divided a session that does not resume may have met another server than its own
-- @treturn table finding
function M.decide(full, resumed, is_divided)
  if full == REFUSED and resumed == REFUSED then
    full, resumed = false, false
  end
  if not is_told(full) or not is_told(resumed) then
    return { verdict = "inconclusive", reason = is_told(full) and is_divided and "not_met" or "connection_failed" }
  end
  local reason = full and (resumed and "kept" or "dropped") or resumed and "only_resumed" or "none"
  return { verdict = "info", reason = reason }
end

--- @tparam table context see resum.audit.context
-- @treturn {table,...} findings
function M.run(context)
  if not context:resumes("psk") then
    return { { verdict = "not_applicable", reason = "does_not_resume", evidence = { sessions = "TLS 1.3 tickets" } } }
  end
  local full = asks_in_full(context)
  if full == nil then
    full = asks_in_full(context)
  end
  local resumed
  local most = poll.is_divided(context, "psk") and poll.MOST_ROUNDS or poll.rounds(context, "psk")
  for _ = 1, poll.is_unmet(context, "psk") and 0 or math.max(TWICE, most) do
    if resumed == nil then
      resumed = asks_resumed(context)
    end
  end
  return { M.decide(full, resumed, poll.is_divided(context, "psk")) }
end

return M
