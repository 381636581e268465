-- A member that does not resume: it issues nothing, or never accepts what it issued, while others do. Pure.

local stats = require "resum.stats"

local M = {}

local LEAST_SILENT = 2 -- full handshakes without a session, among others that gave one
local LEAST_REFUSED = 2 -- sessions refused by their own server
local LEAST_OFFERS = 4 -- of one session, before it can be called dead
local OFFERS_BESIDE_NAMES = 12 -- the rest have names: a few refusals at home tell
local DOUBT = 1e-3 -- chance that a session that is well was never seen to resume
local SMALLEST_SHARE = 1 / 12 -- of a group that still has to be told from a member that does not resume

local function share_of(view, matches)
  local n, all = 0, 0
  for _, entry in ipairs(view.sequence) do
    if view.label[entry.order] or view.group[entry.order] then
      all = all + 1
      n = n + (matches(view.label[entry.order]) and 1 or 0)
    end
  end
  local lo, hi = stats.wilson(n, all)
  return all > 0 and n / all or 0, { lo, hi }, n
end

--- A member that issues nothing, while others do.
-- @tparam table view see resum.balance.view
-- @treturn table|nil see find
function M.silent(view)
  local share, interval, n = share_of(view, function(label)
    return label == "none"
  end)
  if n >= LEAST_SILENT and share < 1 then
    return { how = "issues_nothing", share = share, interval = interval, label = "none", connections = n }
  end
end

-- Labels whose sessions were refused by a server of that very label, and never resumed anywhere.
local function refused_at_home(view)
  local met = {}
  for _, entry in ipairs(view.offers) do
    local label = view.label[entry.from]
    if label then
      local one = met[label] or { resumed = 0, refused = 0 }
      met[label] = one
      if entry.outcome == "resumed" then
        one.resumed = one.resumed + 1
      elseif view.label[entry.order] == label then
        one.refused = one.refused + 1
      end
    end
  end
  local dead = {}
  for label, one in pairs(met) do
    if one.resumed == 0 and one.refused >= LEAST_REFUSED then
      dead[label] = true
    end
  end
  return dead
end

-- How each session fared: issued at `from`, offered so often, resumed so often.
local function sessions_of(view)
  local sessions, list = {}, {}
  for _, entry in ipairs(view.offers) do
    local one = sessions[entry.from]
    if not one then
      one = { from = entry.from, offered = 0, resumed = 0 }
      sessions[entry.from] = one
      list[#list + 1] = one
    end
    one.offered = one.offered + 1
    one.resumed = one.resumed + (entry.outcome == "resumed" and 1 or 0)
  end
  return list
end

--- How often a session that is well resumes, from those that did.
-- @tparam {table,...} sessions {from, offered, resumed}
-- @treturn number 0 to 1
function M.typical_share(sessions)
  local offered, resumed = 0, 0
  for _, one in ipairs(sessions) do
    if one.resumed > 0 then
      offered, resumed = offered + one.offered, resumed + one.resumed
    end
  end
  return offered > 0 and resumed / offered or 0
end

--- How many offers it takes before a session that never resumed is called dead.
-- @tparam number typical see typical_share
-- @treturn integer
function M.offers_needed(typical)
  local share = typical > 0.5 and typical / 2 or SMALLEST_SHARE
  return math.max(LEAST_OFFERS, math.ceil(math.log(DOUBT) / math.log(1 - share)))
end

--- Sessions that were offered and never resumed, and how many offers it takes to call them dead.
-- Where their group has a name, nothing is to be found out.
-- @tparam table view see resum.balance.view
-- @treturn {table,...} list of {from, offered}, in the order in which they were issued, the old and the young ones
--   taken in turns: a restart kills the old ones only
-- @treturn integer
function M.suspects(view)
  local sessions, dead, named = sessions_of(view), {}, false
  for _, one in ipairs(sessions) do
    local group = view.group[one.from]
    named = named or group ~= nil
    dead[#dead + 1] = one.resumed == 0 and not group and one or nil
  end
  table.sort(dead, function(a, b)
    return a.from < b.from
  end)
  local turns = {}
  for i = 1, #dead do
    turns[i] = dead[i % 2 == 1 and (i + 1) // 2 or #dead - i // 2 + 1]
  end
  local needed = M.offers_needed(M.typical_share(sessions))
  return turns, named and math.min(needed, OFFERS_BESIDE_NAMES) or needed
end

--- Where sessions were issued that resumed since.
-- @tparam table view see resum.balance.view
-- @treturn {integer,...} orders, the latest first
function M.alive(view)
  local orders = {}
  for _, one in ipairs(sessions_of(view)) do
    orders[#orders + 1] = one.resumed > 0 and one.from or nil
  end
  table.sort(orders, function(a, b)
    return a > b
  end)
  return orders
end

-- Where nothing names the server: sessions that never resume, however often they are offered. Every such session may
-- have died with a restart, so the last one of them must be younger than some session that lives.
local function dead_sessions(view)
  local sessions = sessions_of(view)
  local needed = M.offers_needed(M.typical_share(sessions))
  local dead, alive, tested, youngest_dead, oldest_alive = 0, 0, 0, 0, math.huge
  for _, one in ipairs(sessions) do
    if one.resumed > 0 then
      alive, tested = alive + 1, tested + 1
      oldest_alive = math.min(oldest_alive, one.from)
    elseif one.offered >= needed then
      dead, tested = dead + 1, tested + 1
      youngest_dead = math.max(youngest_dead, one.from)
    end
  end
  if dead == 0 or alive == 0 or youngest_dead < oldest_alive then
    return nil
  end
  local lo, hi = stats.wilson(dead, tested)
  return { how = "never_accepts", share = dead / tested, interval = { lo, hi }, sessions = dead }
end

--- Looks for members that do not resume.
-- @tparam table view see resum.balance.view
-- @tparam boolean independent servers are drawn anew for each connection (a session's offers do not stick to one)
-- @treturn table|nil {how = "issues_nothing" or "never_accepts", share, interval, label (where one shows), connections}
-- @treturn table label -> true for those of that member
function M.find(view, independent)
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
    local share, interval, n = share_of(view, function(label)
      return dead[label]
    end)
    if share < 1 then
      return { how = "never_accepts", share = share, interval = interval, label = named, connections = n }, dead
    end
  end
  return independent and dead_sessions(view) or nil, {}
end

return M
