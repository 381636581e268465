-- Who else has the key of the tickets? Addresses and names whose tickets name the same key, in this run and in earlier
-- ones (`--state FILE`), are one group. That they have the same key, and not only the same name, is shown by a session
-- of the one that resumes at the other (see resum.audit.keys.shared).

local key_names = require "resum.audit.keys.names"
local shared_key = require "resum.audit.keys.shared"

local M = {
  id = "key-sharing",
  title = "Who else has the key of the tickets?",
  severity = "info",
  class = "active",
  harmless = true,
  needs = { "state" },
  sources = { "Springall et al. 2016", "Hebrok et al. 2023" },
  advice = "Share a ticket key among servers of one certificate, one content and one policy for client certificates "
    .. "only.",
}

M.reasons = {
  same_key = function(evidence)
    return ("sessions resume at %d of the other servers that were asked: they have the same ticket key"):format(
      evidence.confirmed)
  end,
  other_key = "another server's tickets carry the same key name, and it refuses sessions of this one: the keys differ, "
    .. "or it takes no session of another certificate or name",
  same_key_name = function(evidence)
    return ("the tickets of %d addresses and %d names carry the same key name"):format(evidence.addresses,
      evidence.names)
  end,
  not_shared = "no other address or name was seen with these ticket keys",
  no_tickets = "no ticket that is long enough to name its key was seen",
  no_name = "the tickets name no key: no two connections brought tickets that begin alike",
  address = "the tickets begin with addresses of memory, which name no key",
  regular = "the name of the key is so regular that others may have the same",
  state_failed = "what was seen could not be written to the state file",
}

local function place_of(entry)
  return ("%s\n%d\n%s"):format(entry.address, entry.port, entry.sni or "")
end

local Groups = {}
Groups.__index = Groups

local FIELDS = { "address", "sni", "port", "certificate", "key" }

-- What the members of a group have, each value once.
local function new_group()
  local group = { size = 0, edges = {} }
  for _, field in ipairs(FIELDS) do
    group[field] = {}
  end
  return group
end

local function note_member(group, entry)
  group.size = group.size + 1
  for _, field in ipairs(FIELDS) do
    local value = entry[field]
    if value ~= nil then
      group[field][value] = true
    end
  end
end

