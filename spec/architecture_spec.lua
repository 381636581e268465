--- Arrows point down only, and a folder is a layer. Reads the require lines of lua/: the arrows between folders must
-- have an order, and the few rules below hold. The order itself stands nowhere: it is what the files say. Holds pure
-- files to having no input and output, and all files to what Lua 5.3 and nmap's `strict` allow.

local tables = require "resum.util.tables"
local uv = require "luv"
local process = require "spec.support.process"

-- Folders that ask nothing of the world: what they return depends on what they are given alone.
local PURE = { "util", "target", "analysis", "report" }

-- What the picture forbids beyond the order: hosts see no TLS, flows see no socket, reports see no connection (but
-- what a mechanism and a message are), and only what makes connections sees the C module.
local NEVER = {
  { from = "host", to = "^resum%.core$" },
  { from = "scan", to = "^resum%.host%.", and_to = "^resum%.transport%." },
  { from = "report", to = "^resum%.connection%.", but = { "mechanism", "decode" } },
  { from = "analysis", to = "^resum%.connection%.", but = { "mechanism" } },
  { from = "transport", to = "^resum%.core$", and_to = "^resum%.host%." },
}

-- Libraries that are not ours, and the folders that may use each.
local LIBRARIES = {
  luv = { "host" }, cjson = { "report", "cli", "audit", "watch" }, argparse = { "cli" },
  lxp = { "cli" }, luasql = { "fleet" }, socket = { "host" }, cqueues = { "host" },
  nmap = { "host", "nse", "programs" }, stdnse = { "host", "nse", "programs" }, shortport = { "programs" },
  sslcert = { "nse", "programs" }, tls = { "nse" }, vulns = { "nse" },
}

local LONGEST_FUNCTION = 50 -- lines

local IMPURE = { "io", "os", "print", "coroutine", "debug", "load", "loadfile", "dofile", "package" }

