--- A client machine and a server connection in one process: carries the bytes between them, in any chunking.
-- Knows the interface that both share (step, eof, shutdown: bytes in, state and bytes out). It must not know which
-- engine the client is, nor what either side says.

local M = {}

local ROUNDS = 1000 -- flights in one direction and back; a handshake needs four

local CHUNK_SIZE = {
  byte = function() return 1 end,
  halves = function(length) return (length + 1) // 2 end,
}

-- The lengths of the pieces in which a flight travels.
local function chunk_size(chunk, length)
  local size = CHUNK_SIZE[chunk]
  if size then
    return size(length)
  end
  if chunk ~= nil and math.type(chunk) ~= "integer" then
    error("pair: chunk is a number, 'byte' or 'halves'", 3)
  end
  return chunk or length
end

-- Hands a flight to one side, piece by piece; what the side answers is gathered. Returns those bytes.
local function deliver(side, bytes, chunk)
  local answers = {}
  local size = math.max(1, chunk_size(chunk, #bytes))
  for first = 1, #bytes, size do
    if side.state == nil then
      break -- it has failed: nobody reads what comes after
    end
    local out
    side.state, out, side.message, side.code = side.machine:step(bytes:sub(first, first + size - 1))
    answers[#answers + 1] = out
  end
  return table.concat(answers)
end

local function side_of(machine)
  return { machine = machine, state = "want", sent = "" }
end

local function shuttle(client, server, bytes, options)
  local from, to = client, server
  for _ = 1, 2 * (options.rounds or ROUNDS) do
    from.sent = from.sent .. bytes
    local arriving = options.change and options.change(from == client and "client" or "server", bytes) or bytes
    bytes = deliver(to, arriving, options.chunk)
    from, to = to, from
    if bytes == "" then
      return
    end
  end
  error("pair: client and server do not come to rest", 3)
end

local function result(client, server)
  return {
    client = client.state, message = client.message, code = client.code, client_sent = client.sent,
    server = server.state, server_message = server.message, server_sent = server.sent,
  }
end

--- Carries bytes until neither side has anything more to say: the handshake, and the tickets after it.
-- @tparam client client step(bytes) -> state, out [, message, code]
-- @tparam connection connection of spec.support.tls_server
-- @tparam[opt] table options
--   chunk: how a flight is cut: a number of bytes, "byte", "halves"; default: it arrives whole;
--   change: function(from, bytes) -> bytes, what arrives instead ("client" or "server" is the sender);
--   first: the client's first bytes, when its first step was done already;
--   rounds: how many at most
-- @treturn table client and server (their last state, nil when failed), message, code, server_message, client_sent and
--   server_sent (all bytes of each side, as they were sent)
-- @raise when they do not come to rest
function M.run(client, connection, options)
  options = options or {}
  local a, b = side_of(client), side_of(connection)
  local first = options.first
  if not first then
    a.state, first, a.message, a.code = client:step()
  end
  shuttle(a, b, first, options)
  return result(a, b)
end

--- Application data: the client's bytes arrive at the server, and what the server's libssl answers comes back.
-- @tparam string bytes what client:write(…) or client:shutdown() returned
-- @return as run
function M.send(client, connection, bytes, options)
  options = options or {}
  local a, b = side_of(client), side_of(connection)
  shuttle(a, b, bytes, options)
  return result(a, b)
end

--- An orderly end: close_notify both ways, then the server frees its connection (and keeps the session).
-- @return as run; both states are "closed"
function M.close(client, connection)
  local ended = M.send(client, connection, client:shutdown())
  ended.client = client:step(connection:shutdown())
  connection:close()
  return ended
end

return M
