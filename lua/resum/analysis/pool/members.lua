-- A member that does not resume: it issues nothing, or never accepts what it issued, while others do. Pure.

local labels = require "resum.analysis.pool.labels"
local statistics = require "resum.util.statistics"

local M = {}

local LEAST_OLD = 2 -- connections that were refused for their version
local LEAST_SILENT = 2 -- full handshakes without a session, among others that gave one
local LEAST_REFUSED = 2 -- sessions refused by their own server
local LEAST_ELSEWHERE = 10 -- sessions refused by other servers than their own
local DOUBT = 1e-3 -- chance that a session that is well was never seen to resume
local SMALLEST_SHARE = 1 / 12 -- of a group that still has to be told from a member that does not resume
-- So many offers without a resumption, and a session is dead. Fewer would do where most sessions resume often, but for
-- pools in which one server takes most connections: there the sessions of the others look dead for long.
local OFFERS = math.ceil(math.log(DOUBT) / math.log(1 - SMALLEST_SHARE))

-- The share of these connections, of those that showed something, with such a label.
local function share_of(view, connections, matches)
  local n, all = 0, 0
  for _, entry in ipairs(connections) do
    if view.label[entry.order] or view.group[entry.order] then
      all = all + 1
      n = n + (matches(view.label[entry.order]) and 1 or 0)
    end
  end
  local lo, hi = statistics.wilson(n, all)
  return all > 0 and n / all or 0, { lo, hi }, n
end

