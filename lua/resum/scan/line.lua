-- Who of the scans of one address may connect next: up to so many connections at once, their starts in order and a
-- moment apart, as what a balancer goes by is the order in which they arrive. Who needs neighbours asks for
-- places side by side; whoever makes one connection after another goes first, as nobody else waits as long. It opens no
-- connection and knows no mechanism.

local promises = require "resum.scan.promise"
local random = require "resum.util.random"

local M = {}

-- Seconds between two starts: HAProxy with two threads routes ten connects at 1 ms in the order of their starts, and at
-- once nearly so.
local APART = 0.001

local Place = {}
Place.__index = Place

--- Waits until the connection may be started: in the order in which places were granted, whichever job asks first
-- (timers of a busy machine do not keep it), and a moment behind the one before.
-- @function place:take
function Place:take()
  local line = self.line
  while not self.turn do
    self.waiter = self.waiter or promises.waiter(line.host)
    self.waiter:wait()
  end
  if self.before then
    self.before:get()
  end
  local left = line.last_start + APART - line.host.now()
  if left > 0 then
    line.host.sleep(left)
  end
  line.last_start = line.host.now()
  self.turn:set(true)
end

--- Gives the place to the next one. Idempotent.
-- @function place:give
function Place:give()
  if not self.given then
    self.given = true
    if self.turn then
      self.turn:set(true) -- also of whoever has not started
    end
    self.line.free = self.line.free + 1
    self.line:serve()
  end
end

local Line = {}
Line.__index = Line

local function new_lane()
  return { first = 1, last = 0 }
end

local function next_of(lane)
  local place = lane[lane.first]
  if place then
    lane[lane.first] = nil
    lane.first = lane.first + 1
  end
  return place
end

-- Any of those that wait: in turns, several mechanisms would fall into step with a balancer's rotation, and each would
-- meet the same servers again and again.
local function any_of(lane)
  local count = lane.last - lane.first + 1
  if count > 1 then
    local chosen = lane.first + random.integer(count) - 1
    lane[lane.first], lane[chosen] = lane[chosen], lane[lane.first]
  end
  return next_of(lane)
end

-- Whose places have begun to be given is served to the end: nobody comes between neighbours.
function Line:next_place()
  local place = self.group and next_of(self.group)
  if not place then
    self.group = next_of(self.urgent) or any_of(self.usual)
    place = self.group and next_of(self.group)
  end
  return place
end

function Line:serve()
  while self.free > 0 do
    local place = self:next_place()
    if not place then
      return
    end
    self.free = self.free - 1
    place.before, place.turn = self.last_turn, promises.new(self.host)
    self.last_turn = place.turn
    if place.waiter then
      place.waiter:wake()
    end
  end
end

--- Asks for places side by side: nobody else's connection is started between them. Each has to be taken, without a
-- connection of another place in between, and given.
-- @function line:places
-- @tparam integer count
-- @tparam[opt] boolean urgent before those that are not
-- @treturn {place,...}
function Line:places(count, urgent)
  local group, places = new_lane(), {}
  for i = 1, count do
    places[i] = setmetatable({ line = self, before = nil, turn = nil, given = false, waiter = nil }, Place)
    group[i] = places[i]
  end
  group.last = count
  local lane = urgent and self.urgent or self.usual
  lane.last = lane.last + 1
  lane[lane.last] = group
  self:serve()
  return places
end

--- From now on so many at once; more than are under way already leave first.
-- @function line:set_limit
-- @tparam integer limit
function Line:set_limit(limit)
  self.free = self.free + limit - self.limit
  self.limit = limit
  self:serve()
end

--- How many jobs keep all places taken: as many again have given theirs back, and wait for their server's end.
-- @function line:jobs
-- @treturn integer
function Line:jobs()
  return 2 * self.limit
end

--- @tparam table host
-- @tparam integer limit connections at once
-- @treturn table line; its field limit
function M.new(host, limit)
  return setmetatable({
    host = host, limit = limit, free = limit, last_start = -math.huge, last_turn = nil, group = nil,
    urgent = new_lane(), usual = new_lane(),
  }, Line)
end

return M