-- The smaller one goes into the larger one, so that no value moves more than log n times.
local function merge(a, b)
  local into, from = a, b
  if b.size > a.size then
    into, from = b, a
  end
  into.size = into.size + from.size
  table.move(from.edges, 1, #from.edges, #into.edges + 1, into.edges)
  for _, field in ipairs(FIELDS) do
    for value in pairs(from[field]) do
      into[field][value] = true
    end
  end
  return into
end

function Groups:root(node)
  local parent = self.parent
  while parent[node] ~= node do
    parent[node] = parent[parent[node]] -- halves the way for whoever comes next
    node = parent[node]
  end
  return node
end

function Groups:join(a, b, edge)
  a, b = self:root(a), self:root(b)
  if a ~= b then
    self.parent[b] = a
    self.group[a], self.group[b] = merge(self.group[a], self.group[b]), nil
    table.insert(self.group[a].edges, edge)
  end
end

--- Takes in an entry. A name that is so regular that others may have the same joins nobody.
-- @function groups:add
-- @tparam table entry see resum.audit.keys.state
function Groups:add(entry)
  local name, place = entry.key .. entry.layout, place_of(entry)
  if not self.parent[place] then
    self.parent[place], self.group[place] = place, new_group()
  end
  note_member(self.group[self:root(place)], entry)
  local first = key_names.tells(entry.key) and self.first[name] or nil
  self.first[name] = first or entry
  if first then
    self:join(place_of(first), place, { first, entry })
  end
end

--- The group of a place.
-- @function groups:of
-- @tparam table entry one of those that were taken in
-- @treturn table address, sni, port, certificate, key (sets of what its members have), edges (of a spanning tree: each
--   two entries that have a key's name in common), size
function Groups:of(entry)
  return self.group[self:root(place_of(entry))]
end

--- Groups of places (address, port and name asked for) whose keys have the same names, directly or through others.
-- @treturn table groups, empty
function M.new_groups()
  return setmetatable({ parent = {}, group = {}, first = {} }, Groups)
end

local function count(set)
  local number = 0
  for _ in pairs(set) do
    number = number + 1
  end
  return number
end

--- What the group of a place comes to.
-- @tparam table group see groups:of
-- @tparam[opt] table asked confirmed (servers at which a session of this one resumed) and refuted (those that have the
--   same key name, and refused it)
-- @treturn table verdict, reason, evidence (addresses, names, ports, certificates and keys of the group, confirmed,
--   refuted)
function M.decide(group, asked)
  local evidence = {
    addresses = count(group.address), names = count(group.sni), ports = count(group.port),
    certificates = count(group.certificate), keys = count(group.key),
    confirmed = asked and asked.confirmed or 0, refuted = asked and asked.refuted or 0,
  }
  local is_shared = evidence.addresses > 1 or evidence.names > 1 or evidence.ports > 1
  local reason = evidence.confirmed > 0 and "same_key" or evidence.refuted > 0 and "other_key"
    or is_shared and "same_key_name" or "not_shared"
  return { verdict = "info", reason = reason, evidence = evidence }
end

-- The groups of all that a state file has; what has come since the last time is taken in.
local function groups_of(store)
  store.groups = store.groups or M.new_groups()
  for entry in store:all(store.groups) do
    store.groups:add(entry)
  end
  return store.groups
end

-- The servers that may be asked: what the user has named, and another address of the name. (Each address asks one: all
-- together make a tree that spans them.)
local function candidates(context)
  local list = context.reach and context.reach:others() or {}
  for _, address in ipairs(context.reach and context.reach:addresses() or {}) do
    list[#list + 1] = { address = address, port = context.client.port }
  end
  return list
end

-- Does a run know the same key name there?
local function has_same_name(context, entries, other)
  for _, entry in ipairs(entries) do
    for _, known in ipairs(context.options.store:of_key(entry.key)) do
      if known.address == other.address and known.port == other.port then
        return true
      end
    end
  end
  return false
end

-- Offers sessions of this server at others, under the name that they were made under: what resumes has the key.
local function ask_others(context, entries)
  local asked = { confirmed = 0, refuted = 0 }
  for _, other in ipairs(candidates(context)) do
    local mechanism = context:resumes("psk") and "psk" or "ticket"
    local session = context:spare_session(mechanism)
    local outcome = session and context:attempt({ mechanism = mechanism, session = session, take_sessions = false,
      server_name = context.client.server_name or false }, context:new_client(other)).outcome
    if outcome == "resumed" then
      asked.confirmed = asked.confirmed + 1
    elseif outcome == "refused" and has_same_name(context, entries, other) then
      asked.refuted = asked.refuted + 1
    end
  end
  return asked
end

-- Of names that are so regular that others may have the same, only what resumes tells.
local function ask_by_regular_names(context, instead)
  local entries = key_names.regular_entries(context)
  if not entries then
    return { verdict = "inconclusive", reason = "state_failed" }
  end
  local asked = shared_key.ask(context, entries)
  if asked.confirmed == 0 then
    return instead
  end
  return M.decide(groups_of(context.options.store):of(entries[1]), { confirmed = asked.confirmed,
    refuted = asked.refused })
end

--- @tparam table context see resum.audit.context
-- @treturn {table,...} what was found
function M.run(context)
  local entries, instead = key_names.entries(context)
  if not entries and instead.reason == "regular" then
    return { ask_by_regular_names(context, instead) }
  elseif not entries then
    return { instead }
  end
  local met, others = shared_key.ask(context, entries), ask_others(context, entries)
  return { M.decide(groups_of(context.options.store):of(entries[1]), { confirmed = met.confirmed + others.confirmed,
    refuted = met.refused + others.refuted }) }
end

--- Two at each other server at most: a session, and its offer; and what it takes to ask the other targets of the run.
function M.connections(options)
  return key_names.CONNECTIONS + (1 + #(options.audit_names or {})) * (2 + options.retries)
    + shared_key.connections(options)
end

return M
