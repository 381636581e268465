--- Arrows point down only. Reads the require lines of lua/ and the #include lines of plugin/ and fails when one points
-- up; holds pure files to having no input and output, and all files to what Lua 5.3 and nmap's `strict` allow.
-- A new file belongs into LAYERS; one that fits nowhere is a reason to look at the picture in the README again.

local uv = require "luv"
local process = require "spec.support.process"

-- What a layer may require: layers, and libraries that are not ours. Patterns match module names.
local LAYERS = {
  {
    name = "programs", files = { "^bin%.resum$", "^nse%.", "^resum%.nse$", "^resum%.cli$", "^resum%.cli%." },
    may = { "programs", "face", "reports", "way in", "hosts", "shared", "data", "core" },
    libraries = { "luv", "cjson", "argparse", "nmap", "stdnse", "shortport", "sslcert", "tls" },
  },
  {
    name = "face", files = { "^resum$", "^resum%.open$" },
    may = { "face", "reports", "scans", "attempts", "way in", "hosts", "shared", "data", "core" }, libraries = {},
  },
  {
    name = "reports", pure = true, files = { "^resum%.report%." }, may = { "reports", "data" }, libraries = { "cjson" },
  },
  { name = "scans", files = { "^resum%.scan$", "^resum%.scan%." }, may = { "scans", "data" }, libraries = {} },
  {
    name = "attempts", files = { "^resum%.attempt$", "^resum%.age$", "^resum%.engine$", "^resum%.control$" },
    may = { "attempts", "way in", "data", "core" }, libraries = {},
  },
  {
    name = "way in", files = { "^resum%.way$", "^resum%.route$", "^resum%.dial$", "^resum%.dial%." },
    may = { "way in", "data" }, libraries = {},
  },
  {
    name = "hosts", files = { "^resum%.host%." }, may = { "hosts", "data" },
    libraries = { "luv", "socket", "cqueues", "nmap", "stdnse" },
  },
  {
    name = "shared", files = { "^resum%.admission$", "^resum%.slots$", "^resum%.pace$", "^resum%.names$" },
    may = { "shared", "data" }, libraries = {},
  },
  {
    name = "data", pure = true, may = { "data" }, libraries = {},
    files = { "^resum%.verdict$", "^resum%.stats$", "^resum%.summary$", "^resum%.mechanism$", "^resum%.ticket$",
      "^resum%.target$", "^resum%.address$", "^resum%.idn$", "^resum%.printable$", "^resum%.recent$",
      "^resum%.problem$", "^resum%.limits$", "^resum%.decode$", "^resum%.help$", "^resum%.hex$",
      "^resum%.balance$", "^resum%.balance%." },
  },
  { name = "core", files = { "^resum%.core$" }, may = {}, libraries = {} },
}

-- The C files, from the top to the bottom; a line may include its own files and those below.
local C_LAYERS = {
  { "module.c" },
  { "context.c", "identity.c", "handshake.c", "session.c", "session.h", "probe.c", "messages.c", "offer.c", "offer.h" },
  { "flow.c", "resume12.c", "resume13.c", "probe.h", "tools.c", "tools.h" },
  { "transcript.c", "transcript.h", "tools.c", "tools.h" },
  { "fit.c", "fit.h", "record.c", "record.h", "keys.c", "keys.h", "sha2.c", "sha2.h",
    "suites.c", "suites.h" },
  { "options.c", "error.c", "resum.h" },
  { "names.c", "names.h" },
  { "hello.c", "hello.h", "der.c", "der.h" },
  { "compat.h", "buffer.h", "wire.h" },
}
-- Bytes in, structs out: these know no Lua, so that they can be tried and fuzzed without it.
local C_WITHOUT_LUA = { "wire.h", "buffer.h", "der.c", "hello.c", "suites.c", "keys.c", "record.c", "fit.c" }

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

-- "lua/resum/dial/init.lua" is required as "resum.dial".
local function module_of(path)
  return (path:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("%.nse$", ""):gsub("/init$", ""):gsub("/", "."))
end

local function layer_of(module)
  local found
  for _, layer in ipairs(LAYERS) do
    for _, pattern in ipairs(layer.files) do
      if module:match(pattern) then
        assert(not found or found == layer, module .. " stands in two layers")
        found = layer
      end
    end
  end
  return found
end

local function contains(list, wanted)
  for _, item in ipairs(list) do
    if item == wanted then
      return true
    end
  end
  return false
end