--- A member that issues nothing, while others do.
-- @tparam table view see resum.analysis.pool.view
-- @treturn table|nil see find
function M.silent(view)
  local connections = table.move(view.sequence, 1, #view.sequence, 1, {})
  table.move(view.showing_tickets, 1, #view.showing_tickets, #connections + 1, connections)
  local share, interval, n = share_of(view, connections, function(label)
    return label == "none"
  end)
  if n >= LEAST_SILENT and share < 1 then
    return { how = "issues_nothing", share = share, interval = interval, label = "none", connections = n }
  end
end

-- A member that does not speak the version of these sessions, while others do.
local function of_another_version(view)
  local share, interval, n = share_of(view, view.sequence, function(label)
    return label == labels.OTHER_VERSION
  end)
  if n >= LEAST_OLD and share < 1 then
    return { how = labels.OTHER_VERSION, share = share, interval = interval, label = labels.OTHER_VERSION,
      connections = n }
  end
end

-- What a session lives in: where it was issued, a name showed, or at least a kind of server.
local function state_of(view, order)
  return view.group[order] or view.label[order]
end

local function add_fates(fates_of, view, offers, counts)
  for _, entry in ipairs(offers) do
    local state, met = state_of(view, entry.from), state_of(view, entry.order)
    if state and counts(state) then
      local fate = fates_of[state] or { resumed = 0, home = 0, elsewhere = 0 }
      fates_of[state] = fate
      if entry.outcome == "resumed" then
        fate.resumed = fate.resumed + 1
      elseif met == state then
        fate.home = fate.home + 1
      elseif met then
        fate.elsewhere = fate.elsewhere + 1
      end
    end
  end
end

-- How the sessions of each state fared: how many resumed anywhere, how many were refused at home, where the very state
-- was shown again, and how many elsewhere. Among session IDs that were offered to see the name of a ticket key, only
-- those of servers without tickets show their state both times.
local function fates(view)
  local fates_of = {}
  local function any()
    return true
  end
  add_fates(fates_of, view, view.offers, any)
  add_fates(fates_of, view, view.identities, any)
  add_fates(fates_of, view, view.marked, function(state)
    return state == labels.TICKETLESS
  end)
  return fates_of
end

-- States whose sessions were refused at home, and never resumed anywhere.
local function refused_at_home(view)
  local dead = {}
  for state, fate in pairs(fates(view)) do
    dead[state] = (fate.resumed == 0 and fate.home >= LEAST_REFUSED) or nil
  end
  return dead
end

--- Was nothing resumed only because no session met its own server again? Each refusal came from another one.
-- @tparam table view see resum.analysis.pool.view
-- @treturn boolean
function M.always_elsewhere(view)
  local elsewhere = 0
  for _, fate in pairs(fates(view)) do
    if fate.home > 0 then
      return false
    end
    elsewhere = elsewhere + fate.elsewhere
  end
  return elsewhere >= LEAST_ELSEWHERE
end

-- How each session fared: issued at `from`, offered so often, resumed so often. (Where tickets are good for one
-- connection, each of the several of a connection was offered once, and not the newest one again.)
local function sessions_of(view, longest)
  local sessions, list = {}, {}
  for _, entry in ipairs(view.offers) do
    local one = sessions[entry.from]
    if not one then
      one = { from = entry.from, offered = 0, resumed = 0 }
      sessions[entry.from] = one
      list[#list + 1] = one
    end
    local says_nothing = entry.design == "fresh" or (longest and entry.order - entry.from > longest)
    one.offered = one.offered + (says_nothing and 0 or 1)
    one.resumed = one.resumed + (entry.outcome == "resumed" and 1 or 0)
  end
  return list
end

-- Of the states that were not seen to accept their sessions, nor often enough to refuse them, the one that was offered
-- most; its youngest session, as a restart kills the old ones.
local function unsettled_state(view)
  local fates_of, youngest, best = fates(view), {}, nil
  for _, entry in ipairs(view.entries) do
    local state = entry.issued and entry.awaited and state_of(view, entry.order)
    youngest[state or 0] = entry.order
  end
  youngest[0] = nil
  for state, from in pairs(youngest) do
    local fate = fates_of[state] or { resumed = 0, home = 0, elsewhere = 0 }
    local offered = fate.home + fate.elsewhere
    if fate.resumed == 0 and fate.home < LEAST_REFUSED and offered < OFFERS then
      if not best or offered > best.offered or (offered == best.offered and from > best.from) then
        best = { from = from, offered = offered }
      end
    end
  end
  return best
end

-- The session that was offered most, of those that never resumed; of the younger ones, as a restart kills the old ones.
local function unsettled_session(sessions)
  local best
  for _, one in ipairs(sessions) do
    if one.resumed == 0 and one.offered < OFFERS then
      if not best or one.offered > best.offered or (one.offered == best.offered and one.from > best.from) then
        best = one
      end
    end
  end
  return best
end

--- A session that never resumed, and is not certain to be dead. Where servers have names, one of each name is enough.
-- @tparam table view see resum.analysis.pool.view
-- @treturn table|nil {from, missing}: so many offers more make it certain
function M.suspect(view)
  local sessions, named = sessions_of(view), false
  for _, one in ipairs(sessions) do
    named = named or view.group[one.from] ~= nil
  end
  local best = unsettled_state(view) or (not named and unsettled_session(sessions)) or nil
  return best and { from = best.from, missing = OFFERS - best.offered }
end

local function share_resumed(one)
  return one.resumed / one.offered
end

--- Where sessions were issued that resumed since.
-- @tparam table view see resum.analysis.pool.view
-- @treturn {integer,...} orders: the latest, then the one that resumed most seldom, as its group is small, and so on in
--   turns
function M.alive(view)
  local latest, orders, taken = {}, {}, {}
  for _, one in ipairs(sessions_of(view)) do
    latest[#latest + 1] = one.resumed > 0 and one or nil
  end
  local seldom = table.move(latest, 1, #latest, 1, {})
  table.sort(latest, function(a, b)
    return a.from > b.from
  end)
  table.sort(seldom, function(a, b)
    local one, other = share_resumed(a), share_resumed(b)
    return one < other or (one == other and a.from > b.from)
  end)
  for i = 1, #latest do
    for _, one in ipairs({ latest[i], seldom[i] }) do
      orders[#orders + 1] = not taken[one] and one.from or nil
      taken[one] = true
    end
  end
  return orders
end

-- How many connections a session is seen to outlive. Beyond, it may have made way for those of the scan itself, in a
-- small cache.
local function longest_life(view)
  local longest = 0
  for _, entry in ipairs(view.offers) do
    longest = math.max(longest, entry.outcome == "resumed" and entry.order - entry.from or 0)
  end
  return longest
end

-- Where nothing names the server: sessions that never resume, however often they are offered. (Where it has a name,
-- only a refusal at home tells.) Every such session may have died with a restart, so the last one of them must be
-- younger than some session that lives.
local function dead_sessions(view)
  local sessions = sessions_of(view, longest_life(view))
  local dead, alive, tested, youngest_dead, oldest_alive = 0, 0, 0, 0, math.huge
  for _, one in ipairs(sessions) do
    if one.resumed > 0 then
      alive, tested = alive + 1, tested + 1
      oldest_alive = math.min(oldest_alive, one.from)
    elseif one.offered >= OFFERS and not view.group[one.from] then
      dead, tested = dead + 1, tested + 1
      youngest_dead = math.max(youngest_dead, one.from)
    end
  end
  if dead == 0 or alive == 0 or youngest_dead < oldest_alive then
    return nil
  end
  local lo, hi = statistics.wilson(dead, tested)
  return { how = "never_accepts", share = dead / tested, interval = { lo, hi }, sessions = dead }
end

--- Looks for members that do not resume.
-- @tparam table view see resum.analysis.pool.view
-- @tparam boolean independent servers are drawn anew for each connection (a session's offers do not stick to one)
-- @treturn table|nil {how = "other_version", "issues_nothing" or "never_accepts", share, interval, label (where one
--   shows), connections}
-- @treturn table label -> true for those of that member
function M.find(view, independent)
  local old = of_another_version(view)
  if old then
    return old, { [labels.OTHER_VERSION] = true }
  end
  local silent = M.silent(view)
  if silent then
    return silent, { none = true }
  end
  local dead = refused_at_home(view)
  local named = next(dead)
  if named then
    for label in pairs(dead) do
      named = label < named and label or named
    end
    local shown = dead[labels.TICKETLESS] and view.showing_tickets or view.sequence
    local share, interval, n = share_of(view, shown, function(label)
      return dead[label]
    end)
    if share < 1 then
      return { how = "never_accepts", share = share, interval = interval, label = named, connections = n }, dead
    end
  end
  return independent and dead_sessions(view) or nil, {}
end

return M
