-- One place that results are written to, by many jobs: what one job writes stays in one piece, and it waits until the
-- system has taken it. So a slow reader slows the scan down, and nothing piles up. It knows no format.

local semaphore = require "resum.transport.semaphore"

local M = {}

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

return M
