-- Do tickets repeat what must be fresh? Equal tickets, an initialisation vector that comes twice, ticket_age_add and
-- ticket_nonce; and what a ticket promises beyond its bounds. Pure: the evidence of all connections in, findings out.

local ticket_keys = require "resum.analysis.ticket_key"

local M = {
  id = "ticket-repeats",
  title = "Do tickets repeat what must be fresh?",
  severity = "medium",
  class = "passive",
  sources = { "RFC 9846, sections 4.3.9 and 4.7.1", "Hebrok et al. 2023: We Really Need to Talk About Session Tickets",
    "CVE-2022-30629" },
  advice = "Have every ticket made anew, with fresh random bytes for all of its fields: update the TLS library, or "
    .. "replace the code that makes tickets.",
}

-- Two of n random numbers of 32 bits are equal with n(n-1)/2 / 2^32. In 90 tickets that is 9e-7, below the 1e-6 that a
-- passive check may be wrong with; three equal ones among any number that is kept are less likely than that.
local MOST_FOR_A_PAIR = 90
local NEEDED = 8 -- tickets of a mechanism, to call them fresh
local LONGEST_LIFETIME = 604800 -- seconds: "Servers MUST NOT use any value greater" (RFC 9846, section 4.7.1)
local NO_BOUND = 0xffffffff -- of max_early_data: what QUIC sends (RFC 9001, section 4.6.1)
-- The extension, and its flag "may be resumed under other names" (draft-ietf-tls-tlsflags)
local TLS_FLAGS, ACROSS_NAMES = 62, 8
local MOST_COMPARED = 256 -- sessions: each is held against each
local NAME, IV = 16, 16 -- bytes of a key's name and of the IV behind it (RFC 5077, section 4)

M.reasons = {
  no_tickets = "no tickets are issued",
  fresh = function(evidence)
    return ("nothing that must be fresh repeats in %d tickets"):format(evidence.tickets)
  end,
  equal_tickets = function(evidence)
    return ("%d of %d tickets are equal to another one"):format(evidence.equal, evidence.tickets)
  end,
  keystream = "two tickets are encrypted with one keystream: whoever has one session's secret can read the other's",
  same_secret = "sessions of different full handshakes have one secret: every client can read the others' connections",
  equal_iv = function(evidence)
    return ("%d of %d tickets have the initialisation vector of another one"):format(evidence.equal, evidence.tickets)
  end,
  equal_age_add = function(evidence)
    return ("%d of %d tickets have the ticket_age_add of another one: it must be random"):format(evidence.equal,
      evidence.tickets)
  end,
  equal_nonce = function(evidence)
    return ("on %d connections two tickets have one ticket_nonce, and so one secret"):format(evidence.connections)
  end,
  long_lifetime = function(evidence)
    return ("tickets promise %.0f s, and 604800 s (7 days) is the most that there may be"):format(evidence.lifetime_s)
  end,
  unbounded_early_data = "tickets allow 0xffffffff bytes of early data, as in QUIC: in TLS over TCP that is no bound",
  across_names = "tickets say that they may be resumed under other names of the certificate (tls_flags, flag 8)",
}

