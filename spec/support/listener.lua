--- A TLS server of spec.support.tls_server on a loopback port, in this process and on its loop: for what real servers
-- do too rarely to be waited for. Owns sockets and the order in which bytes leave. What is odd about it, hooks say; it
-- must not know what a spec expects of a client.
--
-- A hook gets the link: number (of the connection, from 1), connection (of tls_server), and
--   link.send(bytes)      what the connection gave to be sent
--   link.finish(bytes)    the same, then close_notify and the end of the stream, all in one write
--   link.drop("fin"|"rst"|"stall")   ends it so, or is silent for ever
--   link.later(ms, action)           unless it has ended by then; see listener.later
--   link.take(bytes)                 goes on with bytes that a hook kept back

local uv = require "luv"
local memory = require "spec.support.memory"

local M = {}

local STEP_MS = 5

--- Acts in so many milliseconds, in which the loop has turned as often as on a quiet machine: the client is on the same
-- loop, and where it was held up, one timer would ring before its turn has come.
-- @tparam integer ms
-- @tparam function action
function M.later(ms, action)
  local timer, left = uv.new_timer(), math.ceil(ms / STEP_MS)
  local function step()
    left = left - 1
    if left > 0 then
      return timer:start(STEP_MS, 0, step)
    end
    timer:close()
    action()
  end
  timer:start(math.min(ms, STEP_MS), 0, step)
end

local function close(handle)
  if not handle:is_closing() then
    handle:close()
  end
end

local function add_methods(link, socket)
  function link.send(bytes)
    if not link.ended and bytes ~= "" then
      socket:write(bytes)
    end
  end

  function link.finish(bytes)
    link.send((bytes or "") .. link.connection:shutdown())
    link.drop("fin")
  end

  function link.drop(how)
    if link.ended then
      return
    end
    link.ended = how
    if how == "rst" then
      socket:close_reset()
    elseif how == "fin" then
      socket:shutdown() -- what still comes is read, for unread bytes would turn the close into a reset
    end
  end

  function link.later(ms, action)
    M.later(ms, function()
      if not link.ended then
        action()
      end
    end)
  end
end

local function nothing() end

-- One step of the connection with what came; the hooks have their say before anything is sent.
local function take(link, hooks, bytes)
  local before = link.state
  local state, out = link.connection:step(bytes)
  link.state = state
  if before == "want" and state == "established" and hooks.established then
    return hooks.established(link, out)
  end
  link.send(out)
  if state ~= "want" and state ~= "established" then
    return link.drop("fin")
  end
  local data = link.connection:read()
  if data ~= "" then
    (hooks.data or nothing)(link, data)
  end
end

local function serve(listener, socket, hooks)
  local link = { number = listener.accepted, state = "want", connection = listener.tls:accept() }
  add_methods(link, socket)
  function link.take(bytes)
    take(link, hooks, bytes)
  end
  if hooks.accepted then
    hooks.accepted(link)
  end
  socket:read_start(function(_, bytes)
    if not bytes then
      listener.open = listener.open - 1
      link.ended = link.ended or "fin"
      if link.connection:facts().got_close_notify then
        link.connection:shutdown() -- else its session leaves the cache
      end
      link.connection:close()
      return close(socket)
    elseif not link.ended and not (hooks.bytes and hooks.bytes(link, bytes)) then
      take(link, hooks, bytes)
    end
  end)
end

--- Starts listening on 127.0.0.1.
-- @tparam[opt] table options those of spec.support.memory.server; or another server, which has accept()
-- @tparam[opt] table hooks accepted(link); bytes(link, bytes): raw bytes came, true: they are dealt with;
--   established(link, bytes): the handshake is done, and these bytes are still to be sent (by default they are);
--   data(link, bytes): application data
-- @treturn table {address = "127.0.0.1:port", port, accepted (connections so far), open (now), tls (the server),
--   close()}
function M.start(options, hooks)
  local socket = uv.new_tcp()
  local tls = options and options.accept and options or memory.server(options)
  local listener = { accepted = 0, open = 0, tls = tls }
  assert(socket:bind("127.0.0.1", 0))
  assert(socket:listen(128, function()
    local client = uv.new_tcp()
    socket:accept(client)
    client:nodelay(true)
    listener.accepted, listener.open = listener.accepted + 1, listener.open + 1
    serve(listener, client, hooks or {})
  end))
  listener.port = math.floor(socket:getsockname().port)
  listener.address = "127.0.0.1:" .. listener.port

  function listener.close()
    close(socket)
    uv.run("nowait")
  end

  return listener
end

return M
