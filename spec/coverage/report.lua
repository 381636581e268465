--- How much of lua/ and plugin/ the specs ran, as one figure each.
--   lua5.4 spec/coverage/report.lua FOLDER OBJECTS
-- FOLDER holds what spec.support.coverage wrote, OBJECTS what gcc and the run left of the C files. Both lists of lines
-- that were never run are written to FOLDER. It must not know why a line is not run.

package.path = "./?.lua;" .. package.path

local process = require "spec.support.process"

local folder, objects = arg[1], arg[2]
local LUAC = "luac" .. _VERSION:match("%d%.%d")

local function run(...)
  local result = process.run({ command = { ... }, seconds = 120 })
  assert(result.code == 0, result.stderr)
  return result.stdout
end

-- --- Lua ---

-- path -> line -> true
local function lines_run()
  local seen = {}
  for _, name in ipairs(process.list(folder)) do
    if name:find("%.lines$") then
      for path, line in process.read_file(folder .. "/" .. name):gmatch("([^\n]-):(%d+)\n") do
        seen[path] = seen[path] or {}
        seen[path][tonumber(line)] = true
      end
    end
  end
  return seen
end

-- What only closes a block runs or does not run with what stands before it.
local function is_end(text)
  return text:find("^%s*end[%s%),;}]*$") or text:find("^%s*[%)}]+[,;]?%s*$")
end

-- The lines that have code, as the compiler sees it; and all lines.
local function lines_of(path)
  local texts, code = {}, {}
  for text in io.lines(path) do
    texts[#texts + 1] = text
  end
  for line in run(LUAC, "-l", "-p", path):gmatch("\n%s+%d+%s+%[(%d+)%]") do
    line = tonumber(line)
    code[line] = not is_end(texts[line]) or nil
  end
  return code, texts
end

local function measure_lua()
  local seen, total, run_of_it, missed = lines_run(), 0, 0, {}
  for path in run("find", "lua/resum", "-name", "*.lua"):gmatch("[^\n]+") do
    local code, texts = lines_of(path)
    local own = seen[path] or {}
    for line = 1, #texts do
      if code[line] then
        total = total + 1
        run_of_it = run_of_it + (own[line] and 1 or 0)
        missed[#missed + 1] = not own[line] and ("%s:%d:%s"):format(path, line, texts[line]) or nil
      end
    end
  end
  return total, run_of_it, missed
end

-- --- C ---

-- gcov's own words: a count, a line's number and its text; "#####" was never run, "-" has no code.
local function measure_c()
  local total, run_of_it, missed = 0, 0, {}
  for object in run("find", objects .. "/plugin", "-name", "*.gcno"):gmatch("[^\n]+") do
    local source = object:match("(plugin/.*)%.gcno$") .. ".c"
    local about = false
    for text in run("gcov", "--stdout", object):gmatch("[^\n]+") do
      local named = text:match("^%s*%-:%s*0:Source:(.*)$")
      about = named and named == source or not named and about
      local count, line, rest = text:match("^%s*(%S+):%s*(%d+):(.*)$")
      if about and count and count ~= "-" and line ~= "0" then
        local ran = not count:find("#", 1, true) and not count:find("=", 1, true)
        total, run_of_it = total + 1, run_of_it + (ran and 1 or 0)
        missed[#missed + 1] = not ran and ("%s:%s:%s"):format(source, line, rest) or nil
      end
    end
  end
  return total, run_of_it, missed
end

local function tell(what, name, measure)
  local total, run_of_it, missed = measure()
  assert(total > 0, "there is nothing to measure in " .. what)
  table.sort(missed)
  process.write_file(folder .. "/" .. name, table.concat(missed, "\n") .. "\n")
  print(("%-8s %5.1f %% of %d lines were run; the others: %s/%s"):format(what, 100 * run_of_it / total, total, folder,
    name))
end

tell("lua/", "lua-not-run", measure_lua)
tell("plugin/", "plugin-not-run", measure_c)
