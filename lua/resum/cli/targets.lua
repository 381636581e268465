-- The targets of a run, one after another: those of the command line, then those of a list that is read as the scan
-- goes on. A list has one target a line; "#" starts a comment, and a "rank,host" line of a ranking counts as its host.
-- What is in another share of the work, and what is done, is left out. It holds one piece of the list, never all of it.

local escape = require "resum.util.escape"
local shard = require "resum.cli.shard"
local target = require "resum.target"

local M = {}

local LONGEST_LINE = 4096 -- bytes; the rest of a longer one is dropped, and what is left is no target
local BYTE_ORDER_MARK = "\239\187\191"

--- The target on a line of a list.
-- @tparam string line
-- @treturn string|nil nil when there is none
function M.on_line(line)
  line = line:gsub("^#.*", ""):gsub("%s#.*", ""):match("^%s*(.-)%s*$")
  if line == "" then
    return nil
  end
  local field = line:match('^"?%d+"?%s*,%s*([^,]*)')
  return field and field:gsub('"', ""):match("^(.-)%s*$") or line
end

-- "rank,host", "Rank,Domain": the first line of some rankings.
local function is_heading(line)
  return line:lower():find('^"?rank"?%s*,%s*"?%a+"?%s*$') ~= nil
end

-- Lines of a stream, without their ends; nil after the last one, and what went wrong, if something did.
local function line_reader(stream)
  local piece, at, over = "", 1, false
  local function fetch()
    local bytes, why = stream:read()
    over = not bytes
    piece, at = piece:sub(at, at + LONGEST_LINE) .. (bytes or ""), 1
    return why ~= "eof" and why or nil
  end
  return function()
    while true do
      local stop = piece:find("\n", at, true)
      if stop or over then
        local line = piece:sub(at, (stop or #piece + 1) - 1)
        at = (stop or #piece) + 1
        if stop or line ~= "" then
          return line
        end
        return nil
      end
      local problem = fetch()
      if problem then
        return nil, problem
      end
    end
  end
end

local Targets = {}
Targets.__index = Targets

-- The next one of the list; nil after the last.
function Targets:from_list()
  local line, problem = self.next_line()
  while line do
    if not self.has_begun then
      self.has_begun = true
      line = line:gsub("^" .. BYTE_ORDER_MARK, "")
      line = is_heading(line) and "" or line
    end
    local text = M.on_line(line)
    if text then
      return text
    end
    line, problem = self.next_line()
  end
  self.next_line, self.problem = nil, problem
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

--- The next target of the command line.
-- @function targets:next_argument
-- @treturn string|nil
function Targets:next_argument()
  while self.arguments[self.argument] do
    local text = self.arguments[self.argument]:match("^%s*(.-)%s*$")
    self.argument = self.argument + 1
    if self:wants(text) then
      return text
    end
  end
end

--- The next target. It may wait for input.
-- @function targets:next
-- @treturn string|nil nil when there is none left; `problem` then says what kept the list from being read to its end
-- @treturn boolean is it of the command line?
function Targets:next()
  local text = self:next_argument()
  if text then
    return text, true
  end
  while not text and self.next_line do
    text = self:from_list()
    if text and not self:wants(text) then
      text = nil
    end
  end
  return text, false
end

--- @tparam table options arguments (list of texts), stream (of the list, or nil), shard (see resum.cli.shard, or nil),
--   done (set of texts to be left out, or nil)
-- @treturn table targets; the field skipped counts what was left out as done
function M.new(options)
  return setmetatable({
    arguments = options.arguments,
    argument = 1,
    next_line = options.stream and line_reader(options.stream),
    shard = options.shard,
    done = options.done,
    skipped = 0,
  }, Targets)
end

return M
