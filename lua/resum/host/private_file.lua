-- Files that only their owner reads (mode 0600), which several programs write to at once: whole pieces at the end, one
-- write each, and replaced as a whole without losing what another one appends meanwhile. On luv. It knows nothing of
-- what stands in them.

local file_lock = require "resum.host.file_lock"
local uv = require "resum.host.uv.luv"
local words = require("resum.host.uv.file").words

local M = {}

local BLOCK = 64 * 1024
local OWNER_ONLY = 384 -- rw-------
local OTHERS = 63 -- the permissions of group and others
local MODES = 512 -- permissions are what is below this
local TRIES = 10 -- of an append whose file was replaced meanwhile; each means that another program rewrote all of it
local NEW = ".new" -- behind the name of a file that is not whole yet
local LOCK = ".lock" -- behind the name of a file: it stays where a program was killed, and then is nobody's
local APPEND = uv.constants.O_RDWR + uv.constants.O_CREAT + uv.constants.O_APPEND

local function failed(path, problem, code)
  return nil, ("%s: %s"):format(path, words(problem, code))
end

-- Is it a plain file, or none yet? A pipe would be waited for, and a device has no end.
local function check_kind(path)
  local found, problem, code = uv.fs_stat(path)
  if not found and code == "ENOENT" then
    return true, nil, true
  elseif not found then
    return failed(path, problem, code)
  elseif found.type ~= "file" then
    return nil, path .. ": this is no plain file"
  end
  return true, nil, false
end

-- Opens a plain file that is there. Returns the descriptor; or nil and the message, which is missing where there is no
-- such file yet.
local function open_plain(path, mode)
  local fine, message, absent = check_kind(path)
  if not fine or absent then
    return nil, message
  end
  local fd, problem, code = uv.fs_open(path, mode, OWNER_ONLY)
  if not fd then
    return failed(path, problem, code)
  end
  return fd
end

