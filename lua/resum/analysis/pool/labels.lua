-- Which server answered? What a connection shows of it: the name of its ticket key, a prefix of its session IDs, its
-- certificate; and weaker: lifetime hint, ticket length, order of extensions. Pure: records become entries, entries get
-- labels. A name counts as one only when it repeats: some servers put random bytes where others name their key.

local mechanisms = require "resum.connection.mechanism"
local ticket_keys = require "resum.analysis.ticket_key"
local verdict = require "resum.analysis.verdict"

local M = {}

-- Bytes at a ticket's start that name its key: OpenSSL and most (RFC 5077, section 4), then mbedTLS and JSSE.
local KEY_WIDTHS = { 16, 4 }
-- A ticket that is not longer is the name of an entry in a cache.
local SHORT_TICKET = 32
local ID_WIDTHS = { 8, 4 }
--- The label of a server that was asked for a ticket as well as a session ID, and issued the latter only.
M.TICKETLESS = "ticketless"
--- The label of a server that does not speak the mechanism's version of TLS.
M.OTHER_VERSION = "other_version"

local LEAST_PARTED = 3 -- tickets refused under another certificate
local REPEATED = 0.5 -- this share of the names has to be seen more than once

local function left_early(record)
  return record.engine == "probe" and record.outcome == "refused"
end

--- What an entry is made of, beside its place in the sequence: what the record of one connection says of its server.
-- @tparam table entry awaited (tickets were waited for); gets outcome, version_refused (see resum.analysis.verdict),
--   issued, and where the wire showed it: ticket (its first bytes), ticket_length, lifetime_s, unlike (two tickets of
--   this connection begin differently), session_id, leaf, serial, extensions
-- @tparam table record of resum.connection.client
function M.read(entry, record)
  local facts = record.facts
  entry.outcome, entry.version_refused = record.outcome, verdict.refuses_version(record) or nil
  if not facts or (record.outcome ~= "full" and record.outcome ~= "refused" and record.outcome ~= "resumed") then
    return
  end
  local first, second = facts.tickets and facts.tickets[1], facts.tickets and facts.tickets[2]
  if first then
    local widest = KEY_WIDTHS[1]
    entry.ticket, entry.ticket_length, entry.lifetime_s = first.ticket:sub(1, widest), #first.ticket, first.lifetime_s
    entry.unlike = second and #first.ticket > SHORT_TICKET and second.ticket:sub(1, 4) ~= entry.ticket:sub(1, 4)
  end
  if record.outcome ~= "resumed" then
    -- Where nobody waited for a ticket, none is no evidence: TLS 1.3's come after the handshake, and the probe leaves
    -- as soon as it is refused.
    local mechanism = mechanisms[record.mechanism]
    if mechanism.issued(facts) then
      entry.issued = true
    elseif entry.awaited or not (mechanism.tickets_come_late or left_early(record)) then
      entry.issued = false
    end
    entry.session_id = record.mechanism == "session_id" and #(facts.session_id or "") > 0 and facts.session_id or nil
    entry.leaf, entry.serial = facts.leaf_sha256, facts.leaf_serial
    entry.extensions = facts.extensions and table.concat(facts.extensions, " ")
  end
end

--- Was a server asked for a ticket as well as a session ID, and issued only the latter?
-- @tparam table entry
-- @treturn boolean
function M.is_ticketless(entry)
  return entry.design == "marked" and entry.session_id ~= nil and entry.ticket == nil
end

-- Do these bytes repeat often enough, cut to a width? Given: list of strings.
local function repeats(list, width)
  local counts, once = {}, 0
  for _, bytes in ipairs(list) do
    local name = bytes:sub(1, width)
    counts[name] = (counts[name] or 0) + 1
  end
  for _, count in pairs(counts) do
    once = once + (count == 1 and 1 or 0)
  end
  return #list >= 2 and once <= (1 - REPEATED) * #list
end

local function first_width(list, widths)
  for _, width in ipairs(widths) do
    if repeats(list, width) then
      return width
    end
  end
