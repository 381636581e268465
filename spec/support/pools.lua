--- Draws pools for the specs of the analysis, each with the verdict that is true of it.
-- Owns what set-ups there are in the world, and how often. A set-up in which nobody could tell two servers apart counts
-- as one with a single, heavier server: that is what "can be seen" means here. It must not know how resum infers.

local pool = require "spec.support.pool"

local M = {}

--- Classes of set-ups, in the order in which they are shown.
M.classes = {
  "all_shared", "keys_shared_caches_not", "caches_shared_keys_not", "nothing_shared", "sticky_source",
  "sticky_session_id", "bad_member", "mixed_groups", "no_resumption", "rotated",
}

local ROTATING = { "roundrobin", "leastconn", "random" }

local function one_of(random, list)
  return list[random(#list)]
end

local function key_name(i)
  return ("key %012d"):format(i)
end

local WEIGHTS = 12 -- in all, where one server takes most: of the connections the others get one in so many each

-- Equal servers, most often; any weights; or one server that takes much more than each other.
local function weigh(random, list)
  local kind, heavy = random(), random(#list)
  for i, server in ipairs(list) do
    if kind < 0.6 then
      server.weight = 1
    elseif kind < 0.8 then
      server.weight = random(5)
    else
      local most = WEIGHTS + 1 - #list
      server.weight = i == heavy and math.min(most, math.max(#list, random(most))) or 1
    end
  end
end

-- So many servers, with what is the same for all classes: weights, certificates.
local function servers(random, low, high)
  local list, own_certificates = {}, random() < 0.15
  for i = 1, low - 1 + random(high - low + 1) do
    list[i] = { certificate = own_certificates and "certificate " .. i or nil }
  end
  weigh(random, list)
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

local SMALL_CACHE = 128 -- that of openssl s_server

-- Some take care that none is used twice, as OpenSSL does with early data.
local function without_tickets(random, list)
  local once = random() < 0.5
  for _, server in ipairs(list) do
    server.tickets, server.single_use, server.cache_size = false, once, once and SMALL_CACHE or nil
  end
end

-- No cache at all: some servers hand out session IDs all the same.
local function without_caches(random, list)
  local ids = random() < 0.5
  for _, server in ipairs(list) do
    server.cache, server.ids_without_cache = false, ids
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

local DRAW = {}

function DRAW.all_shared(random)
  local list = servers(random, 1, 8)
  share_keys(list)
  share_caches(list)
  local kind = random()
  if kind < 0.2 then
    without_tickets(random, list)
  elseif kind < 0.4 then
    without_caches(random, list)
  end
  local renewed = kind > 0.85
  return { servers = list, policy = one_of(random, { "roundrobin", "leastconn", "random", "source", "session_id" }),
    named = renewed, events = renewed and renewal_in_turns(random, list, { key_name(2), key_name(1) }) or nil }
end

function DRAW.keys_shared_caches_not(random)
  local list = servers(random, 2, 8)
  share_keys(list)
  share_caches(list, own)
  return { servers = list, policy = one_of(random, ROTATING) }
end

function DRAW.caches_shared_keys_not(random)
  local list = servers(random, 2, 8)
  share_keys(list, own)
  share_caches(list)
  return { servers = list, policy = one_of(random, ROTATING) }
end

function DRAW.nothing_shared(random)
  local list = servers(random, 2, 8)
  share_keys(list, own)
  share_caches(list, own)
  local kind = random()
  if kind < 0.2 then
    without_tickets(random, list)
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
    without_tickets(random, list)
    for _, server in ipairs(list) do
      server.cache_size = nil
    end
  end
  return { servers = list, policy = "session_id" }
end

function DRAW.bad_member(random)
  local list = servers(random, 2, 8)
  local kind = random()
  share_keys(list, kind > 0.8 and own or nil)
  share_caches(list, kind > 0.5 and own or nil)
  local bad, how = random(#list), random()
  if how < 0.2 then
    list[bad].only = random() < 0.5 and "1.2" or "1.3"
  else
    list[bad].off = how < 0.6 and "mute" or "silent"
  end
  if random() < 0.2 then
    local placed = place_addresses(random, list, function(met)
      return met[bad] and several(met)
    end)
    return { servers = list, policy = "source", sources = ADDRESSES, placed = placed }
  end
  return { servers = list, policy = one_of(random, ROTATING) }
end

-- Two or three sites, each with keys or a certificate of its own; inside them caches of their own tell the servers
-- apart.
function DRAW.mixed_groups(random)
  local list, site, sizes
  repeat
    list, site, sizes = servers(random, 3, 8), {}, { 0, 0, 0 }
    local sites = 1 + random(2)
    for i = 1, #list do
      site[i] = random(sites)
      sizes[site[i]] = sizes[site[i]] + 1
    end
  until math.max(sizes[1], sizes[2], sizes[3]) < #list and math.max(sizes[1], sizes[2], sizes[3]) > 1
  local function site_of(i)
    return site[i]
  end
  local bound = random() < 0.25
  share_keys(list, not bound and site_of or nil)
  share_caches(list, own)
  for i, server in ipairs(list) do
    server.bound, server.certificate = bound, bound and "certificate " .. site[i] or server.certificate
  end
  return { servers = list, policy = one_of(random, ROTATING) }
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

-- At one moment everything that was issued is worth nothing. It happens while sessions are offered (session IDs in the
-- first 100 connections, tickets in the next): a loss that nobody watches looks like a small cache.
local function restart_of_all(random, list)
  return { {
    at = (list[1].cache and 30 or 140) + random(60),
    act = function(made)
      made.caches = {}
      for _, server in ipairs(made.servers) do
        server.keys = { key_name(2) }
      end
    end,
  } }
end

function DRAW.rotated(random)
  local options = DRAW.all_shared(random)
  local list = options.servers
  local in_turns = list[1].tickets ~= false and random() < 0.4
  options.named = in_turns -- without names nobody could tell it from a pool that shares nothing, for that while
  options.events = (in_turns and renewal_in_turns or restart_of_all)(random, list, { key_name(2) })
  return options
end

-- A ticket is good where its key is, and for some servers its certificate.
local function place_of_tickets(server)
  return server.keys[1] .. (server.bound and server.certificate or "")
end

local VERSION_OF = { session_id = "1.2", ticket = "1.2", psk = "1.3" }

local function is_off(server, mechanism)
  return server.off or (server.only and server.only ~= VERSION_OF[mechanism])
end

-- What a server keeps its sessions of a mechanism in; nil where it never resumes any.
local STATE = {
  session_id = function(server)
    return server.cache or nil
  end,
  ticket = function(server)
    return server.tickets ~= false and place_of_tickets(server) or nil
  end,
  psk = function(server)
    return server.tickets ~= false and place_of_tickets(server) or server.cache or nil
  end,
}

local function count_states(list, mechanism)
  local count, met = 0, {}
  for _, server in ipairs(list) do
    local state = not is_off(server, mechanism) and STATE[mechanism](server)
    count = count + ((state and not met[state]) and 1 or 0)
    met[state or 0] = true
  end
  return count
end

local function any_is_off(list, mechanism)
  for _, server in ipairs(list) do
    if is_off(server, mechanism) then
      return true
    end
  end
  return false
end

-- Of a pool that is the same from its first connection to its last.
local function true_verdict(class, options, mechanism)
  local count = count_states(options.servers, mechanism)
  if count == 0 then
    return "no_resumption"
  elseif any_is_off(options.servers, mechanism) then
    return "bad_member"
  elseif class == "sticky_session_id" and mechanism == "session_id" then
    return class
  elseif count == 1 then
    return "all_shared"
  elseif options.policy == "source" then
    return "sticky_source"
  elseif class == "mixed_groups" and mechanism ~= "session_id" then
    return class
  end
  return "nothing_shared"
end

--- What is true of each mechanism of a pool. To be asked before the pool is scanned: what happens meanwhile changes it.
-- @tparam string class
-- @tparam table options of M.draw
-- @treturn table mechanism -> verdict -> true; two verdicts where it hangs on the moment whether a change is seen
function M.truth(class, options)
  local truth = {}
  for mechanism in pairs(STATE) do
    local verdict = true_verdict(class, options, mechanism)
    local changes = class == "rotated" and verdict ~= "no_resumption"
    truth[mechanism] = { [verdict] = true, rotated = changes or nil }
  end
  return truth
end

-- Where only the names of ticket keys tell the class from others.
local NAMED = { mixed_groups = true, sticky_session_id = true, caches_shared_keys_not = true }

local MOST_BEFORE = 60 -- connections: any place of any rotation

--- A pool of a class.
-- @tparam string class one of M.classes: the verdict that is true of it
-- @tparam integer seed
-- @treturn table what pool.new takes, and sources
function M.draw(class, seed)
  local random = pool.generator(seed)
  local options = DRAW[class](random)
  options.seed = seed
  options.drops = random() < 0.5 and 0.05 * random() or 0
  options.others = random() < 0.25 and 0.5 * random() or nil
  if not options.named and not NAMED[class] then
    options.key_names = random() < 0.1 and "random" or nil
  end
  options.before = random(MOST_BEFORE)
  return options
end

return M
