-- Bytes on an open connection: what the stream brings is fed to the machine, and what that answers is sent. Knows how
-- long is read, what the first byte may take, and how the connection ended. It must not know what the bytes are about:
-- what is said and awaited stands in exchange.lua, which also makes the fields that the methods here work on.

local semaphore = require "resum.transport.semaphore"
local words = require "resum.transport.words"

local M = {}

--- States of a machine after which something may still come.
M.GOES_ON = { established = true, refused = true }

--- Sends, if there is anything to send.
-- @function transfer:send
-- @tparam string bytes
-- @tparam number deadline
-- @treturn boolean|nil true; or nil, and the stream's code
function M:send(bytes, deadline)
  if bytes == "" then
    return true
  end
  return self.stream:write(bytes, deadline)
end

-- What a stream has in hand at a deadline is read all the same, as a busy machine may come late to it; no stream has
-- more (libuv reads 64 KiB ahead, and as much again at a time, and what comes while we are late lies in few pieces).
-- Who goes on and on has no more time than others.
local IN_HAND = { bytes = 128 * 1024, pieces = 256 }

function M:is_flooded(bytes, deadline)
  if not bytes or self.host.now() <= deadline then
    self.late_bytes, self.late_pieces = 0, 0
    return false
  end
  self.late_bytes, self.late_pieces = self.late_bytes + #bytes, self.late_pieces + 1
  return self.late_bytes > IN_HAND.bytes or self.late_pieces > IN_HAND.pieces
end

--- One read, fed to the machine.
-- @function transfer:receive
-- @tparam number deadline
-- @treturn string|nil the machine's state; nil: the stream failed
-- @treturn string|nil message
-- @treturn string|nil code
-- @treturn string|nil bytes that the machine wants sent
function M:receive(deadline)
  local bytes, why = self.stream:read(deadline)
  if self:is_flooded(bytes, deadline) then
    bytes, why = nil, "timeout"
  end
  if not bytes and why ~= "eof" then
    return nil, "connection: " .. (why == "timeout" and "no answer in time" or "reset by the server"), why
  end
  self.first_bytes = self.first_bytes or bytes
  self.answered_goodbye = self.answered_goodbye or bytes and self.said_goodbye
  self.ended = not bytes
  self.known_facts = bytes == nil and self.known_facts or nil
  local state, out, message, code
  if bytes then
    state, out, message, code = self.machine:step(bytes, self.host.now() - self.began)
  else
    state, out, message, code = self.machine:eof()
  end
  if self.response then
    self.response:add(self.machine:read())
  elseif self.heard == false then
    self:hear(self.machine:read())
  end
  return state, message, code, out
end

-- What the server says in its application protocol; the name that it gives itself there is kept.
function M:hear(said)
  self.heard = said ~= ""
  self.client.software = self.client.software or words.software(said)
end

--- What stood on the wire so far.
-- @function transfer:facts
-- @treturn table see resum.core.handshake
function M:facts()
  self.known_facts = self.known_facts or self.machine:facts()
  return self.known_facts
end

--- The connection is over, and how. A wait that was in vain is no end.
-- @function transfer:note_end
-- @tparam string state of the machine
-- @tparam string message
-- @tparam string code
function M:note_end(state, message, code)
  if not M.GOES_ON[state] and code ~= "timeout" and not self.over then
    self.over = { message = message, code = code, notified = state == "closed", after_goodbye = self.said_goodbye }
  end
end

-- libssl holds 44 KB for a handshake that has begun, and of thousands of targets many may never answer. So where more
-- than a crowd wait for the first byte, who has sent none for a while is waited for without libssl, and what comes then
-- is another connection's to read. A second: by then TCP has sent a lost segment again (RFC 6298, section 2.1). The
-- more wait, the shorter; but longer than most round trips. Thousands of connections may be let in within one turn of
-- a loop, and none has waited yet: no more handshakes than there is room for begin before others have ended their
-- wait, so that libssl has 26 MB at most for those who are silent. Those before the crowd are awaited to the end.
local ROOM, CROWD, PATIENCE = 600, 200, { most = 1, least = 0.25 }

--- Waits until there is room for one more handshake that may be put off.
-- @tparam table load of resum.connection.client
-- @tparam table host
function M.take_room(load, host)
  load.room = load.room or semaphore.new(host, ROOM)
  load.room:take()
end

--- Gives it back.
-- @tparam table load
function M.give_room(load)
  load.room:give()
end

local function patience(load)
  return math.max(PATIENCE.least, math.min(PATIENCE.most, ROOM / load.awaited))
end

-- As receive(), for a first byte that does not come soon.
function M:receive_late(deadline, message)
  self:facts() -- what there is to know stays known
  self.machine:close()
  local _, why = self.stream:read(deadline)
  return nil, message, why == "timeout" and why or "put_off"
end

--- No first byte is awaited any more: also after an error.
-- @function transfer:note_first
function M:note_first()
  local load = self.client.load
  if self.awaits then
    load.awaited, self.awaits = load.awaited - 1, false
  end
  if self.may_put_off then
    self.may_put_off = false
    M.give_room(load)
  end
end

--- As receive(), for the first byte.
-- @function transfer:receive_first
-- @tparam number deadline
function M:receive_first(deadline)
  local load = self.client.load
  load.awaited, self.awaits = load.awaited + 1, true
  local puts_off = load.awaited > CROWD and self.may_put_off
  local soon = puts_off and self.host.now() + patience(load) or deadline
  local state, message, code, out = self:receive(math.min(soon, deadline))
  self:note_first()
  if code == "timeout" and soon < deadline then
    return self:receive_late(deadline, message)
  end
  return state, message, code, out
end

--- How many bytes went both ways so far.
-- @function transfer:bytes
-- @treturn integer|nil
function M:bytes()
  local facts = self:facts()
  return facts.bytes_in and facts.bytes_in + facts.bytes_out
end

--- Reads until there is enough, the deadline or the end, and sends what is due.
-- @function transfer:read_until
-- @tparam function enough asked before each read
-- @tparam number deadline
-- @treturn boolean false: the connection can't go on
function M:read_until(enough, deadline)
  while not enough() do
    if self.ended then
      return false
    end
    local state, message, code, out = self:receive(deadline)
    if not M.GOES_ON[state] then
      self:note_end(state, message, code)
      return code == "timeout"
    end
    self:send(out, deadline)
  end
  return true
end

--- From now on, what the server says in its application protocol is heard.
-- @function transfer:listen
function M:listen()
  self.machine:read() -- what came before is no answer
  self.heard = false
end

--- Can anything still come?
-- @function transfer:goes_on
-- @treturn boolean
function M:goes_on()
  return not self.ended and not self.over
end

return M
