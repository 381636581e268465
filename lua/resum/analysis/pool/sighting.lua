-- What one connection shows of the server that answered: the name of its ticket key, a prefix of its session IDs, what
-- else differs between servers. Pure: a record becomes an entry of the journal, entries get labels. A name counts as
-- one only where it repeats: some servers put random bytes, or a client's address, where others name their key.

local counting = require "resum.analysis.counting"
local mechanisms = require "resum.connection.mechanism"
local ticket_keys = require "resum.analysis.ticket_key"

local M = {}

-- Bytes at the start of a session ID that may name its server. No standard says so: they count where they repeat only,
-- and of random ones four repeat once in 4 * 10^9 / 500^2 scans.
local ID_WIDTHS = { 8, 4 }
-- At most half of the names may have been seen once only: with random bytes nearly all are, and of names that name
-- something a scan of tens of connections sees most twice.
local MOST_SEEN_ONCE = 0.5

-- A member that lacks the version is a fault that is told: by what was mangled on the way once in 10,000 scans.
local VERSION_BY_CHANCE = 1e-4

local known = setmetatable({}, { __mode = "v" })

--- A label: what a connection shows of its server. What is the same is the same record.
-- @tparam string kind "key" (of a ticket) or "id" (a prefix of session IDs), which name a server's state; or one of the
--   constants below
-- @tparam[opt] string value bytes of the name
-- @tparam[opt] string attribute what else parts servers of this name, in words of an explanation
-- @treturn table kind, value, attribute, text (kind and value, for keys of tables and for an order)
function M.label(kind, value, attribute)
  local text = table.concat({ kind, value, attribute }, ":")
  if not known[text] then
    known[text] = { kind = kind, value = value, attribute = attribute, text = text }
  end
  return known[text]
end

-- Labels that name nothing but tell servers apart all the same: an answer without a session; a version of TLS that
-- the mechanism has not; a session ID where a ticket was asked for as well; a ticket that is the name of an entry in a
-- cache; a session that names nothing. And what a connection shows that shows nothing.
M.NONE, M.OTHER_VERSION, M.TICKETLESS = M.label("none"), M.label("other_version"), M.label("ticketless")
M.STATEFUL, M.UNNAMED, M.UNSEEN = M.label("stateful"), M.label("unnamed"), M.label("unseen")

local COMPLETED = { full = true, refused = true, resumed = true }
local BREAKS = { reset = true, broken = true } -- see resum.connection.spending

-- Nobody waited for a ticket, or the probe left as soon as it was refused: then none is no evidence. Nor is it where a
-- session was offered (libssl issues none where the PSK is of another hash), nor where the connection broke before, or
-- our request was not answered.
local function shows_that_none_is_issued(entry, record, mechanism)
  return record.outcome == "full" and not record.unseen and (entry.awaited or not mechanism.tickets_come_late)
end

-- The same of a session that was refused: it counts where a full handshake shows the same (see M.labels), and not for
-- PSKs, as libssl issues none where the one offered is of another hash.
local function is_bare(record, mechanism)
  return record.outcome == "refused" and not record.unseen and record.engine ~= "probe"
    and mechanism.name ~= "psk"
end

