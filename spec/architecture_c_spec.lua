--- The C half of the architecture, read from the built objects (nm) and from the sources: plugin/tls knows neither Lua
-- nor libssl, arrows between files point one way, what a file shares stands in its own header, and functions fit a
-- screen. It knows no list of files: a new one is held to the same rules.

local uv = require "luv"
local process = require "spec.support.process"

local BUILD = os.getenv("RESUM_BUILD")
local LONGEST_FUNCTION = 40 -- lines, of the house's style

-- Shared for the specs' sake alone, and which of their modules needs them: published vectors are of these, and nothing
-- in the plugin calls them but their own file.
local FOR_SPECS = {
  rs_prf = "spec/support/keys.c",
  rs_hkdf_extract = "spec/support/keys.c",
}

-- --- what there is ---

local function text_of(path)
  return process.read_file(process.ROOT .. "/" .. path)
end

local function code_of(path)
  return (text_of(path):gsub("/%*.-%*/", ""))
end

-- Paths under plugin/, "tls/wire.h" and the like.
local function sources(pattern)
  local found = {}
  local function walk(folder)
    for _, name in ipairs(process.list(process.ROOT .. "/plugin/" .. folder)) do
      local path = folder .. name
      if uv.fs_stat(process.ROOT .. "/plugin/" .. path).type == "directory" then
        walk(path .. "/")
      elseif path:match(pattern) then
        found[#found + 1] = path
      end
    end
  end
  walk("")
  return found
end

local C_FILES, HEADERS, ALL_FILES = sources("%.c$"), sources("%.h$"), sources("%.[ch]$")

-- "tls", "lua", or "" for what stands on top.
local function room_of(name)
  return name:match("^(.-)/") or ""
end

-- "tls/flow" -> { defines = { [symbol] = true }, uses = { [symbol] = true } }
local function read_objects()
  local objects, paths, name_of = {}, {}, {}
  for _, file in ipairs(C_FILES) do
    local path = ("%s/plugin/%s.o"):format(BUILD, (file:gsub("%.c$", "")))
    paths[#paths + 1] = path
    name_of[path] = file:gsub("%.c$", "")
    objects[name_of[path]] = { defines = {}, uses = {} }
  end
  local result = process.run { command = { "nm", "-A", table.unpack(paths) } }
  assert.equal(0, result.code, result.stderr)
  for path, kind, symbol in result.stdout:gmatch("([^:\n]+):%x*%s+(%a) (%S+)") do
    local object = objects[name_of[path]]
    if kind == "U" or kind == "w" then
      object.uses[symbol] = true
    elseif kind:match("%u") then
      object.defines[symbol] = true
    end
  end
  return objects
end

-- --- the rules; each returns what is against them, sorted ---

local function sorted(list)
  table.sort(list)
  return list
end

-- object -> object -> a symbol that it uses there
local function graph_of(objects)
  local owner, graph = {}, {}
  for name, object in pairs(objects) do
    for symbol in pairs(object.defines) do
      owner[symbol] = name
    end
  end
  for name, object in pairs(objects) do
    graph[name] = {}
    for symbol in pairs(object.uses) do
      if owner[symbol] and owner[symbol] ~= name then
        graph[name][owner[symbol]] = symbol
      end
    end
  end
  return graph
end

-- The objects that reach themselves.
local function circles(graph)
  local found = {}
  for start in pairs(graph) do
    local seen, waiting = {}, { start }
    while #waiting > 0 do
      for target in pairs(graph[table.remove(waiting)]) do
        if not seen[target] then
          seen[target] = true
          waiting[#waiting + 1] = target
        end
      end
    end
    found[#found + 1] = seen[start] and start or nil
  end
  return sorted(found)
end

-- What is in host and in target are modules by themselves: of the others they may use a header, and what needs linking
-- they would not find.
local BY_ITSELF = { host = true, target = true }
local MAY_USE = {
  [""] = { lua = true }, host = { lua = true }, target = { lua = true }, lua = { lua = true, tls = true },
  tls = { tls = true },
}

local function arrows_up(graph)
  local found = {}
  for name, targets in pairs(graph) do
    for target, symbol in pairs(targets) do
      if not MAY_USE[room_of(name)][room_of(target)] then
        found[#found + 1] = ("%s uses %s of %s"):format(name, symbol, target)
      end
    end
  end
  return sorted(found)
end

local function is_foreign(symbol)
  return symbol:match("^luaL?_") or symbol:match("^SSL_") or symbol:match("_SSL_") or symbol:match("^D?TLS_")
end

-- What the core must not know: Lua, and libssl (libcrypto is all right).
local function foreign_imports(objects)
  local found = {}
  for name, object in pairs(objects) do
    for symbol in pairs(room_of(name) == "tls" and object.uses or {}) do
      found[#found + 1] = is_foreign(symbol) and name .. " imports " .. symbol or nil
    end
  end
  return sorted(found)
end

-- header -> symbol -> true
local function declarations()
  local declared = {}
  for _, path in ipairs(HEADERS) do
    declared[path] = {}
    for symbol in code_of("plugin/" .. path):gmatch("%f[%w_]([%w_]+)%(") do
      declared[path][symbol] = true
    end
  end
  return declared
end

-- Shared functions that are declared elsewhere than in the header of their own file.
local function misdeclared(objects, declared)
  local found = {}
  for name, object in pairs(objects) do
    for symbol in pairs(object.defines) do
      local places = {}
      for header, symbols in pairs(declared) do
        places[#places + 1] = symbols[symbol] and header or nil
      end
      if symbol:match("^rs_") and not (#places == 1 and places[1] == name .. ".h") then
        found[#found + 1] = ("%s of %s is declared in: %s"):format(symbol, name, table.concat(sorted(places), ", "))
      elseif not symbol:match("^rs_") and not symbol:match("^luaopen_resum_") then
        found[#found + 1] = ("%s of %s is shared without the prefix rs_"):format(symbol, name)
      end
    end
  end
  return sorted(found)
end

-- Shared functions that no other object uses, but for those in `exceptions`.
local function shared_for_nobody(objects, exceptions)
  local used, found = {}, {}
  for name, object in pairs(objects) do
    for symbol in pairs(object.uses) do
      used[symbol] = not object.defines[symbol] and name or used[symbol]
    end
  end
  for _, object in pairs(objects) do
    for symbol in pairs(object.defines) do
      if symbol:match("^rs_") and (used[symbol] == nil) ~= (exceptions[symbol] ~= nil) then
        found[#found + 1] = symbol
      end
    end
  end
  return sorted(found)
end

-- name -> lines, of the functions in a text that clang-format has formatted: they begin and end in the first column.
local function function_lengths(text)
  local lengths, name, start, number, inside = {}, nil, nil, 0, false
  for line in text:gmatch("([^\n]*)\n") do
    number = number + 1
    if not name and line:match("^%a") and not line:match("^typedef") then
      name, start = line:match("([%w_]+)%("), number
    end
    if name and not inside and line:match(";$") then -- a declaration
      name = nil
    end
    inside = name ~= nil and (inside or line:match("{$") ~= nil)
    if inside and line == "}" then
      lengths[name] = number - start + 1
      name, inside = nil, false
    end
  end
  return lengths
end

-- Static functions whose name does not begin with a word of their file's name.
local function misnamed(path, code)
  local stem, found = path:match("([%w_]+)%.c$"), {}
  local prefixes = { stem, (stem:gsub("s$", "")) }
  for word in stem:gmatch("%w+") do
    prefixes[#prefixes + 1] = word
  end
  for name in ("\n" .. code):gmatch("\nstatic [^=;{}()]-([%w_]+)%(") do
    local good = false
    for _, prefix in ipairs(prefixes) do
      good = good or name:sub(1, #prefix + 1) == prefix .. "_"
    end
    found[#found + 1] = not good and name or nil
  end
  return found
end

-- --- the plugin ---

describe("the C objects", function()
  local objects = read_objects()

  it("of plugin/tls import nothing of Lua and nothing of libssl", function()
    assert.same({}, foreign_imports(objects))
    assert.is_true(objects["tls/crypto"].uses.EVP_MD_fetch and objects["lua/probe"].uses.lua_pushnil)
  end)

  it("use each other without a circle, and no arrow points from plugin/tls to plugin/lua", function()
    local graph = graph_of(objects)
    assert.is_truthy(graph["lua/probe"]["tls/flow"] and graph["tls/flow"]["tls/send"])
    assert.same({}, circles(graph))
    assert.same({}, arrows_up(graph))
  end)

  it("of resum.core give Lua their functions through the guard alone, which alone calls what it is given", function()
    local found = {}
    for name, object in pairs(objects) do
      local is_core = room_of(name) == "lua" or room_of(name) == "tls" or name == "module"
      for symbol in pairs(is_core and object.uses or {}) do
        if symbol == "luaL_setfuncs" or symbol == "lua_pushcclosure" or symbol == "lua_pcallk" then
          found[#found + 1] = name .. " " .. symbol
        end
      end
    end
    assert.same({ "lua/guard lua_pcallk", "lua/guard lua_pushcclosure" }, sorted(found))
  end)

  it("share what the header of their own file declares", function()
    assert.same({}, misdeclared(objects, declarations()))
  end)

  it("share only what another object uses, or a spec's module where nothing else can reach it", function()
    assert.same({}, shared_for_nobody(objects, FOR_SPECS))
    for symbol, path in pairs(FOR_SPECS) do
      assert.matches("%f[%w_]" .. symbol .. "%(", code_of(path))
    end
  end)
end)

describe("the C files", function()
  it("have no function longer than a screen", function()
    local count, too_long = 0, {}
    for _, path in ipairs(ALL_FILES) do
      for name, length in pairs(function_lengths(text_of("plugin/" .. path))) do
        count = count + 1
        too_long[#too_long + 1] = length > LONGEST_FUNCTION and ("%s: %s, %d"):format(path, name, length) or nil
      end
    end
    assert.same({}, too_long)
    assert.is_true(count > 400)
  end)

  it("name static functions after themselves", function()
    for _, path in ipairs(C_FILES) do
      assert.same({}, misnamed(path, code_of("plugin/" .. path)), path)
    end
  end)

  it("include their own header first, and of others those beside and below them", function()
    for _, path in ipairs(ALL_FILES) do
      local own, first = path:match("([%w_]+)%.c$"), nil
      for included in code_of("plugin/" .. path):gmatch('#include "([^"]+)"') do
        first = first or included
        local room = included:find("/", 1, true) and room_of(included) or room_of(path)
        local place = included:find("/", 1, true) and included or path:gsub("[^/]*$", "") .. included
        assert.is_truthy(uv.fs_stat(process.ROOT .. "/plugin/" .. place), path .. " includes " .. included)
        assert.is_true(MAY_USE[room_of(path)][room] or room == room_of(path), path .. " includes " .. included)
      end
      if own and path ~= "module.c" and not BY_ITSELF[room_of(path)] then
        assert.equal(own .. ".h", first, path)
      end
    end
  end)

  it("reach Lua's headers through lua/compat.h alone, and in plugin/tls no header of libssl", function()
    for _, path in ipairs(ALL_FILES) do
      for header in code_of("plugin/" .. path):gmatch("#include <([^>]+)>") do
        assert.is_true(path == "lua/compat.h" or not header:match("^lua") and not header:match("^lauxlib"), path)
        assert.is_true(room_of(path) ~= "tls" or header ~= "openssl/ssl.h", path)
      end
    end
  end)

  it("ask for versions of Lua and OpenSSL in the two compat.h alone", function()
    for _, path in ipairs(ALL_FILES) do
      if not path:match("^%l+/compat%.h$") then
        local text = text_of("plugin/" .. path)
        assert.is_nil(text:match("LUA_VERSION_NUM") or text:match("OPENSSL_VERSION_NUMBER"), path)
      end
    end
  end)
end)

describe("a fault in the C files would be seen:", function()
  local function object(defines, uses)
    local made = { defines = {}, uses = {} }
    for _, symbol in ipairs(defines) do
      made.defines[symbol] = true
    end
    for _, symbol in ipairs(uses) do
      made.uses[symbol] = true
    end
    return made
  end

  it("an import of Lua or libssl, and none of libcrypto", function()
    assert.same({ "tls/a imports PEM_read_bio_SSL_SESSION", "tls/a imports SSL_new", "tls/a imports TLS_client_method",
      "tls/a imports luaL_error", "tls/a imports lua_gettop" }, foreign_imports {
      ["tls/a"] = object({}, { "lua_gettop", "luaL_error", "SSL_new", "PEM_read_bio_SSL_SESSION", "TLS_client_method",
        "OPENSSL_cleanse", "EVP_Digest" }),
      ["lua/b"] = object({}, { "lua_gettop", "SSL_new" }),
    })
  end)

  it("a circle, and an arrow from tls/ to lua/", function()
    local graph = graph_of {
      ["tls/a"] = object({ "rs_a" }, { "rs_b" }),
      ["tls/b"] = object({ "rs_b" }, { "rs_c" }),
      ["tls/c"] = object({ "rs_c" }, { "rs_a" }),
      ["tls/d"] = object({ "rs_d" }, { "rs_a", "rs_e" }),
      ["lua/e"] = object({ "rs_e" }, { "rs_a" }),
    }
    assert.same({ "tls/a", "tls/b", "tls/c" }, circles(graph))
    assert.same({ "tls/d uses rs_e of lua/e" }, arrows_up(graph))
  end)

  it("a function declared in another file's header, in none or in two, or without the prefix", function()
    local objects = { ["tls/a"] = object({ "rs_a", "rs_b", "rs_c", "rs_d", "e" }, {}) }
    assert.same({ "e of tls/a is shared without the prefix rs_", "rs_b of tls/a is declared in: tls/b.h",
      "rs_c of tls/a is declared in: ", "rs_d of tls/a is declared in: tls/a.h, tls/b.h" },
      misdeclared(objects, { ["tls/a.h"] = { rs_a = true, rs_d = true }, ["tls/b.h"] = { rs_b = true, rs_d = true } }))
  end)

  it("a function that nobody else uses, and an exception that is none any more", function()
    local objects = {
      ["tls/a"] = object({ "rs_a", "rs_b", "rs_c", "rs_d" }, { "rs_a" }),
      ["tls/b"] = object({}, { "rs_b", "rs_d" }),
    }
    assert.same({ "rs_a", "rs_d" }, shared_for_nobody(objects, { rs_c = "", rs_d = "" }))
  end)

  it("a function that is too long, whatever stands around it", function()
    local body = ("  step();\n"):rep(39)
    local text = "struct x;\nint rs_a(void);\nint rs_b(int x,\n         int y);\nstatic const int table[] = {\n    1,\n"
      .. "};\n#define F(x) g(x)\nstatic int a_long(int x,\n                  int y) {\n" .. body .. "}\n\n"
      .. "int rs_a(void) {\n  return 1;\n}\n"
    assert.same({ a_long = 42, rs_a = 3 }, function_lengths(text))
  end)

  it("a static function that is named after nothing", function()
    assert.same({ "helper", "recordless" }, misnamed("tls/server_record.c",
      "static int helper(void) {\n}\nstatic void recordless(int x);\nstatic int record_seal(int x) {\n}\n"
      .. "static const int record[] = {f(1)};\nstatic rs_x *server_open(void) {\n}\n"))
  end)
end)
