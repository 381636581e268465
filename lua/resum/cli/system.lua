-- Files, terminals and limits, as far as Lua itself can't ask about them: through luv, and prlimit (util-linux) for
-- what luv can't do either. It knows nothing of scans.

local interruption = require "resum.util.interruption"
local uv = require "resum.host.uv.luv"

local M = {}

local SIGINT = 2
local READ_AND_WRITE = 438 -- octal 666: the mode of a file that is made, which none is here

-- What is at the end of a path; nil where there is nothing.
local function look_at(path)
  return uv.fs_stat(path == "-" and "/dev/stdout" or path)
end

--- Is there a plain file?
-- @tparam string path
-- @treturn boolean
function M.is_file(path)
  local found = look_at(path)
  return found ~= nil and found.type == "file"
end

--- The plain file that a path leads to, and whose place another one may take; a device, a pipe or a directory is none.
-- @tparam string path
-- @treturn string|nil its path, behind all links; the same where there is nothing yet
function M.replaceable(path)
  if not uv.fs_lstat(path) then
    return path
  end
  return M.is_file(path) and uv.fs_realpath(path) or nil
end

-- The same name for a file that is not there yet, by whatever way it is named.
local function whole_name(path)
  local folder, name = path:match("^(.*)/([^/]*)$")
  local real = uv.fs_realpath(folder == "" and "/" or folder or ".")
  return real and real .. "/" .. (name or path) or path
end

--- Are these two the same file, or will they be when it is made?
-- @tparam string one path; "-" is stdout
-- @tparam string other path
-- @treturn boolean
function M.same_file(one, other)
  local a, b = look_at(one), look_at(other)
  if a and b then
    return a.dev == b.dev and a.ino == b.ino
  end
  return not a and not b and whole_name(one) == whole_name(other)
end

--- Cuts a file.
-- @tparam string path
-- @tparam integer length bytes that stay
-- @treturn boolean done?
function M.truncate(path, length)
  local fd = uv.fs_open(path, "r+", READ_AND_WRITE)
  local cut = fd and uv.fs_ftruncate(fd, length)
  return fd ~= nil and uv.fs_close(fd) == true and cut == true
end

--- Is this file descriptor a terminal?
-- @tparam integer fd
-- @treturn boolean
function M.is_terminal(fd)
  return uv.guess_handle(fd) == "tty"
end

--- How wide is the terminal?
-- @tparam integer fd
-- @treturn integer|nil columns; nil where it is no terminal, or does not say
function M.columns(fd)
  local tty = M.is_terminal(fd) and uv.new_tty(fd, false)
  if not tty then
    return nil
  end
  local columns = tty:get_winsize()
  tty:close()
  return columns and columns > 0 and columns or nil
end

--- Raises the soft limit of open files of this process.
-- @tparam integer count at most the hard limit
function M.raise_file_limit(count)
  local _, how, code = os.execute(("prlimit --pid %d --nofile=%d: 2>/dev/null"):format(uv.os_getpid(), count))
  if how == "signal" and code == SIGINT then -- the system has kept it from us meanwhile
    error(interruption.WORD, 0)
  end
end

return M
