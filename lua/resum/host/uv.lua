-- The host on luv: connections side by side on libuv's default loop, written in direct style. A verb called in
-- a coroutine of host.parallel yields it, and a libuv callback resumes it; called anywhere else it turns the loop
-- until it is done. Who waits how is in uv/wait.lua, what reads and writes in uv/stream.lua. It knows nothing of TLS,
-- targets or verdicts.

require("resum.host.nmap").refuse("uv")

local uv = require "resum.host.uv.luv"

local common = require "resum.host.common"
local CODES = require("resum.host.uv.failure").CODES
local file = require "resum.host.uv.file"
local is_open = require("resum.host.uv.handle").is_open
local streams = require "resum.host.uv.stream"
local wait = require "resum.host.uv.wait"
local words = require("resum.host.uv.failure").words

local M = {
  name = "uv",
  give_way = wait.give_way,
  now = wait.now,
  parallel = wait.parallel,
  sleep = wait.sleep,
  start = wait.start,
  waiter = wait.waiter,
}

local check_place, now = wait.check_place, wait.now

-- Names -------------------------------------------------------------------------------------------------------

local THREADS_MOST = 1024 -- libuv's own bound

-- What the system makes of a literal; nil when it is none. No name server is asked.
local function literal(name)
  local found = uv.getaddrinfo(name, nil, { socktype = "stream", numerichost = true })
  return found and found[1]
end

local function addresses_of(found)
  local addresses = {}
  for i, entry in ipairs(found) do
    addresses[i] = entry.addr
  end
  return addresses
end

--- Prepares for many lookups at once. libuv makes its threads at the first one and keeps half of them for other work;
-- four are what it makes when it is not told. UV_THREADPOOL_SIZE in the environment has the first word.
-- @tparam integer count lookups at once; more than 512 there can't be
function M.expect_lookups(count)
  if not uv.os_getenv("UV_THREADPOOL_SIZE") then
    uv.os_setenv("UV_THREADPOOL_SIZE", ("%d"):format(math.min(2 * count, THREADS_MOST)))
  end
end

--- The addresses of a name.
-- @tparam string name a name, or a literal, which is returned as it is (an IPv6 one with its scope)
-- @tparam[opt] string family "inet" or "inet6"; both when not given
-- @treturn[1] table list of addresses, each once, in the resolver's order
-- @treturn[2] nil
-- @treturn[2] string message
-- @treturn[2] string code: "unreachable"
function M.resolve(name, family)
  check_place("host.resolve")
  local is = literal(name)
  if is then
    if family and is.family ~= family then
      return common.no_address(name, family)
    end
    return { is.family == "inet6" and name or is.addr }
  end
  local waiter, failure, found = wait.waiter(), nil, nil
  local request, _, code = uv.getaddrinfo(name, nil, { socktype = "stream", family = family }, function(...)
    failure, found = ...
    waiter:wake(true)
  end)
  if not request then
    return common.no_address(name, family, words(code))
  end
  waiter:wait()
  if failure or #found == 0 then
    return common.no_address(name, family, words(failure))
  end
  return common.unique(addresses_of(found))
end

-- Connections -------------------------------------------------------------------------------------------------

-- libuv writes with plain write(2), and luv leaves the signal alone: a peer that hangs up would end the program.
local ignore_sigpipe

local function without_sigpipe()
  if not is_open(ignore_sigpipe) then
    ignore_sigpipe = uv.new_signal()
    ignore_sigpipe:start("sigpipe", function() end)
    ignore_sigpipe:unref()
  end
end

local function connect_failed(stream, failure, what)
  stream:close()
  return common.not_connected(CODES[failure], words(failure), what)
end

-- luv raises an error for what is no literal: returns nil and a libuv name then, too.
local function call(method, socket, address, port, callback)
  local valid, done, _, failure = pcall(method, socket, address, port, callback)
  if not valid then
    return nil, "EINVAL"
  end
  return done, failure
end

local function bind(stream, source)
  local bound, failure = call(stream.socket.bind, stream.socket, source, 0)
  if not bound then
    return connect_failed(stream, failure, ("source address %s: "):format(source))
  end
  return true
end

