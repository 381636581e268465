-- Files that options read: those that are small, as a whole; and what is no plain file. A pipe is read as it comes:
-- whoever writes may be late, or ask for a passphrase first. Nobody is left to wonder: what is waited for is said, and
-- Ctrl-C ends it. It knows no format.

local interruption = require "resum.util.interruption"
local say = require "resum.cli.say"
local uv = require "resum.host.uv.luv"

local M = {}

local BLOCK = 64 * 1024
local SAID_AFTER_MS = 1000 -- whoever is about to write has begun by then, mostly

local PIPES = { fifo = true, socket = true }

--- Is it a pipe, which can be read once, and which may have nothing to read yet?
-- @tparam string path
-- @treturn boolean
function M.is_pipe(path)
  local found = uv.fs_stat(path)
  return found ~= nil and PIPES[found.type] or false
end

--- Says after a second that nobody has written to a pipe.
-- @tparam string name of the option
-- @tparam string path
-- @treturn function to be called when somebody has; harmless more than once
function M.say_if_late(name, path)
  local timer = uv.new_timer()
  timer:start(SAID_AFTER_MS, 0, function()
    say("%s: waiting for somebody to write to the pipe %s (Ctrl-C ends it)", name, path)
  end)
  timer:unref()
  return function()
    if not timer:is_closing() then
      timer:close()
    end
  end
end

-- Waits until there is something to read, or the last writer has gone; on Ctrl-C raises it as Lua would.
local function await_bytes(fd)
  local ready, interrupted = false, false
  local poll, signal = assert(uv.new_poll(fd)), uv.new_signal()
  poll:start("rd", function()
    ready = true
  end)
  signal:start("sigint", function()
    interrupted = true
  end)
  while not ready and not interrupted do
    uv.run("once")
  end
  poll:close()
  signal:close()
  uv.run("nowait")
  if interrupted then
    error(interruption.WORD, 0)
  end
end

local function read_pipe(path, most, name)
  local fd, message = uv.fs_open(path, uv.constants.O_RDONLY + uv.constants.O_NONBLOCK, 0)
  if not fd then
    return nil, message
  end
  local stop = M.say_if_late(name, path)
  local parts, length, bytes, code = {}, 0, nil, nil
  local fine, problem = pcall(function()
    repeat
      await_bytes(fd)
      bytes, message, code = uv.fs_read(fd, BLOCK, -1)
      stop()
      parts[#parts + 1], length = bytes, length + #(bytes or "")
    until bytes == "" or length > most or not bytes and code ~= "EAGAIN"
  end)
  stop()
  uv.fs_close(fd)
  uv.run("nowait") -- lets go of the timer
  if not fine then
    error(problem, 0)
  end
  return bytes and table.concat(parts), message
end

local function read_file(path, most)
  local file, message = io.open(path, "rb")
  local bytes
  if file then
    bytes, message = file:read(most + 1)
    file:close()
  end
  return bytes or not message and file and "" or nil, message
end

--- All of a file or pipe, if it is not too large. Waits until a pipe's last writer has gone.
-- @tparam string path
-- @tparam integer most bytes
-- @tparam string name of the option that names it
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] string message
function M.content(path, most, name)
  local found = uv.fs_stat(path)
  local read = found and found.type == "fifo" and read_pipe or read_file
  local bytes, message = read(path, most, name)
  if bytes and #bytes > most then
    return nil, ("%s: it is larger than %d KiB"):format(path, most // 1024)
  end
  return bytes, message
end

--- The first bytes of a plain file.
-- @tparam string path
-- @tparam integer most bytes
-- @treturn string|nil nil where it can't be read, holds nothing, or is a pipe, from which they would be taken
function M.head(path, most)
  local file = not M.is_pipe(path) and io.open(path, "rb")
  local head = file and file:read(most)
  if file then
    file:close()
  end
  return head or nil
end

return M