-- The whole lines of a descriptor from a place on, without their ends, to a function, and where the next one begins;
-- returns where the last one ended.
-- Of a line that is too long nothing is kept.
local function each_line(fd, from, longest, take)
  local at, ended, rest, too_long = from, from, "", false
  while true do
    local bytes, problem, code = uv.fs_read(fd, BLOCK, at)
    if not bytes then
      return nil, words(problem, code)
    elseif bytes == "" then
      return ended
    end
    local start = 1
    for line, next_start in bytes:gmatch("([^\n]*)\n()") do
      line, ended = start == 1 and rest .. line or line, at + next_start - 1
      take(not (start == 1 and too_long) and #line <= longest and line or nil, ended)
      start, rest, too_long = next_start, "", false
    end
    rest = rest .. bytes:sub(start)
    if #rest > longest then
      rest, too_long = "", true
    end
    at = at + #bytes
  end
end

--- Reads the whole lines of a file. A last one without an end is torn, or is just being written: it is left out.
-- Whoever knows that nobody writes asks whether there was one.
-- @tparam string path
-- @tparam integer longest bytes of a line
-- @tparam function take called with each line, without its end; with nil in the place of one that is longer
-- @treturn[1] boolean true; also where there is no such file yet
-- @treturn[1] integer bytes behind the end of the last line
-- @treturn[2] nil
-- @treturn[2] string message
function M.lines(path, longest, take)
  local fd, message = open_plain(path, "r")
  if not fd then
    return not message or nil, message or 0
  end
  local ended, why = each_line(fd, 0, longest, take)
  local size = uv.fs_fstat(fd).size
  uv.fs_close(fd)
  if not ended then
    return nil, ("%s: %s"):format(path, why)
  end
  return true, size - ended
end

--- The first bytes of a file: enough to see whose it is.
-- @tparam string path
-- @tparam integer count
-- @treturn[1] string "" where there is no such file yet
-- @treturn[2] nil
-- @treturn[2] string message
function M.head(path, count)
  local fd, message = open_plain(path, "r")
  if not fd then
    return not message and "" or nil, message
  end
  local bytes, why, why_code = uv.fs_read(fd, count, 0)
  uv.fs_close(fd)
  if not bytes then
    return failed(path, why, why_code)
  end
  return bytes
end

local function write_whole(fd, text)
  local count, problem, code = uv.fs_write(fd, text, -1)
  if not count then
    return nil, words(problem, code)
  end
  return count == #text or nil, "no room for all of it"
end

-- A last line that another program left torn is ended first, or what follows would be a part of it.
local function append_to(fd, text)
  local found = uv.fs_fstat(fd)
  local torn = found.size > 0 and uv.fs_read(fd, 1, found.size - 1) ~= "\n"
  return write_whole(fd, torn and "\n" .. text or text)
end

local function keep_private(fd)
  local found = uv.fs_fstat(fd)
  if found.mode % MODES % (OTHERS + 1) == 0 then
    return true
  end
  local done, problem, code = uv.fs_fchmod(fd, OWNER_ONLY)
  return done, not done and words(problem, code) or nil
end

local function is_at(fd, path)
  local here, there = uv.fs_fstat(fd), uv.fs_stat(path)
  return there ~= nil and here.ino == there.ino and here.dev == there.dev
end

-- Works on the file that a path names in the end: where another program has replaced it meanwhile, on the new one, too.
-- open() gives its descriptor; nil where there is none, with a message where that is wrong. work(fd) gives true; or nil
-- and why not.
local function on_the_file_at(path, open, work)
  for _ = 1, TRIES do
    local fd, message = open()
    if not fd then
      return not message or nil, message
    end
    local done, why = work(fd)
    local stays = is_at(fd, path)
    uv.fs_close(fd)
    if not done then
      return nil, ("%s: %s"):format(path, why)
    elseif stays then
      return true
    end
  end
  return nil, path .. ": other programs replace it all the time"
end

--- Could text be appended to a file? None is made.
-- @tparam string path
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string message
function M.can_append(path)
  local fine, message, absent = check_kind(path)
  if not fine then
    return nil, message
  end
  local folder = path:match("^(.*)/[^/]*$")
  local written = absent and (folder == "" and "/" or folder or ".") or path
  local found, problem, code = uv.fs_stat(written)
  if not found then
    return failed(path, problem, code)
  end
  return uv.fs_access(written, "W") or nil, path .. ": Permission denied"
end

--- Appends text to a file, in one write; the file is made where there is none. Where another program has replaced the
-- file meanwhile, it is written to the new one.
-- @tparam string path
-- @tparam string text whole lines
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string message
function M.append(path, text)
  return on_the_file_at(path, function()
    local fine, message = check_kind(path)
    if not fine then
      return nil, message
    end
    local fd, problem, code = uv.fs_open(path, APPEND, OWNER_ONLY)
    if not fd then
      return failed(path, problem, code)
    end
    return fd
  end, function(fd)
    local done, why = keep_private(fd)
    if done then
      done, why = append_to(fd, text)
    end
    return done, why
  end)
end

-- The lock is on a file beside, as the file itself is replaced; whoever had it before may just have removed that.
local function take_lock(path)
  local name = (uv.fs_realpath(path) or path) .. LOCK
  for _ = 1, TRIES do
    local fd, problem, code = uv.fs_open(name, APPEND, OWNER_ONLY)
    if not fd then
      return failed(name, problem, code)
    end
    local taken, why = file_lock.take(fd)
    if taken and is_at(fd, name) then
      return { fd = fd, name = name }
    end
    uv.fs_close(fd)
    if not taken then
      return nil, why and ("%s: %s"):format(name, why) or nil
    end
  end
  return nil, name .. ": other programs replace it all the time"
end

--- Takes the lock of a file, which is made where there is none: no other program has it, or rewrites the file, until it
-- is released, or this program has ended, however that is.
-- @tparam string path
-- @treturn[1] table lock, for release() and replace()
-- @treturn[2] nil
-- @treturn[2] string|nil message; nil: another program has it
function M.hold(path)
  local done, message = M.append(path, "")
  if not done then
    return nil, message
  end
  return take_lock(path)
end

--- Releases the lock of a file. Idempotent.
-- @tparam table lock see hold
function M.release(lock)
  if lock.fd then
    uv.fs_unlink(lock.name)
    uv.fs_close(lock.fd)
    lock.fd = nil
  end
end

-- Each whole line with its place, of at most so many bytes.
local function find_lines(fd, longest, match)
  local places = {}
  local read, why = each_line(fd, 0, longest, function(line, next_at)
    if line and match(line) then
      places[#places + 1] = { at = next_at - 1 - #line, length = #line }
    end
  end)
  return read and places, why
end

--- Overwrites lines of a file by spaces, where they stand: nothing of them stays, and what other programs append
-- meanwhile does. Where another program has replaced the file meanwhile, it is done in the new one, too.
-- @tparam string path
-- @tparam integer longest bytes of a line that is looked at
-- @tparam function match called with each line; true: it is overwritten
-- @tparam string head what the line begins with then
-- @treturn[1] boolean true; also where there is no such file
-- @treturn[2] nil
-- @treturn[2] string message
function M.blank(path, longest, match, head)
  return on_the_file_at(path, function()
    return open_plain(path, "r+")
  end, function(fd)
    local places, why = find_lines(fd, longest, match)
    for _, place in ipairs(places or {}) do
      local count, problem, code = uv.fs_write(fd, head .. (" "):rep(place.length - #head), place.at)
      why = why or not count and words(problem, code) or nil
    end
    uv.fs_fsync(fd)
    return not why, why
  end)
end

-- What was appended to the old file while the new one was written goes behind it.
local function copy_rest(old, from, path)
  local rest, at = {}, from
  while true do
    local bytes, problem, code = uv.fs_read(old, BLOCK, at)
    if not bytes then
      return nil, words(problem, code)
    elseif bytes == "" then
      break
    end
    rest[#rest + 1], at = bytes, at + #bytes
  end
  return #rest == 0 or M.append(path, table.concat(rest))
end

-- Nobody sees half of it: it has another name until it is whole.
local function write_new(name, next_line)
  uv.fs_unlink(name) -- of a program that was killed: we hold the lock
  local fd, problem, code = uv.fs_open(name, "wx", OWNER_ONLY)
  if not fd then
    return nil, words(problem, code)
  end
  local line, why = next_line()
  local done = line ~= false
  while line and done do
    done, why = write_whole(fd, line .. "\n")
    if done then
      line, why = next_line()
      done = line ~= false
    end
  end
  done = done and uv.fs_fsync(fd)
  uv.fs_close(fd)
  if not done then
    uv.fs_unlink(name)
  end
  return done and true or nil, not done and (why or "it can't be written") or nil
end

local function rewrite(path, longest, take, next_line)
  local old, problem, code = uv.fs_open(path, "r", 0)
  if not old then
    return nil, words(problem, code)
  end
  local done, message = each_line(old, 0, longest, take)
  local upto = done
  if done then
    done, message = write_new(path .. NEW, next_line)
  end
  if done then
    done, problem, code = uv.fs_rename(path .. NEW, path)
    message = not done and words(problem, code) or nil
  end
  if done then
    done, message = copy_rest(old, upto, path)
  end
  uv.fs_close(old)
  return done and true or nil, message
end

--- Replaces a file by what is made of its lines. Nobody sees half of it; what other programs append meanwhile stays.
-- @tparam string path
-- @tparam integer longest bytes of a line
-- @tparam function take as of lines()
-- @tparam function next_line called when all were taken, until it returns nil: the new file's lines, without their
--   ends; where it returns false and a message, the file stays as it is
-- @tparam[opt] table held the file's lock, where the caller has it (see hold)
-- @treturn[1] boolean true; also where there is no such file yet
-- @treturn[2] nil
-- @treturn[2] string message
function M.replace(path, longest, take, next_line, held)
  local fine, message, absent = check_kind(path)
  if not fine or absent then
    return fine, message
  end
  local lock, why = held, nil
  if not held then
    lock, why = take_lock(path)
  end
  if not lock then
    return nil, why or path .. ": another program has it at this moment"
  end
  local done
  done, message = rewrite(uv.fs_realpath(path) or path, longest, take, next_line)
  if not held then
    M.release(lock)
  end
  return done, message and ("%s: %s"):format(path, message)
end

return M