local function files_under(folder, pattern, found)
  found = found or {}
  for _, name in ipairs(process.list(process.ROOT .. "/" .. folder)) do
    local path = folder .. "/" .. name
    if uv.fs_stat(process.ROOT .. "/" .. path).type == "directory" then
      files_under(path, pattern, found)
    elseif path:match(pattern) then
      found[#found + 1] = path
    end
  end
  return found
end

local function text_of(path)
  return process.read_file(process.ROOT .. "/" .. path)
end

-- Without comments.
local function code_of(path)
  return (text_of(path):gsub("%-%-[^\n]*", ""))
end

-- "lua/resum/target/init.lua" is required as "resum.target".
local function module_of(path)
  return (path:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("%.nse$", ""):gsub("/init$", ""):gsub("/", "."))
end

-- The folder that a module stands in: "resum.scan.pool.recorder" in "scan"; the files beside the folders in "face".
local function folder_of(module)
  local folder = module:match("^resum%.(%l+)")
  if module == "resum.core" then
    return "core"
  elseif folder and uv.fs_stat(("%s/lua/resum/%s"):format(process.ROOT, folder)) then
    return folder
  end
  return module:match("^resum") and "face" or "programs"
end

-- What a file requires, also where only the start of the name is known: require("resum.host." .. name).
local function requires(text)
  local names = {}
  for name in text:gmatch("require%s*%(?%s*[\"']([%w_.]+)[\"']") do
    names[#names + 1] = name:match("%.$") and name .. "x" or name
  end
  return names
end

-- The reason against a folder requiring a module, or nil.
local function objection(folder, required)
  local library = required:match("^[^.]+")
  if library ~= "resum" then
    return not tables.contains(LIBRARIES[library] or {}, folder)
      and ("%s is a library that %s may not use"):format(library, folder) or nil
  end
  for _, rule in ipairs(NEVER) do
    local meant = required:match(rule.to) or rule.and_to and required:match(rule.and_to)
    if rule.from == folder and meant and not tables.contains(rule.but or {}, required:match("[^.]+$")) then
      return ("%s may not use %s"):format(folder, required)
    end
  end
end

-- The nodes of a graph (node -> set of nodes) in an order in which every arrow points on; or nil and those of a circle.
local function order_of(graph)
  local order, state = {}, {}
  local function visit(node, path)
    path = path .. " -> " .. node
    if state[node] == "under way" then
      return path
    elseif state[node] then
      return nil
    end
    state[node] = "under way"
    for below in pairs(graph[node] or {}) do
      local circle = visit(below, path)
      if circle then
        return circle
      end
    end
    state[node] = "done"
    table.insert(order, 1, node)
  end
  for node in pairs(graph) do
    local circle = visit(node, "")
    if circle then
      return nil, circle
    end
  end
  return order
end

-- A file as the compiler sees it.
local function listing_of(path)
  local listing = process.run { command = { "luac5.3", "-l", "-p", process.ROOT .. "/" .. path } }
  assert.equal(0, listing.code, listing.stderr)
  return listing.stdout
end

-- Globals that a file reads and writes.
local function globals_of(listing)
  local reads, writes = {}, {}
  for name in listing:gmatch('GETTABUP[^\n]*_ENV "([%w_]+)"') do
    reads[name] = true
  end
  for name in listing:gmatch('SETTABUP[^\n]*_ENV "([%w_]+)"') do
    writes[name] = true
  end
  return reads, writes
end

-- Functions of more lines than may be, and how many there are in all.
local function long_functions(listing)
  local long, count = {}, 0
  for place, first, last in listing:gmatch("\nfunction <([^\n]-):(%d+),(%d+)>") do
    local lines = last - first + 1
    count = count + 1
    long[#long + 1] = lines > LONGEST_FUNCTION and ("%s:%d has %d lines"):format(place, first, lines) or nil
  end
  return long, count
end

local LUA_FILES = files_under("lua", "%.lua$")
local SCRIPTS = files_under("lua", "%.nse$")
local LISTINGS = setmetatable({}, { __index = function(listings, path)
  listings[path] = listing_of(path)
  return listings[path]
end })

describe("the Lua files", function()
  local files, folders = {}, {} -- the graphs

  local function read(path, graph_of_files, graph_of_folders)
    local module, objections = module_of(path), {}
    local folder = folder_of(module)
    graph_of_files[module], graph_of_folders[folder] = {}, graph_of_folders[folder] or {}
    for _, required in ipairs(requires(code_of(path))) do
      objections[#objections + 1] = objection(folder, required)
      if required:match("^resum") then
        graph_of_files[module][required] = true
        if folder_of(required) ~= folder then
          graph_of_folders[folder][folder_of(required)] = true
        end
      end
    end
    assert.same({}, objections, path)
  end

  setup(function()
    for _, path in ipairs(LUA_FILES) do
      read(path, files, folders)
    end
  end)

  it("keep the rules of the picture, and use no library that is another folder's", function()
    for _, path in ipairs(SCRIPTS) do
      read(path, {}, {})
    end
    read("lua/bin/resum", {}, {})
    assert.equal("scan may not use resum.host.x", objection("scan", requires('require("resum.host." .. name)')[1]))
    assert.equal("luv is a library that scan may not use", objection("scan", "luv"))
    assert.equal("report may not use resum.connection.client", objection("report", "resum.connection.client"))
    assert.is_nil(objection("report", "resum.connection.mechanism"))
  end)

  it("stand in folders whose arrows all point down", function()
    local order, circle = order_of(folders)
    assert.is_nil(circle)
    local rank = {}
    for place, folder in ipairs(order) do
      rank[folder] = place
    end
    assert.is_true(#order >= 10)
    for _, pair in ipairs({ { "cli", "face" }, { "face", "report" }, { "report", "analysis" }, { "face", "scan" },
      { "scan", "analysis" }, { "face", "connection" }, { "connection", "transport" }, { "transport", "target" },
      { "target", "util" } }) do
      assert.is_true(rank[pair[1]] < rank[pair[2]], pair[1] .. " stands above " .. pair[2])
    end
    folders.util.cli = true
    local _, found = order_of(folders)
    folders.util.cli = nil
    assert.is_truthy(found:find("util -> cli", 1, true))
  end)

  it("require one another in no circle", function()
    local _, circle = order_of(files)
    assert.is_nil(circle)
  end)

  it("are read by Lua 5.3, use what it has, and read and write no global of their own", function()
    local known = {}
    for name in process.run({
      command = { "lua5.3", "-e", [[
        for name, value in pairs(_G) do
          print(name)
          for field in pairs(type(value) == "table" and value ~= _G and value or {}) do print(name .. "." .. field) end
        end]] },
    }).stdout:gmatch("[^\n]+") do
      known[name] = true
    end
    for _, path in ipairs(LUA_FILES) do
      local reads, writes = globals_of(LISTINGS[path])
      assert.is_nil(next(writes), path .. " writes a global: " .. tostring(next(writes)))
      for name in pairs(reads) do
        -- strict knows what the standard library defines; `arg` is lua's own, and nmap has none
        assert.is_true(known[name] and name ~= "arg", path .. " reads the global " .. name)
      end
      for library, field in code_of(path):gmatch("%f[%w_.](%l+)%.([%l_]+)") do
        local used = library .. "." .. field
        assert.is_true(known[used] or not reads[library], path .. " uses " .. used .. ", which Lua 5.3 lacks")
      end
    end
  end)

  it("have no function longer than a screen", function()
    local all = 0
    for _, path in ipairs(LUA_FILES) do
      local long, count = long_functions(LISTINGS[path])
      assert.same({}, long)
      all = all + count
    end
    assert.is_true(all > 2000)
    assert.same({ "x.lua:7 has 51 lines" },
      (long_functions("\nfunction <x.lua:7,57> (3\nfunction <x.lua:60,109> (3")))
  end)

  it("that are pure ask nothing of the world", function()
    local checked = 0
    for _, path in ipairs(LUA_FILES) do
      if tables.contains(PURE, folder_of(module_of(path))) then
        checked = checked + 1
        local reads = globals_of(LISTINGS[path])
        for _, name in ipairs(IMPURE) do
          assert.is_nil(reads[name], path .. " reads " .. name)
        end
      end
    end
    assert.is_true(checked >= 30)
  end)
end)

describe("docs/architecture.md", function()
  it("names every file of lua/ and plugin/ in the row of its folder", function()
    local rows = {}
    for row in text_of("docs/architecture.md"):gmatch("\n| ([^\n]+)") do
      rows[#rows + 1] = row
    end
    local function is_named(path)
      local folder, name = path:match("^(.-)([^/]+)$")
      for _, row in ipairs(rows) do
        local found = row:find("`" .. name:gsub("%p", "%%%0") .. "`") or row:find("`" .. path:gsub("%p", "%%%0") .. "`")
        for part in folder:gsub("^lua/resum/", ""):gsub("^lua/", ""):gmatch("[^/]+") do
          found = found and row:find(part .. "/", 1, true)
        end
        if found then
          return true
        end
      end
      return false
    end
    local paths = files_under("plugin", "%.c$")
    table.move(LUA_FILES, 1, #LUA_FILES, #paths + 1, paths)
    table.move(SCRIPTS, 1, #SCRIPTS, #paths + 1, paths)
    for _, path in ipairs(paths) do
      assert.is_true(is_named(path), path .. " is not on the map")
    end
    assert.is_false(is_named("lua/resum/scan/nowhere.lua"))
    assert.is_false(is_named("lua/resum/report/verdict.lua"))
  end)
end)

describe("the top level", function()
  local STAYS = { "CHANGELOG.md", "LICENSE", "Makefile", "README.md", "docs", "lua", "plugin", "resum-scm-1.rockspec",
    "spec" }
  local COMES_AND_GOES = { build = true, ["compile_commands.json"] = true } -- as .gitignore says

  -- What is under version control; all that is there, where this is a copy or git is missing. Hidden names apart.
  local function names()
    local run = process.run({ command = { "sh", "-c", 'git -C "$0" ls-tree --name-only HEAD', process.ROOT } })
    local list = {}
    for name in (run.code == 0 and run.stdout or table.concat(process.list(process.ROOT), "\n")):gmatch("[^\n]+") do
      list[#list + 1] = not name:find("^%.") and not COMES_AND_GOES[name] and name or nil
    end
    table.sort(list)
    return list
  end

  it("has what the project is made of, and nothing that a run left there", function()
    assert.same(STAYS, names())
  end)
end)
