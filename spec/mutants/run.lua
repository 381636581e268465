--- Do the specs hold what they promise? Applies small edits to a copy of the tree, one at a time, and tells which of
-- them no spec notices.
--   lua5.4 spec/mutants/run.lua [--check] [FILTER]
-- FILTER is a part of a mutant's name, of its file's, its spec's or its list's; --check only sees whether all of them
-- apply. A mutant is killed when its spec fails, crashes or hangs, and survives when it passes. That each spec passes
-- without a mutant is seen first. Ends with 1 where one survived or could not be tried, or where none fits FILTER. It
-- must not know what a mutant is about: the lists beside it say that, with {name, file, before (its text, which stands
-- there once), after, breaks (in a sentence), spec} for each.

package.path = "./?.lua;" .. package.path

local environments = require "spec.support.environment"
local uv = require "luv"

local AREAS = {
  "sampling", "sessions", "verdicts", "watch", "connection", "transport", "cli", "reports", "tls", "classes", "audit",
}
local AT_ONCE = math.min(2, tonumber(os.getenv("MUTANTS_AT_ONCE")) or 2)
-- A spec that takes so many times as long as without a mutant hangs, and that kills the mutant as a failure does. The
-- factor is for a busy machine; the least, in seconds, for specs that are through in a moment.
local LONGEST = { factor = 5, least_s = 30 }
local BUILD_S = 300 -- for one make
local BUSTED = "/usr/bin/busted"
local LUA = uv.exepath()
local VERSION = _VERSION:match("%d%.%d")

local function read_file(path)
  local file = assert(io.open(path, "rb"))
  local bytes = file:read("a")
  file:close()
  return bytes
end

local function write_file(path, bytes)
  local file = assert(io.open(path, "wb"))
  assert(file:write(bytes))
  assert(file:close())
end

-- --- the list ---

local FIELDS = { "name", "file", "before", "after", "breaks", "spec" }

-- The text with the edit made, or nil and why it does not apply.
local function edit(mutant, text)
  local first, last = text:find(mutant.before, 1, true)
  if not first then
    return nil, "the text is not there"
  elseif text:find(mutant.before, first + 1, true) then
    return nil, "the text is there more than once"
  elseif mutant.before == mutant.after then
    return nil, "it changes nothing"
  end
  return text:sub(1, first - 1) .. mutant.after .. text:sub(last + 1)
end

-- What keeps a mutant from being tried; nil when nothing does.
local function problem_of(mutant)
  for _, field in ipairs(FIELDS) do
    if type(mutant[field]) ~= "string" then
      return "it has no " .. field
    end
  end
  for _, path in ipairs({ mutant.file, mutant.spec }) do
    if not uv.fs_stat(path) then
      return "there is no " .. path
    end
  end
  local edited, why = edit(mutant, read_file(mutant.file))
  if edited and mutant.file:find("%.lua$") then
    why = select(2, load(edited, "=" .. mutant.file))
  end
  return why
end

local function fits(mutant, area, filter)
  for _, text in ipairs({ area, mutant.name, mutant.file, mutant.spec }) do
    if text:find(filter, 1, true) then
      return true
    end
  end
  return false
end

