-- What `make install`, `make docs` and luarocks put where, in a folder of this run; and that it works from there.

local process = require "spec.support.process"
local resum = require "resum"
local tables = require "resum.util.tables"
local uv = require "luv"

-- What an outer make has told its children.
local CLEAN = { MAKEFLAGS = false, MAKELEVEL = false, MFLAGS = false, SAN = false, LD_PRELOAD = false }

local function run(command, environment)
  local result = process.run({
    command = command,
    environment = tables.merged(CLEAN, environment),
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
  local PREFIX = "/any where/resum"
  local folder, root

  local function make(target, version)
    run({ "make", "-s", target, "DESTDIR=" .. folder, "PREFIX=" .. PREFIX, "LUA_VERSION=" .. version })
  end

  -- The whole command, down to a connection, with no variable but those given.
  local function assert_starts(command, version, variables)
    local words = { "env", "-i" }
    table.move(variables or {}, 1, #(variables or {}), 3, words)
    table.move(command, 1, #command, #words + 1, words)
    local version_words = table.move({ "--version" }, 1, 1, #words + 1, { table.unpack(words) })
    assert.matches("^resum [%d.]+, OpenSSL 3[^,]+, Lua " .. version .. "\n$", run(version_words))
    words[#words + 1] = "127.0.0.1:" .. process.closed_port()
    local result = process.run({ command = words, working_directory = "/" })
    assert.same({ 1, "" }, { result.code, result.stderr })
    assert.matches("connection refused[^\n]*\n$", result.stdout)
  end

  -- What is under a folder, folders included.
  local function content(path, found)
    found = found or {}
    for _, name in ipairs(process.list(path)) do
      found[#found + 1] = path .. "/" .. name
      if uv.fs_lstat(path .. "/" .. name).type == "directory" then
        content(path .. "/" .. name, found)
      end
    end
    return found
  end

  setup(function()
    folder = process.temporary_directory()
    root = folder .. PREFIX
    assert(uv.fs_mkdir(folder .. "/any where", 448))
    make("install", "5.3")
    make("install", "5.4")
  end)

  it("lets versions for Lua 5.3 and 5.4 live side by side", function()
    for _, version in ipairs({ "5.3", "5.4" }) do
      assert.equal(resum._VERSION .. "\n", installed_version(root, version))
    end
    assert.equal("resum " .. resum.VERSION, resum._VERSION)
  end)

  it("gives each a command that finds its own files, and resum is the one installed last", function()
    assert.equal("resum-5.4", uv.fs_readlink(root .. "/bin/resum"))
    assert_starts({ root .. "/bin/resum-5.3" }, "5.3")
    assert_starts({ root .. "/bin/resum-5.4" }, "5.4")
    assert_starts({ root .. "/bin/resum" }, "5.4")
    assert.is_true(exists(root .. "/share/man/man1/resum.1"))
  end)

  it("gives a command that starts from PATH, behind links, and after being copied", function()
    local elsewhere = process.temporary_directory()
    assert_starts({ "resum" }, "5.4", { ("PATH=%s/bin:/usr/bin:/bin"):format(root) })
    assert(uv.fs_symlink(root .. "/bin/resum", elsewhere .. "/it's a link"))
    assert(uv.fs_symlink("it's a link", elsewhere .. "/another"))
    assert_starts({ elsewhere .. "/another" }, "5.4")
    run({ "cp", "-a", root, elsewhere .. "/package" })
    assert_starts({ elsewhere .. "/package/bin/resum" }, "5.4")
    assert(uv.fs_rename(root, root .. ".away"))
    assert_starts({ elsewhere .. "/package/bin/resum-5.3" }, "5.3")
    assert(uv.fs_rename(root .. ".away", root))
  end)

  it("gives a command that is not touched by what a user has Lua do at its start", function()
    for _, name in ipairs({ "LUA_INIT", "LUA_INIT_5_4", "LUA_INIT_5_3" }) do
      for _, code in ipairs({ "error('not here')", "print('noise')", "package.path = '' package.cpath = ''" }) do
        for _, version in ipairs({ "5.3", "5.4" }) do
          assert_starts({ root .. "/bin/resum-" .. version }, version, { name .. "=" .. code })
        end
      end
    end
  end)

  it("leaves nothing of what was installed there before", function()
    process.write_file(root .. "/share/lua/5.4/resum/cli.lua", "error('of an earlier version')")
    make("install", "5.4")
    assert_starts({ root .. "/bin/resum-5.4" }, "5.4")
  end)

  it("is undone by make uninstall, one version at a time, down to the folders that it made", function()
    for _, order in ipairs({ { "5.4", "5.3" }, { "5.3", "5.4" } }) do
      make("uninstall", order[1])
      assert.equal(resum._VERSION .. "\n", installed_version(root, order[2]))
      assert_starts({ root .. "/bin/resum" }, order[2])
      for _, path in ipairs(content(root)) do
        assert.is_nil(path:find(order[1], 1, true), path)
      end
      make("uninstall", order[2])
      assert.same({ folder .. "/any where" }, content(folder))
      make("install", "5.3")
      make("install", "5.4")
    end
  end)

  it("leaves folders in which something of somebody else's stands", function()
    process.write_file(root .. "/share/lua/5.3/other.lua", "")
    make("uninstall", "5.3")
    make("uninstall", "5.4")
    assert.same({ "", "/share", "/share/lua", "/share/lua/5.3", "/share/lua/5.3/other.lua" },
      (function(found)
        for i, path in ipairs(found) do
          found[i] = path:sub(#root + 1)
        end
        table.remove(found, 1) -- what was there before
        return found
      end)(content(folder)))
  end)
end)

describe("the manual #unsanitized", function()
  it("has every option of the command, and no other", function()
    local function options_of(text, pattern)
      local found = {}
      for name in text:gmatch(pattern) do
        found[name] = true
      end
      return found
    end
    local help = process.run({ command = { "./lua/bin/resum", "--help" }, working_directory = process.ROOT }).stdout
    local manual = process.read_file(process.ROOT .. "/docs/resum.1"):match("%.Ss What is asked(.*)%.Sh ENVIRONMENT")
    assert.same(options_of(help, "%f[-]%-%-([%l_]+)"), options_of(manual, "Fl %-([%l_]+)"))
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

describe("make docs #heavy", function()
  local function page(name)
    return process.read_file(process.ROOT .. "/build/docs/" .. name)
  end

  setup(function()
    run({ "make", "-s", "docs" })
  end)

  it("makes a page for each module, with what is documented in it", function()
    for name, words in pairs({
      ["modules/resum.html"] = "rate(wanted_target",
      ["modules/resum.core.html"] = "handshake:step",
      ["modules/resum.host.uv.html"] = "connect(address, port",
      ["internals/resum.scanner.html"] = "scanner:run",
      ["internals/resum.host.luv_thread.html"] = "luv",
      ["internals/resum.target.idn2.html"] = "to_ascii",
      ["guides/write-a-host.md.html"] = "<h1>Write a host</h1>",
    }) do
      assert.is_truthy(page(name):find(words, 1, true), name)
    end
  end)

  it("lists public modules first, then the guides, then what is inside", function()
    local content = page("index.html"):match('<div id="content">(.*)')
    local headings, modules = {}, {}
    for heading in content:gmatch("<h2>(%u%l+)</h2>") do
      headings[#headings + 1] = heading
    end
    assert.same({ "Modules", "Guides", "Internals" }, headings)
    for module in content:gmatch('href="modules/([%w_.]+)%.html"') do
      modules[#modules + 1] = module
    end
    assert.same({ "resum", "resum.core", "resum.target" }, { table.unpack(modules, 1, 3) })
    for i = 4, #modules do
      assert.is_truthy(modules[i] == "resum.connection.client" or modules[i]:find("^resum%.host%."), modules[i])
    end
    for _, file in ipairs(process.list(process.ROOT .. "/docs")) do
      assert.is_true(not file:find("%.md$") or content:find("guides/" .. file, 1, true) ~= nil, file)
    end
  end)
end)
