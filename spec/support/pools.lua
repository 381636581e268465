--- Draws pools for the specs of the analysis; which verdicts are true of them, spec.support.pool_truth knows.
-- Owns what set-ups there are in the world, and how often. It must not know how resum infers.

local pool = require "spec.support.pool"

local M = {}

--- Classes of set-ups, in the order in which they are shown.
M.classes = {
  "all_shared", "keys_shared_caches_not", "caches_shared_keys_not", "nothing_shared", "sticky_source",
  "sticky_session_id", "bad_member", "bad_among_strangers", "mixed_groups", "one_way", "differs", "no_resumption",
  "rotated", "rotated_on_one", "restarted_member", "small_cache", "single_use", "late_cache", "fails_on_resumption",
}

--- Pools that nothing known explains: whatever is said of them with confidence is wrong.
M.unmodelled = { "random_matrix", "by_hash_of_session", "keys_alternate" }

local ROTATING = { "roundrobin", "leastconn", "random" }

local function one_of(random, list)
  return list[random(#list)]
end

local function key_name(i)
  return ("key %012d"):format(i)
end

-- Equal servers, most often; any weights; or one server that takes much more than each other.
local function weigh(random, list, heaviest)
  local kind, heavy = random(), random(#list)
  for i, server in ipairs(list) do
    if kind < 0.6 then
      server.weight = 1
    elseif kind < 0.8 then
      server.weight = random(5)
    else
      server.weight = i == heavy and math.max(#list, random(heaviest)) or 1
    end
  end
end

-- So many servers, with what is the same for all classes: weights, certificates. Of the connections to a pool with a
-- fault in one of its members, each gets one in twelve at least: what is met once or twice is not to be judged.
local function servers(random, low, high, heaviest)
  local list, own_certificates = {}, random() < 0.15
  for i = 1, low - 1 + random(high - low + 1) do
    list[i] = { certificate = own_certificates and "certificate " .. i or nil }
  end
  weigh(random, list, heaviest or 13 - #list)
  return list
end

local function share_keys(list, group_of)
  for i, server in ipairs(list) do
    server.keys = { key_name(group_of and group_of(i) or 1) }
  end
end

local function share_caches(list, group_of)
  for i, server in ipairs(list) do
    server.cache = "cache " .. (group_of and group_of(i) or 1)
  end
end

local function own(i)
  return i
end

local function without_tickets(list)
  for _, server in ipairs(list) do
    server.tickets = false
  end
end

-- No cache at all: nginx hands out session IDs all the same, others do not.
local function without_caches(random, list)
  local ids = random() < 0.5
  for _, server in ipairs(list) do
    server.cache, server.ids_without_cache = false, ids
  end
end

-- Two or three sites.
local function sites(random, list)
  local site, sizes
  repeat
    site, sizes = {}, { 0, 0, 0 }
    local count = 1 + random(2)
    for i = 1, #list do
      site[i] = random(count)
      sizes[site[i]] = sizes[site[i]] + 1
    end
  until math.max(sizes[1], sizes[2], sizes[3]) < #list and math.max(sizes[1], sizes[2], sizes[3]) > 1
  return function(i)
    return site[i]
  end
end

local DRAW = {}

function DRAW.all_shared(random)
  local list = servers(random, 1, 16, 40)
  share_keys(list)
  share_caches(list)
  local kind = random()
  if kind < 0.2 then
    without_tickets(list)
  elseif kind < 0.4 then
    without_caches(random, list)
  end
  return { servers = list, policy = one_of(random, { "roundrobin", "leastconn", "random", "source", "session_id" }) }
end

function DRAW.keys_shared_caches_not(random)
  local list = servers(random, 2, 16, 12)
  share_keys(list)
  share_caches(list, own)
  return { servers = list, policy = one_of(random, ROTATING) }
end

function DRAW.caches_shared_keys_not(random)
  local list = servers(random, 2, 8)
  share_keys(list, own)
  share_caches(list)
  return { servers = list, policy = one_of(random, ROTATING), named = true }
end

function DRAW.nothing_shared(random)
  local list = servers(random, 2, 16, 40)
  share_keys(list, own)
  share_caches(list, own)
  local kind = random()
  if kind < 0.2 then
    without_tickets(list)
  elseif kind < 0.4 then
    without_caches(random, list)
  end
  return { servers = list, policy = one_of(random, ROTATING) }
end

local ADDRESSES = { "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5", "127.0.0.6", "127.0.0.7" }

-- Which server gets which address; drawn until the addresses meet what they have to.
local function place_addresses(random, list, suffices)
  local placed, met
  repeat
    placed, met = {}, {}
    for _, address in ipairs(ADDRESSES) do
      placed[address] = random(#list)
      met[placed[address]] = true
    end
  until suffices(met)
  return placed
end

-- Addresses that all fall to one server see one server.
local function several(met)
  return next(met, (next(met))) ~= nil
end

function DRAW.sticky_source(random)
  local list = servers(random, 2, 8)
  share_keys(list, own)
  share_caches(list, own)
  return { servers = list, policy = "source", sources = ADDRESSES, placed = place_addresses(random, list, several) }
end

function DRAW.sticky_session_id(random)
  local list = servers(random, 2, 8)
  share_keys(list, own)
  share_caches(list, own)
  if random() < 0.25 then
    without_tickets(list)
  end
  return { servers = list, policy = "session_id", named = true }
end

local function spoil(random, list, bad)
  local how = random()
  if how < 0.2 then
    list[bad].only = random() < 0.5 and "1.2" or "1.3"
  else
    list[bad].off = how < 0.6 and "mute" or "silent"
  end
end

function DRAW.bad_member(random)
  local list = servers(random, 2, 8)
  share_keys(list)
  share_caches(list, random() < 0.5 and own or nil)
  local bad = random(#list)
  spoil(random, list, bad)
  if random() < 0.2 then
    local placed = place_addresses(random, list, function(met)
      return met[bad] and several(met)
    end)
    return { servers = list, policy = "source", sources = ADDRESSES, placed = placed }
  end
  return { servers = list, policy = one_of(random, ROTATING) }
end

function DRAW.bad_among_strangers(random)
  local list = servers(random, 3, 6)
  share_keys(list, own)
  share_caches(list, own)
  spoil(random, list, random(#list))
  return { servers = list, policy = one_of(random, ROTATING), named = true }
end

-- Two or three sites, each with keys of its own; inside them caches of their own tell the servers apart.
function DRAW.mixed_groups(random)
  local list = servers(random, 3, 8)
  share_keys(list, sites(random, list))
  share_caches(list, own)
  return { servers = list, policy = one_of(random, ROTATING), named = true }
end

-- A new key that only some issue with, of those that know it; all know the old one.
function DRAW.one_way(random)
  local list = servers(random, 2, 6)
  share_caches(list, own)
  local site = sites(random, #list > 2 and list or { {}, {}, {} })
  for i, server in ipairs(list) do
    local new = #list == 2 and i == 2 or #list > 2 and site(i) == site(1)
    server.keys = new and { key_name(2), key_name(1) } or { key_name(1) }
  end
  return { servers = list, policy = one_of(random, ROTATING), named = true }
end

local BINDINGS = { "certificate", "context", "cipher", "no_ems", "clock" }

-- One key for all, and yet a session is bound to what differs between two sites.
function DRAW.differs(random)
  local list = servers(random, 2, 6)
  share_keys(list)
  share_caches(list, own)
  local site = #list > 2 and sites(random, list) or own
  local binding = one_of(random, BINDINGS)
  for i, server in ipairs(list) do
    if binding == "certificate" then
      server.bound, server.certificate = true, "certificate " .. site(i)
    elseif binding == "context" then
      server.context = site(i)
    elseif binding == "cipher" then
      server.cipher = "TLS_" .. site(i)
    elseif binding == "no_ems" then
      server.no_ems = site(i) == site(1) or nil
    else
      server.clock, server.lifetime = site(i) == site(1) and 600 or 0, 300
    end
  end
  return { servers = list, policy = one_of(random, ROTATING), named = true, binding = binding }
end

function DRAW.no_resumption(random)
  local list = servers(random, 1, 8)
  share_keys(list, own)
  local off = random() < 0.5 and "mute" or "silent"
  for _, server in ipairs(list) do
    server.off = off
  end
  return { servers = list, policy = one_of(random, ROTATING) }
end

local function all_forget(made)
  made.caches = {}
  for _, server in ipairs(made.servers) do
    server.keys = { key_name(2) }
  end
end

-- The servers get the new keys one after the other, within some 60 connections, some of which offer tickets.
local function renewal_in_turns(random, list, keys)
  local events, at = {}, 110 + random(30)
  for i = 1, #list do
    at = at + random(60 // #list)
    events[i] = { at = at, act = function(made)
      made.servers[i].keys = keys
    end }
  end
  return events
end

-- New keys for all, at once or in turns, the old ones kept or not; or a restart of all.
function DRAW.rotated(random)
  local list = servers(random, 1, 6)
  share_keys(list)
  share_caches(list)
  local kind = random()
  local kept = kind > 0.7
  local options = { servers = list, policy = one_of(random, ROTATING), named = true, kept = kept }
  if kind < 0.35 then
    options.events = { { at = 130 + random(120), act = all_forget } }
  else
    options.events = renewal_in_turns(random, list, kept and { key_name(2), key_name(1) } or { key_name(2) })
  end
  return options
end

-- One member of a pool that shares its keys gets a new one, which the others do not know. It has a fifth of the
-- connections at least: of a smaller one nobody can say that its key was not there before, as it was hardly met.
function DRAW.rotated_on_one(random)
  local list = servers(random, 2, 5)
  for _, server in ipairs(list) do
    server.weight = 1
  end
  share_keys(list)
  share_caches(list)
  local one = random(#list)
  return { servers = list, policy = one_of(random, ROTATING), named = true,
    events = { { at = 150 + random(100), act = function(made)
      made.servers[one].keys = { key_name(2) }
    end } } }
end

-- One member of a pool that shares its keys restarts: its cache is empty, its key the same.
function DRAW.restarted_member(random)
  local list = servers(random, 2, 6)
  share_keys(list)
  share_caches(list, own)
  local one = random(#list)
  return { servers = list, policy = one_of(random, ROTATING),
    events = { { at = 20 + random(300), act = function(made)
      made.caches[made.servers[one].cache] = nil
    end } } }
end

-- One server, or one cache, that has no room for the sessions of the scan.
function DRAW.small_cache(random)
  local list = servers(random, 1, 4)
  share_keys(list)
  share_caches(list)
  local size = 10 + random(90)
  for _, server in ipairs(list) do
    server.cache_size = size
  end
  if random() < 0.5 then
    without_tickets(list)
  end
  return { servers = list, policy = one_of(random, ROTATING) }
end

-- Some take care that no session is used twice, as OpenSSL does with early data.
function DRAW.single_use(random)
  local list = servers(random, 1, 4)
  share_keys(list)
  share_caches(list)
  without_tickets(list)
  for _, server in ipairs(list) do
    server.single_use, server.cache_size = true, 20480 -- OpenSSL's
  end
  return { servers = list, policy = one_of(random, ROTATING) }
end

-- A cache that is written so many seconds late.
function DRAW.late_cache(random)
  local list = servers(random, 1, 4)
  share_keys(list)
  share_caches(list)
  without_tickets(list)
  local delay = one_of(random, { 0.03, 0.1, 0.3 })
  for _, server in ipairs(list) do
    server.store_delay = delay
  end
  return { servers = list, policy = one_of(random, ROTATING) }
end

function DRAW.fails_on_resumption(random)
  local list = servers(random, 1, 6)
  share_keys(list)
  share_caches(list)
  local share = one_of(random, { 0.1, 0.25, 0.5 })
  for _, server in ipairs(list) do
    server.drops_offers = share
  end
  return { servers = list, policy = one_of(random, ROTATING), drops = 0.02 * random() }
end

-- Of servers of which each accepts the sessions of some, in no order.
function DRAW.random_matrix(random)
  local list = servers(random, 4, 8)
  share_keys(list, own)
  share_caches(list, own)
  local accepted
  repeat
    accepted = {}
    local alike, one_way = 0, 0
    for i = 1, #list do
      accepted[i] = {}
      for j = 1, #list do
        accepted[i][j] = random() < 0.5
        alike = alike + ((i ~= j and accepted[i][j]) and 1 or 0)
      end
    end
    for i = 1, #list do
      for j = 1, #list do
        one_way = one_way + ((accepted[i][j] ~= accepted[j][i]) and 1 or 0)
      end
    end
  until alike > 2 and one_way >= #list -- or it is a pool that is modelled, or nearly
  local place = {}
  for i, server in ipairs(list) do
    place[server] = i
    server.names_of_keys = nil
  end
  return { servers = list, policy = "random", key_names = random() < 0.5 and "random" or nil, named = true,
    stateless = true, accept = function(_, server, session)
      return accepted[place[session.issuer]][place[server]]
    end }
end

-- One server that accepts every second session, for good; or each session at every second member.
function DRAW.by_hash_of_session(random)
  local list = servers(random, 1, 3)
  share_keys(list)
  share_caches(list)
  local salt = random(1000)
  return { servers = list, policy = "random", named = true, key_names = random() < 0.5 and "random" or nil,
    stateless = true, accept = function(_, _, session)
      return (session.number * 7919 + salt) % 1009 % 2 == 0
    end }
end

-- One server whose key is another one in every second quarter of a second: scans here take a few seconds.
function DRAW.keys_alternate(random)
  local list = servers(random, 1, 3)
  share_keys(list)
  share_caches(list)
  return { servers = list, policy = one_of(random, ROTATING), named = true, key_names = "random", stateless = true,
    key_at = function(made)
      return key_name(1 + math.floor(made.time * 4) % 2)
    end }
end

local MOST_BEFORE = 60 -- connections: any place of any rotation

--- A pool of a class.
-- @tparam string class one of M.classes or M.unmodelled
-- @tparam integer seed
-- @treturn table what pool.new takes, and sources
function M.draw(class, seed)
  local random = pool.generator(seed)
  local options = DRAW[class](random)
  options.seed = seed
  options.drops = options.drops or (random() < 0.5 and 0.05 * random() or 0)
  options.breaks = random() < 0.2 and 0.05 * random() or nil
  options.others = random() < 0.25 and 0.5 * random() or nil
  if not options.named then
    options.key_names = random() < 0.1 and "random" or nil
  end
  options.before = random(MOST_BEFORE)
  return options
end

return M
