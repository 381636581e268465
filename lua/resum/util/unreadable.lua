-- Lines of a file that can't be read and are left out: how many there are, and where the first one stands, so that
-- whoever lost something knows what, and where. Pure.

local M = {}

local Lines = {}
Lines.__index = Lines

--- Counts a line of the file.
-- @function lines:pass
function Lines:pass()
  self.number = self.number + 1
end

--- A line can't be read.
-- @function lines:note
-- @tparam[opt] integer number its number; by default of the one that was counted last
function Lines:note(number)
  number = number or self.number
  self.count = self.count + 1
  self.first = math.min(self.first or number, number)
end

--- What there is to say, in words; nil where every line was read.
-- @function lines:words
-- @treturn string|nil
function Lines:words()
  if self.count == 0 then
    return nil
  elseif self.count == 1 then
    return ("%s: line %d can't be read and is left out"):format(self.path, self.first)
  end
  return ("%s: %d lines can't be read and are left out, the first of them is line %d"):format(self.path, self.count,
    self.first)
end

--- @tparam string path
-- @treturn table lines: path, count, first (number of the first one that can't be read; nil: all were), number (lines
--   that were counted)
function M.new(path)
  return setmetatable({ path = path, count = 0, number = 0 }, Lines)
end

return M
