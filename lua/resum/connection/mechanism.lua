-- The three ways to resume (RFC 5246 session IDs, RFC 5077 tickets, RFC 8446 PSKs): what a client
-- offers to meet just that one, and how the wire shows that it was issued and offered. Pure: it reads
-- facts tables, and knows no connection. libssl issues TLS 1.3 tickets whatever SSL_OP_NO_TICKET says,
-- and makes up an id for a ticket session, so the version is pinned and only the wire is asked.

local escape = require "resum.util.escape"
local suggestion = require "resum.util.suggestion"

local M = {}

-- A ticket without content is none: with it a server says that it has nothing to give (RFC 5077, section 3.3).
local function has_content(ticket)
  return #ticket.ticket > 0
end

-- A lifetime of 0 means that the ticket is to be thrown away at once (RFC 8446, section 4.6.1).
local function may_be_kept(ticket)
  return ticket.lifetime_s > 0
end

local function some_ticket(test)
  return function(facts)
    for _, ticket in ipairs(facts.tickets) do
      if test(ticket) then
        return true
      end
    end
    return false
  end
end

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
  may_be_cached = true, -- so that the end of a connection may cost the session
}

M.ticket = {
  name = "ticket",
  title = "Ticket",
  noun = "ticket",
  context = { max_version = "TLSv1.2", tickets = true },
  issued = some_ticket(has_content),
  offered = function(facts)
    return (facts.ticket_length_sent or 0) > 0
  end,
}

M.psk = {
  name = "psk",
  title = "TLS 1.3 ticket (PSK)",
  noun = "TLS 1.3 ticket",
  context = { min_version = "TLSv1.3", max_version = "TLSv1.3" },
  issued = some_ticket(may_be_kept),
  offered = function(facts)
    return (facts.psk_identities_sent or 0) > 0
  end,
  may_be_cached = true,
  tickets_have_age = true, -- it goes into the offer (RFC 8446, section 4.2.11.1)
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

--- Whatever a session allows, for one handshake made by hand.
M.any = {
  name = "any",
  context = {},
  issued = function(facts)
    return M.session_id.issued(facts) or M.ticket.issued(facts)
  end,
  offered = function(facts)
    return M.session_id.offered(facts) or M.ticket.offered(facts) or M.psk.offered(facts)
  end,
  tickets_come_late = true,
}

--- One of the mechanisms that are scanned.
-- @tparam any name
-- @treturn table|nil
function M.find(name)
  for _, known in ipairs(M.names) do
    if known == name then
      return M[known]
    end
  end
end

--- Walks what is kept by mechanism, in the order of M.names: pairs() has another order in each process, and what is
-- asked of a server must not hang on that.
-- @tparam {string=any,...} by_name
-- @treturn function for a loop: name and value of each that is there
function M.each(by_name)
  local at = 0
  return function()
    repeat
      at = at + 1
    until not M.names[at] or by_name[M.names[at]] ~= nil
    return M.names[at], by_name[M.names[at]]
  end
end

--- Reads a list of mechanisms.
-- @tparam {string,...} names
-- @treturn[1] {string,...} each once, in the order given
-- @treturn[2] nil
-- @treturn[2] string what the list takes, and what is no mechanism, in words that follow the name of the list
function M.read_list(names)
  local list, seen = {}, {}
  for _, name in ipairs(names) do
    if not M.find(name) then
      return nil, ("takes a list of %s, not '%s'%s"):format(table.concat(M.names, ", "), escape(tostring(name), 40),
        suggestion.question(suggestion.of(tostring(name), M.names)))
    end
    list[#list + 1] = not seen[name] and name or nil
    seen[name] = true
  end
  if not list[1] then
    return nil, ("takes a list of %s, and this one is empty"):format(table.concat(M.names, ", "))
  end
  return list
end

local OLDEST, NEWEST = "TLSv1.0", "TLSv1.3"

-- The versions that two ranges share: lowest, highest; nil when there is none.
local function overlap(a, b)
  local low_a, low_b = a.min_version or OLDEST, b.min_version or OLDEST
  local high_a, high_b = a.max_version or NEWEST, b.max_version or NEWEST
  local low, high = low_a > low_b and low_a or low_b, high_a < high_b and high_a or high_b
  if low <= high then
    return low, high
  end
end

--- Whether a mechanism can be met with these versions.
-- @tparam table mechanism
-- @tparam table versions {min_version, max_version}, nil for no bound
-- @treturn boolean
function M.fits(mechanism, versions)
  return overlap(mechanism.context, versions) ~= nil
end

--- Narrows what a context offers to these versions; where they don't meet it stays as it is.
-- @tparam table context min_version, max_version; it is changed
-- @tparam table versions {min_version, max_version}
-- @treturn boolean whether they meet
function M.narrow(context, versions)
  local low, high = overlap(context, versions)
  if low then
    context.min_version, context.max_version = low, high
  end
  return low ~= nil
end

local VERSIONS = { ["1.0"] = "TLSv1.0", ["1.1"] = "TLSv1.1", ["1.2"] = "TLSv1.2", ["1.3"] = "TLSv1.3" }

--- The versions that may be spoken when a user names one.
-- @tparam string|nil name "1.0" to "1.3"; nil: all
-- @treturn[1] table {min_version, max_version}
-- @treturn[2] nil
-- @treturn[2] string message
function M.pin(name)
  local version = VERSIONS[name]
  if name and not version then
    return nil, "tls: must be one of 1.0, 1.1, 1.2, 1.3"
  end
  return { min_version = version, max_version = version }
end

--- Whether this mechanism belongs to that version of TLS.
-- @tparam table mechanism one of this module's
-- @tparam string version "TLSv1.0" to "TLSv1.3", as facts have it
-- @treturn boolean
function M.speaks(mechanism, version)
  return M.fits(mechanism, { min_version = version, max_version = version })
end

return M
