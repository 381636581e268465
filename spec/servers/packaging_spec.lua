-- What `make install`, `make docs` and luarocks put where, in a folder of this run; and that it works from there.

local process = require "spec.support.process"
local resum = require "resum"
local uv = require "luv"

-- What an outer make has told its children.
local CLEAN = { MAKEFLAGS = false, MAKELEVEL = false, MFLAGS = false, SAN = false, LD_PRELOAD = false }

local function run(command, environment)
  local changes = {}
  for _, more in ipairs({ CLEAN, environment or {} }) do
    for name, value in pairs(more) do
      changes[name] = value
    end
  end
  local result = process.run({
    command = command,
    environment = changes,
    working_directory = process.ROOT,
    seconds = 120,
  })
  assert.equal(0, result.code, table.concat(command, " ") .. ":\n" .. result.stderr)
  return result.stdout
end

local function exists(path)
  return uv.fs_stat(path) ~= nil
end

local function installed_version(root, version)
  return run({ "lua" .. version, "-e", "print(require('resum')._VERSION)" }, {
    LUA_PATH = ("%s/share/lua/%s/?.lua;%s/share/lua/%s/?/init.lua"):format(root, version, root, version),
    LUA_CPATH = ("%s/lib/lua/%s/?.so;;"):format(root, version),
  })
end

describe("make install #unsanitized", function()
  local folder, root

  local function make(target, version)
    run({ "make", "-s", target, "DESTDIR=" .. folder, "PREFIX=/opt/resum", "LUA_VERSION=" .. version })
  end

  setup(function()
    folder = process.temporary_directory()
    root = folder .. "/opt/resum"
    make("install", "5.3")
    make("install", "5.4")
  end)

  it("lets versions for Lua 5.3 and 5.4 live side by side", function()
    for _, version in ipairs({ "5.3", "5.4" }) do
      assert.equal(resum._VERSION .. "\n", installed_version(root, version))
    end
    assert.equal("resum " .. resum.VERSION, resum._VERSION)
  end)

  it("gives each a command, and resum is the one installed last", function()
    assert.equal("resum-5.4", uv.fs_readlink(root .. "/bin/resum"))
    for _, version in ipairs({ "5.3", "5.4" }) do
      local said = run({ root .. "/bin/resum-" .. version, "--version" }, {
        LUA_PATH = ("%s/share/lua/%s/?.lua;%s/share/lua/%s/?/init.lua;;"):format(root, version, root, version),
        LUA_CPATH = ("%s/lib/lua/%s/?.so;;"):format(root, version),
      })
      assert.matches("^resum [%d.]+, OpenSSL 3[^,]+, Lua " .. version .. "\n$", said)
    end
    assert.is_true(exists(root .. "/share/man/man1/resum.1"))
  end)

  it("is undone by make uninstall, one version at a time", function()
    make("uninstall", "5.4")
    assert.equal(resum._VERSION .. "\n", installed_version(root, "5.3"))
    assert.equal("resum-5.3", uv.fs_readlink(root .. "/bin/resum"))
    assert.is_false(exists(root .. "/share/lua/5.4/resum"))
    assert.is_false(exists(root .. "/lib/lua/5.4/resum"))
    make("uninstall", "5.3")
    for _, path in ipairs({ "/bin/resum", "/bin/resum-5.3", "/share/lua/5.3/resum", "/share/man/man1/resum.1" }) do
      assert.is_nil(uv.fs_lstat(root .. path), path)
    end
  end)
end)

describe("the manual #unsanitized", function()
  it("has every option of the command, and no other", function()
    local function options_of(text, pattern)
      local found = {}
      for name in text:gmatch(pattern) do
        found[name] = not name:find("_", 1, true) or nil -- in a sentence, not in the list
      end
      return found
    end
    local help = process.run({ command = { "./lua/bin/resum", "--help" }, working_directory = process.ROOT }).stdout
    local manual = process.read_file(process.ROOT .. "/docs/resum.1"):match("%.Ss What is asked(.*)%.Sh ENVIRONMENT")
    assert.same(options_of(help, "%f[-]%-%-([%l_-]+)"), options_of(manual, "Fl %-([%l-]+)"))
  end)
end)

describe("luarocks make", function()
  it("builds and installs what the rockspec says #heavy", function()
    local tree = process.temporary_directory()
    local rocks = { "luarocks", "--lua-version", "5.4", "--tree", tree }
    run(table.move({ "make", "--deps-mode=none" }, 1, 2, #rocks + 1, { table.unpack(rocks) }))
    assert.equal(resum._VERSION .. "\n", installed_version(tree, "5.4"))
    assert.is_true(exists(tree .. "/bin/resum"))
  end)
end)

describe("make docs", function()
  it("makes a page for each module, with what is documented in it #heavy", function()
    run({ "make", "-s", "docs" })
    for page, words in pairs({
      ["modules/resum.html"] = "rate(wanted_target",
      ["modules/resum.core.html"] = "handshake:step",
      ["modules/resum.host.uv.html"] = "connect(address, port",
      ["topics/write-a-host.md.html"] = "<h1>Write a host</h1>",
    }) do
      local html = process.read_file(process.ROOT .. "/build/docs/" .. page)
      assert.is_truthy(html:find(words, 1, true), page)
    end
  end)
end)
