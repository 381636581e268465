-- The sessions of one mechanism that a watch holds: few, of all ages, so that it shows from when on they are refused.
-- It says which one fits a question; what becomes of it is others' business.

local acceptance = require "resum.analysis.watch.acceptance"
local random = require "resum.util.random"

local M = {}

--- Sessions at most. When there are more, one goes whose neighbours are of nearly the same age, so that the ages that
-- stay are spread over all times, closer together where they are young.
M.MOST = 24
--- The newest ones stay in any case: a doubt is ended by comparing those from before it with those from after it.
M.NEWEST = 8
--- Seconds: no session is held longer (RFC 9846, section 4.7.1, allows a week).
M.OLDEST = 8 * 86400

local Jar = {}
Jar.__index = Jar

-- The one whose neighbours are the nearest, as shares of their ages.
local function least_missed(list, now)
  local least, at = math.huge, 2
  for i = 2, #list - M.NEWEST do
    local ratio = (now - list[i - 1].issued + 1) / (now - list[i + 1].issued + 1)
    if ratio < least then
      least, at = ratio, i
    end
  end
  return at
end

function Jar:remove(at)
  local one = table.remove(self.list, at)
  self.on_drop(one)
end

--- Puts a session in.
-- @function jar:put
-- @tparam table one session, issued (seconds), promise (seconds), key (name, or nil), again (it was offered before)
-- @tparam number now
function Jar:put(one, now)
  local at = #self.list
  while at > 0 and self.list[at].issued > one.issued do
    at = at - 1
  end
  table.insert(self.list, at + 1, one)
  if #self.list > M.MOST then
    self:remove(least_missed(self.list, now))
  end
end

--- Takes out those that fit.
-- @function jar:drop
-- @tparam function fits
function Jar:drop(fits)
  for at = #self.list, 1, -1 do
    if fits(self.list[at]) then
      self:remove(at)
    end
  end
end

local function is_over(one, now)
  local promise = one.promise or 0
  return promise > 0 and now - one.issued + acceptance.SLACK >= promise
end

local function answers(one, want, now)
  return (not want.before or one.issued <= want.before) and (not want.after or one.issued > want.after)
    and now - one.issued >= (want.at_least or 0) and now - one.issued <= (want.at_most or math.huge)
    and (not want.key or one.key and want.key[one.key]) and not (want.is_promised and is_over(one, now))
    and (not want.not_since or (one.offered or -math.huge) <= want.not_since
      or (one.offered_age or math.huge) < (want.at_least or 0))
end

--- The newest session that answers a question; the oldest one, where that is asked for.
-- @function jar:find
-- @tparam table want see resum.analysis.watch.acceptance
-- @tparam number now
-- @treturn table|nil
function Jar:find(want, now)
  local first, last, step = #self.list, 1, -1
  if want.oldest then
    first, last, step = 1, #self.list, 1
  end
  for at = first, last, step do
    if answers(self.list[at], want, now) then
      return self.list[at]
    end
  end
end

--- The oldest one.
-- @function jar:oldest
-- @treturn table|nil
function Jar:oldest()
  return self.list[1]
end

--- Any one.
-- @function jar:any
-- @treturn table|nil
function Jar:any()
  return #self.list > 0 and self.list[random.integer(#self.list)] or nil
end

--- @tparam function on_drop called with each one that goes
-- @treturn table jar
function M.new(on_drop)
  return setmetatable({ list = {}, on_drop = on_drop }, Jar)
end

return M
