-- Lines of what comes in pieces, each bounded: a line that is longer is told once, when that is known, and skipped. So
-- no input can fill the memory, and whoever reads gets the word again and again. It opens nothing.

local M = {}

local BLOCK = 64 * 1024

--- Bytes of a line that has a name, without its end: names of hosts have 253, and lists may say more.
M.LONGEST_NAME = 64 * 1024
-- Bytes of a line that has a result, which begins with a brace: some 9 KB for each attempt where all is asked for, and
-- 100,000 of them are the most.
local LONGEST_RESULT = 1024 * 1024 * 1024
local BRACE = 123

local Lines = {}
Lines.__index = Lines

-- Takes what there is of the line that has begun. Returns whether that ends it, and whether it is too long only now.
function Lines:take()
  if self.length == 0 then
    self.most = self.piece:byte(self.at) == BRACE and self.most_of_result or M.LONGEST_NAME
  end
  local stop = self.piece:find("\n", self.at, true)
  local upto = stop or #self.piece
  self.length = self.length + upto - self.at + 1
  local too_long = not self.skipping and self.length - (stop and 1 or 0) > self.most
  self.skipping = self.skipping or too_long
  if not self.skipping then
    self.parts[#self.parts + 1] = self.piece:sub(self.at, upto)
  end
  self.at = upto + 1
  return stop ~= nil or self.over, too_long
end

function Lines:fetch()
  local bytes, why = self.read()
  self.piece, self.at = bytes or "", 1
  self.over, self.problem = not bytes, not bytes and why ~= "eof" and why or nil
end

function Lines:next()
  while not (self.over and self.at > #self.piece and self.length == 0) do
    local ended, too_long = self:take()
    local line = not self.skipping and ended and table.concat(self.parts)
    local number, begin = self.number, self.begin
    local is_news = too_long or line
    if self.skipping or ended then
      self.parts = {}
    end
    if ended then
      self.number, self.begin, self.length, self.skipping = number + 1, begin + self.length, 0, false
    end
    if is_news then
      return line, number, begin
    elseif not ended then
      self:fetch()
    end
  end
  return nil, self.problem
end

--- A reader of lines.
-- @tparam function read returns the next bytes; or nil, and "eof" or what went wrong
-- @tparam[opt] boolean has_results may a line be as long as a result is?
-- @treturn function which returns the next line with its end (the last one may have none), or false for one that is
--   too long; its number, from 1; and where it begins, from 0. After the last one: nil, and what went wrong, if
--   something did
function M.reader(read, has_results)
  local lines = setmetatable({
    read = read,
    most_of_result = has_results and LONGEST_RESULT or M.LONGEST_NAME,
    most = nil, -- bytes of the line that has begun
    piece = "",
    at = 1, -- of the piece, what comes next
    over = false,
    problem = nil,
    parts = {}, -- of the line that has begun
    length = 0, -- of that line so far
    skipping = false, -- it is too long
    number = 1,
    begin = 0,
  }, Lines)
  return function()
    return lines:next()
  end
end

--- The lines of an open file of results or of names.
-- @tparam file file of Lua's
-- @treturn function see reader
function M.of_file(file)
  return M.reader(function()
    local bytes, message = file:read(BLOCK)
    return bytes, message or "eof"
  end, true)
end

return M
