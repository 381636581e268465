-- The targets of a run, one after another: those of the command line, then those of a list that is read as the scan
-- goes on (resum.cli.list). A range of addresses becomes its addresses. What is in another share of the work, and what
-- is done, is left out; what can't be read is told. It holds one piece of the list and one range, never all of it.

local escape = require "resum.util.escape"
local lists = require "resum.cli.list"
local ranges = require "resum.target.range"
local shard = require "resum.cli.shard"
local target = require "resum.target"

local M = {}

local Targets = {}
Targets.__index = Targets

-- The next one of the list, and the number of its line; nil after the last.
function Targets:from_list()
  while self.next_targets do
    local text = self.of_line[self.at]
    if text then
      self.at = self.at + 1
      return text, self.number
    end
    self.of_line, self.number = self.next_targets()
    self.at = 1
    if not self.of_line then
      self.next_targets, self.problem = nil, self.number
    end
  end
end

-- Results have it as text that is safe to show, which is not the same where it has letters beyond ASCII, or a password.
function Targets:is_done(text)
  return self.done and (self.done[text] or self.done[escape(text)]
    or self.done[escape(target.without_password(text))])
end

function Targets:wants(text)
  if self.shard and not shard.holds(self.shard, text) then
    return false
  elseif self:is_done(text) then
    self.skipped = self.skipped + 1
    return false
  end
  return true
end

-- The next one of the command line.
function Targets:from_arguments()
  local text = self.arguments[self.argument]
  self.argument = self.argument + 1
  return text and text:match("^%s*(.-)%s*$")
end

--- The next target of the command line that is no range of addresses.
-- @function targets:next_argument
-- @treturn string|nil
function Targets:next_argument()
  for text in self.from_arguments, self do
    local range, problem = ranges.parse(text, self.max_targets)
    if not range and not problem and self:wants(text) then
      return text
    end
  end
end

-- The next address of the range that has begun.
function Targets:from_range()
  while self.range and self.index < self.range.count do
    local text = self.range:at(self.index)
    self.index = self.index + 1
    if self:wants(text) then
      return text
    end
  end
  self.range = nil
end

-- What comes next as it was given, and where: of the command line, or with the number of its line.
function Targets:next_given()
  local text = self:from_arguments()
  if text then
    return text, true
  end
  local number
  text, number = self:from_list()
  return text, false, text and number
end

--- The next target. It may wait for input.
-- @function targets:next
-- @treturn string|nil nil when there is none left; `problem` then says what kept the list from being read to its end
-- @treturn boolean is it named on the command line?
-- @treturn integer|nil the number of its line, where it is of the list
-- @treturn string|nil what is wrong with it, in words, where that is known
function Targets:next()
  local one = self:from_range()
  while not one do
    local text, is_named, number = self:next_given()
    if not text then
      return nil, false
    end
    local problem
    self.range, problem = ranges.parse(text, self.max_targets)
    self.index = 0
    if problem then
      return text, is_named, number, problem
    elseif self.range then
      one = self:from_range()
    elseif self:wants(text) then
      return text, is_named, number
    end
  end
  return one, false
end

local function nothing() end

--- How many targets do these words stand for?
-- @tparam {string,...} arguments
-- @tparam[opt] integer max_targets see resum.target.range
-- @treturn integer
-- @treturn boolean is a range among them?
function M.count(arguments, max_targets)
  local count, has_range = 0, false
  for _, text in ipairs(arguments) do
    local range = ranges.parse(text:match("^%s*(.-)%s*$"), max_targets)
    count, has_range = count + (range and range.count or 1), has_range or range ~= nil
  end
  return count, has_range
end

--- @tparam table options arguments (list of texts), stream (of the list, or nil), protocol (of --starttls: says which
--   ports of a port scanner's list are wanted), max_targets (addresses of a range), shard (see resum.cli.shard, or
--   nil), done (set of texts to be left out, or nil)
-- @treturn table targets; the field skipped counts what was left out as done; its field on_problem may be set to what
--   is called with the number of each line that can't be read, and what is wrong with it
function M.new(options)
  local targets = setmetatable({
    arguments = options.arguments,
    argument = 1,
    next_targets = nil, -- of the list: those of the next line
    of_line = {}, -- those of this line
    number = 0, -- of this line
    at = 1,
    range = nil, -- that has begun
    index = 0,
    max_targets = options.max_targets,
    on_problem = nothing,
    shard = options.shard,
    done = options.done,
    skipped = 0,
  }, Targets)
  targets.next_targets = options.stream and lists.reader(options.stream, {
    protocol = options.protocol,
    on_problem = function(number, problem)
      targets.on_problem(number, problem)
    end,
  })
  return targets
end

return M
