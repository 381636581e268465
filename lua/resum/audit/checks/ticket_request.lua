-- Does the server honour a wish for so many tickets (RFC 9149)? A resumption asks for some, and what
-- EncryptedExtensions say and how many tickets come tells.

local poll = require "resum.audit.poll"

local M = {
  id = "ticket-request",
  title = "Does the server honour a wish for tickets (RFC 9149)?",
  severity = "info",
  class = "active",
  harmless = true,
  on_request = true, -- whatever it finds, there is nothing to do
  sources = { "RFC 9149" },
  advice = "Nothing has to be done: RFC 9149 is an offer.",
}

local TICKET_REQUEST = 58 -- extension (IANA)
local NEW, RESUMED = 5, 3 -- tickets wanted after a full and after a resumed handshake: no server issues so many unasked

-- What our own ClientHello of TLS 1.3 has, and the wish; pre_shared_key has to be last.
local EXTENSIONS = { "server_name", "supported_groups", "renegotiation_info",
  "application_layer_protocol_negotiation", "signature_algorithms", "supported_versions", "psk_key_exchange_modes",
  "key_share", { type = TICKET_REQUEST, body = string.char(NEW, RESUMED) }, "pre_shared_key" }

M.reasons = {
  honoured = function(evidence)
    return ("%d tickets were wanted, and %d came"):format(evidence.wanted, evidence.came)
  end,
  ignored = function(evidence)
    return ("the server does not speak RFC 9149; %d tickets come with a resumed connection"):format(evidence.came)
  end,
  said_only = function(evidence)
    return ("the server speaks RFC 9149, but %d tickets were wanted, and %d came"):format(evidence.wanted,
      evidence.came)
  end,
  unclear = "the resumption that was to ask did not come about",
}

--- What a record comes to.
-- @tparam table record see resum.connection.client
-- @treturn table verdict, reason, evidence
function M.decide(record)
  local facts, says = record.facts or {}, false
  if record.outcome ~= "resumed" then
    return { verdict = "inconclusive", reason = "unclear" }
  end
  for _, kind in ipairs(facts.extensions or {}) do
    says = says or kind == TICKET_REQUEST
  end
  local came = #facts.tickets
  local reason = not says and "ignored" or came == RESUMED and "honoured" or "said_only"
  return { verdict = "info", reason = reason, evidence = { wanted = RESUMED, came = came } }
end

--- @tparam table context see resum.audit.context
-- @treturn {table,...} what was found
function M.run(context)
  local record
  for _ = 1, context:resumes("psk") and poll.rounds(context, "psk") or 0 do
    local session = (not record or record.outcome ~= "resumed") and context:spare_session("psk")
    record = session and context:ask({ mechanism = "psk", session = session, engine = "probe", want_tickets = "all",
      offer = { extensions = EXTENSIONS } }) or record
  end
  if not record then
    return { { verdict = "not_applicable", reason = "does_not_resume", evidence = { sessions = "TLS 1.3 tickets" } } }
  end
  return { M.decide(record) }
end

function M.connections(options)
  return 2 * (poll.MOST_ROUNDS + options.retries)
end

return M
