-- Bytes over one of libuv's streams, in direct style: what a job reads and writes is waited for there. It knows neither
-- where the stream leads nor how it came to be.

local uv = require "resum.host.uv.luv"

local CODES = require("resum.host.uv.failure").CODES
local wait = require "resum.host.uv.wait"

local M = {}

local READ_MOST = require("resum.host.common").READ_MOST
local READ_AHEAD = 64 * 1024 -- bytes buffered when we stop reading; libuv reads at most as much again at a time

local Waiter = wait.Waiter

-- A stream is a place to wait at, for the one job that it belongs to.
local Stream = wait.place_class({
  buffered = 0, -- bytes in head and rest
  reading = false,
  closed = false,
})

--- Wraps a handle.
-- @tparam userdata socket of libuv's: TCP, pipe, terminal
-- @treturn table stream
function M.new(socket)
  return setmetatable({ -- most are names only: so that the table has its size at once
    socket = socket,
    waiting = nil, woken = nil, last_turn = nil, deadline = nil, thread = nil, alarm = nil, place = nil, -- Waiter's
    head = nil, -- read, not yet asked for
    rest = nil, -- what came behind it: a list
    buffered = nil,
    reading = nil,
    ended = nil, -- why no more bytes come, once that is so: "eof", "reset", "timeout"
    told = nil, -- that a reader knows it
    broken = nil, -- the same, found while writing
    closed = nil,
  }, Stream)
end

-- One wait at a time.
function Stream:wait(verb, deadline)
  if self.waiting then
    error(verb .. ": another job is waiting for this stream", 3)
  end
  return Waiter.wait(self, deadline, verb, 3) -- a tail call: this function is not on the stack
end

-- A reset may look like an end: where a write has taken the error away, and where it came together with bytes, as libuv
-- then asks no more. After an end in order a connection still has a peer.
function Stream:end_of_stream()
  local lost = uv.handle_get_type(self.socket) == "tcp" and not self.socket:getpeername()
  return lost and "reset" or "eof"
end

function Stream:on_read(failure, bytes)
  if bytes then
    self.buffered = self.buffered + #bytes
    if not self.head then
      self.head = bytes
    else
      self.rest = self.rest or {}
      table.insert(self.rest, bytes)
    end
  else
    self.ended = failure and (CODES[failure] or "reset") or self.broken or self:end_of_stream()
  end
  if self.ended or self.buffered >= READ_AHEAD then
    self.reading = false
    self.socket:read_stop()
  end
  self:wake(true)
end

function Stream:start_reading()
  if self.reading or self.ended or self.buffered >= READ_AHEAD then
    return
  end
  local started, _, failure = self.socket:read_start(function(problem, bytes)
    self:on_read(problem, bytes)
  end)
  if started then
    self.reading = true
  else
    self.ended = CODES[failure] or "reset"
  end
end

-- The next at most 16 KiB of what is buffered.
function Stream:take()
  local piece = self.head
  if #piece > READ_MOST then
    self.head = piece:sub(READ_MOST + 1)
    piece = piece:sub(1, READ_MOST)
  else
    self.head = self.rest and table.remove(self.rest, 1)
  end
  self.buffered = self.buffered - #piece
  return piece
end

--- Bytes from the peer, as soon as there are any.
-- @function stream:read
-- @tparam number deadline on host.now()'s clock; what has come already is returned also after it
-- @treturn[1] string 1 byte to 16 KiB
-- @treturn[2] nil
-- @treturn[2] string "eof" and "reset" (from then on for ever), "timeout" (it may be tried again)
function Stream:read(deadline)
  if self.closed then
    return nil, "eof"
  end
  self:start_reading()
  while self.buffered == 0 and not self.ended do
    if not self:wait("stream:read", deadline) then
      return nil, "timeout"
    end
  end
  if self.buffered > 0 then
    return self:take()
  end
  self.told = true
  return nil, self.ended
end

-- What a failed write means. Where a reader knows that the peer has ended the stream, its reset is no more news.
function Stream:write_failed(failure)
  if self.closed or self.ended == "eof" and self.told then
    return nil, "eof"
  end
  self.broken = CODES[failure] or "reset"
  return nil, self.broken
end

--- Sends bytes: all of them are with the system when it returns true.
-- @function stream:write
-- @tparam string bytes
-- @tparam number deadline on host.now()'s clock
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string "timeout" (part of the bytes may have gone, the rest may follow: close it), "reset", or "eof"
--   (the peer had ended the stream before and takes nothing more)
function Stream:write(bytes, deadline)
  if self.closed then
    return nil, "eof"
  end
  local sent, _, failure = self.socket:try_write(bytes)
  if sent == #bytes then
    return true
  elseif not sent and failure ~= "EAGAIN" then
    return self:write_failed(failure)
  end
  local ended
  local request, _, refused = self.socket:write(bytes:sub((sent or 0) + 1), function(problem)
    ended, failure = true, problem
    self:wake(true)
  end)
  if not request then
    return self:write_failed(refused)
  end
  while not ended and not self.closed do
    if not self:wait("stream:write", deadline) then
      return nil, "timeout"
    end
  end
  if failure or self.closed then
    return self:write_failed(failure)
  end
  return true
end

--- This end of the connection.
-- @function stream:own_address
-- @treturn[1] string IP address
-- @treturn[1] integer port
-- @treturn[2] nil when it is not known, or no more
function Stream:own_address()
  local is_tcp = not self.closed and uv.handle_get_type(self.socket) == "tcp"
  local own = is_tcp and self.socket:getsockname()
  if own then
    return own.ip, math.tointeger(own.port)
  end
end

--- Closes the connection; what waits for it is woken. Idempotent; afterwards read and write say "eof".
-- @function stream:close
function Stream:close()
  if self.closed then
    return
  end
  self.closed, self.ended = true, "eof"
  self.head, self.rest, self.buffered = nil, nil, nil
  wait.close_handle(self.socket)
  Waiter.close(self)
  self:wake(true)
  wait.settle()
end

return M