-- What a file requires, also where only the start of the name is known: require("resum.host." .. name).
local function requires(text)
  local names = {}
  for name in text:gmatch("require%s*%(?%s*[\"']([%w_.]+)[\"']") do
    names[#names + 1] = name:match("%.$") and name .. "x" or name
  end
  return names
end

-- The reason against module requiring another one, or nil.
local function objection(layer, required)
  local below = layer_of(required)
  if below and not contains(layer.may, below.name) then
    return ("%s belongs to %s, which %s may not use"):format(required, below.name, layer.name)
  end
  if not below and required:match("^resum") then
    return required .. " stands in no layer"
  end
  if not below and not contains(layer.libraries, required:match("^[^.]+")) then
    return ("%s is a library that %s may not use"):format(required, layer.name)
  end
end

-- Globals that a file reads and writes, as the compiler sees them.
local function globals_of(path)
  local listing = process.run { command = { "luac5.3", "-l", "-p", process.ROOT .. "/" .. path } }
  assert.equal(0, listing.code, listing.stderr)
  local reads, writes = {}, {}
  for name in listing.stdout:gmatch('GETTABUP[^\n]*_ENV "([%w_]+)"') do
    reads[name] = true
  end
  for name in listing.stdout:gmatch('SETTABUP[^\n]*_ENV "([%w_]+)"') do
    writes[name] = true
  end
  return reads, writes
end

local LUA_FILES = files_under("lua", "%.lua$")
local SCRIPTS = files_under("lua", "%.nse$")

describe("the Lua files", function()
  local function check(path)
    local module, objections = module_of(path), {}
    local layer = assert(layer_of(module), module .. " stands in no layer of this spec")
    for _, required in ipairs(requires(code_of(path))) do
      objections[#objections + 1] = objection(layer, required)
    end
    assert.same({}, objections, path)
  end

  it("require what stands below them, and no library that is another layer's", function()
    for _, path in ipairs(LUA_FILES) do
      check(path)
    end
    for _, path in ipairs(SCRIPTS) do
      check(path)
    end
    check("lua/bin/resum")
  end)

  it("would be caught requiring upwards", function()
    local scans, data = layer_of("resum.scan.rate"), layer_of("resum.verdict")
    assert.equal("resum.host.x belongs to hosts, which scans may not use",
      objection(scans, requires('require("resum.host." .. name)')[1]))
    assert.equal("resum.core belongs to core, which data may not use", objection(data, "resum.core"))
    assert.equal("luv is a library that scans may not use", objection(scans, "luv"))
    assert.equal("resum.nowhere stands in no layer", objection(scans, "resum.nowhere"))
    assert.is_nil(objection(scans, "resum.stats"))
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
      local reads, writes = globals_of(path)
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

  it("that are pure ask nothing of the world", function()
    local checked = 0
    for _, path in ipairs(LUA_FILES) do
      if layer_of(module_of(path)).pure then
        checked = checked + 1
        local reads = globals_of(path)
        for _, name in ipairs(IMPURE) do
          assert.is_nil(reads[name], path .. " reads " .. name)
        end
      end
    end
    assert.is_true(checked >= 10)
  end)
end)

describe("the C files", function()
  local rank = {}
  for number, files in ipairs(C_LAYERS) do
    for _, name in ipairs(files) do
      rank[name] = number
    end
  end

  local function includes(name)
    local ours, theirs = {}, {}
    local text = text_of("plugin/" .. name)
    for included in text:gmatch('#include "([^"]+)"') do
      ours[#ours + 1] = included
    end
    for included in text:gmatch("#include <([^>]+)>") do
      theirs[#theirs + 1] = included
    end
    return ours, theirs
  end

  it("stand in a layer each, and include what stands beside or below them", function()
    for _, path in ipairs(files_under("plugin", "%.[ch]$")) do
      local name = path:match("[^/]+$")
      assert(rank[name], name .. " stands in no layer of this spec")
      for _, included in ipairs((includes(name))) do
        assert.is_true(rank[included] >= rank[name], name .. " includes " .. included .. ", which stands above it")
      end
    end
  end)

  it("reach Lua's headers through compat.h alone, and the pure ones not at all", function()
    local function reaches_lua(name)
      local ours, theirs = includes(name)
      for _, header in ipairs(theirs) do
        if header:match("^lua") or header:match("^lauxlib") then
          assert.equal("compat.h", name)
          return true
        end
      end
      for _, header in ipairs(ours) do
        if reaches_lua(header) then
          return true
        end
      end
      return false
    end
    assert.is_true(reaches_lua("probe.c"))
    for _, path in ipairs(files_under("plugin", "%.[ch]$")) do
      reaches_lua(path:match("[^/]+$"))
    end
    for _, name in ipairs(C_WITHOUT_LUA) do
      assert.is_false(reaches_lua(name), name)
    end
  end)

  it("ask for versions of Lua and OpenSSL in compat.h alone", function()
    for _, path in ipairs(files_under("plugin", "%.[ch]$")) do
      if path ~= "plugin/compat.h" then
        assert.is_nil(text_of(path):match("LUA_VERSION_NUM") or text_of(path):match("OPENSSL_VERSION_NUMBER"), path)
      end
    end
  end)
end)
