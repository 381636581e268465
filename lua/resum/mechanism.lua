-- The three ways to resume (RFC 5246 session IDs, RFC 5077 tickets, RFC 8446 PSKs): what a client
-- offers to meet just that one, and how the wire shows that it was issued and offered. Pure: it reads
-- facts tables, and knows no connection. libssl issues TLS 1.3 tickets whatever SSL_OP_NO_TICKET says,
-- and makes up an id for a ticket session, so the version is pinned and only the wire is asked.

local M = {}

--- In the order in which reports show them.
M.names = { "session_id", "ticket", "psk" }

M.session_id = {
  name = "session_id",
  title = "Session ID",
  noun = "session ID",
  context = { max_version = "TLSv1.2", tickets = false },
  issued = function(facts)
    return #(facts.session_id or "") > 0
  end,
  offered = function(facts)
    return #(facts.session_id_sent or "") > 0
  end,
}

M.ticket = {
  name = "ticket",
  title = "Ticket (RFC 5077)",
  noun = "ticket",
  context = { max_version = "TLSv1.2" },
  issued = function(facts)
    return #facts.tickets > 0
  end,
  offered = function(facts)
    return (facts.ticket_length_sent or 0) > 0
  end,
}

M.psk = {
  name = "psk",
  title = "PSK (RFC 8446)",
  noun = "PSK",
  context = { min_version = "TLSv1.3", max_version = "TLSv1.3" },
  issued = function(facts)
    return #facts.tickets > 0
  end,
  offered = function(facts)
    return (facts.psk_identities_sent or 0) > 0
  end,
  -- NewSessionTicket comes after the handshake, so it has to be waited for (RFC 8446, section 4.6.1).
  tickets_come_late = true,
}

--- The control: any version, nothing offered. It tells a dead or odd server from one that does not resume.
M.control = {
  name = "control",
  context = {},
  issued = function()
    return false
  end,
  offered = function()
    return false
  end,
}

--- Whether this mechanism belongs to that version of TLS.
-- @tparam table mechanism one of this module's
-- @tparam string version "TLSv1.0" to "TLSv1.3", as facts have it
-- @treturn boolean
function M.speaks(mechanism, version)
  local context = mechanism.context
  return version >= (context.min_version or "TLSv1.0") and version <= (context.max_version or "TLSv1.3")
end

return M
