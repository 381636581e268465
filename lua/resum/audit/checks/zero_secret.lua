-- Does a downgrade after HelloRetryRequest open a session whose secret everybody knows (CVE-2026-34873)? The first
-- ClientHello offers TLS 1.3 and 1.2 and a PSK, and no key share; the second one, after HelloRetryRequest, only TLS
-- 1.2, with the session ID of the first. A server that takes the session that it has prepared for the other version
-- resumes under a master secret of zeros: its Finished proves it.

local core = require "resum.core"
local poll = require "resum.audit.poll"
local random = require "resum.util.random"

local M = {
  id = "zero-secret",
  title = "Does a downgrade after HelloRetryRequest open a session whose secret everybody knows?",
  severity = "critical",
  class = "intrusive",
  sources = { "CVE-2026-34873", "RFC 9846, section 4.2.4" },
  advice = "Update the TLS library: whoever has one session can read and alter the connections of others.",
}

M.reasons = {
  refused = "the second ClientHello is refused, or leads to no session of zeros",
  zero_secret = "the server resumes under a master secret of zeros: its Finished verifies",
  mixed_answers = "the server resumed under a master secret of zeros once, and not again",
  no_retry = "the server asks for no second ClientHello",
}

-- The suites of TLS 1.2 that servers of both kinds of certificates have.
local CIPHERS = { "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" }
local FLIGHT = 8 -- reads at most, until the answer to the first ClientHello is there as a whole

-- For each suite a question, whose conversation is had once more where it fails; and a control. One server takes 9 at
-- most.
function M.connections()
  return #CIPHERS * (poll.CONNECTIONS + poll.CONNECTIONS // 2) + 1
end

local function first_hello(session, session_id, server_name)
  return core.probe({ session = session, session_id = session_id, server_name = server_name,
    versions = { "TLSv1.3", "TLSv1.2" }, extensions = { "server_name", "supported_groups", "signature_algorithms",
    "supported_versions", "psk_key_exchange_modes", { type = "key_share", body = "\0\0" }, "pre_shared_key" } })
end

local function second_hello(cipher, session_id, server_name)
  local session = core.session({ version = "TLSv1.2", cipher = cipher, secret = ("\0"):rep(48), id = session_id,
    extended_master_secret = true })
  return session and core.probe({ session = session, session_id = session_id, ciphers = { cipher },
    server_name = server_name })
end

-- What the server answers to the first ClientHello: "retry", "other", or nil where it fails.
local function read_answer(talk)
  local all = ""
  for _ = 1, FLIGHT do
    local bytes, code = talk:read()
    if not bytes then
      return code == "eof" and all ~= "" and "other" or nil
    end
    all = all .. bytes
    local messages = core.parse(all)
    local first = messages and messages[1]
    if first then
      return first.type == "hello_retry_request" and "retry" or "other"
    end
  end
end

-- Ends, by the server or on the way: with a FIN, or with an RST (wolfSSL).
local ENDS = { closed = true, reset = true }

-- Returns "zero_secret", "refused", "no_retry", an end, or nil where the connection failed.
local function try(context, cipher, session)
  local session_id, name = random.bytes(32), context.client.server_name
  local first = first_hello(session, session_id, name)
  if not first then
    return nil
  end
  local record = context:converse(function(talk)
    local _, bytes = first:step()
    local answer = talk:write(bytes) and read_answer(talk)
    if answer ~= "retry" then
      return answer and "no_retry" or nil
    end
    local state, code = talk:run(second_hello(cipher, session_id, name))
    if state == "established" then
      return "zero_secret"
    end
    if ENDS[code] then
      return code
    end
    return (state or code == "alert" or code == "protocol_error") and "refused" or nil
  end)
  return record.result
end

-- The same, and once more where it failed. An end is a refusal where the same one comes again.
local function try_twice(context, cipher, session)
  local first = try(context, cipher, session)
  if first and not ENDS[first] then
    return first
  end
  local second = try(context, cipher, session)
  if ENDS[second] then
    return first == second and "refused" or nil
  end
  return second
end

--- @tparam table context see resum.audit.context
-- @treturn {table,...} findings
function M.run(context)
  if not context:resumes("psk") then
    return { { verdict = "not_applicable", reason = "does_not_resume", evidence = { sessions = "TLS 1.3 tickets" } } }
  end
  local open, asks_again = nil, true
  for _, cipher in ipairs(CIPHERS) do
    local resumed, where = poll.ask(context, "psk", function(session)
      local answer = try_twice(context, cipher, session)
      asks_again = asks_again and answer ~= "no_retry"
      if answer then
        return answer == "zero_secret"
      end
    end)
    if resumed then
      local share = where.share -- in strict turns; else who answers may be another than the one that issued
      if not poll.turns_of(context, "psk") then
        share = where.seen < where.asked and where.seen / where.asked or nil
      end
      return { { verdict = "bad", reason = "zero_secret", share = share, evidence = { cipher = cipher } } }
    elseif resumed == nil then
      open = where.seen > 0 and where.why or open or where.why
    end
  end
  if open then
    return { { verdict = "inconclusive", reason = open } }
  elseif not asks_again then
    return { { verdict = "not_applicable", reason = "no_retry" } }
  end
  return { { verdict = "good", reason = "refused" } }
end

return M
