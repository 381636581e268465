-- Do tickets make the ClientHello of a resumption longer than a packet? It writes the ClientHello that would offer each
-- ticket seen, and makes no connection.

local core = require "resum.core"

local RECORD_HEADER = 5 -- bytes

local M = {
  id = "hello-size",
  title = "Do tickets make the ClientHello longer than a packet?",
  severity = "info",
  class = "passive",
  sources = { "RFC 9846, 4.3.11", "RFC 8879", "draft-ietf-tls-ecdhe-mlkem" },
  advice = "Keep certificates and other large things out of tickets: a stateful cache has tickets of 32 bytes.",
}

--- Bytes of a ClientHello that fit in one TCP segment of 1,460 bytes, with options and the record's header.
M.PACKET = 1440
--- Bytes that a share of X25519MLKEM768 has more than one of X25519: 1184 of the encapsulation key, and the entry, list
-- and group beside it.
M.HYBRID = 1220

M.reasons = {
  fits = function(evidence)
    local hybrid = evidence.hybrid_bytes and (", and %d with a hybrid key share"):format(evidence.hybrid_bytes) or ""
    return ("a ClientHello with a ticket of %d bytes has %d bytes%s: it fits in one packet"):format(
      evidence.ticket_bytes, evidence.hello_bytes, hybrid)
  end,
  too_long = function(evidence)
    return ("a ClientHello with a ticket of %d bytes has %d bytes: more than fit in one packet"):format(
      evidence.ticket_bytes, evidence.hello_bytes)
  end,
  too_long_with_hybrid = function(evidence)
    return ("a ClientHello with a ticket of %d bytes has %d bytes, and %d with a hybrid key share: more than fit in "
      .. "one packet"):format(evidence.ticket_bytes, evidence.hello_bytes, evidence.hybrid_bytes)
  end,
  no_tickets = "no tickets are issued",
}

-- The ticket that is longest, with a session to offer.
local function longest(tickets)
  local found
  for _, ticket in ipairs(tickets) do
    if ticket.session and (not found or #ticket.ticket > #found.ticket) then
      found = ticket
    end
  end
  return found
end

--- Bytes of the ClientHello that offers a session, without the record's header.
-- @tparam session session
-- @treturn integer|nil nil where our own engine can't offer it
function M.length_of(session)
  local probe = core.probe({ session = session, server_name = session:fields().server_name })
  if not probe then
    return nil
  end
  local _, bytes = probe:step()
  probe:close()
  return #bytes - RECORD_HEADER
end

--- What lengths come to.
-- @tparam integer hello_bytes of the ClientHello
-- @tparam integer ticket_bytes
-- @tparam string mechanism
-- @treturn table verdict, reason, evidence
function M.decide(hello_bytes, ticket_bytes, mechanism)
  local with_hybrid = mechanism == "psk" and hello_bytes + M.HYBRID or nil
  local reason = hello_bytes > M.PACKET and "too_long"
    or with_hybrid and with_hybrid > M.PACKET and "too_long_with_hybrid" or "fits"
  return { verdict = "info", reason = reason, evidence = { mechanism = mechanism, hello_bytes = hello_bytes,
    ticket_bytes = ticket_bytes, hybrid_bytes = with_hybrid, packet_bytes = M.PACKET } }
end

--- @tparam table evidence see resum.audit.evidence
-- @treturn {table,...} what was found
function M.run(evidence)
  local list = {}
  for _, mechanism in ipairs({ "ticket", "psk" }) do
    local ticket = longest(evidence:tickets_of(mechanism))
    local length = ticket and M.length_of(ticket.session)
    list[#list + 1] = length and M.decide(length, #ticket.ticket, mechanism)
  end
  return #list > 0 and list or { { verdict = "not_applicable", reason = "no_tickets" } }
end

return M