local function read_tickets(entry, tickets)
  local first, second = tickets[1], tickets[2]
  if first then
    entry.sessions = #tickets
    entry.ticket, entry.ticket_length, entry.lifetime_s = first.ticket:sub(1, ticket_keys.LENGTH), #first.ticket,
      first.lifetime_s
    entry.unlike = second and not ticket_keys.is_cache_entry(#first.ticket)
      and second.ticket:sub(1, 4) ~= entry.ticket:sub(1, 4)
  end
end

--- Writes down what the record of one connection says of its server.
-- @tparam table entry awaited (tickets were waited for); gets outcome, version_alert (true: it ended with a
--   protocol_version alert, which may be an accident: see M.labels), begun (it failed behind a ServerHello), issued,
--   and where the wire showed it: ticket (its first bytes), ticket_length, sessions (how many tickets), lifetime_s,
--   cut_short (true: it broke before a ticket could come), broke (of libssl's, which are alike whatever they offer:
--   whether it was reset or broke behind the handshake), answered (whether a request was), unlike (two tickets of this
--   connection begin differently), session_id, leaf, serial, extensions, cipher, ems (boolean), client_certificate
--   ("asked for" or "not asked for")
-- @tparam table record of resum.connection.client
function M.read(entry, record)
  local facts = record.facts
  entry.outcome, entry.version_alert = record.outcome, counting.refuses_version(record) or nil
  if not facts or not COMPLETED[record.outcome] then
    entry.begun = facts and facts.cipher ~= nil or nil
    return
  end
  entry.cut_short = record.unseen == "cut_short" or nil
  if record.engine == "handshake" then
    entry.broke = BREAKS[record.ending] or false
    entry.answered = record.answered
  end
  read_tickets(entry, facts.tickets or {})
  entry.cipher, entry.ems = facts.cipher, facts.extended_master_secret
  if record.outcome ~= "resumed" then
    local mechanism = mechanisms[record.mechanism]
    if mechanism.issued(facts) then
      entry.issued = true
    elseif shows_that_none_is_issued(entry, record, mechanism) then
      entry.issued = false
    elseif is_bare(record, mechanism) then
      entry.bare = true
    end
    entry.session_id = record.mechanism == "session_id" and #(facts.session_id or "") > 0 and facts.session_id or nil
    entry.leaf, entry.serial = facts.leaf_sha256, facts.leaf_serial
    entry.extensions = facts.extensions and table.concat(facts.extensions, " ")
    if facts.certificate_request ~= nil and record.engine ~= "probe" then -- which leaves before it may come
      entry.client_certificate = facts.certificate_request and "asked for" or "not asked for"
    end
  end
end

--- Was a server asked for a ticket as well as a session ID, and issued only the latter?
-- @tparam table entry
-- @treturn boolean
function M.is_ticketless(entry)
  return entry.design == "marked" and entry.session_id ~= nil and entry.ticket == nil
end

local function count_names(list, width)
  local counts, once = {}, 0
  for _, bytes in ipairs(list) do
    local name = bytes:sub(1, width)
    counts[name] = (counts[name] or 0) + 1
  end
  for _, count in pairs(counts) do
    once = once + (count == 1 and 1 or 0)
  end
  return counts, once
end

-- The counts of names at the first width at which they repeat; nil where they don't.
local function names_of(list, widths)
  for _, width in ipairs(widths) do
    local counts, once = count_names(list, width)
    if #list >= 2 and once <= MOST_SEEN_ONCE * #list then
      return counts, width
    end
  end
  return {}, 0
end

-- Servers that put a client's or a server's address first, or begin with random bytes, give many names that repeat a
-- little: the second ticket of a connection tells, as a server has one key at a time. Addresses of a server's memory
-- are no names at all: one process would look like many servers. (Others behind the same address have theirs.)
local function collect(entries)
  local tickets, ids, unlike, twins = {}, {}, 0, 0
  for _, entry in ipairs(entries) do
    local is_named = entry.ticket and not ticket_keys.is_cache_entry(entry.ticket_length)
    if is_named and not ticket_keys.is_addresses(entry.ticket) then
      tickets[#tickets + 1] = entry.ticket
      unlike = unlike + (entry.unlike and 1 or 0)
      twins = twins + (entry.unlike ~= nil and 1 or 0)
    end
    ids[#ids + 1] = entry.session_id
  end
  return unlike <= MOST_SEEN_ONCE * twins and tickets or {}, ids
end

local function ends_about_version(entry)
  return entry.version_alert == true
end

-- Of each mechanism: which of its connections met a server that lacks its version, and whether some showed that they
-- are issued no session.
local function of_mechanisms(entries)
  local lists, refuses, mute = {}, {}, {}
  for _, entry in ipairs(entries) do
    local name = entry.mechanism or ""
    lists[name] = lists[name] or {}
    table.insert(lists[name], entry)
    mute[name] = mute[name] or entry.issued == false
  end
  for name, list in pairs(lists) do
    refuses[name] = counting.version_refusals(list, VERSION_BY_CHANCE, ends_about_version)
  end
  return refuses, mute
end

--- Labels for all entries of a scan.
-- @tparam {table,...} entries
-- @treturn table order -> label; nothing where a connection shows nothing
function M.labels(entries)
  local tickets, ids = collect(entries)
  local keys, key_width = names_of(tickets, ticket_keys.WIDTHS)
  local prefixes, id_width = names_of(ids, ID_WIDTHS)
  local function name(kind, counts, bytes, width, twins)
    local cut = bytes:sub(1, width)
    return (counts[cut] or 0) > (twins and 0 or 1) and M.label(kind, cut) or M.UNNAMED
  end
  local labels, refuses, mute = {}, of_mechanisms(entries)
  for _, entry in ipairs(entries) do
    local mechanism, label = entry.mechanism or "", nil
    if entry.ticket then
      label = ticket_keys.is_cache_entry(entry.ticket_length) and M.STATEFUL
        or name("key", keys, entry.ticket, key_width, entry.unlike == false)
    elseif refuses[mechanism](entry) then
      label = M.OTHER_VERSION
    elseif M.is_ticketless(entry) then
      label = M.TICKETLESS
    elseif entry.session_id then
      label = name("id", prefixes, entry.session_id, id_width)
    elseif entry.issued == false or entry.bare and mute[mechanism] then
      label = M.NONE
    end
    labels[entry.order] = label
  end
  return labels
end

return M
