-- The few things that Lua can't do and every system has a small program for. It knows nothing of scans.

local M = {}

local SIGINT = 2

--- A word as the shell reads it back.
-- @tparam string word
-- @treturn string
function M.quote(word)
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

--- Runs a command as it is.
-- @tparam string command
-- @treturn boolean did it end with 0?
function M.execute(command)
  local done, how, code = os.execute(command)
  if how == "signal" and code == SIGINT then -- the system has kept it from us meanwhile
    error("interrupted!", 0)
  end
  return done == true
end

--- Runs a program, which has nothing to say on stdout; what it says on stderr is dropped.
-- @tparam string format of the command, words in its %s
-- @tparam string,... ... the words, which are quoted
-- @treturn boolean did it end with 0?
function M.run(format, ...)
  local words = {}
  for i, word in ipairs({ ... }) do
    words[i] = M.quote(tostring(word))
  end
  return M.execute(format:format(table.unpack(words)) .. " 2>/dev/null")
end

--- Are these two the same file?
-- @tparam string one path; "-" is stdout
-- @tparam string other path
-- @treturn boolean
function M.same_file(one, other)
  local function path(name)
    return name == "-" and "/dev/stdout" or name
  end
  return one == other or M.run("test %s -ef %s", path(one), path(other))
end

return M
