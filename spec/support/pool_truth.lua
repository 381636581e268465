--- Which verdicts are true of a pool that spec.support.pools drew. A set-up in which nobody could tell two servers
-- apart counts as one with a single, heavier server: that is what "can be seen" means here. It must not know how resum
-- infers.

local M = {}

-- A ticket is good where its key is, and what it is bound to.
local function place_of_tickets(server)
  return server.keys[1]
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

-- What becomes of a class's own fault in a mechanism, where that is not what the servers' state says.
local OWN = {}

function OWN.one_way(_, mechanism, verdict)
  return mechanism ~= "session_id" and { one_way = true } or { [verdict] = true }
end

-- Certificates bind nothing but tickets here; two servers that are alike but for that may be told as two groups.
function OWN.differs(_, mechanism, verdict)
  return mechanism ~= "session_id" and { differs = true } or { [verdict] = true }
end

function OWN.rotated(options, mechanism, verdict)
  local changes = mechanism ~= "session_id" or not options.kept
  return { [verdict] = true, rotated = changes or nil }
end

function OWN.rotated_on_one(_, mechanism, verdict)
  return mechanism ~= "session_id" and { rotated = true } or { [verdict] = true }
end

function OWN.late_cache(_, mechanism, verdict)
  return mechanism ~= "ticket" and { late_cache = true } or { [verdict] = true }
end

function OWN.fails_on_resumption()
  return { fails_on_resumption = true }
end

-- A cache that the scan overruns looks like one that was emptied, where the scan issues little meanwhile.
function OWN.small_cache(_, _, verdict)
  return { [verdict] = true }
end

-- A dead member among strangers has no name among session IDs, and takes a share of the connections like any group.
function OWN.bad_among_strangers(_, mechanism, verdict)
  local truth = { [verdict] = true }
  truth.nothing_shared = truth.nothing_shared or mechanism == "session_id" or nil
  return truth
end

-- The same where caches are not shared.
function OWN.bad_member(options, mechanism, verdict)
  local list = options.servers
  local strangers = #list > 2 and list[1].cache ~= list[2].cache
  return { [verdict] = true, nothing_shared = (verdict == "nothing_shared" or mechanism == "session_id" and strangers)
    or nil }
end

local WHOLE = {
  restarted_member = { keys_shared_caches_not = true },
  small_cache = { all_shared = true }, single_use = { all_shared = true },
  bad_among_strangers = { bad_member = true }, rotated_on_one = { rotated = true },
}

--- What is true of a pool: the whole, and each mechanism. To be asked before the pool is scanned: what happens
-- meanwhile changes it.
-- @tparam string class
-- @tparam table options what spec.support.pools drew
-- @treturn table "whole" or mechanism -> verdict -> true; several where it hangs on the moment what is seen
function M.of(class, options)
  local truth = { whole = WHOLE[class] or { [class] = true } }
  for mechanism in pairs(STATE) do
    local verdict = true_verdict(class, options, mechanism)
    truth[mechanism] = OWN[class] and verdict ~= "no_resumption" and OWN[class](options, mechanism, verdict)
      or { [verdict] = true }
  end
  if class == "rotated" and options.kept then
    truth.whole.all_shared = true
  elseif class == "bad_among_strangers" and truth.psk.nothing_shared then
    truth.whole = { nothing_shared = true } -- a member that lacks TLS 1.2 harms fewer clients
  end
  return truth
end

return M
