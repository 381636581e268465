--- OpenSSL's error queue belongs to the host program: it is as it was after every function of resum.core, `require`
-- included, whether the function returned, failed or raised. And a guarded function's errors read as if nothing stood
-- in between.

local uv = require "luv"
local core = require "resum.core"
local memory = require "spec.support.memory"
local pair = require "spec.support.pair"
local pki = require "spec.support.pki"
local process = require "spec.support.process"
local tls_server = require "spec.support.tls_server"

local FULL = 16 -- entries; OpenSSL keeps 15 of them

local IDENTITY = pki.get("client")
local BROKEN = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"

-- The queue with so many entries of the host's.
local function left(count)
  tls_server.errors()
  tls_server.leave_errors(count)
  return tls_server.errors()
end

-- Runs a call with none, one, several and too many entries in the queue. What a call needs is made before.
local function assert_unchanged(call)
  for _, count in ipairs { 0, 1, 5, FULL } do
    local before = left(count)
    assert.equal(math.min(count, FULL - 1), #before)
    tls_server.leave_errors(count)
    call()
    assert.same(before, tls_server.errors())
  end
end

local function established(version)
  return memory.connect(memory.server { max_version = version or "TLSv1.2" }).client
end

local SESSION = memory.visit(memory.server()).session

-- What leaves something in the queue, or empties it.
local CALLS = {
  ["a context"] = function()
    core.context { certificate = IDENTITY.certificate_pem, private_key = IDENTITY.key_pem }
  end,
  ["a context that is refused"] = function() core.context { certificate = BROKEN, private_key = "" } end,
  ["a list that is refused"] = function() core.context { groups = "P-255" } end,
  ["a misspelt option"] = function() assert.has_error(function() core.context { cipher = "x" } end) end,
  ["a handshake that is refused"] = function() core.handshake(core.context(), { server_name = "" }) end,
  ["a handshake that fails"] = function() memory.client():step("garbage") end,
  ["an end in the middle"] = function() memory.client():eof() end,
  ["a handshake that is closed in the middle"] = function()
    local client = memory.client()
    client:step()
    client:shutdown()
    client:close()
  end,
  ["a session's life"] = function()
    core.session({ der = SESSION:der() }):close()
    core.session({ pem = SESSION:copy():pem() }):fields()
    SESSION:derive({ ticket = "x" })
  end,
  ["a session that is refused"] = function()
    core.session { der = "garbage" }
    core.session { pem = "garbage" }
    core.session { version = "TLSv1.3", cipher = 0x1a2b, secret = "s" }
  end,
  ["a probe that fails"] = function() core.probe({ session = SESSION }):step("garbage") end,
  ["a closed machine"] = function()
    local client = memory.client()
    client:close()
    assert.has_error(function() client:step() end)
  end,
  ["the module, loaded once more"] = function()
    assert(package.loadlib(assert(package.searchpath("resum.core", package.cpath)), "luaopen_resum_core"))()
  end,
  ["a parse, and a ClientHello"] = function()
    core.parse(core.client_hello())
  end,
}

describe("the host's entries in OpenSSL's error queue are left alone by", function()
  for name, call in pairs(CALLS) do
    it(name, function()
      assert_unchanged(call)
    end)
  end

  -- The spec's server is libssl's as well, and empties the queue: only the machine's own calls are looked at.
  local function watched(machine)
    local function watch(verb)
      return function(_, ...)
        local answer
        local arguments = table.pack(...)
        local before = left(3)
        tls_server.leave_errors(3)
        answer = table.pack(machine[verb](machine, table.unpack(arguments, 1, arguments.n)))
        assert.same(before, tls_server.errors(), verb)
        return table.unpack(answer, 1, answer.n)
      end
    end
    return { step = watch "step", shutdown = watch "shutdown", facts = watch "facts", close = watch "close",
      sessions = watch "sessions" }
  end

  for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
    it("whole handshakes, full ones and resumed and refused ones, of " .. version, function()
      local server = memory.server { min_version = version, max_version = version }
      local session = memory.visit(server).session
      for _, asked in ipairs { server, memory.server { min_version = version, max_version = version } } do
        for _, machine in ipairs { memory.client(), memory.client { session = session },
          core.probe { session = session } } do
          local client, connection = watched(machine), asked:accept()
          assert.is_string(pair.run(client, connection).client)
          pair.close(client, connection)
          client:facts()
          client:sessions()
          client:close()
        end
      end
    end)
  end

  it("a machine that met garbage and an end when it was established", function()
    for _, bytes in ipairs { "garbage", "\21\3\3\0\2\2\40" } do
      local client = established()
      tls_server.errors()
      client:step(bytes)
      client:eof()
      assert.same({}, tls_server.errors())
    end
  end)

  it("every function that Lua gets from the module: all of them run behind the guard", function()
    local seen = {}
    local function check(name, value)
      if type(value) == "function" and not seen[value] then
        seen[value] = name
        assert_unchanged(function() pcall(value) end)
        assert_unchanged(function() pcall(value, {}) end)
        assert_unchanged(function() pcall(value, SESSION) end)
      end
    end
    for name, value in pairs(core) do
      check(name, value)
    end
    for _, object in ipairs { core.context(), memory.client(), SESSION:copy(), core.probe { session = SESSION } } do
      local metatable = debug.getmetatable(object)
      for _, from in ipairs { metatable, metatable.__index } do
        for name, value in pairs(from) do
          check(name, value)
        end
      end
    end
    local count = 0
    for value in pairs(seen) do -- the guard keeps the function itself as its only upvalue
      count = count + 1
      local name, behind = debug.getupvalue(value, 1)
      assert.same({ "", "function" }, { name, type(behind) }, seen[value])
      assert.is_nil(debug.getupvalue(value, 2))
    end
    assert.is_true(count > 25)
  end)

  it("`require` in a new process, which fetches algorithms", function()
    local result = process.run { command = { uv.exepath(), "-e", [[
      local tls_server = require "spec.support.tls_server"
      tls_server.leave_errors(5)
      require "resum.core"
      print(#tls_server.errors())
    ]] }, seconds = 60 }
    assert.same({ 0, "5\n" }, { result.code, result.stdout }, result.stderr)
  end)
end)

describe("a guarded function", function()
  it("gives no reason that is somebody else's", function()
    tls_server.leave_errors(1)
    assert.same({ nil, "ciphers: no cipher match", "unsupported" }, { core.context { ciphers = "NOTHING" } })
    local client = memory.client()
    client:step()
    local state, _, message = client:step("HTTP/1.1 400 Bad Request\r\n")
    assert.same({ nil, "handshake: wrong version number" }, { state, message })
    assert.equal(1, #tls_server.errors())
  end)

  it("raises in its caller's name, at its caller's place", function()
    local function message_of(text, ...)
      return select(2, pcall(assert(load(text, "=chunk")), ...))
    end
    local client = memory.client()
    assert.equal("chunk:1: bad argument #1 to 'parse' (string expected, got no value)",
      message_of("local core = ...; core.parse()", core))
    assert.equal("chunk:1: bad argument #1 to 'context' (unknown option 'x (y) #2')",
      message_of("local core = ...; core.context { ['x (y) #2'] = 1 }", core))
    assert.equal("chunk:1: bad argument #1 to 'step' (string expected, got table)",
      message_of("local client = ...; client:step({})", client))
    client:close()
    assert.equal("chunk:1: calling 'step' on bad self (the handshake is closed)",
      message_of("local client = ...; client:step()", client))
  end)
end)
