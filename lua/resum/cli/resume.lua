-- What an earlier run has done, read from what it wrote: its results (JSON lines) or the names of its targets. A run
-- that was killed leaves at most one torn line, the last one: it is cut, so that the next line begins where it should.
-- What neither of the two has written is somebody else's, and stays as it is.

local cjson = require "cjson"
local input = require "resum.cli.input"
local interrupt = require "resum.cli.interrupt"
local lines = require "resum.cli.lines"
local our_files = require "resum.cli.our_files"
local shapes = require "resum.cli.result_shape"
local system = require "resum.cli.system"

local M = {}

local ENOENT = 2 -- errno(3), no such file

--- What a file of names begins with.
M.HEAD = our_files.LIST_HEAD

--- Opens a file that is read more than once.
-- @tparam string path
-- @treturn[1] file
-- @treturn[2] nil
-- @treturn[2] string message
-- @treturn[2] boolean true when there is no such file
function M.open(path)
  if input.is_pipe(path) then -- and nobody waits for who may never write
    return nil, path .. ": this is no file but a pipe, and it is read twice: write it to a file first", false
  end
  local file, message, code = io.open(path, "rb")
  if not file then
    return nil, message, code == ENOENT
  end
  local _, problem = file:read(0) -- of a directory, for example
  if problem then
    file:close()
    return nil, ("%s: %s"):format(path, problem), false
  end
  return file
end

--- Does this result say that its target is done? One that was interrupted is not.
-- @tparam table result from resum.run, or as JSON has it
-- @treturn boolean
function M.is_done(result)
  return not (result.error and result.error.code == "interrupted")
end

--- A line of results.
-- @tparam string line
-- @tparam[opt] boolean whole it has to have all that a summary counts
-- @treturn table|nil the result; nil when it is torn, or something else
function M.decode(line, whole)
  local good, result = pcall(cjson.decode, line)
  if not good and interrupt.is(result) then
    error(result, 0)
  end
  return good and (whole and shapes.is_whole or shapes.is_line)(result) and result or nil
end

local function begins_with(text, head)
  return text:sub(1, #head) == head or head:sub(1, #text) == text
end

-- Is what stands there alone, without a line's end, the beginning of something of ours?
local function is_torn_head(text)
  for _, head in ipairs({ M.HEAD, table.unpack(our_files.RESULT_HEADS) }) do
    if begins_with(text, head) then
      return true
    end
  end
  return false
end

local Reader = {}
Reader.__index = Reader

function Reader:take_result(line)
  local result = M.decode(line)
  if result then
    self.kind = self.kind or "results"
    if M.is_done(result) then
      self.done[result.target.text] = true
    end
  end
  return result
end

-- A line with its end. The first one of names says that they are some.
function Reader:take(line, number)
  if number == 1 and line == M.HEAD then
    self.kind = "names"
  elseif self.kind == "names" then
    self.done[line] = line ~= "" and true or nil
  elseif line ~= "" and not self:take_result(line) then
    self.unreadable = self.unreadable + 1
  end
end

-- What stands behind the last line's end: a result may be whole all the same.
function Reader:take_last(rest, begin)
  self.torn = { from = begin, length = #rest }
  if self.kind ~= "names" and self:take_result(rest) then
    self.torn.is_whole = true
  elseif not self.kind and begin == 0 and is_torn_head(rest) then
    self.kind = "torn"
  end
end

local function ends_a_line(file)
  file:seek("end", -1)
  return file:read(1) == "\n"
end

-- Reads all of a file.
function Reader:read(file)
  local next_line, count = lines.of_file(file), 0
  local line, number, begin = next_line()
  while line ~= nil do
    if not line then
      self.unreadable = self.unreadable + 1
    elseif line:sub(-1) == "\n" then
      self:take(line:sub(1, -2), number)
    else
      self:take_last(line, begin)
    end
    count = number
    line, number, begin = next_line()
  end
  if count == 0 then
    self.kind = "new"
  elseif not self.torn and not ends_a_line(file) then
    self.kind = nil -- a line without an end that is too long to be ours
  end
  return number -- what went wrong
end

--- Which targets are done? It changes nothing.
-- @tparam string path
-- @treturn[1] table set: text of the target -> true; empty where there is no such file
-- @treturn[1] table about: kind ("results"; "names"; "new": there is no file, or an empty one; "torn": one line of ours
--   that was begun), unreadable (lines of results that are none), torn (what stands behind the last line's end: from,
--   length, is_whole; or nil)
-- @treturn[2] nil
-- @treturn[2] string message; also where the file is somebody else's
function M.read(path)
  local reader = setmetatable({ done = {}, kind = nil, unreadable = 0, torn = nil }, Reader)
  local file, message, absent = M.open(path)
  if file then
    message = reader:read(file)
    file:close()
  elseif absent then
    reader.kind, message = "new", nil
  end
  if message then
    return nil, message
  elseif not reader.kind then
    return nil, path .. ": this is no file of results (--json_lines), nor one that --resume has made: it stays as it is"
  end
  return reader.done, { kind = reader.kind, unreadable = reader.unreadable, torn = reader.torn }
end

-- Writes at the end of a file.
local function append(path, bytes)
  local file, message = io.open(path, "ab")
  local written = file and file:write(bytes)
  return file and file:close() and written ~= nil, message
end

--- Makes a file of ours end with a line's end: a torn line is cut, a result that is whole gets its end.
-- @tparam string path
-- @tparam table about from read()
-- @treturn[1] integer how many bytes were cut
-- @treturn[2] nil
-- @treturn[2] string message
function M.mend(path, about)
  local torn = about.torn
  if not torn or not system.is_file(path) then
    return 0
  elseif torn.is_whole then
    local mended, message = append(path, "\n")
    return mended and 0 or nil, message or path .. ": its last line can't be ended"
  elseif not system.truncate(path, torn.from) then
    return nil, path .. ": its torn last line can't be cut"
  end
  return torn.length
end

return M
