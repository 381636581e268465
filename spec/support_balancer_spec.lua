--- The specs' balancer, and servers that speak no TLS, proved by plain TCP: whom each connection reaches, and which
-- faults it suffers.

local balancer = require "spec.support.balancer"
local plain = require "spec.support.plain"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local uv = require "luv"

local PATIENCE = process.PATIENCE

local function new_listeners(count)
  local list = {}
  for i = 1, count do
    list[i] = plain.listen()
  end
  return list
end

local function stop_listeners(list)
  for _, listener in ipairs(list) do
    listener.stop()
  end
end

-- Which listener each of so many connections reached, e.g. "123123".
local function rotation(address, listeners, count)
  local sequence = ""
  for _ = 1, count do
    local before = {}
    for i, listener in ipairs(listeners) do
      before[i] = listener.accepted
    end
    plain.converse(address, "hello", nil, true)
    for i, listener in ipairs(listeners) do
      sequence = sequence .. tostring(i):rep(listener.accepted - before[i])
    end
  end
  return sequence
end

describe("spec.support #unsanitized", function()
  after_each(process.stop_all)

  describe("balancer", function()
    it("takes its backends strictly in turn, and the probe for its readiness takes no turn", function()
      local listeners = new_listeners(3)
      local server = servers.balancer { backends = listeners }
      assert.equal("123123123123", rotation(server.address, listeners, 12))
      stop_listeners(listeners)
    end)

    it("of HAProxy does so, too", function()
      local listeners = new_listeners(3)
      local server = servers.haproxy { backends = listeners }
      assert.equal("123123123123", rotation(server.address, listeners, 12))
      stop_listeners(listeners)
    end)

    it("takes them at random when told so", function()
      local listeners = new_listeners(2)
      local server = servers.balancer { backends = listeners, policy = "random" }
      local sequence = rotation(server.address, listeners, 40)
      assert.equal(40, #sequence)
      assert.truthy(sequence:find("11", 1, true) or sequence:find("22", 1, true))
      assert.truthy(sequence:find("12", 1, true))
      stop_listeners(listeners)
    end)

    it("passes bytes and half-closes in both directions", function()
      local listener = plain.listen()
      local server = servers.balancer { backends = { listener } }
      local long = ("0123456789"):rep(300000)
      local received, ending = plain.converse(server.address, long, nil, true)
      assert.equal("eof", ending)
      assert.is_true(received == "heard " .. long)
      listener.stop()
    end)

    it("resets the client when the backend is not there", function()
      local server = servers.balancer { backends = { process.closed_port() } }
      local _, ending = plain.converse(server.address, "hello")
      assert.equal("reset", ending)
    end)

    it("counts a connection that suffers a fault as its backend's turn", function()
      local listeners = new_listeners(2)
      local server = servers.balancer { backends = listeners, fault = "fin:3" }
      assert.equal("12" .. "21" .. "12", rotation(server.address, listeners, 8))
      stop_listeners(listeners)
    end)

    for fault, ending in pairs { fin = "eof", rst = "reset", stall = "open" } do
      it(("does %s at once to every third connection"):format(fault), function()
        local listener = plain.listen()
        local server = servers.balancer { backends = { listener }, fault = fault .. ":3" }
        for i = 1, 6 do
          local faulty = i % 3 == 0
          local seconds = faulty and fault == "stall" and 0.2 or nil
          local received, how = plain.converse(server.address, "hello", seconds, not faulty)
          assert.same({ faulty and "" or "heard hello", faulty and ending or "eof" }, { received, how })
        end
        assert.same({ "hello", "hello", "hello", "hello" }, listener.heard)
        listener.stop()
      end)

      it(("does %s after the client's first bytes"):format(fault), function()
        local listener = plain.listen()
        local server = servers.balancer { backends = { listener }, fault = fault .. ":1@7" }
        local received, how = plain.converse(server.address, "hello, world", fault == "stall" and 0.2 or nil)
        assert.same({ "", ending }, { received, how })
        process.wait_until(PATIENCE, function() return listener.heard[1] == "hello, " end)
        assert.same({ "hello, " }, listener.heard)
        listener.stop()
      end)
    end

    it("delays every chunk by half a round trip, the first one by a whole one more", function()
      local listener = plain.listen()
      local server = servers.balancer { backends = { listener }, delay_ms = 100 }
      local before = uv.hrtime()
      local received = plain.converse(server.address, "hello", nil, true)
      local elapsed_ms = (uv.hrtime() - before) / 1e6
      assert.equal("heard hello", received)
      assert.is_true(elapsed_ms >= 198, "took " .. elapsed_ms .. " ms")
      listener.stop()
    end)

    it("keeps the order of what it delays", function()
      local listener = plain.listen()
      local server = servers.balancer { backends = { listener }, delay_ms = 20 }
      local long = ("0123456789"):rep(30000)
      local received = plain.converse(server.address, long, nil, true)
      assert.is_true(received == "heard " .. long)
      listener.stop()
    end)

    it("works as a library in the same loop", function()
      local listeners = new_listeners(3)
      local own = assert(balancer.listen { backends = servers.addresses(listeners) })
      assert.equal("123123", rotation(own.address, listeners, 6))
      assert.equal(6, own.accepted)
      own.close()
      stop_listeners(listeners)
      assert.is_false(process.listening(own.port))
    end)

    it("rejects what it does not know", function()
      assert.has_error(function() balancer.listen { backends = { "127.0.0.1:1" }, policy = "best" } end)
      assert.has_error(function() balancer.listen { backends = { "127.0.0.1:1" }, fault = "burn:3" } end)
      assert.has_error(function() balancer.listen { backends = {} } end)
      assert.has_error(function() balancer.listen { odd = "normal" } end)
    end)
  end)

  describe("odd server", function()
    -- What comes first, and how it ends; after "hello" from us.
    local KINDS = {
      silent = { "^$", "open" },
      ssh = { "^SSH%-2%.0%-.-\r\nInvalid SSH identification string%.\r\n$", "eof" },
      http = { "^HTTP/1%.1 400 Bad Request\r\n", "eof" },
      reset = { "^\22\3\3%z", "reset" },
      garbage = { "^\255", "eof" },
      endless = { "^endless endless ", "open" },
      endless_records = { "^\22\3\3%z\4%z%z%z%z\22\3\3%z\4", "open" },
      drip = { "^\22\3\3", "open" },
    }
    for kind, behaviour in pairs(KINDS) do
      it(kind .. " behaves so", function()
        local server = servers.odd { kind = kind }
        local seconds, enough = kind == "silent" and 0.3 or nil, behaviour[2] == "open" and behaviour[1] or nil
        local received, ending = plain.converse(server.address, "hello", seconds, false, enough)
        assert.matches(behaviour[1], received)
        assert.equal(behaviour[2], ending)
      end)
    end

    it("serves on when a client hung up in the middle of a flood", function()
      local server = servers.odd { kind = "endless" }
      for _ = 1, 3 do
        local received = plain.converse(server.address, nil, nil, false, ".")
        assert.is_true(#received > 0)
      end
      assert.is_true(process.exists(server.pid))
    end)
  end)
end)
