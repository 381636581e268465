-- Does the server answer? Connections that fail one after another are an event; one that fails among others is none.
-- It is asked of an address as a whole, and of each mechanism. Pure.

local chance = require "resum.analysis.watch.chance"

local M = {}

--- Connections in a row that succeed before a server is said to be back.
M.BACK = 2
-- At first, when nothing is known, it is as if so many connections had succeeded: what is told is a fact, that
-- connections fail one after another, and not how often they used to.
local GOOD_BEFORE = 100

local Presence = {}
Presence.__index = Presence

-- Doubt grows with each failure, and fades with each success; what failed in it counts when it has faded.
function Presence:doubt_more(time, problem)
  self.doubt = self.doubt + chance.weight(self.share, false)
  self.since, self.problem, self.failed = self.since or time, problem, self.failed + 1
  if self.doubt >= chance.ENOUGH - 1e-9 then
    self.is_down, self.back, self.failed, self.failed_last = true, 0, 0, time
    return "down"
  end
end

function Presence:doubt_less()
  self.doubt = math.max(0, self.doubt + chance.weight(self.share, true))
  self.tally:add(true)
  if self.doubt == 0 then
    for _ = 1, self.failed do
      self.tally:add(false)
    end
    self.share, self.since, self.problem, self.failed = self:usual(), nil, nil, 0
  end
end

function Presence:come_back(time)
  self.back_since = self.back == 0 and time or self.back_since
  self.back = self.back + 1
  if self.back == M.BACK then
    local since, failed_last = self.since, self.failed_last
    self.is_down, self.doubt, self.since, self.problem, self.failed_last = false, 0, nil, nil, nil
    return "up", since, failed_last
  end
end

--- How often connections succeed, when nothing is wrong.
-- @function presence:usual
-- @treturn number 0 to 1
function Presence:usual()
  return math.min(chance.BEST, math.max(chance.GONE, self.tally:share()))
end

--- Notes a connection.
-- @function presence:note
-- @tparam number time seconds
-- @tparam boolean succeeded
-- @tparam[opt] table problem why it failed
-- @treturn string|nil "down" or "up", where that has become certain
-- @treturn number|nil when "up": since when it was down
-- @treturn number|nil when "up": when a connection failed last
function Presence:note(time, succeeded, problem)
  if self.is_down and succeeded then
    return self:come_back(time)
  elseif self.is_down then
    self.back, self.problem, self.failed_last = 0, problem, time
  elseif succeeded then
    self:doubt_less()
  else
    return self:doubt_more(time, problem)
  end
end

--- What has to be kept over a restart.
-- @function presence:save
-- @treturn table
function Presence:save()
  return { good = self.tally.good, all = self.tally.all, is_down = self.is_down or nil,
    since = self.is_down and self.since or nil, failed_last = self.failed_last }
end

--- @tparam[opt] table saved see save
-- @treturn table presence: is_down, since (when it began to fail), problem (of the last failure), back_since
function M.new(saved)
  saved = saved or { good = GOOD_BEFORE, all = GOOD_BEFORE }
  assert(saved.failed_last == nil or type(saved.failed_last) == "number") -- a damaged file says so here, and not later
  local presence = setmetatable({ tally = chance.tally(saved), doubt = 0, failed = 0, back = 0,
    is_down = saved.is_down or false, since = saved.since, failed_last = saved.failed_last }, Presence)
  presence.share = presence:usual()
  return presence
end

return M
