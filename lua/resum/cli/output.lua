-- One place that results are written to, by many jobs: what one job writes stays in one piece, and it waits until the
-- system has taken it. So a slow reader slows the scan down, and nothing piles up. It knows no format.

local system = require "resum.cli.system"
local semaphore = require "resum.transport.semaphore"

local M = {}

local UNFINISHED = ".new" -- behind the name of a file that is not whole yet
local WORDS = { reset = "nobody reads it any more", eof = "nobody reads it any more" }

local Output = {}
Output.__index = Output

--- Writes. After a failure nothing more is written.
-- @function output:write
-- @tparam string bytes
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string message
function Output:write(bytes)
  self.turn:take()
  if not self.failure then
    local written, why = self.stream:write(bytes)
    self.failure = not written and ("%s: %s"):format(self.name, WORDS[why] or why) or nil
  end
  self.turn:give()
  return not self.failure or nil, self.failure
end

--- Closes it. Idempotent.
-- @function output:close
function Output:close()
  self.stream:close()
end

--- Closes it; a file that is whole now gets its name.
-- @function output:finish
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string message
function Output:finish()
  if not self.path then
    return not self.failure or nil, self.failure
  end
  self:close()
  if not self.failure then
    local renamed, why = os.rename(self.path .. UNFINISHED, self.path)
    self.failure = not renamed and ("%s: %s"):format(self.name, why) or nil
  end
  return not self.failure or nil, self.failure
end

--- @tparam table host
-- @tparam string|integer path "-" is stdout; or the number of an open descriptor
-- @tparam string mode "w" or "a"
-- @tparam string name what messages call it
-- @treturn[1] table output
-- @treturn[2] nil
-- @treturn[2] string message
function M.open(host, path, mode, name)
  local stream, message = host.open(path == "-" and 1 or path, mode)
  if not stream then
    return nil, ("%s: %s"):format(name, message)
  end
  return setmetatable({ stream = stream, name = name, turn = semaphore.new(host, 1) }, Output)
end

--- A file that its reader never sees half of: it has another name until it is finished. What is no plain file (a
-- device, a pipe) is written as it is, and behind a link stands the file that it names: neither may be replaced.
-- @tparam table host
-- @tparam string path "-": stdout, which has no other name
-- @tparam string option that names it, for messages
-- @treturn[1] table output
-- @treturn[2] nil
-- @treturn[2] string message
function M.open_whole(host, path, option)
  if path == "-" then
    return M.open(host, path, "w", "stdout")
  end
  local whole = system.replaceable(path)
  local out, message = M.open(host, whole and whole .. UNFINISHED or path, "w", "--" .. option)
  if out then
    out.path = whole
  end
  return out, message
end

--- Is a file written twice, or what is read written over?
-- @tparam {{string,string},...} named how messages call each file, and its path, in order; "-" is no file
-- @tparam {{string,string},...} outputs the same of those that are written
-- @treturn string|nil which two are one file
function M.find_same(named, outputs)
  local taken = table.move(named, 1, #named, 1, {})
  for _, one in ipairs(outputs) do
    for _, other in ipairs(one[2] ~= "-" and taken or {}) do
      if other[2] ~= "-" and system.same_file(one[2], other[2]) then
        return ("%s and %s name one file"):format(other[1], one[1])
      end
    end
    taken[#taken + 1] = one
  end
end

return M
