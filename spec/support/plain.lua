--- TCP without TLS, in this process: a client that tells how a conversation ended, and servers that tell what they
-- heard. For what lies below TLS, and for the specs' own servers.

local process = require "spec.support.process"
local uv = require "luv"

local M = {}

local PATIENCE = process.PATIENCE
local ENOUGH = 256 -- chunks: of a flood no more are read

--- One conversation: connects, sends, reads until the peer ends it, the time is over, or it is enough.
-- @tparam string address
-- @tparam[opt] string bytes to send
-- @tparam[opt] number seconds for all of it
-- @tparam[opt] boolean half_close after them
-- @tparam[opt] string enough a pattern: no more is read once it is found
-- @treturn string what came
-- @treturn string how it ended: "eof", "reset", "open", or the failure of the connect
function M.converse(address, bytes, seconds, half_close, enough)
  local host, port = address:match("^%[?(.-)%]?:(%d+)$")
  local socket = uv.new_tcp()
  local received, ending = {}, nil
  socket:connect(host, tonumber(port), function(failure)
    if failure then
      ending = failure == "ECONNRESET" and "reset" or failure -- it may come before libuv tells of the connect
      return
    end
    if bytes then
      socket:write(bytes)
    end
    if half_close then
      socket:shutdown()
    end
    socket:read_start(function(read_failure, chunk)
      if chunk then
        received[#received + 1] = chunk
        local is_enough = #received == ENOUGH or enough and table.concat(received):find(enough)
        ending = is_enough and "open" or nil
      else
        -- libuv reports an end where the last bytes and a reset come in one turn of the loop; a socket that was reset
        -- refuses an empty write.
        local _, _, refused = socket:try_write("")
        ending = (read_failure or refused == "ECONNRESET") and "reset" or "eof"
      end
    end)
  end)
  process.wait_until(seconds or PATIENCE, function() return ending end)
  local closed = false
  socket:close(function() closed = true end)
  process.wait_until(PATIENCE, function() return closed end)
  return table.concat(received), ending or "open"
end

--- A server that answers what a client said once the client is done.
-- @treturn table heard (list of what each client said), accepted (how many came), port, address, stop()
function M.listen()
  local listener = { heard = {}, accepted = 0 }
  local server = uv.new_tcp()
  assert(server:bind("127.0.0.1", 0))
  assert(server:listen(128, function()
    local client = uv.new_tcp()
    server:accept(client)
    listener.accepted = listener.accepted + 1
    local number = listener.accepted
    listener.heard[number] = ""
    client:read_start(function(failure, bytes)
      if bytes then
        listener.heard[number] = listener.heard[number] .. bytes
      elseif failure then
        client:close()
      else
        client:write("heard " .. listener.heard[number], function() client:close() end)
      end
    end)
  end))
  listener.port = math.floor(server:getsockname().port)
  listener.address = "127.0.0.1:" .. listener.port
  function listener.stop()
    server:close()
    uv.run("nowait")
  end
  return listener
end

return M
