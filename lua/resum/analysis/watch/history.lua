-- What has happened at one address: the events that were told, of which the newest are kept, and when something changed
-- there, which the cause of a loss is looked for in. Pure.

local M = {}

--- Events that are kept for who shows them.
M.EVENTS = 200
--- Changes of each kind whose time is kept. A loss is told with the change that was beside it, which may be some back.
M.CHANGES = 8
-- Seconds by which two changes may seem apart, and are one: what one connection sees the other may see a round later.
local TOGETHER = 1

local History = {}
History.__index = History

--- Begins with what a moment brings.
-- @function history:begin
-- @tparam number time
-- @treturn {table,...} the events of this moment, which get here as they are told
function History:begin(time)
  self.told, self.time = {}, time
  return self.told
end

--- Tells an event of the moment.
-- @function history:tell
-- @tparam string kind
-- @tparam table fields get kind and time
function History:tell(kind, fields)
  fields.kind, fields.time = kind, self.time
  self.counts[kind] = (self.counts[kind] or 0) + 1
  self.events[#self.events + 1] = fields
  if #self.events > M.EVENTS then
    table.remove(self.events, 1)
  end
  self.told[#self.told + 1] = fields
end

--- Keeps the time of a change. Sessions that are lost show late, and there may have been others since: some are kept.
-- @function history:remember
-- @tparam string what changed
-- @tparam table span from, to
function History:remember(what, span)
  local spans = self.changes[what] or {}
  self.changes[what] = spans
  spans[#spans + 1] = span
  if #spans > M.CHANGES then
    table.remove(spans, 1)
  end
end

local function overlap(a_from, a_to, b_from, b_to)
  return a_from <= b_to + TOGETHER and b_from <= a_to + TOGETHER
end

--- Was there a change of this kind in the time between two moments?
-- @function history:changed
-- @tparam string what
-- @tparam number from
-- @tparam number to
-- @treturn boolean
function History:changed(what, from, to)
  for _, span in ipairs(self.changes[what] or {}) do
    if overlap(span.from, span.to, from, to) then
      return true
    end
  end
  return false
end

--- Was there a change of any of these kinds in the time between two moments?
-- @function history:changed_any
-- @tparam {string,...} kinds
-- @tparam number from
-- @tparam number to
-- @treturn boolean
function History:changed_any(kinds, from, to)
  for _, kind in ipairs(kinds) do
    if self:changed(kind, from, to) then
      return true
    end
  end
  return false
end

--- @tparam table saved counts (kind of event -> how many), events (list), changes (what -> spans; or nil)
-- @treturn table history, with these
function M.new(saved)
  return setmetatable({ counts = saved.counts, events = saved.events, changes = saved.changes or {}, told = {},
    time = 0 }, History)
end

return M
