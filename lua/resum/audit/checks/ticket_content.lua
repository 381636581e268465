-- What can anybody on the wire read in tickets? The secret itself, text, a client's certificate, addresses of the
-- server's memory. Pure: the evidence of all connections in, findings out.

local ticket_bytes = require "resum.audit.tickets.bytes"
local ticket_keys = require "resum.analysis.ticket_key"

local M = {
  id = "ticket-content",
  title = "What can anybody on the wire read in tickets?",
  severity = "medium",
  class = "passive",
  sources = { "RFC 5077, section 4", "RFC 9846, section 4.7.1",
    "Hebrok et al. 2023: We Really Need to Talk About Session Tickets" },
  advice = "Have tickets encrypted and signed as RFC 5077, section 4, does: update the TLS library, or replace the "
    .. "code that makes tickets.",
}

-- Of 8,192 tickets of random bytes, three have an address at one offset with 3 in 10^9.
local LEAST_OF_SOME = 3

M.reasons = {
  no_tickets = "no tickets are issued",
  nothing_readable = function(evidence)
    return ("nothing can be read in %d tickets"):format(evidence.tickets)
  end,
  secret = function(evidence)
    return ("%d of %d tickets hold the session's secret in clear: whoever records the connection can read it"):format(
      evidence.shown, evidence.tickets)
  end,
  certificate = function(evidence)
    return ("%d of %d tickets hold a certificate in clear: everybody sees who the client is"):format(evidence.shown,
      evidence.tickets)
  end,
  text = function(evidence)
    return ("tickets hold text in clear (%d characters in a row)"):format(evidence.length)
  end,
  addresses = function(evidence)
    return ("%d tickets hold addresses of the server's memory: they help who attacks it"):format(evidence.shown)
  end,
}

local function bad(reason, severity, mechanism, connections, evidence)
  evidence.mechanism = mechanism
  return { verdict = "bad", reason = reason, severity = severity, connections = connections, evidence = evidence }
end

-- Those that pass a test, which gives an offset.
local function shown_in(tickets, test)
  local connections, first = {}, nil
  for _, ticket in ipairs(tickets) do
    local offset = test(ticket)
    if offset then
      first = first or offset
      connections[#connections + 1] = ticket.connection
    end
  end
  return connections, first
end

local RULES = {}

function RULES.secret(mechanism, tickets)
  local connections, offset = shown_in(tickets, function(ticket)
    local found = ticket.session and ticket.session:finds(ticket.ticket)
    return found and found.offset
  end)
  return offset and bad("secret", "critical", mechanism, connections,
    { shown = #connections, tickets = #tickets, offset = offset })
end

function RULES.certificate(mechanism, tickets)
  local connections, offset = shown_in(tickets, function(ticket)
    return ticket_bytes.certificate_in(ticket.ticket)
  end)
  return offset and bad("certificate", "medium", mechanism, connections,
    { shown = #connections, tickets = #tickets, offset = offset })
end

function RULES.text(mechanism, tickets)
  local found = ticket_bytes.text_in(tickets)
  return found and bad("text", "medium", mechanism, { found.ticket.connection },
    { offset = found.offset, length = found.length })
end

-- The offsets at which every ticket has an address, and those of them whose address is not always the same.
local function common_addresses(tickets)
  local common, changing = nil, {}
  for _, ticket in ipairs(tickets) do
    local found = ticket_keys.addresses(ticket.ticket)
    common = common or found
    for at, word in pairs(common) do
      changing[at] = changing[at] or (found[at] ~= nil and found[at] ~= word)
      common[at] = found[at] and word or nil
    end
  end
  return common or {}, changing
end

-- One word of random bytes looks like an address with 3 / 2^24. A name that never changes has six places for one: so
-- two words have to, or one that changes. Gives how many words, and the first offset; nil where there are none.
local function words_in(tickets)
  local common, changing = common_addresses(tickets)
  local count, first, changes = 0, nil, false
  for at in pairs(common) do
    count, first, changes = count + 1, math.min(first or at, at), changes or changing[at]
  end
  if count > 1 or changes then
    return count, first
  end
end

-- All tickets; and those with an address at one offset, where they may be one server's of several.
local function sets_of(tickets)
  local sets, by_offset = { #tickets >= 2 and tickets or nil }, {}
  for _, ticket in ipairs(tickets) do
    for at in pairs((ticket_keys.addresses(ticket.ticket))) do
      by_offset[at] = by_offset[at] or {}
      table.insert(by_offset[at], ticket)
    end
  end
  for at = 0, ticket_keys.SEARCHED, ticket_keys.WORD do
    sets[#sets + 1] = by_offset[at] and #by_offset[at] >= LEAST_OF_SOME and by_offset[at] or nil
  end
  return sets
end

function RULES.addresses(mechanism, tickets)
  for _, set in ipairs(sets_of(tickets)) do
    local count, first = words_in(set)
    if count then
      local connections = shown_in(set, function()
        return first
      end)
      return bad("addresses", "high", mechanism, connections, { shown = #set, offset = first, words = count })
    end
  end
end

local ORDER = { "secret", "certificate", "text", "addresses" }

--- @tparam table evidence see resum.audit.evidence
-- @treturn {table,...} findings
function M.run(evidence)
  local list = {}
  for _, mechanism in ipairs({ "ticket", "psk" }) do
    local tickets = evidence:tickets_of(mechanism)
    for _, name in ipairs(ORDER) do
      local found = #tickets > 0 and RULES[name](mechanism, tickets)
      if found then
        found.group, found.share = evidence:group_of(found.connections)
        found.connections = nil
        list[#list + 1] = found
      end
    end
  end
  if #list > 0 then
    return list
  elseif #evidence.tickets == 0 then
    return { { verdict = "not_applicable", reason = "no_tickets" } }
  end
  return { { verdict = "good", reason = "nothing_readable", evidence = { tickets = #evidence.tickets } } }
end

return M
