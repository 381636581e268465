--- The records and messages of one connection of the faulty server: bytes in, messages out, and back. The handshake is
-- a coroutine that asks for the next message. It has the interface of a connection of spec.support.tls_server as far as
-- spec.support.listener needs it. It knows no handshake.

local keys = require "spec.support.keys"

local M = {}

M.CHANGE_CIPHER_SPEC, M.ALERT, M.HANDSHAKE, M.APPLICATION_DATA = 20, 21, 22, 23
local HEADER = 5
local MOST_WRITTEN = 16384 -- bytes of a record
local FATAL, WARNING, CLOSE_NOTIFY = 2, 1, 0

-- Raised to end a connection in order.
local Over = {}

local Connection = {}
Connection.__index = Connection

-- The next record, with its header.
local function next_record(connection)
  while true do
    local unread = connection.unread
    local length = #unread >= HEADER and HEADER + (">I2"):unpack(unread, 4)
    if length and #unread >= length then
      connection.unread = unread:sub(length + 1)
      return unread:sub(1, length)
    end
    coroutine.yield()
  end
end

-- Of a record that is protected; nil where it can't be opened and is passed over.
local function open(connection, record)
  local content, plain = connection.reading:open(record)
  if content then
    connection.skips = false
    return content, plain
  elseif connection.skips then
    connection.reading = connection.protect_reading() -- which has counted it
    return nil
  end
  connection:alert(20) -- bad_record_mac
end

--- The next record's content; CCS is taken in on the way.
-- @function connection:next
-- @treturn integer content
-- @treturn string plain
function Connection:next()
  while true do
    local record = next_record(self)
    local content, plain = record:byte(), record:sub(HEADER + 1)
    if content == M.CHANGE_CIPHER_SPEC then
      self.reading = self.next_reading or self.reading
    elseif self.reading then
      content, plain = open(self, record)
      if content then
        return content, plain
      end
    elseif not (content == M.APPLICATION_DATA and self.skips) then
      return content, plain
    end
  end
end

--- The next handshake message, with its header. Application data on the way (early data) is kept; an alert ends it.
-- @function connection:message
-- @treturn string
function Connection:message()
  while #self.messages < 4 or #self.messages < 4 + (">I3"):unpack(self.messages, 2) do
    local content, plain = self:next()
    if content == M.HANDSHAKE then
      self.messages = self.messages .. plain
    elseif content == M.APPLICATION_DATA then
      self.data = self.data .. plain
      if self.most_data and #self.data > self.most_data then
        self:alert(10) -- unexpected_message (RFC 9846, section 4.3.10)
      end
    else
      error(Over, 0)
    end
  end
  local length = 4 + (">I3"):unpack(self.messages, 2)
  local message = self.messages:sub(1, length)
  self.messages = self.messages:sub(length + 1)
  return message
end

--- Application data; nil at the end.
-- @function connection:application_data
-- @treturn string|nil
function Connection:application_data()
  local content, plain = self:next()
  return content == M.APPLICATION_DATA and plain or nil
end

--- Sends bytes of a kind, under the protection of the moment.
-- @function connection:send
-- @tparam integer content
-- @tparam string bytes
function Connection:send(content, bytes)
  for at = 1, #bytes, MOST_WRITTEN do
    self.out = self.out .. self.writing:seal(content, bytes:sub(at, at + MOST_WRITTEN - 1))
  end
end

--- Ends the connection with a fatal alert.
-- @function connection:alert
-- @tparam integer code
function Connection:alert(code)
  self:send(M.ALERT, string.char(FATAL, code))
  error(Over, 0)
end

--- Ends the connection without a word.
-- @function connection:leave
function Connection.leave()
  error(Over, 0)
end

function Connection:step(bytes)
  self.unread = self.unread .. bytes
  local fine, raised = coroutine.resume(self.handshake, self)
  local out = self.out
  self.out = ""
  if not fine and raised ~= Over then
    self.on_error(debug.traceback(self.handshake, tostring(raised)))
  end
  if coroutine.status(self.handshake) == "dead" then
    return "closed", out
  end
  return "want", out
end

function Connection.read() return "" end -- it answers requests by itself

function Connection.shutdown() return "" end

function Connection.facts() return { got_close_notify = true } end

function Connection.close() end

--- The end, as it should be.
-- @function connection:close_notify
function Connection:close_notify()
  self:send(M.ALERT, string.char(WARNING, CLOSE_NOTIFY))
end

--- @tparam function handshake called with the connection, in a coroutine
-- @tparam function on_error called with a message where that raises
-- @treturn table connection: unread, messages, data (application data so far), reading and writing (protections),
--   next_reading (after CCS), skips (records that can't be opened are passed over, with protect_reading to begin anew),
--   most_data
function M.new(handshake, on_error)
  return setmetatable({ handshake = coroutine.create(handshake), on_error = on_error, unread = "", messages = "",
    data = "", out = "", writing = keys.protection { version = "TLSv1.2" } }, Connection)
end

return M
