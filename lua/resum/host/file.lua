-- This program's own input and output, for hosts that have no better way to it: all of the program waits while it reads
-- or writes. To who uses it, it looks like a stream.

local READ_MOST = require("resum.host.common").READ_MOST

local M = {}

local STANDARD = { [0] = io.stdin, [1] = io.stdout, [2] = io.stderr }

local File = {}
File.__index = File

-- One byte after another, as Lua has no way to ask for what there is.
local function read_line(file)
  local bytes, problem = {}, nil
  for i = 1, READ_MOST do
    bytes[i], problem = file:read(1)
    if not bytes[i] or bytes[i] == "\n" then
      break
    end
  end
  return #bytes > 0 and table.concat(bytes) or nil, problem
end

--- @treturn[1] string one line, or part of a long one: more would have to be waited for
-- @treturn[2] nil
-- @treturn[2] string "eof", or what the system says
function File:read()
  local bytes, problem
  if self.file then
    bytes, problem = read_line(self.file)
  end
  return bytes, not bytes and (problem or "eof") or nil
end

--- @tparam string bytes
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string what the system says; part of the bytes may be written
function File:write(bytes)
  local written, problem = self.file:write(bytes)
  if written then
    written, problem = self.file:flush()
  end
  return written and true, problem
end

--- Closes it; what is everybody's stays open. Idempotent.
function File:close()
  if self.file and not self.standard then
    self.file:close()
  end
  self.file = nil
end

--- Opens a file, or standard input or output; all of the program waits while it reads or writes.
-- @tparam string|integer what path, or the number of a standard descriptor
-- @tparam string mode "r", "w" (from its start) or "a" (at its end)
-- @treturn[1] table stream; a failure is the system's words instead of a code
-- @treturn[2] nil
-- @treturn[2] string message
function M.open(what, mode)
  local file, message = STANDARD[what], nil
  if type(what) == "string" then
    file, message = io.open(what, mode)
  end
  return file and setmetatable({ file = file, standard = STANDARD[what] ~= nil }, File), message
end

return M
