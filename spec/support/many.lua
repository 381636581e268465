--- For specs of the command on many targets: lists of targets on 127.0.0.0/8, runs of the command, what they wrote.
-- It knows how the command is called; what a spec expects of it, it does not.

local assert = require "luassert"
local cjson = require "cjson"
local process = require "spec.support.process"
local uv = require "luv"

local M = {}

--- Seconds that a run may take on a busy machine.
M.PATIENCE = process.PATIENCE

--- Options that make it three connections a target.
M.QUICK = { "--mechanisms", "ticket", "--attempts", "1" }

-- Not so many at once that 1024 open files were too few, as on some machines, which the command would say.
local CONNECTIONS = "100"

local LUA = "lua" .. _VERSION:match("%d%.%d")
local RESUM = process.ROOT .. "/lua/bin/resum"

-- The command, which says at its end on stderr how much CPU time it took, and how much memory at most.
local MEASURED = [[
  local code = require("resum.cli").main(arg)
  for line in io.lines("/proc/self/status") do
    if line:find("^VmHWM") then
      io.stderr:write(("cpu %.3f s, peak %s kB\n"):format(os.clock(), line:match("%d+")))
    end
  end
  os.exit(code)
]]

--- Lists, one after the other, as one.
-- @tparam {table,...} ...
function M.join(...)
  local all = {}
  for _, list in ipairs({ ... }) do
    table.move(list, 1, #list, #all + 1, all)
  end
  return all
end

local function has(words, wanted)
  for _, word in ipairs(words) do
    if word == wanted then
      return true
    end
  end
  return false
end

--- The command's words. Where it reads a list, and nobody says how many connections may be open at once, it is told.
-- @tparam string,... ... its arguments
function M.command(...)
  local words = { ... }
  local reads_list = has(words, "--targets_in") and not has(words, "--max_connections")
  return M.join({ LUA, RESUM }, reads_list and { "--max_connections", CONNECTIONS } or {}, words)
end

--- The same, so that stderr ends with "cpu N s, peak N kB". It has to run in process.ROOT.
function M.measured_command(...)
  local script = process.temporary_directory() .. "/measured.lua"
  process.write_file(script, MEASURED)
  return M.join({ LUA, script }, { ... })
end

--- Runs the command, or another program when its words come as a list.
function M.run(first, ...)
  local command = type(first) == "table" and first or M.command(first, ...)
  return process.run({ command = command, seconds = M.PATIENCE, working_directory = process.ROOT })
end

--- Arguments for a list whose results go to a file, quickly.
-- @tparam string list path
-- @tparam string out path
-- @tparam string,... ... more arguments
function M.to_lines(list, out, ...)
  return table.unpack(M.join({ "--quiet", "--targets_in", list, "--json_lines", "--json_out", out }, M.QUICK, { ... }))
end

--- The lines of a text that are not empty.
function M.lines_of(text)
  local list = {}
  for line in text:gmatch("[^\n]+") do
    list[#list + 1] = line
  end
  return list
end

--- Targets on one port, each with an address of its own.
function M.addresses(port, count)
  local list = {}
  for i = 0, count - 1 do
    list[i + 1] = ("127.%d.%d.%d:%d"):format(1 + i // 62500, i // 250 % 250, 1 + i % 250, port)
  end
  return list
end

--- Writes a list of targets; returns its path.
function M.write_list(list)
  local path = process.temporary_directory() .. "/targets"
  process.write_file(path, table.concat(list, "\n") .. "\n")
  return path
end

--- Results of JSON lines by the target's text, and their number. Every line has to be whole, and no target may stand
-- there twice.
function M.results_of(path)
  local results, count = {}, 0
  for _, line in ipairs(M.lines_of(process.read_file(path))) do
    local result = cjson.decode(line)
    assert.is_nil(results[result.target.text], "twice: " .. result.target.text)
    results[result.target.text] = result
    count = count + 1
  end
  return results, count
end

--- Every target of the list has one result, a complete one, and there is no other.
function M.assert_all_completed(list, path)
  local results, count = M.results_of(path)
  assert.equal(#list, count)
  for _, text in ipairs(list) do
    assert.equal("completed", results[text] and results[text].status, text)
  end
end

-- What the sanitizers keep beside a program's own memory counts as well.
local SANITIZED = (os.getenv("RESUM_BUILD") or ""):match("-san$") ~= nil

--- The measured command took less memory than that, in kB.
function M.assert_peak_below(limit, ended)
  local peak = tonumber(ended.stderr:match("peak (%d+) kB"))
  assert.is_true(peak and peak < (SANITIZED and 10 * limit or limit), ended.stderr)
end

--- Takes bytes from the end of a file.
function M.cut_file(path, bytes)
  local fd = assert(uv.fs_open(path, "r+", 0))
  assert(uv.fs_ftruncate(fd, assert(uv.fs_fstat(fd)).size - bytes))
  uv.fs_close(fd)
end

return M
