--- A TCP proxy on this process's loop that breaks a share of the connections, at a stage of the handshake: for specs of
-- what a scan says then. It must not know TLS: a stage is a change of who speaks. Also one that mangles bytes.
--
-- Stages: 1 the ClientHello does not reach the server; 2 the server's first flight does not reach the client; 3 the
-- client's second flight, 4 the server's second one, 5 and 6 what comes then.

local random = require "spec.support.random"
local uv = require "luv"

local M = {}

M.STAGES = { 1, 2, 3, 4, 5, 6 }
M.FAULTS = { "fin", "rst", "stall", "half" }

-- Draws from 0 up to 1, the same for the same seed.
local function draws(seed)
  local generator = random.new(seed * 7919 + 1)
  for _ = 1, 10 do
    generator:number(0, 1)
  end
  return function()
    return generator:number(0, 999999) / 1000000
  end
end

local FIRST = 20 -- connections, one of which is broken in any case
local HALF = 20 -- bytes of what was to be said
local STALL_MS = 400

local function close(handle)
  if not handle:is_closing() then
    handle:close()
  end
end

-- Ends both sides; `how` "rst", or in order.
local function cut(link, how)
  if link.over then
    return
  end
  link.over = true
  for _, socket in ipairs({ link.client, link.server }) do
    socket:read_stop()
    if how == "rst" and not socket:is_closing() then
      socket:close_reset()
    else
      close(socket)
    end
  end
end

local function cut_later(link, ms)
  local timer = uv.new_timer()
  link.stalled, link.timer = true, timer
  timer:start(ms, 0, function()
    timer:close()
    cut(link, "fin")
  end)
end

local function break_it(link, to, bytes, how)
  if how == "half" then
    to:write(bytes:sub(1, HALF), function()
      cut(link, "fin")
    end)
  elseif how == "stall" then
    cut_later(link, STALL_MS)
  else
    cut(link, how)
  end
end

-- One direction of a connection.
local function pump(link, from, to, side, on_bytes)
  from:read_start(function(failure, bytes)
    if link.over or link.stalled then
      return
    elseif failure then
      return cut(link, "rst")
    elseif not bytes then
      link.ended[side] = true
      if link.ended.client and link.ended.server then
        return cut(link, "fin")
      end
      return to:shutdown()
    end
    on_bytes(link, side, to, bytes)
  end)
end

local function connect(proxy, backend, on_bytes)
  proxy.connections = proxy.connections + 1
  local link = { number = proxy.connections, client = uv.new_tcp(), server = uv.new_tcp(), ended = {}, stage = 0 }
  proxy.socket:accept(link.client)
  proxy.links[link] = true
  link.client:nodelay(true)
  link.server:connect("127.0.0.1", backend, function(failure)
    if failure then
      return cut(link, "rst")
    end
    link.server:nodelay(true)
    pump(link, link.client, link.server, "client", on_bytes)
    pump(link, link.server, link.client, "server", on_bytes)
  end)
  return link
end

local function start(backend, on_connection, on_bytes)
  local proxy = { socket = uv.new_tcp(), connections = 0, faults = 0, links = {} }
  assert(proxy.socket:bind("127.0.0.1", 0))
  assert(proxy.socket:listen(256, function()
    on_connection(connect(proxy, backend, on_bytes))
  end))
  proxy.port = math.floor(proxy.socket:getsockname().port)
  proxy.address = "127.0.0.1:" .. proxy.port

  function proxy.close()
    close(proxy.socket)
    for link in pairs(proxy.links) do
      cut(link, "fin")
      if link.timer and not link.timer:is_closing() then
        link.timer:close()
      end
    end
  end

  return proxy
end

--- Starts a proxy that breaks connections.
-- @tparam integer backend port on 127.0.0.1
-- @tparam table plan stage, how ("fin", "rst"; "stall": silence, then fin; "half": 20 bytes, then fin), share (0 to 1;
--   of the connections, and one of the first ones in any case), seed
-- @treturn table proxy: address, port, connections, faults (so many were broken), close()
function M.start(backend, plan)
  local proxy
  local draw = draws(plan.seed or 1)
  local sure = 1 + math.floor(draw() * FIRST)
  proxy = start(backend, function(link)
    link.broken = link.number == sure or draw() < plan.share
  end, function(link, side, to, bytes)
    if link.speaker ~= side then
      link.speaker, link.stage = side, link.stage + 1
    end
    if link.broken and link.stage == plan.stage then
      proxy.faults = proxy.faults + 1
      return break_it(link, to, bytes, plan.how)
    end
    to:write(bytes)
  end)
  return proxy
end

-- What may become of bytes; each gets them and a draw, and returns a list of what is sent instead.
local MANGLE = {
  function(bytes, draw) -- a bit is flipped
    local at = 1 + math.floor(draw() * #bytes)
    local flipped = string.char(bytes:byte(at) ~ (1 << math.floor(draw() * 8)))
    return { bytes:sub(1, at - 1) .. flipped .. bytes:sub(at + 1) }
  end,
  function(bytes, draw) -- cut
    return { bytes:sub(1, math.floor(draw() * #bytes)), over = true }
  end,
  function(bytes, draw) -- split: no harm
    local at = math.floor(draw() * #bytes)
    return { bytes:sub(1, at), bytes:sub(at + 1) }
  end,
  function(bytes) -- doubled
    return { bytes, bytes }
  end,
  function(bytes, draw) -- reordered
    local at = math.floor(draw() * #bytes)
    return { bytes:sub(at + 1), bytes:sub(1, at) }
  end,
}

--- Starts a proxy that mangles bytes: flips bits, cuts, splits, doubles and reorders.
-- @tparam integer backend port on 127.0.0.1
-- @tparam table plan share (0 to 1; of the pieces), seed
-- @treturn table proxy, see start
function M.mangle(backend, plan)
  local draw = draws(plan.seed)
  local proxy
  proxy = start(backend, function() end, function(link, _, to, bytes)
    if draw() >= plan.share then
      return to:write(bytes)
    end
    proxy.faults = proxy.faults + 1
    local pieces = MANGLE[1 + math.floor(draw() * #MANGLE)](bytes, draw)
    for _, piece in ipairs(pieces) do
      if piece ~= "" then
        to:write(piece)
      end
    end
    if pieces.over then
      cut_later(link, 1)
    end
  end)
  return proxy
end

return M
