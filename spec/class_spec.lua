--- What every class of resum.core owes its user: closed use is a clear error, closing twice is none, a wrong argument
-- is named, and the collector may come at any time. A new class adds a row to CLASSES.

local core = require "resum.core"
local memory = require "spec.support.memory"
local pair = require "spec.support.pair"

local LUA_54 = _VERSION >= "Lua 5.4"

local function new_session()
  return memory.visit(memory.server()).session
end

local CLASSES = {
  { name = "context", closed = "the context is closed", new = core.context, methods = {} },
  { name = "handshake", closed = "the handshake is closed", new = function() return memory.client() end,
    methods = { step = {}, eof = {}, write = { "x" }, read = {}, shutdown = {}, session = {}, sessions = {}, facts = {},
      transcript = {} } },
  { name = "session", closed = "the session is closed", new = new_session,
    methods = { fields = {}, der = {}, pem = {}, copy = {}, derive = { {} } } },
  { name = "probe", closed = "the probe is closed", new = function() return core.probe { session = new_session() } end,
    methods = { step = {}, eof = {}, shutdown = {}, sessions = {}, facts = {}, transcript = {} } },
}

local function message_of(call, ...)
  local ran, message = pcall(call, ...)
  assert.is_false(ran)
  return message
end

for _, class in ipairs(CLASSES) do
  describe("a " .. class.name, function()
    it("has its methods, and shows nothing of what is inside", function()
      local object = class.new()
      assert.is_function(object.close)
      for name in pairs(class.methods) do
        assert.is_function(object[name], name)
      end
      for _, name in ipairs { "new", "free", "__gc", "__index", "secret", "master_key" } do
        assert.is_nil(object[name])
      end
    end)

    it("says that it is closed, whatever is asked of it", function()
      local object = class.new()
      object:close()
      assert.equal("resum." .. class.name .. " (closed)", tostring(object))
      for name, arguments in pairs(class.methods) do
        local message = message_of(object[name], object, table.unpack(arguments))
        assert.matches(class.closed, message, 1, true)
      end
    end)

    it("closes any number of times", function()
      local object = class.new()
      for _ = 1, 3 do
        assert.same({}, { object:close() })
      end
    end)

    it("refuses a self of another type", function()
      local object = class.new()
      for name in pairs(class.methods) do
        for _, self in pairs { 1, "x", {}, io.stdout, name == "fields" and core.context() or new_session } do
          local message = message_of(object[name], self)
          assert.matches("resum." .. class.name .. " expected", message, 1, true)
        end
      end
    end)

    it("hides its metatable", function()
      assert.is_false(getmetatable(class.new()))
      assert.has_error(function() setmetatable(class.new(), {}) end)
    end)

    it("takes no fields", function()
      local object = class.new()
      assert.has_error(function() object.field = 1 end)
    end)

    if LUA_54 then
      it("is closed at the end of its scope", function()
        local run = assert(load("local object <close> = ...; return object"))
        assert.equal("resum." .. class.name .. " (closed)", tostring(run(class.new())))
      end)
    end

    it("is collected, and goes on being closed when a finalizer brings it back", function()
      local revived = {}
      do
        local object = class.new()
        setmetatable({}, { __gc = function() revived[1] = object end })
      end
      collectgarbage()
      collectgarbage()
      assert.equal("resum." .. class.name .. " (closed)", tostring(revived[1]))
    end)
  end)
end

describe("the constructors", function()
  for name, case in pairs {
    ["a handshake without a context"] = { core.handshake, {}, "resum.context expected, got nil" },
    ["a handshake from a session"] = { core.handshake, { new_session() }, "resum.context expected, got resum.session" },
    ["a session from a context"] = { core.session, { core.context() }, "table expected, got resum.context" },
    ["a context from a session"] = { core.context, { new_session() }, "table expected, got resum.session" },
    ["a server name that is a number"] = { core.handshake, { core.context(), { server_name = 1 } },
      "option 'server_name': string expected, got number" },
    ["a server name with a NUL byte"] = { core.handshake, { core.context(), { server_name = "a\0b" } },
      "option 'server_name' has a NUL byte" },
    ["a session that is text"] = { core.handshake, { core.context(), { session = "DER" } },
      "option 'session': resum.session expected, got string" },
    ["no room for bytes"] = { core.handshake, { core.context(), { max_bytes = 0 } },
      "option 'max_bytes': 1 to 1073741824 expected" },
    ["half a byte"] = { core.handshake, { core.context(), { max_bytes = 1.5 } },
      "option 'max_bytes': integer expected, got number" },
    ["an unknown option"] = { core.handshake, { core.context(), { servername = "x" } }, "unknown option 'servername'" },
  } do
    it("raise an error for " .. name, function()
      assert.matches(case[3], message_of(case[1], table.unpack(case[2])), 1, true)
    end)
  end

  it("raise an error for a context and a session that are closed", function()
    local context, session = core.context(), new_session()
    session:close()
    assert.matches("option 'session': the session is closed",
      message_of(core.handshake, context, { session = session }), 1, true)
    context:close()
    assert.matches("the context is closed", message_of(core.handshake, context), 1, true)
  end)

  it("raise an error for bytes that are no string", function()
    local client = memory.client()
    assert.matches("string expected, got table", message_of(client.step, client, {}), 1, true)
    assert.matches("string expected, got no value", message_of(client.write, client), 1, true)
  end)
end)

-- A machine that collects before and after each step.
local function collecting(machine)
  return {
    step = function(_, bytes)
      collectgarbage()
      local state, out, message, code = machine:step(bytes)
      collectgarbage()
      return state, out, message, code
    end,
  }
end

describe("the collector", function()
  local COLLECTORS = {
    incremental = function() collectgarbage("setpause", 0); collectgarbage("setstepmul", 1000) end,
    generational = LUA_54 and function() collectgarbage("generational", 1, 1) end or nil,
  }

  after_each(function()
    if LUA_54 then
      collectgarbage("incremental", 200, 100)
    else
      collectgarbage("setpause", 200)
      collectgarbage("setstepmul", 200)
    end
  end)

  for name, set in pairs(COLLECTORS) do
    for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
      it(("may come between all steps of %s when it is %s"):format(version, name), function()
        set()
        local server = memory.server { max_version = version }
        local session
        for round = 1, 3 do
          local client, connection = memory.client { session = session }, server:accept()
          local result = pair.run(collecting(client), collecting(connection), { chunk = 100 })
          assert.same({ "established", "established" }, { result.client, result.server })
          assert.equal(round > 1, client:facts().reused)
          session = client:sessions()[1]
          pair.close(client, connection)
        end
      end)
    end

    it("may take everything in the middle of a handshake when it is " .. name, function()
      set()
      for _ = 1, 50 do
        local client = memory.client { context = { max_version = "TLSv1.2" } }
        client:step(select(2, memory.server():accept():step(select(2, client:step()))))
      end
      collectgarbage()
      assert.equal("established", memory.connect(memory.server()).result.client)
    end)
  end
end)
