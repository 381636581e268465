-- Regular files on luv, read and written at once: the system keeps them in memory, so nobody waits long; and where
-- there is no end of reading, as of /dev/zero, callbacks have their turn in between. To who uses it, it looks like a
-- stream.

local uv = require "resum.host.uv.luv"

local give_way = require("resum.host.uv.wait").give_way

local M = {}

local READ_MOST = require("resum.host.common").READ_MOST

--- What the system says of a failure, without libuv's name for it.
-- @tparam string message luv's second result
-- @tparam string code its third
-- @treturn string words
function M.words(message, code)
  local words = message:sub(#code + 3):gsub(": .*$", "")
  return (words:gsub("^%l", string.upper))
end

local File = {}
File.__index = File

--- @treturn[1] string bytes
-- @treturn[2] nil
-- @treturn[2] string "eof", or what the system says
function File:read()
  if not self.fd then
    return nil, "eof"
  end
  give_way()
  local bytes, problem, code = uv.fs_read(self.fd, READ_MOST, -1)
  if not bytes then
    return nil, M.words(problem, code)
  elseif bytes == "" then
    return nil, "eof"
  end
  return bytes
end

--- @tparam string bytes
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string what the system says; part of the bytes may be written
function File:write(bytes)
  while bytes ~= "" do
    give_way()
    local count, problem, code = uv.fs_write(self.fd, bytes, -1)
    if not count then
      return nil, M.words(problem, code)
    end
    bytes = bytes:sub(count + 1)
  end
  return true
end

--- Closes it. Idempotent.
function File:close()
  if self.fd then
    uv.fs_close(self.fd)
    self.fd = nil
  end
end

--- Wraps a descriptor.
-- @tparam integer fd of a regular file
-- @treturn table stream
function M.new(fd)
  return setmetatable({ fd = fd }, File)
end

return M
