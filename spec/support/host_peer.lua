--- TCP peers with one habit each, for the specs of the hosts.
-- Owns what the far end of a connection does. It must not know the hosts: they may block the program that
-- runs the spec, so the peers live in a process of their own (this file, run as a program).
--
-- Each habit has a port, chosen by the kernel. The program prints "habit port" for each, then "ready"; later
-- what the habit "half_close" heard.

local process = require "spec.support.process"
local uv = require "luv"

local M = {}

M.BIG = 1024 * 1024 -- bytes that "big" sends

local TICK_MS = 20 -- between two bytes of "drip", and two sips of "sip"
local SMALL_BUFFER = 16 * 1024

local function close(handle)
  if not handle:is_closing() then
    handle:close()
  end
end

-- RST instead of FIN. Some kernels refuse that, then close() has to do: unread bytes make it a RST as well.
local function reset(client)
  if not client:is_closing() and not client:close_reset() then
    close(client)
  end
end

-- Calls on_bytes with what comes; closes at the end.
local function read(client, on_bytes)
  client:read_start(function(failure, bytes)
    if failure or not bytes then
      close(client)
    else
      on_bytes(bytes)
    end
  end)
end

local function nothing() end

-- FIN once all is written; what comes is read, as unread bytes would turn a close into a reset.
local function finish(client)
  client:shutdown()
  read(client, nothing)
end

local function every_tick(client, action)
  local timer = uv.new_timer()
  timer:start(TICK_MS, TICK_MS, function()
    if client:is_closing() then
      close(timer)
    else
      action()
    end
  end)
end

-- What the accepted connection sees.
local HABITS = {}

function HABITS.echo(client)
  read(client, function(bytes)
    client:write(bytes)
  end)
end

function HABITS.silent(client)
  read(client, nothing)
end

-- A byte at a time, without end.
function HABITS.drip(client)
  read(client, nothing)
  every_tick(client, function()
    client:write("x")
  end)
end

function HABITS.big(client)
  client:write(("0123456789abcdef"):rep(M.BIG / 16))
  finish(client)
end

-- As much as the client takes, without end.
function HABITS.flood(client)
  local piece = ("x"):rep(64 * 1024)
  local function more(failure)
    if failure then
      close(client)
    else
      client:write(piece, more)
    end
  end
  more()
end

function HABITS.end_at_once(client)
  finish(client)
end

-- Says "hello"; a reset follows the client's first bytes.
function HABITS.reset(client)
  client:write("hello")
  read(client, function()
    reset(client)
  end)
end

-- Answers the client's first bytes with "hello" and, in the same moment, a reset.
function HABITS.hello_and_reset(client)
  read(client, function()
    client:try_write("hello")
    reset(client)
  end)
end

-- Says "bye" and ends its half; reports what it heard afterwards.
function HABITS.half_close(client)
  client:write("bye")
  client:shutdown()
  local heard = {}
  client:read_start(function(failure, bytes)
    if bytes then
      heard[#heard + 1] = bytes
      return
    end
    io.stdout:write("half_close heard ", table.concat(heard), failure or "", "\n")
    io.stdout:flush()
    close(client)
  end)
end

-- Ends in order, and answers what comes later with a reset.
function HABITS.gone(client)
  client:shutdown(function()
    close(client)
  end)
end

local held = {} -- connections that nobody looks at

function HABITS.never_reads(client)
  held[#held + 1] = client
end

-- Reads, but so slowly that a sender is always waiting.
function HABITS.sip(client)
  every_tick(client, function()
    client:read_start(function(failure, bytes)
      client:read_stop()
      if failure or not bytes then
        close(client)
      end
    end)
  end)
end

-- Tells the client which address it comes from.
function HABITS.who(client)
  client:write(client:getpeername().ip)
  finish(client)
end

local function announce(habit, port)
  io.stdout:write(("%s %d\n"):format(habit, port))
end

local function listen(habit, address, name)
  local server = uv.new_tcp()
  assert(server:bind(address, 0))
  server:recv_buffer_size(habit == "sip" and SMALL_BUFFER or nil) -- inherited by what is accepted
  assert(server:listen(128, function(failure)
    local client = uv.new_tcp()
    if failure or not server:accept(client) then
      return close(client)
    end
    client:nodelay(true)
    HABITS[habit](client)
  end))
  announce(name or habit, server:getsockname().port)
end

-- A listener whose queue is full: the kernel lets further clients wait without an answer. libuv empties its
-- queues, so this one is LuaSocket's.
local function listen_full()
  local socket = require "socket"
  local server = assert(socket.tcp4())
  assert(server:bind("127.0.0.1", 0))
  assert(server:listen(1))
  local _, port = server:getsockname()
  held[#held + 1] = server
  local connected = true
  while connected do
    local client = assert(socket.tcp4())
    held[#held + 1] = client
    client:settimeout(0.3)
    connected = client:connect("127.0.0.1", port)
  end
  announce("full", port)
end

local function main()
  -- One client that hangs up would end us all otherwise.
  uv.new_signal():start("sigpipe", nothing)
  for habit in pairs(HABITS) do
    listen(habit, "127.0.0.1")
  end
  if process.has_ipv6() then
    listen("echo", "::1", "echo6")
  end
  listen_full()
  io.stdout:write("ready\n")
  io.stdout:flush()
  uv.run()
end

if arg and arg[0] and arg[0]:match("host_peer%.lua$") then
  main()
  return M
end

--- Starts the peers.
-- @treturn table ports: habit -> port on 127.0.0.1 ("echo6": on ::1, where there is that; "closed": nobody listens);
--   big: BIG; heard(): waits for what "half_close" heard; stop()
function M.start()
  local child = process.start {
    command = { uv.exepath(), process.ROOT .. "/spec/support/host_peer.lua" },
    working_directory = process.ROOT,
  }
  local ready = process.wait_until(process.PATIENCE, function()
    return child.exited or child.stdout():find("\nready\n", 1, true)
  end)
  if not ready or child.exited then
    local said = child.log()
    child.stop()
    error("the peers did not start; they said:\n" .. said, 2)
  end
  local peers = { ports = { closed = process.closed_port() }, big = M.BIG, stop = child.stop }
  for habit, port in child.stdout():gmatch("([%w_]+) (%d+)\n") do
    peers.ports[habit] = math.floor(tonumber(port))
  end
  function peers.heard()
    return process.wait_until(process.PATIENCE, function()
      return child.stdout():match("half_close heard (.-)\n")
    end)
  end
  return peers
end

return M