-- How many have a value that another one has, and the connections that brought them. key() gives nil for those that
-- are not compared.
local function repeated(tickets, key, least)
  local by_key, count, connections = {}, 0, {}
  for _, ticket in ipairs(tickets) do
    local value = key(ticket)
    if value ~= nil then
      by_key[value] = by_key[value] or {}
      table.insert(by_key[value], ticket.connection)
    end
  end
  for _, list in pairs(by_key) do
    if #list >= (least or 2) then
      count = count + #list
      table.move(list, 1, #list, #connections + 1, connections)
    end
  end
  table.sort(connections)
  return count, connections
end

local function bytes_of(ticket)
  return ticket.ticket
end

-- The IV of a ticket with its key's name in front of it. Where it never changes it may as well be something else, a
-- header for example: only one that changes and comes back is one that repeats.
local function iv_of(tickets)
  local seen, once = {}, {}
  for _, ticket in ipairs(tickets) do
    local name = ticket_keys.key_name(ticket.ticket)
    local iv = name and ticket.ticket:sub(NAME + 1, NAME + IV)
    if name and seen[name] and seen[name] ~= iv then
      once[name] = true
    end
    seen[name or ""] = iv
  end
  return function(ticket)
    local name = ticket_keys.key_name(ticket.ticket)
    return name and once[name] and ticket.ticket:sub(1, NAME + IV) or nil
  end
end

-- Tickets that differ: equal ones have been told of.
local function different(tickets)
  local list, seen = {}, {}
  for _, ticket in ipairs(tickets) do
    list[#list + 1] = not seen[ticket.ticket] and ticket or nil
    seen[ticket.ticket] = true
  end
  return list
end

-- Where another thing is to be done than having tickets made anew.
local ADVICE = {
  long_lifetime = "Set the lifetime of tickets to a day or less.",
  unbounded_early_data = "Set a bound on early data, or switch it off.",
}

local function bad(reason, severity, evidence, connections)
  return { verdict = "bad", reason = reason, severity = severity, evidence = evidence, connections = connections,
    advice = ADVICE[reason] }
end

local RULES = {}

function RULES.equal_tickets(mechanism, tickets)
  local count, connections = repeated(tickets, bytes_of)
  return count > 0 and bad("equal_tickets", "medium",
    { mechanism = mechanism, equal = count, tickets = #tickets }, connections)
end

-- The sessions of full handshakes, one of each connection: those of one connection may have one secret up to TLS 1.2.
local function sessions_of(tickets)
  local sessions, holders, seen = {}, {}, {}
  for _, ticket in ipairs(tickets) do
    if ticket.session and ticket.is_full and not seen[ticket.connection] and #sessions < MOST_COMPARED
      and not ticket.session:finds(ticket.ticket) then
      seen[ticket.connection] = true
      sessions[#sessions + 1], holders[#holders + 1] = ticket.session, ticket
    end
  end
  return sessions, holders
end

-- What two of them have in common: each with those before it.
local function in_common(tickets, how)
  local sessions, holders = sessions_of(tickets)
  local before = {}
  for i, session in ipairs(sessions) do
    local found = session:finds(before)
    if found and found.how == how then
      return found, { holders[found.index].connection, holders[i].connection }
    end
    before[i] = session
  end
end

function RULES.keystream(mechanism, tickets)
  local found, connections = in_common(tickets, "keystream")
  return found and bad("keystream", "high", { mechanism = mechanism, offset = found.offset }, connections)
end

function RULES.same_secret(mechanism, tickets)
  local found, connections = in_common(tickets, "same_secret")
  return found and bad("same_secret", "critical", { mechanism = mechanism }, connections)
end

function RULES.equal_iv(mechanism, tickets)
  local others = different(tickets)
  local count, connections = repeated(others, iv_of(others))
  return count > 0 and bad("equal_iv", "medium",
    { mechanism = mechanism, equal = count, tickets = #tickets, offset = NAME, bytes = IV }, connections)
end

function RULES.equal_age_add(mechanism, tickets)
  local others = different(tickets)
  local count, connections = repeated(others, function(ticket)
    return ticket.age_add
  end, #others > MOST_FOR_A_PAIR and 3 or 2)
  return count > 0 and bad("equal_age_add", "low",
    { mechanism = mechanism, equal = count, tickets = #tickets }, connections)
end

function RULES.equal_nonce(mechanism, tickets)
  local count, connections = repeated(tickets, function(ticket)
    return ticket.nonce and ("%d:%s"):format(ticket.connection, ticket.nonce)
  end)
  local met = 0
  for i, order in ipairs(connections) do
    met = met + (order ~= connections[i - 1] and 1 or 0)
  end
  return count > 0 and bad("equal_nonce", "low", { mechanism = mechanism, connections = met }, connections)
end

local function longest(tickets)
  local most, connections = 0, {}
  for _, ticket in ipairs(tickets) do
    if ticket.lifetime_s > LONGEST_LIFETIME then
      most = math.max(most, ticket.lifetime_s)
      connections[#connections + 1] = ticket.connection
    end
  end
  return most, connections
end

function RULES.long_lifetime(mechanism, tickets)
  local most, connections = longest(tickets)
  return mechanism == "psk" and most > 0 and bad("long_lifetime", "low",
    { mechanism = mechanism, lifetime_s = most, longest_s = LONGEST_LIFETIME }, connections)
end

local function those(tickets, test)
  local connections = {}
  for _, ticket in ipairs(tickets) do
    connections[#connections + 1] = test(ticket) and ticket.connection or nil
  end
  return #connections, connections
end

function RULES.unbounded_early_data(mechanism, tickets)
  local count, connections = those(tickets, function(ticket)
    return ticket.max_early_data == NO_BOUND
  end)
  return count > 0 and bad("unbounded_early_data", "low", { mechanism = mechanism, tickets = count }, connections)
end

-- The body of the extension is a vector of bytes, bit 0 of the first one being flag 0.
local function says_across_names(ticket)
  for _, extension in ipairs(ticket.extensions or {}) do
    local flags = extension.body
    local is_whole = extension.type == TLS_FLAGS and #flags == 1 + (flags:byte(1) or 0)
    local byte = is_whole and flags:byte(2 + ACROSS_NAMES // 8)
    if byte and byte >> (ACROSS_NAMES % 8) & 1 == 1 then
      return true
    end
  end
  return false
end

function RULES.across_names(mechanism, tickets)
  local count, connections = those(tickets, says_across_names)
  return count > 0 and { verdict = "info", reason = "across_names",
    evidence = { mechanism = mechanism, tickets = count }, connections = connections }
end

local ORDER = { "same_secret", "keystream", "equal_tickets", "equal_iv", "equal_age_add", "equal_nonce",
  "long_lifetime", "unbounded_early_data", "across_names" }

-- What there is to say where nothing was found.
local function nothing_found(seen, least)
  if seen == 0 then
    return { verdict = "not_applicable", reason = "no_tickets" }
  elseif least < NEEDED then
    return { verdict = "inconclusive", reason = "too_few_tickets", evidence = { tickets = least, needed = NEEDED } }
  end
  return { verdict = "good", reason = "fresh", evidence = { tickets = seen } }
end

--- @tparam table evidence see resum.audit.evidence
-- @treturn {table,...} findings
function M.run(evidence)
  local list, seen, least = {}, 0, math.huge
  for _, mechanism in ipairs({ "ticket", "psk" }) do
    local tickets = evidence:tickets_of(mechanism)
    seen, least = seen + #tickets, #tickets > 0 and math.min(least, #tickets) or least
    for _, name in ipairs(ORDER) do
      local found = RULES[name](mechanism, tickets)
      if found then
        found.group, found.share = evidence:group_of(found.connections)
        found.connections = nil
        list[#list + 1] = found
      end
    end
  end
  if #list == 0 then
    list[1] = nothing_found(seen, least)
  end
  return list
end

return M
