--- resum.core as a shared object: what it exports and links, that it lives with other users of OpenSSL and of Lua in
-- one process, and that it works on Lua 5.3 as well.

local uv = require "luv"
local core = require "resum.core"
local memory = require "spec.support.memory"
local pair = require "spec.support.pair"
local pki = require "spec.support.pki"
local process = require "spec.support.process"

local BUILD = os.getenv("RESUM_BUILD")
local MODULE = BUILD .. "/resum/core.so"

local function output_of(command, options)
  options = options or {}
  options.command = command
  local result = process.run(options)
  assert.equal(0, result.code, result.stderr)
  return result.stdout
end

describe("the module", function()
  it("that the specs load is the one that make has built", function()
    local loaded = assert(package.searchpath("resum.core", package.cpath))
    assert.equal(uv.fs_realpath(MODULE), uv.fs_realpath(loaded))
  end)

  it("exports its luaopen function and nothing else", function()
    local names = {}
    for name in output_of({ "nm", "-D", "--defined-only", MODULE }):gmatch(" T (%S+)") do
      names[#names + 1] = name
    end
    assert.same({ "luaopen_resum_core" }, names)
  end)

  it("links OpenSSL, and no Lua library: the program that loads it has one", function()
    local libraries = {}
    for name in output_of({ "readelf", "-d", MODULE }):gmatch("%(NEEDED%)[^%[]*%[([%w_-]+)%.so") do
      libraries[name] = true
    end
    assert.is_true(libraries.libssl and libraries.libcrypto)
    for name in pairs(libraries) do
      assert.is_nil(name:match("lua"), name)
    end
  end)

  local FORBIDDEN = "socket connect send recv read write open fopen fread fwrite fputs puts printf fprintf getenv time "
    .. "gettimeofday clock_gettime sleep nanosleep system exit BIO_new_file BIO_new_socket BIO_new_connect BIO_new_fp "
    .. "SSL_set_fd lua_callk lua_yieldk lua_resume luaL_callmeta luaL_tolstring"

  it("asks the system for no socket, clock, file or terminal, and calls no Lua function", function()
    local forbidden = {}
    for name in FORBIDDEN:gmatch("%S+") do
      forbidden[name] = true
    end
    local found, seen = {}, 0
    for name in output_of({ "nm", "-D", "--undefined-only", MODULE }):gmatch(" [Uw] ([%w_]+)") do
      seen = seen + 1
      found[#found + 1] = (forbidden[name] or forbidden[name:match("^__(%w+)_chk$")]) and name or nil
    end
    assert.same({}, found)
    assert.is_true(seen > 100)
  end)

  it("has the version that stands in its source, and names its OpenSSL", function()
    local source = process.read_file(process.ROOT .. "/plugin/module.c")
    assert.equal(source:match('#define RS_VERSION "([^"]+)"'), core.VERSION)
    assert.matches("^%d+%.%d+%.%d+$", core.VERSION)
    assert.matches("^OpenSSL 3%.", core.OPENSSL)
  end)

  it("may be loaded twice, and both know each other's objects", function()
    local open = assert(package.loadlib(MODULE, "luaopen_resum_core"))
    local again = open()
    assert.are_not.equal(core, again)
    local session = memory.visit(memory.server()).session
    local client = again.handshake(core.context(), { session = session })
    assert.equal("established", pair.run(client, memory.server():accept()).client)
  end)
end)

describe("another user of OpenSSL in the same process", function()
  -- LuaSec's client and server on a socket pair of loopback, one step each.
  local function luasec_pair(version)
    local socket, ssl = require "socket", require "ssl"
    local identity = pki.get("ecdsa")
    local listener = assert(socket.bind("127.0.0.1", 0))
    local host, port = listener:getsockname()
    local client = assert(socket.connect(host, port))
    local server = assert(listener:accept())
    listener:close()
    local function wrap(end_of, mode)
      local wrapped = assert(ssl.wrap(end_of, {
        mode = mode, protocol = version, certificate = identity.certificate, key = identity.key, verify = "none",
      }))
      wrapped:settimeout(0)
      return wrapped
    end
    return wrap(client, "client"), wrap(server, "server")
  end

  for version, theirs in pairs { ["TLSv1.2"] = "tlsv1_2", ["TLSv1.3"] = "tlsv1_3" } do
    it(("shakes hands in turn with us, with %s"):format(version), function()
      for _ = 1, 5 do
        local a, b = luasec_pair(theirs)
        local ours, server = memory.client(), memory.server({ max_version = version }):accept()
        local _, flight = ours:step()
        local done_a, done_b, state
        assert(process.wait_until(process.PATIENCE, function()
          done_a = done_a or a:dohandshake()
          flight = select(2, server:step(flight))
          done_b = done_b or b:dohandshake()
          state, flight = ours:step(flight)
          return done_a and done_b and state == "established"
        end))
        assert.same({ true, version }, { server:facts().finished, ours:facts().version })
        assert.equal(4, a:send("ping"))
        assert.equal("ping", process.wait_until(process.PATIENCE, function() return (b:receive(4)) end))
        pair.close(ours, server)
        a:close()
        b:close()
      end
    end)
  end
end)

-- A program of this Lua, or of another one, with the tree's paths.
local function lua(program, options)
  options = options or {}
  return process.run {
    command = { options.interpreter or uv.exepath(), "-e", program }, seconds = 60, environment = options.environment,
  }
end

describe("a Lua state", function()
  local IN_THE_MIDDLE = [[
    local memory, core = require "spec.support.memory", require "resum.core"
    kept = {}
    for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
      local server = memory.server { max_version = version }
      local session = memory.visit(server).session
      for flights = 0, 3 do
        local client, connection = memory.client { session = flights > 1 and session or nil }, server:accept()
        local bytes = ""
        for _ = 1, flights do
          bytes = select(2, client:step(bytes))
          bytes = select(2, connection:step(bytes))
        end
        kept[#kept + 1] = { client, client:session(), session }
      end
    end
    %s
    print(#kept)
  ]]

  for name, ending in pairs {
    ["closes"] = "",
    ["ends with an error"] = "io.stdout:write('8\\n'); error('on purpose')",
    ["is closed by os.exit"] = "print(#kept) os.exit(0, true)",
    ["collects without pause and closes"] = "collectgarbage('setpause', 0) kept = { 1, 2, 3, 4, 5, 6, 7, 8 }",
  } do
    it(name .. " in the middle of handshakes", function()
      local result = lua(IN_THE_MIDDLE:format(ending))
      local wanted = name:find("error") and 1 or 0
      assert.same({ wanted, "8\n" }, { result.code, result.stdout }, result.stderr)
    end)
  end

  it("in each of several threads has its own handshakes", function()
    local result = lua [=[
      local uv = require "luv"
      local function work(name)
        local memory = require "spec.support.memory"
        local server, session = memory.server(), nil
        local resumed = 0
        for _ = 1, 20 do
          local visit = memory.visit(server, { session = session })
          session = visit.session
          resumed = resumed + (visit.facts.reused and 1 or 0)
        end
        io.stdout:write(("%s %d\n"):format(name, resumed))
      end
      require("spec.support.pki").get("ecdsa")
      local threads = {}
      for i = 1, 4 do
        threads[i] = assert(uv.new_thread(work, "thread"))
      end
      for _, thread in ipairs(threads) do
        thread:join()
      end
      uv.run() -- luv 1.48 closes what a thread notifies it with here, and crashes when the state closes before
    ]=]
    assert.same({ 0, ("thread 19\n"):rep(4) }, { result.code, result.stdout }, result.stderr)
  end)
end)

describe("on Lua 5.3", function()
  it("the module has the same specs", function()
    local build = BUILD:gsub("5%.%d([-%w]*)$", "5.3%1")
    local result = process.run {
      command = { "lua5.3", "/usr/bin/busted", "-o", "TAP", "--pattern=_spec", "spec/handshake_spec.lua",
        "spec/context_spec.lua", "spec/class_spec.lua" },
      environment = { RESUM_BUILD = build, LUA_CPATH = build .. "/?.so;;" }, seconds = 120,
    }
    assert.equal(0, result.code, result.stdout:match("not ok.*") or result.stderr)
    assert.matches("ok 150 ", result.stdout, 1, true)
  end)
end)
