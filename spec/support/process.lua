--- Child processes for specs: start, wait for a condition, stop; nothing survives the spec run.
-- Owns the children's lives, their captured output, and temporary directories. It must not know what
-- the children are: servers.lua says that.
--
-- A child runs in a process group of its own (a Ctrl-C on the terminal does not reach it) and gets
-- SIGTERM from the kernel when the process that started it dies, in whatever way that happens.

local environments = require "spec.support.environment"
local uv = require "luv"

local M = {}

--- The repository's directory, absolute.
M.ROOT = assert(uv.fs_realpath(debug.getinfo(1, "S").source:match("^@(.*)/spec/support/process%.lua$")))

--- Seconds that anything may take on a busy machine, or under a sanitizer: what a spec waits for at most.
M.PATIENCE = 60

local OUTPUT_LIMIT = 8 * 1024 * 1024 -- bytes of one stream that run() gives back
local LOG_LIMIT = 64 * 1024 -- bytes of one stream that child.log() gives back
local STOP_SECONDS = 3 -- between SIGTERM and SIGKILL
local POLL_MS = 5
local ENTRIES_AT_ONCE = 64 -- of a directory

local children = {} -- pid -> child: those that still run
local directories = {} -- path -> true: those that still exist

local function clock()
  return uv.hrtime() / 1e9
end

--- The last bytes of a file; "" when there is none, or when it is /proc's, of a process that ends while it is read.
-- @tparam string path
-- @tparam[opt] integer limit at most so many bytes, counted from the end
function M.read_file(path, limit)
  local file = io.open(path, "rb")
  if not file then
    return ""
  end
  if limit then
    file:seek("set", math.max(0, file:seek("end") - limit))
  end
  local bytes = file:read("a") or ""
  file:close()
  return bytes
end

--- Writes a whole file; raises an error when it can't.
function M.write_file(path, bytes)
  local file = assert(io.open(path, "wb"))
  assert(file:write(bytes))
  assert(file:close())
end

