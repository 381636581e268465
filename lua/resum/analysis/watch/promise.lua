-- How long new tickets are promised to live: one figure for a long time, and then another one. It tells that a lifetime
-- was cut or raised while older sessions keep theirs, which offers show late or never. Where servers differ, or count
-- down to the end of their key, there is no figure, and nothing is told. Pure.

local chance = require "resum.analysis.watch.chance"
local statistics = require "resum.util.statistics"

local M = {}

--- Handshakes in a row that are counted, at most: after that many of one figure, four of another one are no chance.
M.MOST = 100

local Promise = {}
Promise.__index = Promise

-- Servers take turns, or the figure never stays: what comes now is where it begins.
function Promise:begin(value, time)
  self.value, self.seen, self.last = value, 1, time
  self.new, self.new_seen, self.since = nil, 0, nil
end

-- All of the one, then all of the other: would servers that take turns show that, as Fisher's test has it?
function Promise:is_no_chance()
  return statistics.fisher(self.new_seen, 0, 0, self.seen) < chance.BY_CHANCE
end

--- Notes what a new ticket promises.
-- @function promise:note
-- @tparam integer value seconds; 0: nothing
-- @tparam number time
-- @treturn table|nil what has become certain: promised_s, promised_before_s, since and until_then (when the one was
--   met first, and the other one last)
function Promise:note(value, time)
  if value == self.value and not self.new then
    self.seen, self.last = math.min(self.seen + 1, M.MOST), time
    return nil
  elseif not self.value or value == self.value or self.new and value ~= self.new then
    return self:begin(value, time)
  end
  self.new, self.new_seen, self.since = value, self.new_seen + 1, self.since or time
  if self.new_seen > self.seen then
    self:begin(value, time)
  elseif self:is_no_chance() then
    local told = { promised_s = value, promised_before_s = self.value, since = self.since, until_then = self.last }
    local seen = self.new_seen
    self:begin(value, time)
    self.seen = seen
    return told.promised_s > 0 and told.promised_before_s > 0 and told or nil
  end
end

--- What has to be kept over a restart.
-- @function promise:save
-- @treturn table
function Promise:save()
  return { value = self.value, seen = self.seen, last = self.last }
end

--- @tparam[opt] table saved see save
-- @treturn table promise
function M.new(saved)
  saved = saved or { seen = 0 }
  assert(type(saved.seen) == "number" and (saved.value == nil or type(saved.value) == "number"
    and type(saved.last) == "number")) -- a damaged file says so here, and not later
  return setmetatable({ value = saved.value, seen = saved.seen // 1 | 0, last = saved.last, new_seen = 0 }, Promise)
end

return M
