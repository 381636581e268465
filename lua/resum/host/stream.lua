-- A stream as flows see it, over a wire that can only receive, send and close. It remembers why the stream ended, knows
-- what a failed write means, and gives what came in pieces. How the wire waits, the host knows.

local common = require "resum.host.common"

local M = {}

local Stream = {}
Stream.__index = Stream

--- Makes a stream.
-- @tparam table wire receive(deadline): bytes, or nil and "timeout", "reset" or "eof"; send(bytes, deadline): true when
--   all are with the system, or nil and "timeout" or "reset"; own_address(): address and port, or
--   nil; close(): once. Called as methods
-- @treturn table stream
function M.new(wire)
  return setmetatable({
    wire = wire,
    buffer = "", -- received, not yet asked for
    ended = nil, -- why no more bytes come, once that is so: "eof", "reset"
    broken = nil, -- the same, found while writing
    closed = false,
  }, Stream)
end

function Stream:take()
  local piece = self.buffer:sub(1, common.READ_MOST)
  self.buffer = self.buffer:sub(#piece + 1)
  return piece
end

--- Bytes from the peer, as soon as there are any.
-- @function stream:read
-- @tparam number deadline on host.now()'s clock; what has come already is returned also after it
-- @treturn[1] string 1 byte to 16 KiB
-- @treturn[2] nil
-- @treturn[2] string "eof" and "reset" (from then on for ever), "timeout" (it may be tried again)
function Stream:read(deadline)
  if self.buffer == "" and not self.ended then
    local bytes, why = self.wire:receive(deadline)
    if why == "timeout" then
      return nil, "timeout"
    end
    self.buffer = bytes or ""
    self.ended = not bytes and (self.broken or why) or nil
  end
  if self.buffer ~= "" then
    return self:take()
  end
  return nil, self.ended
end

--- Sends bytes: all of them are with the system when it returns true.
-- @function stream:write
-- @tparam string bytes
-- @tparam number deadline on host.now()'s clock
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string "timeout" (part of the bytes may have gone: close it), "reset", or "eof" (the peer had ended the
--   stream before and takes nothing more)
function Stream:write(bytes, deadline)
  if self.closed then
    return nil, "eof"
  elseif bytes == "" then
    return true
  end
  local sent, why = self.wire:send(bytes, deadline)
  if sent or why == "timeout" then
    return sent, why
  elseif self.ended == "eof" then
    return nil, "eof" -- its reset is no more news
  end
  self.broken = "reset"
  return nil, "reset"
end

--- This end of the connection.
-- @function stream:own_address
-- @treturn[1] string IP address
-- @treturn[1] integer port
-- @treturn[2] nil when it is not known, or no more
function Stream:own_address()
  if not self.closed then
    return self.wire:own_address()
  end
end

--- Closes the connection. Idempotent; afterwards read and write say "eof".
-- @function stream:close
function Stream:close()
  if not self.closed then
    self.closed, self.ended, self.buffer = true, "eof", ""
    self.wire:close()
  end
end

return M
