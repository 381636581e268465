-- What an earlier run has done, read from what it wrote: its results (JSON lines) or the names of its targets. A run
-- that was killed leaves at most one torn line, the last one: it is cut, so that the next line begins where it should.

local cjson = require "cjson"
local interrupt = require "resum.cli.interrupt"
local lines = require "resum.cli.lines"
local system = require "resum.cli.system"

local M = {}

local BLOCK = 64 * 1024
local ENOENT = 2 -- errno(3), no such file

--- Opens a file that is read more than once.
-- @tparam string path
-- @treturn[1] file
-- @treturn[2] nil
-- @treturn[2] string message
-- @treturn[2] boolean true when there is no such file
function M.open(path)
  local file, message, code = io.open(path, "rb")
  if not file then
    return nil, message, code == ENOENT
  end
  local _, problem = file:read(0) -- of a directory, for example
  if not problem and not file:seek("set", 0) then
    problem = "this is no file but a pipe, and it is read twice: write it to a file first"
  end
  if problem then
    file:close()
    return nil, ("%s: %s"):format(path, problem), false
  end
  return file
end

-- Where the last whole line ends, and how long the file is.
local function whole_length(file)
  local size = file:seek("end")
  local upto = size
  while upto > 0 do
    local from = math.max(0, upto - BLOCK)
    file:seek("set", from)
    local last = file:read(upto - from):match("^.*()\n")
    if last then
      return from + last, size
    end
    upto = from
  end
  return 0, size
end

--- Cuts a torn last line. What is no file has none.
-- @tparam string path
-- @treturn[1] integer how many bytes were cut
-- @treturn[2] nil
-- @treturn[2] string message
function M.cut(path)
  if not system.is_file(path) then
    return 0
  end
  local file, message = M.open(path)
  if not file then
    return nil, message
  end
  local whole, size = whole_length(file)
  file:close()
  if whole < size and not system.truncate(path, whole) then
    return nil, path .. ": its torn last line can't be cut"
  end
  return size - whole
end

--- Does this result say that its target is done? One that was interrupted is not.
-- @tparam table result from resum.run, or as JSON has it
-- @treturn boolean
function M.is_done(result)
  return not (result.error and result.error.code == "interrupted")
end

--- A line of results.
-- @tparam string line
-- @treturn table|nil the result; nil when it is torn, or something else
function M.decode(line)
  local good, result = pcall(cjson.decode, line)
  if not good and interrupt.is(result) then
    error(result, 0)
  end
  if good and type(result) == "table" and type(result.target) == "table" and type(result.target.text) == "string" then
    return result
  end
end

--- Which targets are done?
-- @tparam string path of results or of names, whole lines
-- @treturn[1] table set: text of the target -> true; empty where there is no such file
-- @treturn[1] table about: results (boolean: that is what the file holds), unreadable (lines that are none)
-- @treturn[2] nil
-- @treturn[2] string message
function M.read(path)
  local done, about = {}, { results = false, unreadable = 0 }
  local file, message, absent = M.open(path)
  if not file then
    return absent and done or nil, absent and about or message
  end
  local next_line = lines.of_file(file)
  local line, problem = next_line()
  while line ~= nil do
    line = line and line:gsub("\n$", "")
    if not line then
      about.unreadable = about.unreadable + 1
    elseif line:find("^{") then
      local result = M.decode(line)
      about.results = true
      if not result then
        about.unreadable = about.unreadable + 1
      elseif M.is_done(result) then
        done[result.target.text] = true
      end
    elseif line ~= "" then
      done[line] = true
    end
    line, problem = next_line()
  end
  file:close()
  return not problem and done or nil, problem or about
end

return M
