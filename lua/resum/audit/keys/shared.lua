-- Have two places the same ticket key, and not only the same name of it? Each place of a run offers a fresh session of
-- its own to the one that was last found to have that key: where it resumes, that is an edge of a tree that spans all
-- who share it, and every place is asked about once. It writes edges to the state file, and tells what came of the
-- offers; what that means for a finding, it does not know.

local hex = require "resum.util.hex"
local key_names = require "resum.audit.keys.names"
local lru = require "resum.util.lru"
local tables = require "resum.util.tables"

local M = {}

--- Offers that a place makes at most, each again as often as other handshakes where it is lost. One is enough but where
-- servers refuse.
M.OFFERS = 12
-- Groups of places with one name of a key that refuse one another's sessions: so many are asked. Names that are random
-- have one; of a name that many have got from somewhere there may be any number.
local MOST_CLASSES = 3
-- Names of keys whose places a run keeps in mind, of some 1 kB each. What is beyond stays unconfirmed.
local KEYS_KEPT = 50000
local SURE = 2 -- sessions that have to be refused

local function is_same(one, other)
  return one.address == other.address and one.port == other.port and one.sni == other.sni
end

-- Mechanisms whose sessions name a key, and the share of its own that this place takes.
local function shares_of(context)
  local shares = {}
  for _, mechanism in ipairs({ "psk", "ticket" }) do
    local resumes, share = context:resumes(mechanism)
    shares[mechanism] = resumes and share or nil
  end
  return shares
end

local function common(here, there)
  for _, mechanism in ipairs({ "psk", "ticket" }) do
    if here[mechanism] and there[mechanism] then
      return mechanism
    end
  end
end

local function names_key(ticket, entry)
  return hex(ticket:sub(1, #entry.key // 2)) == entry.key
end

-- A session whose ticket names the key, not offered before; a new one where none is left.
local function session_of(context, mechanism, entry)
  local tickets, taken = context.evidence:tickets_of(mechanism), context.evidence.taken
  for i = #tickets, 1, -1 do
    local session = tickets[i].session
    local is_spare = session and not taken[session] and names_key(tickets[i].ticket, entry)
    if is_spare and not context.client:expired(session) then
      taken[session] = true
      return session
    end
  end
  local session = context:session(mechanism)
  return session and names_key(session:fields().ticket or "", entry) and session or nil
end

local Asking = {}
Asking.__index = Asking

-- A session of this place there, under a name; the outcome, or nil where no offer can be made any more.
function Asking:offer(member, mechanism, server_name)
  if self.offers == M.OFFERS then
    return nil
  end
  self.offers = self.offers + 1
  local session = session_of(self.context, mechanism, self.entry)
  if not session then
    return nil
  end
  self.client = self.client or {}
  self.client[member] = self.client[member] or self.context:new_client({ address = member.address, port = member.port,
    host = member.sni })
  return self.context:ask({ mechanism = mechanism, session = session, take_sessions = false,
    server_name = server_name or false }, self.client[member]).outcome
end

-- Under the name that is asked for there; and under the session's own, where that leads to another server than this:
-- some servers keep sessions to the name they were made under.
function Asking:names_for(member)
  local names = { { member.sni } }
  if self.place.sni ~= member.sni and self.tells
    and (self.place.address ~= member.address or self.place.port ~= member.port) then
    names[2] = { self.place.sni }
  end
  return names
end

-- "confirmed", "refused" (by a server that takes all of its own, and more than once), or nil: nobody knows.
function Asking:ask(member)
  local mechanism = common(self.shares, member.shares)
  local refused = 0
  for _ = 1, mechanism and SURE or 0 do
    for _, name in ipairs(self:names_for(member)) do
      local outcome = self:offer(member, mechanism, name[1])
      if outcome == "resumed" then
        return "confirmed", name[1]
      elseif outcome ~= "refused" then
        return nil
      end
    end
    refused = refused + 1
  end
  local tells = refused == SURE and self.shares[mechanism] == 1 and member.shares[mechanism] == 1
  return tells and "refused" or nil, member.sni
end

-- The place that was last found to have the key, and the first one where that gives no answer; and which of them was
-- asked in the end. Others may be found meanwhile.
function Asking:ask_class(class)
  local last, first = class.last, class.first
  local outcome, name = self:ask(last)
  if not outcome and first ~= last then
    outcome, name = self:ask(first)
    return outcome, name, first
  end
  return outcome, name, last
end

function Asking:note(outcome, member, name)
  local here, entry = self.place, self.entry
  return self.context.options.store:note_edge({ outcome = outcome, key = entry.key, layout = entry.layout, from = here,
    to = { address = member.address, port = member.port, sni = member.sni, certificate = member.certificate },
    offered_as = name })
end

-- Is this place one of those that stand for a class? The same target may be named twice.
local function stands_for(class, place)
  return is_same(class.first, place) or is_same(class.last, place)
end

-- Classes that come while others are asked are asked as well: between the last look and the end nobody else has a turn.
function Asking:join(classes)
  local member, counts, at = tables.merged(self.place, { shares = self.shares }), self.counts, 1
  while classes[at] and at <= MOST_CLASSES do
    if stands_for(classes[at], member) then
      return
    end
    local outcome, name, asked = self:ask_class(classes[at])
    counts[outcome or "unknown"] = counts[outcome or "unknown"] + 1
    if outcome then
      self:note(outcome, asked, name)
    end
    if outcome == "confirmed" then
      classes[at].last = member
      return
    end
    at = at + 1
  end
  classes[#classes + 1] = #classes < MOST_CLASSES and { first = member, last = member } or nil
end

--- Asks who has the keys that a run has seen at an address, among those that it has seen before.
-- @tparam table context see resum.audit.context; with the option store (see resum.audit.keys.state)
-- @tparam {table,...} entries of the keys (see resum.audit.keys.names)
-- @treturn table confirmed (places at which a session of this one resumed), refused (those that have the same name of a
--   key, and refuse them), unknown (those that gave no answer that tells)
function M.ask(context, entries)
  local store, counts = context.options.store, { confirmed = 0, refused = 0, unknown = 0 }
  store.met = store.met or lru.new(KEYS_KEPT)
  local asking = setmetatable({ context = context, place = key_names.place(context), shares = shares_of(context),
    counts = counts, offers = 0 }, Asking)
  for _, entry in ipairs(context.reach and next(asking.shares) and entries or {}) do
    local name = entry.key .. entry.layout
    local classes = store.met:get(name) or {}
    store.met:set(name, classes)
    asking.entry, asking.tells = entry, key_names.tells(entry.key)
    asking:join(classes)
  end
  return counts
end

--- How many connections that takes at most.
-- @tparam table options of resum.run, as read
-- @treturn integer
function M.connections(options)
  return M.OFFERS * (2 + options.retries)
end

return M
