-- HAProxy's `balance first` fills one server before it uses the next. On a fast machine hardly two of our connections
-- were open at once, so that the others were never met: "all servers share, or each client always meets the same one",
-- in 8 of 8 scans of a real pool of which no two share anything. Now some are held open until all are there.

local clients = require "resum.connection.client"
local crowd = require "resum.scan.pool.crowd"
local host = require "resum.host.uv"
local pools = require "spec.support.real_pool"
local recorder = require "resum.scan.pool.recorder"
local servers = require "spec.support.servers"
local simulation = require "spec.support.simulation"

local MECHANISMS = { "session_id", "ticket", "psk" }

local function found(summary, code)
  for _, one in ipairs(summary.findings) do
    if one.code == code then
      return one
    end
  end
end

-- Servers that get connections one after the other, as they are filled; so fast that none meets another by itself.
local function scan(count, room, seed, change)
  local list = simulation.servers(count)
  for i, server in ipairs(list) do
    server.room = type(room) == "table" and room[i] or room
    if change then
      change(server)
    end
  end
  local result, journal = simulation.run({ servers = list, policy = "first", at_once = true, seed = seed })
  local open, most = 0, 0
  for _, entry in ipairs(journal.entries) do
    open = math.max(open, entry.at_once)
    most = math.max(most, entry.crowd or 0)
  end
  return result, open, most, #journal.entries
end

local function share_keys(server)
  server.keys = { "key 000000000000" }
end

local function share_all(server)
  server.keys, server.cache = { "key 000000000000" }, "one"
end

describe("a balancer that fills one server before the next", function()
  it("is no pool that shares all", function()
    for seed = 1, 2 do
      local result, open = scan(4, 3, seed)
      assert.equal("nothing_shared", result.verdict)
      assert.is_true(found(result, "crowds_are_refused").share > 0.4)
      assert.is_nil(found(result, "stickiness_unknown"))
      assert.is_true(open <= 10, open .. " at once")
    end
  end)

  it("nor is one whose backups take what its first server has no room for", function()
    for seed = 1, 2 do
      assert.equal("nothing_shared", (scan(2, { 6, 100 }, seed)).verdict)
    end
  end)

  it("is told what it shares", function()
    assert.equal("keys_shared_caches_not", (scan(4, 3, 1, share_keys)).verdict)
    local result, _, crowds, connections = scan(4, 3, 1, share_all)
    assert.equal("all_shared", result.verdict)
    assert.is_nil(found(result, "crowds_are_refused"))
    assert.equal(1, crowds)
    assert.is_true(connections <= 420, connections .. " connections")
  end)
end)

describe("behind a real balancer that counts connections", function()
  after_each(servers.stop_all)

  local function check(start)
    local balancer = start(pools.start("nothing"))
    pools.assert_verdicts(function()
      return pools.judge(balancer)
    end, function(summary)
      local expected = pools.verdicts(summary)
      expected[1] = "nothing_shared" -- what is said of each mechanism may be "not certain"
      return expected
    end)
  end

  it("HAProxy's `first`: nothing is shared", function()
    check(function(members)
      return servers.haproxy({ backends = members, balance = "first", room = 3 })
    end)
  end)

  it("nginx's backups behind max_conns: nothing is shared #heavy", function()
    check(function(members)
      return servers.nginx_stream({ backends = members, room = 4 })
    end)
  end)
end)

describe("a crowd", function()
  after_each(servers.stop_all)

  -- The journal's entries of one crowd at a server, and how long it took.
  local function gather(server, count, limit)
    local client = clients.new_client({ address = server.host, port = server.port }, { host = host, timeout = 5 })
    local journal, attempts = recorder.new(client, limit), {}
    for i = 1, count do
      attempts[i] = { mechanism = MECHANISMS[i % 3 + 1], design = "look", want_tickets = true }
    end
    local began = host.now()
    local records = crowd.make(journal, attempts)
    return journal.entries, host.now() - began, records
  end

  it("is open at the same time, and no larger than the line has room for", function()
    local entries = gather(servers.nginx({}), 8, 5)
    assert.equal(5, #entries)
    local last_start, first_goodbye = 0, math.huge
    for _, entry in ipairs(entries) do
      last_start, first_goodbye = math.max(last_start, entry.started), math.min(first_goodbye, entry.goodbye)
    end
    assert.is_true(last_start < first_goodbye)
  end)

  it("waits for nobody who is not let in before the others leave, and holds nothing against the server", function()
    local queued = servers.haproxy({ backends = { servers.nginx({}) }, room = 3 })
    local entries, seconds = gather(queued, 9, 9)
    for _, entry in ipairs(entries) do
      assert.equal("full", entry.outcome)
    end
    assert.is_true(seconds < 4, seconds .. " seconds")
  end)

  it("leaves out who was turned away", function()
    local refusing = servers.haproxy({ global = { "maxconn 100" }, backends = { 1 } }) -- nobody listens there
    local entries, _, records = gather(refusing, 4, 4)
    assert.equal(4, #records)
    for _, entry in ipairs(entries) do
      assert.same({ "crowded" }, { entry.design, entry.outcome })
    end
  end)
end)
