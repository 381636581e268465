-- One protocol_version alert among four hundred connections, as a bit that flips on the way brings it, was believed at
-- once where a pool is inferred, and where addresses are compared: a pool that is in order was "a member that does not
-- speak TLS 1.3", or inconclusive; an address that was not heard counted as heard. Elsewhere it had to come again.
-- And in a pool any alert to an offer was a refusal, whatever full handshakes of the same time got.

local across = require "resum.scan.pool.cross_address"
local counting = require "resum.analysis.counting"
local evidence = require "resum.analysis.pool.evidence"
local pool = require "spec.support.pool"
local simulation = require "spec.support.simulation"

local PROTOCOL_VERSION, DECODE_ERROR = 70, 50

local function ended_by(record, code)
  record.sessions, record.reused = {}, false
  record.facts = { alerts = { { from = "server", code = code } }, tickets = {} }
  record.outcome, record.error = "alert", { message = "simulated", code = "alert", stage = "handshake" }
end

-- A client some of whose connections end with an alert: mangled(options, number of the connection) -> its code.
local function client_of(options, mangled)
  local client, number = pool.client(pool.new(options)), 0
  local attempt = client.attempt
  function client.attempt(self, given)
    local record = attempt(self, given)
    number = number + 1
    local code = mangled(given, number)
    if code then
      ended_by(record, code)
    end
    return record
  end
  return client
end

local function in_order(seed)
  local servers = simulation.servers(2)
  for _, server in ipairs(servers) do
    server.keys, server.cache = { "key 000000000000" }, "one"
  end
  return { servers = servers, policy = "random", seed = seed }
end

-- The first connections of a mechanism's pairs: some end with protocol_version, and as many with another alert.
local function of_pairs(mechanism, about_version, others)
  local met = 0
  return function(given)
    if given.mechanism == mechanism and given.design == "pairs" then
      met = met + 1
      return met <= about_version and PROTOCOL_VERSION or met <= about_version + others and DECODE_ERROR or nil
    end
  end
end

describe("an alert about the version, in a pool that is in order,", function()
  for _, mechanism in ipairs({ "psk", "ticket" }) do
    it("makes no member of another version, once, or among other alerts: " .. mechanism, function()
      for _, case in ipairs({ { 1, 0 }, { 2, 1 }, { 3, 1 } }) do
        for seed = 1, 2 do
          local options = in_order(seed)
          local found = simulation.run(options, nil, client_of(options, of_pairs(mechanism, table.unpack(case))))
          assert.equal("all_shared", found.mechanisms[mechanism].verdict, table.concat(case, " and "))
          assert.equal(0, found.mechanisms[mechanism].refused)
        end
      end
    end)
  end

  it("tells a member that gives it to whoever comes, also over a network that drops connections", function()
    local options = in_order(3)
    options.drops = 0.05
    options.servers[3] = { weight = 0.4, keys = { "key 000000000000" }, cache = "one", only = "1.2" }
    local psk = simulation.run(options).mechanisms.psk
    assert.same({ "bad_member", "other_version" }, { psk.verdict, psk.reason })
  end)
end)

describe("what is mangled on the way", function()
  local function records(text)
    local list = {}
    for mark in text:gmatch(".") do
      list[#list + 1] = { outcome = ({ R = "resumed", f = "full", t = "timeout" })[mark] or "alert",
        facts = { alerts = { { code = mark == "v" and PROTOCOL_VERSION or DECODE_ERROR } } } }
    end
    return list
  end

  it("is no answer, unless it is too seldom anything else", function()
    for text, is_answer in pairs({ vR = false, vvR = true, vvaR = true, vvaaR = false, vvv = false, vvf = true,
      [("v"):rep(3) .. ("t"):rep(6) .. "R"] = true, [("v"):rep(3) .. ("t"):rep(7) .. "R"] = false }) do
      assert.equal(is_answer, counting.version_refusals(records(text))(records("v")[1]), text)
    end
    for text, is_answer in pairs({ vvvR = false, vvvvR = true, vvvvaaR = true, vvvvaaaR = false }) do
      assert.equal(is_answer, counting.version_refusals(records(text), 1e-4)(records("v")[1]), text)
    end
  end)
end)

describe("addresses of a name", function()
  -- The matrix of two addresses, to the second of which something befalls.
  local function compare(change, mangled)
    local one, other = in_order(1), in_order(1)
    other.servers = { { keys = { "key 000000000000" }, cache = "one" } }
    change(other.servers[1])
    local clients = { client_of(one, function() end), client_of(other, mangled) }
    local rates = { psk = { design = "fixed", attempted = 1, resumed = 1 } }
    local nothing = { psk = { design = "fixed", attempted = 0, resumed = 0 } }
    return across.run({ { address = "a", status = "completed", rate = rates },
      { address = "b", status = "completed", rate = nothing } }, clients,
      { host = clients[1].host, mechanisms = { "psk" }, retries = 0, concurrency = 1 }).psk
  end

  it("are not heard by one alert, and are by those that come again", function()
    local once = compare(function() end, function(_, number)
      return number == 1 and PROTOCOL_VERSION or nil
    end)
    assert.same({ resumed = 2, answered = 2, errors = 1 }, once.matrix.a.b)
    local always = compare(function(server) server.only = "1.2" end, function() end)
    assert.same({ "not_shared", { resumed = 0, answered = 3, errors = 0 } }, { always.verdict, always.matrix.a.b })
  end)
end)

describe("alerts to offers, in a pool,", function()
  -- Two tickets, of which half the offers end with an alert.
  local function read(offers_fail)
    local entries = { { order = 1, design = "seed", outcome = "full", ticket = ("k"):rep(16), ticket_length = 176,
      issued = true } }
    for i = 2, 9 do
      entries[i] = { order = i, design = "fixed", from = 1, outcome = i % 2 == 0 and "alert" or "resumed" }
    end
    for _, entry in ipairs(entries) do
      entry.mechanism, entry.started, entry.ended = "ticket", 2 * entry.order - 1, 2 * entry.order
    end
    return evidence.read(entries, offers_fail).ticket.offers_tally
  end

  it("are refusals only where full handshakes of the same time get none", function()
    assert.same({ resumed = 4, refused = 4, failed = 0 }, read(true))
    assert.same({ resumed = 4, refused = 0, failed = 4 }, read(false))
    assert.same({ resumed = 4, refused = 0, failed = 4 }, read(nil))
  end)
end)