-- Those that can be tried, and how many can't.
local function read_list(filter)
  local list, seen, broken = {}, {}, 0
  for _, area in ipairs(AREAS) do
    for _, mutant in ipairs(require("spec.mutants." .. area)) do
      local problem = seen[mutant.name] and "two have this name" or problem_of(mutant)
      seen[mutant.name or ""] = true
      if problem then
        broken = broken + 1
        io.stdout:write(("DOES NOT APPLY  %s (%s): %s\n"):format(mutant.name, mutant.file, problem))
      elseif fits(mutant, area, filter) then
        list[#list + 1] = mutant
      end
    end
  end
  return list, broken
end

-- --- programs ---

local function gather(pipe, chunks, ended)
  pipe:read_start(function(_, bytes)
    if bytes then
      chunks[#chunks + 1] = bytes
    else
      pipe:close()
      ended()
    end
  end)
end

-- Runs a program in a process group of its own, at the lowest priority; from a coroutine. Returns its code (nil: it was
-- ended because its time was over) and what it said.
local function run(words, folder, environment, seconds)
  local me, chunks, open, code, late = coroutine.running(), {}, 3, nil, false
  local timer, out, err = uv.new_timer(), uv.new_pipe(false), uv.new_pipe(false)
  local handle, pid
  local function ended()
    open = open - 1
    if open == 0 then
      timer:close()
      assert(coroutine.resume(me))
    end
  end
  local args = table.move(words, 1, #words, 3, { "-n", "10" })
  handle, pid = assert(uv.spawn("nice", { args = args, cwd = folder, env = environment, stdio = { nil, out, err },
    detached = true }, function(status, signal)
    code = status ~= 0 and status or signal
    handle:close()
    ended()
  end))
  gather(out, chunks, ended)
  gather(err, chunks, ended)
  timer:start(math.ceil(seconds * 1000), 0, function()
    late = true
    uv.kill(-pid, "sigkill")
  end)
  coroutine.yield()
  return not late and code or nil, table.concat(chunks)
end

local function environment_of(folder)
  local variables = environments.variables()
  local set = {
    LUA_PATH = "lua/?.lua;lua/?/init.lua;;",
    LUA_CPATH = ("build/%s/?.so;;"):format(VERSION),
    RESUM_BUILD = ("%s/build/%s"):format(folder, VERSION),
  }
  for name, value in pairs(set) do
    variables[name] = value
  end
  variables.MAKEFLAGS, variables.MFLAGS = nil, nil
  return environments.list(variables)
end

-- --- a copy of the tree ---

local COPIED = { "lua", "plugin", "spec", "docs", "Makefile", "README.md", "CHANGELOG.md", "LICENSE", ".busted",
  ".luacheckrc", ".clang-format", "resum-scm-1.rockspec" }

local Tree = {}
Tree.__index = Tree

-- With what is built of it, times and all, so that make builds what an edit touches only.
local function new_tree(parent, number)
  local folder = ("%s/%d"):format(parent, number)
  local tree = setmetatable({ folder = folder, environment = environment_of(folder), is_stale = true }, Tree)
  local words = { "cp", "-a", "--parents" }
  for _, path in ipairs(COPIED) do
    words[#words + 1] = uv.fs_stat(path) and path or nil
  end
  for name, kind in function(listing) return uv.fs_scandir_next(listing) end, assert(uv.fs_scandir("build")) do
    words[#words + 1] = kind == "directory" and name:find("^5%.%d$") and "build/" .. name or nil
  end
  words[#words + 1] = folder
  assert(uv.fs_mkdir(folder, 448)) -- 0700
  local code, said = run(words, uv.cwd(), nil, BUILD_S)
  assert(code == 0, said)
  return tree
end

-- Writes a file; what is built of it waits for the next build, which may be that of another mutant.
function Tree:write(path, text)
  write_file(self.folder .. "/" .. path, text)
  self.is_stale = self.is_stale or path:find("%.[ch]$") ~= nil
end

-- Only what differs is built. Returns whether it could be, and what make said.
function Tree:build()
  if not self.is_stale then
    return true
  end
  local code, said = run({ "make", "--no-print-directory", "-s", "LUA_VERSION=" .. VERSION, "modules" }, self.folder,
    self.environment, BUILD_S)
  self.is_stale = code ~= 0
  return code == 0, said
end

-- Runs a spec. Returns "passed", "failed" or "late", what it said, and the seconds it took.
function Tree:try(spec, seconds)
  local started = uv.hrtime()
  local code, said = run({ LUA, BUSTED, "--exclude-tags=heavy", spec }, self.folder, self.environment, seconds)
  local result = code == 0 and "passed" or code and "failed" or "late"
  return result, said:gsub("\27%[[%d;]*m", ""), (uv.hrtime() - started) / 1e9
end

-- --- the trial ---

local totals = { tried = 0, killed = 0, survived = 0, broken = 0 }
local usual = {} -- spec -> seconds without a mutant; false: it fails all the same

local function say(word, seconds, mutant, more)
  io.stdout:write(("%-8s %6.1f s  %s (%s)%s\n"):format(word, seconds, mutant.name, mutant.spec, more or ""))
  io.stdout:flush()
end

local function give_up(mutant, seconds, why, said)
  totals.broken = totals.broken + 1
  say("BROKEN", seconds, mutant, (": %s\n%s"):format(why, said or ""))
end

-- Which sentence failed, as far as busted came to say it.
local function sentence(said)
  return said:match("\nFailure %-> [^\n]*\n([^\n]*)") or said:match("\nError %-> [^\n]*\n([^\n]*)")
    or "it crashes"
end

local function judge(mutant, result, said, seconds)
  totals.tried = totals.tried + 1
  if result == "passed" then
    totals.survived = totals.survived + 1
    say("SURVIVED", seconds, mutant, ": " .. mutant.breaks)
  else
    totals.killed = totals.killed + 1
    say("killed", seconds, mutant, ": " .. (result == "late" and "it hangs" or sentence(said)))
  end
end

local function try(tree, mutant)
  local text = read_file(tree.folder .. "/" .. mutant.file)
  tree:write(mutant.file, (assert(edit(mutant, text))))
  local built, said = tree:build()
  if built then
    judge(mutant, tree:try(mutant.spec, math.max(LONGEST.least_s, LONGEST.factor * usual[mutant.spec])))
  else
    give_up(mutant, 0, "it does not build", said)
  end
  tree:write(mutant.file, text)
end

-- Each of the workers takes from the list until it is empty.
local function share(workers, list, work)
  local next_one = 0
  for _, worker in ipairs(workers) do
    coroutine.wrap(function()
      while list[next_one + 1] do
        next_one = next_one + 1
        work(worker, list[next_one])
      end
    end)()
  end
  uv.run()
end

local function specs_of(list)
  local specs, seen = {}, {}
  for _, mutant in ipairs(list) do
    if not seen[mutant.spec] then
      seen[mutant.spec] = true
      specs[#specs + 1] = mutant.spec
    end
  end
  return specs
end

local function new_trees(parent)
  local trees, numbers = {}, {}
  for i = 1, AT_ONCE do
    numbers[i] = i
  end
  share(numbers, numbers, function(_, number)
    trees[number] = new_tree(parent, number)
    local built, said = trees[number]:build()
    assert(built, said)
  end)
  return trees
end

-- Sees whether a spec passes without a mutant, and how long it takes.
local function try_without(tree, spec)
  local result, said, seconds = tree:try(spec, LONGEST.factor * BUILD_S)
  usual[spec] = result == "passed" and seconds
  if result ~= "passed" then
    io.stdout:write(("BROKEN  %s does not pass without a mutant\n%s\n"):format(spec, said))
  end
end

local function try_all(parent, list)
  local trees = new_trees(parent)
  share(trees, specs_of(list), try_without)
  share(trees, list, function(tree, mutant)
    if usual[mutant.spec] then
      try(tree, mutant)
    else
      give_up(mutant, 0, "its spec does not pass without it")
    end
  end)
end

local filter, only_check = "", false
for _, word in ipairs(arg) do
  if word == "--check" then
    only_check = true
  else
    filter = word
  end
end

local list, broken = read_list(filter)
totals.broken = broken
if #list + broken == 0 then
  io.stderr:write(("no mutant has '%s' in its name, file, spec or list\n"):format(filter))
  os.exit(1, true)
elseif only_check then
  io.stdout:write(("%d mutants, %d do not apply\n"):format(#list, broken))
  os.exit(broken == 0, true)
end
local parent = assert(uv.fs_mkdtemp((os.getenv("TMPDIR") or "/tmp") .. "/resum-mutants-XXXXXX"))
local fine, problem = xpcall(try_all, debug.traceback, parent, list)
coroutine.wrap(function()
  run({ "rm", "-rf", parent }, "/", nil, BUILD_S)
end)()
uv.run()
if not fine then
  io.stderr:write(problem, "\n")
end
io.stdout:write(("%d mutants, %d killed, %d survived%s\n"):format(totals.tried, totals.killed, totals.survived,
  totals.broken > 0 and (", %d could not be tried"):format(totals.broken) or ""))
os.exit(fine and totals.survived + totals.broken == 0, true)
