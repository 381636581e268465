-- The progress line: how many targets are done and how many connections were made. On a terminal only, on stderr,
-- and never more often than ten times a second.

local M = {}

local EVERY_S = 0.1

--- Is this file descriptor a terminal?
-- @tparam integer fd
-- @treturn boolean
function M.is_terminal(fd)
  return (os.execute("test -t " .. fd)) == true
end

local Progress = {}
Progress.__index = Progress

function Progress:draw()
  io.stderr:write(("\r\27[Kresum: %d of %d targets done, %d connections made"):format(
    self.done, self.targets, self.attempts))
  io.stderr:flush()
  self.drawn = true
end

--- Takes note of an event of a scan.
function Progress:event(event)
  if event.kind ~= "attempt" then
    return
  end
  self.attempts = self.attempts + 1
  if self.visible and self.now() - self.last >= EVERY_S then
    self.last = self.now()
    self:draw()
  end
end

--- A target is done.
function Progress:finished()
  self.done = self.done + 1
end

--- Makes room for other output.
function Progress:clear()
  if self.drawn then
    io.stderr:write("\r\27[K")
    io.stderr:flush()
    self.drawn = false
  end
end

--- The run is over.
function Progress:close()
  self:clear()
end

--- @tparam integer targets how many there are
-- @tparam boolean wanted shown at all; it needs a terminal, too
-- @tparam function now seconds, monotonic
-- @treturn table progress line
function M.new(targets, wanted, now)
  return setmetatable({
    targets = targets,
    done = 0,
    attempts = 0,
    last = -math.huge,
    now = now,
    visible = wanted and M.is_terminal(2),
  }, Progress)
end

return M