--- Connects.
-- @tparam string address a literal, not a name
-- @tparam integer port
-- @tparam[opt] table options timeout (seconds; by default the system's patience), source (local address)
-- @treturn[1] table stream
-- @treturn[2] nil
-- @treturn[2] string message
-- @treturn[2] string code: "refused", "timeout", "reset", "unreachable" (also: an unusable address or source)
function M.connect(address, port, options)
  check_place("host.connect")
  options = options or {}
  without_sigpipe()
  local stream = streams.new(uv.new_tcp())
  local socket = stream.socket
  if options.source then
    local bound, message, code = bind(stream, options.source)
    if not bound then
      return nil, message, code
    end
  end
  local ended, failure
  local begun, refused = call(socket.connect, socket, address, port, function(problem)
    ended, failure = true, problem
    stream:wake(true)
  end)
  if not begun then
    return connect_failed(stream, refused, refused == "EINVAL" and address .. ": " or "")
  end
  stream:start_reading() -- already now: that spares the system a change of what is waited for
  stream:wait("host.connect", options.timeout and now() + options.timeout)
  if not ended or failure then
    return connect_failed(stream, failure or "ETIMEDOUT")
  end
  socket:nodelay(true)
  return stream
end

-- This program's own input and output ------------------------------------------------------------------------

local FLAGS = {
  r = uv.constants.O_RDONLY,
  w = uv.constants.O_WRONLY + uv.constants.O_CREAT + uv.constants.O_TRUNC,
  a = uv.constants.O_WRONLY + uv.constants.O_CREAT + uv.constants.O_APPEND,
}
local PERMISSIONS = 420 -- rw-r--r--, and less by the umask

-- A pipe with a name: whoever opens its end for reading when the last writer has left waits for the next one, not for
-- the end of what was written.
local function is_named_pipe(fd)
  local status, path = uv.fs_fstat(fd), uv.fs_readlink("/proc/self/fd/" .. fd)
  return status and status.type == "fifo" and path and path:find("^/") ~= nil
end

-- libuv makes a descriptor non-blocking, which all programs that share it would feel; so it gets one of our own where
-- that can be had. (A socket can't be opened again; a terminal libuv opens again itself.)
local function own_descriptor(fd, mode)
  if mode == "r" and is_named_pipe(fd) then
    return fd
  end
  local access = mode == "r" and uv.constants.O_RDONLY or uv.constants.O_WRONLY
  return uv.fs_open("/proc/self/fd/" .. fd, access + uv.constants.O_NONBLOCK, 0) or fd
end

local HANDLES = {
  pipe = function(fd, mode)
    local handle = uv.new_pipe(false)
    return handle:open(own_descriptor(fd, mode)) and handle
  end,
  tcp = function(fd)
    local handle = uv.new_tcp()
    return handle:open(fd) and handle
  end,
  tty = function(fd, mode)
    return uv.new_tty(fd, mode == "r")
  end,
}

-- Who opens one end of a pipe that has a name waits for the other end; libuv's call does so whatever signal comes. A
-- reader need not: it hears nothing until somebody writes. A writer waits in C's own call, which Ctrl-C ends.
local function open_path(path, mode)
  local status = uv.fs_stat(path)
  local is_pipe = status and status.type == "fifo"
  local waited = is_pipe and mode ~= "r" and io.open(path, mode)
  local flags = FLAGS[mode] + (is_pipe and uv.constants.O_NONBLOCK or 0)
  local fd, problem, code = uv.fs_open(path, flags, PERMISSIONS)
  if waited then
    waited:close()
  end
  return fd, problem, code
end

--- Opens a file, or standard input or output, which may be a pipe or a terminal; there, too, only the job waits that
-- reads or writes, and the others go on.
-- @tparam string|integer what path, or number of an open descriptor
-- @tparam string mode "r", "w" (from its start) or "a" (at its end)
-- @treturn[1] table stream; a file's failure is the system's words instead of a code
-- @treturn[2] nil
-- @treturn[2] string message
function M.open(what, mode)
  without_sigpipe()
  local fd, problem, code = what, nil, nil
  if type(what) == "string" then
    fd, problem, code = open_path(what, mode)
  end
  if not fd then
    return nil, ("%s: %s"):format(what, file.words(problem, code))
  end
  local make = HANDLES[uv.guess_handle(fd)]
  local handle = make and make(fd, mode)
  return handle and streams.new(handle) or file.new(fd)
end

return M