--- The names in a directory, sorted; none when it can't be read. It is closed by hand: this also runs while the Lua
-- state closes, when nothing new is finalized, and what fs_scandir returns is freed by its finalizer only.
function M.list(path)
  local names = {}
  local directory = uv.fs_opendir(path, nil, ENTRIES_AT_ONCE)
  local entries = directory and uv.fs_readdir(directory)
  while entries do
    for _, entry in ipairs(entries) do
      names[#names + 1] = entry.name
    end
    entries = uv.fs_readdir(directory)
  end
  if directory then
    uv.fs_closedir(directory)
  end
  table.sort(names)
  return names
end

--- Removes a file or a directory with everything in it; no error when it is not there.
function M.remove(path)
  local stat = uv.fs_lstat(path)
  if stat and stat.type == "directory" then
    for _, name in ipairs(M.list(path)) do
      M.remove(path .. "/" .. name)
    end
    uv.fs_rmdir(path)
  elseif stat then
    uv.fs_unlink(path)
  end
  directories[path] = nil
end

--- Is there a living process with this pid? A zombie counts as gone.
function M.exists(pid)
  local state = M.read_file(("/proc/%d/stat"):format(pid)):match("^.*%) (%a)")
  return state ~= nil and state ~= "Z" and state ~= "X"
end

-- Containers may share a folder: whoever lives in another namespace of processes is not seen here, and is not dead.
local NAMESPACE = (uv.fs_readlink("/proc/self/ns/pid") or "[0]"):match("(%d?%d?%d?%d)%]$")
local TEMPORARY = uv.os_tmpdir() .. "/resum-specs-" .. NAMESPACE .. "-%d-"

-- What spec runs left behind that were killed.
local function sweep_temporary_directories()
  local parent, prefix = TEMPORARY:gsub("%%d%-$", ""):match("^(.*)/([^/]*)$")
  for _, name in ipairs(M.list(parent)) do
    local pid = name:sub(1, #prefix) == prefix and name:match("^(%d+)%-", #prefix + 1)
    if pid and not M.exists(tonumber(pid)) then
      M.remove(parent .. "/" .. name)
    end
  end
end

local swept = false

--- Makes a directory of its own under TMPDIR; it is removed at the latest when the Lua state closes.
-- @treturn string its path
function M.temporary_directory()
  if not swept then
    swept = true
    sweep_temporary_directories()
  end
  local path = assert(uv.fs_mkdtemp(TEMPORARY:format(uv.os_getpid()) .. "XXXXXX"))
  directories[path] = true
  return path
end

-- Keeps the loop alive and turning while somebody waits: the children's own handles don't. It is never closed: luv 1.44
-- crashes at the end of the program when a handle was closed and the loop did not turn once more.
local ticker = uv.new_timer()

local function poll(deadline, condition)
  local value = condition()
  while not value and clock() < deadline do
    uv.run("once")
    value = condition()
  end
  return value
end

--- Runs the event loop until condition() is true.
-- @tparam number seconds how long at most
-- @tparam function condition
-- @return what condition() returned, when that is true; else nil, "timeout"
function M.wait_until(seconds, condition)
  ticker:start(POLL_MS, POLL_MS, function() end)
  local ran, value = pcall(poll, clock() + seconds, condition)
  ticker:stop()
  if not ran then
    error(value, 0)
  end
  if value then
    return value
  end
  return nil, "timeout"
end

--- Waits until more than a second has passed by a clock that counts in whole ones.
function M.pass_a_second()
  local now = os.time()
  assert(M.wait_until(M.PATIENCE, function()
    return os.time() >= now + 2
  end))
end

local function owns_socket(pid, inodes)
  local folder = ("/proc/%d/fd"):format(pid)
  for _, name in ipairs(M.list(folder)) do
    local link = uv.fs_readlink(folder .. "/" .. name)
    if link and inodes[link:match("^socket:%[(%d+)%]$")] then
      return true
    end
  end
  return false
end

--- Does anybody, or does this process, listen on the TCP port? Asks the kernel's socket table: no
-- connection is made, so no server is disturbed and no rotation is advanced.
-- @tparam integer port
-- @tparam[opt] integer pid
function M.listening(port, pid)
  local pattern = ("^%%s*%%d+: %%x+:%04X %%S+ 0A"):format(port) .. ("%s+%S+"):rep(5) .. "%s+(%d+)"
  local inodes = {}
  for _, table_name in ipairs { "/proc/net/tcp", "/proc/net/tcp6" } do
    for line in M.read_file(table_name):gmatch("[^\n]+") do
      local inode = line:match(pattern)
      if inode then
        inodes[inode] = true
      end
    end
  end
  if next(inodes) == nil then
    return false
  end
  return pid == nil or owns_socket(pid, inodes)
end

local function can_bind(host, port)
  local socket = uv.new_tcp()
  local bound = socket:bind(host, port) and socket:listen(1, function() end)
  socket:close()
  uv.run("nowait")
  return bound ~= nil
end

--- Has this machine the loopback address of IPv6? Containers often lack it.
function M.has_ipv6()
  return can_bind("::1", 0)
end

local claims = {} -- sockets

-- Makes the port ours among all spec runs of this machine, until this program ends: the UDP port of the same number,
-- which nobody else has a use for, can be bound once.
local function claim(port)
  local socket = uv.new_udp()
  if socket:bind("127.0.0.1", port) then
    claims[#claims + 1] = socket
    return true
  end
  socket:close()
  uv.run("nowait")
  return false
end

--- A TCP port on which nobody listens now, and which no other spec run is given. It lies below the kernel's usual range
-- for outgoing connections, so only a stranger can take it in the meantime: be ready to try again.
-- @tparam[opt="127.0.0.1"] string host
function M.free_port(host)
  for _ = 1, 100 do
    local high, low = uv.random(2):byte(1, 2)
    local port = 16384 + (high * 256 + low) % 16000
    if not M.listening(port) and claim(port) and can_bind(host or "127.0.0.1", port) then
      return port
    end
  end
  error("free_port: none found on " .. (host or "127.0.0.1"), 2)
end

--- A TCP port of 127.0.0.1 on which nobody listens, nor can as long as this program runs: it is bound, and not shared
-- (a socket of luv's would be).
function M.closed_port()
  local socket = assert(require("socket").tcp4())
  assert(socket:bind("127.0.0.1", 0))
  claims[#claims + 1] = socket
  local _, port = socket:getsockname()
  return math.floor(port)
end

-- Servers live in sbin, which is not on every user's PATH.
local function search_path()
  return (os.getenv("PATH") or "/usr/bin:/bin") .. ":/usr/local/sbin:/usr/sbin:/sbin"
end

--- Where a program is, or nil when it is not installed.
-- @tparam string name a name to be looked for, or a path
function M.find(name)
  if name:find("/", 1, true) then
    return uv.fs_access(name, "X") and name or nil
  end
  for folder in search_path():gmatch("[^:]+") do
    if uv.fs_access(folder .. "/" .. name, "X") then
      return folder .. "/" .. name
    end
  end
  return nil
end

-- Under the sanitizers only our own programs have to free all of their memory.
local function is_ours(program)
  return program:match("/lua[%d.]*$") or program:match("/resum$")
end

local function environment_list(changes, program)
  local variables = environments.variables()
  variables.PATH = search_path()
  if not is_ours(program) then
    variables.ASAN_OPTIONS = "detect_leaks=0"
  end
  for name, value in pairs(changes or {}) do
    variables[name] = value or nil
  end
  return environments.list(variables)
end

-- Opens what becomes the child's stdin: the descriptor, and the pipe if it is one.
local function open_input(input, directory)
  if input == "pipe" then
    local pipe = assert(uv.pipe())
    return pipe.read, pipe
  end
  local path = "/dev/null"
  if input then
    path = directory .. "/stdin"
    M.write_file(path, input)
  end
  return assert(uv.fs_open(path, "r", 0))
end

local function open_output(path)
  return assert(uv.fs_open(path, "a", 384)) -- 384 = 0600
end

local function spawn(options, streams, on_exit)
  local program = M.find(options.command[1])
  if not program then
    return nil, options.command[1] .. ": not installed (no such program on PATH)"
  end
  local arguments = { "--pdeathsig", "TERM", "--", program }
  for i = 2, #options.command do
    arguments[#arguments + 1] = tostring(options.command[i])
  end
  return uv.spawn("setpriv", {
    args = arguments,
    env = environment_list(options.environment, program),
    cwd = options.working_directory,
    stdio = streams,
    detached = true,
  }, on_exit)
end

-- The group first: a server's workers go with their master. (The child may not have made its group yet.)
local function kill(child, signal)
  if not uv.kill(-child.pid, signal) then
    uv.kill(child.pid, signal)
  end
end

-- The output outlives its files.
local function freeze_output(child)
  for _, name in ipairs { "stdout", "stderr", "log" } do
    local text = child[name]()
    child[name] = function() return text end
  end
end

local function add_methods(child, pipe)
  --- What the child wrote to stdout, to stderr (the last 8 MiB of each).
  function child.stdout()
    return M.read_file(child.directory .. "/stdout", OUTPUT_LIMIT)
  end

  function child.stderr()
    return M.read_file(child.directory .. "/stderr", OUTPUT_LIMIT)
  end

  --- The end of stdout followed by the end of stderr.
  function child.log()
    return M.read_file(child.directory .. "/stdout", LOG_LIMIT) .. M.read_file(child.directory .. "/stderr", LOG_LIMIT)
  end

  --- Writes a few bytes to the child's stdin (only with input = "pipe"). We hold the reading end as well: a write to a
  -- child that has ended does no harm.
  function child.write(bytes)
    uv.fs_write(pipe.write, bytes, -1)
  end

  --- Closes the child's stdin. Idempotent.
  function child.close_input()
    if pipe then
      uv.fs_close(pipe.write)
      uv.fs_close(pipe.read)
      pipe = nil
    end
  end

  --- Waits for the end: returns code, signal; or nil, "timeout".
  function child.wait(seconds)
    local ended = M.wait_until(seconds, function() return child.exited end)
    if not ended then
      return nil, "timeout"
    end
    return ended.code, ended.signal
  end

  --- Sends a signal to the child alone ("sigint", "sigterm", …).
  function child.kill(signal)
    return uv.kill(child.pid, signal)
  end

  --- Ends the child (SIGTERM, after three seconds SIGKILL), waits for it, closes its stdin. Idempotent.
  function child.stop()
    if not child.exited then
      kill(child, "sigterm")
      if not child.wait(STOP_SECONDS) then
        kill(child, "sigkill")
        child.wait(STOP_SECONDS)
      end
    end
    child.close_input()
    if child.owns_directory and directories[child.directory] then
      freeze_output(child)
      M.remove(child.directory)
    end
  end
end

--- What starts a command on a terminal of its own. The command takes the place of the shell that script(1) gives it to:
-- dash, waiting for it, would end by the Ctrl-C that was meant for it alone, and bash would not.
-- @tparam string command in words of the shell
-- @treturn {string,...} for M.start
function M.on_terminal(command)
  return { "script", "-qec", "exec " .. command, "/dev/null" }
end

--- Starts a child process.
-- @tparam table options
--   command: list of program and arguments;
--   input: bytes for its stdin, or "pipe" (stays open, child.write writes to it); default: empty;
--   environment: table of changes to spec.support.environment's, a value of false removes a variable;
--   working_directory; directory: where its output files go (default: an own temporary directory, removed by stop)
-- @treturn table child: pid, directory, exited = nil | {code=, signal=}, and the functions stdout, stderr, log, write,
--   close_input, wait, kill, stop (none takes the child as an argument)
-- @raise when the program is not installed or can't be started
function M.start(options)
  local directory = options.directory or M.temporary_directory()
  local child = { directory = directory, owns_directory = options.directory == nil }
  local input, pipe = open_input(options.input, directory)
  local output, errors = open_output(directory .. "/stdout"), open_output(directory .. "/stderr")
  add_methods(child, pipe)
  local handle
  local spawned, pid = spawn(options, { input, output, errors }, function(code, signal)
    -- As a shell has it: libuv's code of a crash is 0.
    child.exited = { code = signal == 0 and code or 128 + signal, signal = signal }
    children[child.pid] = nil
    handle:close()
  end)
  uv.fs_close(output)
  uv.fs_close(errors)
  if not pipe then
    uv.fs_close(input)
  end
  if not spawned then
    child.exited = {}
    child.stop()
    error("cannot start " .. tostring(pid), 2)
  end
  handle = spawned
  handle:unref()
  child.pid = math.floor(pid)
  children[child.pid] = child
  return child
end

--- Runs a program to its end.
-- @tparam table options as for start, and seconds (default 120): then it is killed and an error is raised
-- @treturn table {code=, signal=, stdout=, stderr=}
function M.run(options)
  local child, seconds = M.start(options), options.seconds or 2 * M.PATIENCE
  local code, signal = child.wait(seconds)
  child.stop()
  if not code then
    error(("%s did not end in %g s; it said:\n%s"):format(
      table.concat(options.command, " "), seconds, child.log()), 2)
  end
  return { code = code, signal = signal, stdout = child.stdout(), stderr = child.stderr() }
end

--- Starts a Lua program that sees the tree's modules.
-- @tparam string program its text
-- @tparam[opt] table options as for start, without command
-- @treturn table child
function M.start_lua(program, options)
  local own = { command = { uv.exepath(), "-e", program }, working_directory = M.ROOT }
  for name, value in pairs(options or {}) do
    own[name] = value
  end
  return M.start(own)
end

--- Waits for the first line that a child prints.
-- @tparam table child
-- @treturn string|nil without its end; nil where none came in time
function M.first_line(child)
  return M.wait_until(M.PATIENCE, function() return child.stdout():match("^(.-)\n") end)
end

--- Runs resum's command, as it stands in the tree, to its end.
-- @tparam string ... its arguments
-- @treturn table see run
function M.resum(...)
  return M.run({ command = { "lua" .. _VERSION:match("%d%.%d"), M.ROOT .. "/lua/bin/resum", ... } })
end

--- Stops every child that still runs.
function M.stop_all()
  for _, child in pairs(children) do
    kill(child, "sigterm")
  end
  local pid, child = next(children)
  while pid do
    child.stop()
    children[pid] = nil
    pid, child = next(children)
  end
end

-- The last line of defence, for a spec that ended without stopping what it started. It may not wait.
local at_close = setmetatable({}, {
  __gc = function()
    for _, child in pairs(children) do
      kill(child, "sigkill")
    end
    local left = {}
    for path in pairs(directories) do
      left[#left + 1] = path
    end
    for _, path in ipairs(left) do
      M.remove(path)
    end
  end,
})
M.at_close = at_close -- keeps it alive as long as the module

return M
