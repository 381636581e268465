-- A table that forgets: it keeps at most so many entries, those that were used last. Pure.

local M = {}

local Recent = {}
Recent.__index = Recent

-- Entries are put into the younger of two generations; when that holds half of all, the older one goes.
function Recent:set(key, value)
  if self.young[key] == nil then
    self.count = self.count + 1
  end
  self.young[key] = value
  if self.count >= self.half then
    self.old, self.young, self.count = self.young, {}, 0
    self.turns = self.turns + 1
  end
end

--- The entry of a key; it counts as used.
-- @function recent:get
-- @treturn any nil when there is none, or no more
function Recent:get(key)
  local value = self.young[key]
  if value == nil then
    value = self.old[key]
    if value ~= nil then
      self:set(key, value)
    end
  end
  return value
end

--- Was anything forgotten so far?
-- @function recent:has_forgotten
-- @treturn boolean
function Recent:has_forgotten()
  return self.turns > 1
end

--- @tparam integer most entries
-- @treturn table recent, with get(key) and set(key, value)
function M.new(most)
  return setmetatable({ young = {}, old = {}, count = 0, half = math.max(1, most // 2), turns = 0 }, Recent)
end

return M
