-- One server of three took connections and never answered: each that met it waited the whole timeout, and where these
-- failed about as often as those beside them, up to 240 more full handshakes were made to see it. A rate scan of 5
-- seconds took 110 to 200 (207 were seen on a real pool), and 670 connections.

local clients = require "resum.connection.client"
local memory = require "spec.support.memory"
local next_question = require "resum.analysis.pool.next_question"
local patience = require "resum.connection.patience"
local pool = require "spec.support.pool"
local script = require "spec.support.script"
local simulation = require "spec.support.simulation"
local timed_pool = require "spec.support.timed_pool"

-- Three servers, the last of which is silent: the result, seconds of a clock on which nothing but the network takes
-- time, and connections.
local function scan(policy, change, seed)
  local servers = simulation.servers(3)
  for _, server in ipairs(servers) do
    change(server)
  end
  servers[3].hangs = true
  local options = { servers = servers, policy = policy, seed = seed }
  local client, timed = timed_pool.client(pool.new(options), 0.05)
  local result, journal
  timed.run(function()
    result, journal = simulation.run(options, nil, client)
  end)
  return result, timed.elapsed(), #journal.entries
end

local function share_all(server)
  server.keys, server.cache = { "key 000000000000" }, "one"
end

local function finding(result, code)
  for _, one in ipairs(result.findings) do
    if one.code == code then
      return one
    end
  end
end

describe("a member that never answers", function()
  for _, policy in ipairs({ "roundrobin", "random" }) do
    it("makes no scan of five seconds one of minutes: " .. policy, function()
      for seed = 1, 3 do
        local result, seconds, connections = scan(policy, share_all, seed)
        assert.equal("all_shared", result.verdict)
        local failed = finding(result, "connections_failed")
        assert.is_true(failed.share > 0.25 and failed.share < 0.42, "failed: " .. failed.share)
        assert.is_true(seconds <= 50, seconds .. " seconds")
        assert.is_true(connections <= 620, connections .. " connections")
      end
    end)
  end

  it("hides no other fault, and takes no minutes beside one", function()
    local result, seconds, connections = scan("random", function() end, 1)
    assert.equal("nothing_shared", result.verdict)
    assert.is_true(seconds <= 75, seconds .. " seconds")
    assert.is_true(connections <= 780, connections .. " connections")
  end)
end)

describe("full handshakes are made to see whether offers fail more often", function()
  local function asks(failing)
    local breaks = { offers = { failed = 0, answered = 0 }, full = { failed = 0, answered = 0 } }
    local evidence = { mechanism = "ticket", entries = {}, label = {}, issued = 0, offers = {}, breaks = breaks }
    return #next_question.of({ ticket = evidence }, { ticket = { failing = failing, judged = {} } }, {}) > 0
  end

  it("not where they fail half as often, unless nothing else could be said", function()
    assert.is_true(asks({ certain = false, p = 0.1, bars = false, alike = false }))
    assert.is_false(asks({ certain = false, p = 0.1, bars = false, alike = true }))
    assert.is_true(asks({ certain = false, p = 0.005, bars = true, alike = true }))
  end)
end)

describe("a server is waited for", function()
  local function known_of(in_vain, slowest, in_a_row)
    local known = patience.nothing_known()
    for _ = 1, in_vain do
      patience.note(known, nil)
    end
    if slowest then
      patience.note(known, slowest)
    end
    for _ = 1, in_a_row or 0 do
      patience.note(known, nil)
    end
    return known
  end

  it("the whole timeout, until three were waited for in vain and others answered", function()
    for _, known in ipairs({ known_of(0), known_of(0, 0.1), known_of(2, 0.1), known_of(20) }) do
      assert.equal(5, patience.of(known, 5))
    end
    assert.equal(1, patience.of(known_of(3, 0.1), 5))
    assert.equal(2, patience.of(known_of(3, 0.5), 5))
    assert.equal(0.5, patience.of(known_of(3, 0.1), 0.5))
  end)

  it("as long as one that is slow takes, and wholly again where nobody answers any more", function()
    assert.equal(5, patience.of(known_of(3, 3), 5))
    assert.equal(1, patience.of(known_of(3, 0.1, 9), 5))
    assert.equal(5, patience.of(known_of(3, 0.1, 10), 5))
  end)

  -- Every second connection has an answer of so many pieces, and then none any more.
  local function half_silent(pieces)
    local host = script.host({}, { tls_server = memory.server(), pause = 0.01, chunk = 400 })
    local connect = host.connect
    function host.connect(...)
      local stream, left = connect(...), #host.connected % 2 == 0 and pieces or math.huge
      local read = stream.read
      function stream.read(self, deadline)
        left = left - 1
        if left < 0 then
          self.clock.time = math.max(self.clock.time, deadline)
          return nil, "timeout"
        end
        return read(self, deadline)
      end
      return stream
    end
    return host
  end

  it("so by a client, whatever it offers, and also where the answer stops in the middle", function()
    for _, pieces in ipairs({ 0, 1 }) do
      local host = half_silent(pieces)
      local client = clients.new_client({ address = "192.0.2.1", port = 443 }, { host = host, timeout = 5 })
      local waits = {}
      for i = 1, 10 do
        local record = client:attempt({ mechanism = i % 3 == 0 and "psk" or "ticket" })
        assert.equal(i % 2 == 0 and "timeout" or "full", record.outcome)
        waits[#waits + 1] = i % 2 == 0 and math.floor(record.timing.handshake_s + 0.5) or nil
      end
      assert.same({ 5, 5, 5, 1, 1 }, waits)
    end
  end)
end)
