-- Many results as one table: how many resume by each mechanism, how long tickets live, which ticket keys several
-- addresses, ports or names share, what went wrong. It takes results one by one, as resum.run returns them or as JSON
-- has them, and keeps counts only; of ticket keys it keeps the names that it saw last. Pure.

local mechanisms = require "resum.connection.mechanism"
local lru = require "resum.util.lru"
local ticket_keys = require "resum.analysis.ticket_key"
local tables = require "resum.util.tables"

local M = {}

--- Verdicts, in the order in which reports show them.
M.VERDICTS = { "supported", "partially_supported", "not_supported", "not_applicable", "inconclusive" }

-- Upper ends of the classes of lifetimes, in seconds; 0 is "not said".
local CLASSES = { 0, 60, 300, 600, 1800, 3600, 7200, 14400, 36000, 86400, 172800, 604800 }

local KEYS_KEPT = 20000 -- names that one place was seen with: an address, a port and the name asked for
local SHARED_KEPT = 5000 -- names that several were
local PLACES_KEPT = 8 -- of each name; as many addresses
local EXAMPLES_KEPT = 3
local OFTEN = 2 -- what begins one ticket only may be random bytes

local Summary = {}
Summary.__index = Summary

local function count(counts, key)
  counts[key] = (counts[key] or 0) + 1
end

local function class_of(seconds)
  for i, most in ipairs(CLASSES) do
    if seconds <= most then
      return i
    end
  end
  return #CLASSES + 1
end

-- Counts the beginnings of an attempt's tickets.
local function count_key_names(record, names)
  local facts = record.facts
  for _, ticket in ipairs(facts and facts.tickets or {}) do
    local name = ticket.key_name or ticket.ticket and ticket_keys.key_name(ticket.ticket)
    if name then
      count(names, name)
    end
  end
end

local function key_names(entry)
  local names = {}
  count_key_names(entry.control or {}, names)
  for _, verdict in pairs(entry.support or {}) do
    for _, record in ipairs(verdict.attempts or {}) do
      count_key_names(record, names)
    end
  end
  return names
end

-- Adds to what a key has of a kind, which is not kept without end; returns whether it is new, as far as that is known.
local function add_once(key, kind, value)
  if tables.contains(key[kind], value) then
    return false
  elseif #key[kind] < PLACES_KEPT then
    table.insert(key[kind], value)
  else
    key["more_" .. kind] = true
  end
  return true
end

function Summary:add_key(name, target, address)
  local key = self.shared[name] or self.keys:get(name)
  if not key then
    key = { targets = 0, addresses = {}, places = {}, examples = {} }
    self.keys:set(name, key)
  end
  if key.last_target ~= target then
    key.targets, key.last_target = key.targets + 1, target
  end
  add_once(key, "addresses", address)
  local is_new = add_once(key, "places", ("%s %s %s"):format(address, target.port, target.sni))
  if is_new and #key.examples < EXAMPLES_KEPT then
    key.examples[#key.examples + 1] = target.text
  end
  if #key.places > 1 and not self.shared[name] and self.shared_count < SHARED_KEPT then
    self.shared[name] = key
    self.shared_count = self.shared_count + 1
  end
end

function Summary:add_address(target, entry)
  self.addresses = self.addresses + 1
  for _, name in ipairs(mechanisms.names) do
    local support = entry.support and entry.support[name]
    local judged = entry.rate and entry.rate[name]
    if not judged or judged.attempted == 0 then -- a rate had more attempts, if it had any
      judged = support or judged
    end
    if judged then
      count(self.mechanisms[name], judged.verdict)
    end
    local lifetime = support and (support.lifetime_hint_s or support.lifetime_s)
    if lifetime then
      self.lifetimes[name] = self.lifetimes[name] or {}
      count(self.lifetimes[name], class_of(lifetime))
    end
  end
  for name, often in pairs(key_names(entry)) do
    if often >= OFTEN then
      self:add_key(name, target, entry.address)
    end
  end
end

--- Adds a result.
-- @function summary:add
-- @tparam table result
function Summary:add(result)
  self.targets = self.targets + 1
  count(self.statuses, result.status)
  if result.status ~= "completed" then
    count(self.errors, result.error and result.error.code or "unknown")
  end
  for _, entry in ipairs(result.addresses) do
    if entry.status == "completed" then
      self:add_address(result.target, entry)
    end
  end
end

local function histogram(counts)
  local list = {}
  for i = 1, #CLASSES + 1 do
    if counts[i] then
      list[#list + 1] = { up_to_s = CLASSES[i], count = counts[i] }
    end
  end
  return list
end

-- The most widespread first.
local function shared_keys(shared)
  local list = {}
  for name, key in pairs(shared) do
    list[#list + 1] = {
      name = name,
      targets = key.targets,
      addresses = #key.addresses,
      more_addresses = key.more_addresses,
      places = #key.places,
      more_places = key.more_places,
      examples = key.examples,
    }
  end
  table.sort(list, function(a, b)
    if a.targets ~= b.targets then
      return a.targets > b.targets
    end
    return a.name < b.name
  end)
  return list
end

--- What the results so far amount to.
-- @function summary:fold
-- @treturn table targets, statuses (status -> count), addresses (completed ones), mechanisms (name -> verdict -> count
--   of addresses), lifetimes (name -> {{up_to_s (0: not said; nil: more), count},...}), errors (code -> count of
--   targets), shared_keys ({{name, targets, places (address, port and name asked for), more_places, addresses,
--   more_addresses, examples},...}), keys_forgotten (boolean: there
--   were more names of keys than are kept, so some sharing may be missed)
function Summary:fold()
  local lifetimes = {}
  for name, counts in pairs(self.lifetimes) do
    lifetimes[name] = histogram(counts)
  end
  return {
    targets = self.targets,
    statuses = self.statuses,
    addresses = self.addresses,
    mechanisms = self.mechanisms,
    lifetimes = lifetimes,
    errors = self.errors,
    shared_keys = shared_keys(self.shared),
    keys_forgotten = self.keys:has_forgotten() or self.shared_count >= SHARED_KEPT,
  }
end

--- An empty summary.
-- @tparam[opt=20000] integer keys_kept how many names of keys that one place was seen with are kept
-- @treturn table summary, with add(result) and fold()
function M.new(keys_kept)
  local counts = {}
  for _, name in ipairs(mechanisms.names) do
    counts[name] = {}
  end
  return setmetatable({
    targets = 0,
    statuses = {},
    addresses = 0,
    mechanisms = counts,
    lifetimes = {},
    errors = {},
    keys = lru.new(keys_kept or KEYS_KEPT),
    shared = {},
    shared_count = 0,
  }, Summary)
end

return M
