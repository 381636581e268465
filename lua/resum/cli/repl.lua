-- A prompt with resum at hand: the interpreter that runs this program, interactive (with readline, where it has that).
-- It finds the modules where this program has found them.

local M = {}

local GREETING = [[print(resum._VERSION .. ": resum.help() shows what there is; Ctrl-C ends a scan, Ctrl-D this")]]

local function quoted(text)
  return "'" .. text:gsub("'", [['\'']]) .. "'"
end

-- The words before the program's name in what was run, the first of which is the interpreter.
local function interpreter(words)
  local first = -1
  while words[first - 1] do
    first = first - 1
  end
  return words[first] or "lua"
end

--- Runs it, to its end.
-- @tparam table words the program's global `arg`
-- @treturn integer exit code
function M.run(words)
  local suffix = _VERSION:gsub("Lua (%d)%.(%d)", "_%1_%2")
  local _, _, code = os.execute(("LUA_PATH%s=%s LUA_CPATH%s=%s exec %s -lresum -i -e %s"):format(suffix,
    quoted(package.path), suffix, quoted(package.cpath), quoted(interpreter(words)), quoted(GREETING)))
  return code
end

return M
