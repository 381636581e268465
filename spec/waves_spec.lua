-- How long scans take where nothing but the network takes time: seconds of a simulated clock, connections, and whether
-- places stay empty while there is something to ask. No machine's load changes them.

local analysis = require "resum.analysis.pool"
local pool = require "spec.support.pool"
local simulation = require "spec.support.simulation"
local timed_pool = require "spec.support.timed_pool"

local ROUND_TRIP = 0.05
local IDLE = 0.75 -- seconds: fifteen round trips, of three or four whenever it is judged what to ask next
local POLICIES = { "roundrobin", "random", "leastconn" }

local function three(change)
  local list = simulation.servers(3)
  for i, server in ipairs(list) do
    change(server, i)
  end
  return list
end

local function share_key(server)
  server.keys = { ("key %012d"):format(1) }
end

local UNHEALTHY = {
  nothing_shared = function() end,
  keys_shared_caches_not = share_key,
  bad_member = function(server, i)
    share_key(server)
    server.off = i == 3 and "mute" or nil
  end,
  mixed_groups = function(server, i)
    return i < 3 and share_key(server)
  end,
}

-- What the scan said, how its time went, how many connections it made, and how often it asked what to make.
local function scan(options, round_trip_s)
  local client, timed = timed_pool.client(pool.new(options), round_trip_s or ROUND_TRIP)
  local asked = spy.on(analysis, "next_questions")
  local result, journal
  timed.run(function()
    result, journal = simulation.run(options, nil, client)
  end)
  asked:revert()
  return result, timed, #journal.entries, #asked.calls
end

local function on(policy, servers)
  return { servers = servers, policy = policy, seed = 11 }
end

local function assert_at_most(most, value, what)
  assert.is_true(value <= most, ("%s: %.2f, not at most %g"):format(what, value, most))
end

-- What each policy of a balancer comes to takes its time; one of them is tried always.
local function for_each_policy(what, check)
  for _, policy in ipairs(POLICIES) do
    it(("%s, %s%s"):format(what, policy, policy == POLICIES[1] and "" or " #heavy"), function()
      check(policy)
    end)
  end
end

describe("a scan over 50 ms of round trip #unsanitized", function()
  for name, change in pairs(UNHEALTHY) do
    for_each_policy("takes at most 11 s, 700 connections and seven looks at them, of three: " .. name, function(policy)
      local result, timed, connections, looks = scan(on(policy, three(change)))
      assert.equal(name, result.verdict)
      assert_at_most(11, timed.elapsed(), "seconds")
      assert_at_most(IDLE, timed.idle_s, "idle")
      assert_at_most(700, connections, "connections")
      assert_at_most(7, looks, "looks")
      assert_at_most(10, timed.most, "at once")
    end)
  end

  for_each_policy("takes at most 5.5 s, and 420 connections, where all resumes", function(policy)
    local result, timed, connections = scan(on(policy, three(function(server)
      share_key(server)
      server.cache = "one"
    end)))
    assert.equal("all_shared", result.verdict)
    assert_at_most(5.5, timed.elapsed(), "seconds")
    assert_at_most(0.35, timed.idle_s, "idle") -- six round trips: each step waits for the last of the one before
    assert_at_most(420, connections, "connections")
  end)

  it("asks about all mechanisms side by side, of many servers as well", function()
    local _, timed, connections = scan(on("roundrobin", simulation.servers(13)))
    assert_at_most(11, timed.elapsed(), "seconds")
    assert_at_most(IDLE, timed.idle_s, "idle")
    assert_at_most(700, connections, "connections")
  end)

  it("takes three times as long over three times the way", function()
    local _, near = scan(on("roundrobin", three(UNHEALTHY.nothing_shared)))
    local _, far = scan(on("roundrobin", three(UNHEALTHY.nothing_shared)), 3 * ROUND_TRIP)
    assert_at_most(3.3 * near.elapsed(), far.elapsed(), "150 ms")
  end)
end)