end

-- The width at which tickets name their keys, and session IDs their server; nil where they don't.
local function widths_of(entries)
  local tickets, ids, unlike = {}, {}, false
  for _, entry in ipairs(entries) do
    if entry.ticket and entry.ticket_length > SHORT_TICKET then
      tickets[#tickets + 1] = entry.ticket
      unlike = unlike or entry.unlike or ticket_keys.is_addresses(entry.ticket)
    end
    ids[#ids + 1] = entry.session_id
  end
  return not unlike and first_width(tickets, KEY_WIDTHS) or nil, first_width(ids, ID_WIDTHS)
end

-- The label of one connection; nil where it shows nothing. The second value says whether it names the server's state
-- (a key, a server), so that two connections with the same label have the same server or servers that share.
local function label_of(entry, key_width, id_width)
  if entry.ticket and entry.ticket_length > SHORT_TICKET and key_width then
    return "key:" .. entry.ticket:sub(1, key_width), true
  elseif entry.ticket then
    return entry.ticket_length > SHORT_TICKET and "unnamed" or "stateful"
  elseif entry.version_refused then
    return M.OTHER_VERSION
  elseif M.is_ticketless(entry) then
    return M.TICKETLESS
  elseif entry.session_id then
    if id_width then
      return "id:" .. entry.session_id:sub(1, id_width), true
    end
    return "unnamed"
  elseif entry.issued == false then
    return "none"
  end
end

-- The certificate that each connection's session was issued under.
local function certificates_of(entries)
  local leaf = {}
  for _, entry in ipairs(entries) do
    leaf[entry.order] = entry.leaf or (entry.outcome == "resumed" and leaf[entry.from]) or nil
  end
  return leaf
end

-- Keys whose tickets are refused under another certificate than their own, and never under it: nginx takes a ticket for
-- its certificate only (it makes a session's ID context of it).
local function parted_keys(entries, labels, names, leaf)
  local refusals = {}
  for _, entry in ipairs(entries) do
    local label, order, from = labels[entry.order], entry.order, entry.from
    if entry.outcome == "refused" and names[order] and labels[from] == label and leaf[from] and entry.leaf then
      local one = refusals[label] or { within = 0, across = 0 }
      refusals[label] = one
      local side = leaf[from] == entry.leaf and "within" or "across"
      one[side] = one[side] + 1
    end
  end
  local parted = {}
  for label, one in pairs(refusals) do
    parted[label] = (one.within == 0 and one.across >= LEAST_PARTED) or nil
  end
  return parted
end

--- Labels for all entries of a scan.
-- @tparam {table,...} entries
-- @treturn table order -> label: "key:" or "id:" and bytes that name the state; "certificate:" and what describe tells;
--   "stateful" (the ticket is the name of a cache entry), "unnamed", M.TICKETLESS, M.OTHER_VERSION, "none" (a full
--   handshake that issued nothing)
-- @treturn table order -> true where the label names the state
function M.assign(entries)
  local labels, names = {}, {}
  local key_width, id_width = widths_of(entries)
  for _, entry in ipairs(entries) do
    labels[entry.order], names[entry.order] = label_of(entry, key_width, id_width)
  end
  local leaf = certificates_of(entries)
  local parted = parted_keys(entries, labels, names, leaf)
  for order, label in pairs(labels) do
    if parted[label] and leaf[order] then
      labels[order] = ("certificate:%d:%s%s"):format(#leaf[order], leaf[order], label:match("^key:(.*)$"))
    end
  end
  return labels, names
end

--- What a label says.
-- @tparam string label
-- @treturn string kind: "key", "id", or the label itself
-- @treturn string|nil bytes of the name
-- @treturn string|nil the certificate (its SHA-256), where servers with the same key part by it
function M.describe(label)
  local length, rest = label:match("^certificate:(%d+):(.*)$")
  if length then
    return "key", rest:sub(length + 1), rest:sub(1, length)
  end
  local kind, value = label:match("^(%a+):(.*)$")
  return kind or label, value
end

return M
