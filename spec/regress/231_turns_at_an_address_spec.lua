--- Targets that share an address woke all at once for its next connection, and which one had it was chance; the others
-- waited on, also when the watch was over. And a session's age was taken when it began to wait: with four ports and six
-- connections a minute it was up to forty seconds older when it was offered, so that one that had died of age was
-- taken for one that was lost.

local pace = require "resum.watch.pace"
local random = require "resum.util.random"
local watched = require "spec.support.watched"

describe("connections to one address", function()
  local now, sleepers

  -- Whoever sleeps wakes in an order that is chance.
  local host = {
    now = function() return now end,
    sleep = function(seconds)
      sleepers[#sleepers + 1] = { at = now + seconds, job = coroutine.running() }
      coroutine.yield()
    end,
  }

  local function run(workers, seconds)
    for _, worker in ipairs(workers) do
      coroutine.resume(coroutine.create(worker))
    end
    while now < seconds and #sleepers > 0 do
      random.shuffle(sleepers)
      table.sort(sleepers, function(a, b) return a.at < b.at end)
      local next_one = table.remove(sleepers, 1)
      now = math.max(now, next_one.at)
      coroutine.resume(next_one.job)
    end
  end

  before_each(function()
    now, sleepers = 0, {}
  end)

  it("are made in turns by all that want some", function()
    local admit, made, workers = pace.new(host, 12)(function() return false end), {}, {}
    for i = 1, 4 do
      made[i] = 0
      workers[i] = function()
        while true do
          admit("192.0.2.1")
          made[i] = made[i] + 1
        end
      end
    end
    run(workers, 3600)
    local least, most = math.min(table.unpack(made)), math.max(table.unpack(made))
    assert.is_true(least >= 3600 / (5 * (1 + pace.JITTER)) / 4 - 2, least)
    assert.is_true(most - least <= 2, least .. " and " .. most) -- the first one asks twice before the others begin
  end)

  it("are waited for no longer than until the watch is over", function()
    local over, left = false, 0
    local new, workers = pace.new(host, 1), {}
    for i = 1, 100 do
      workers[i] = function()
        new(function() return over end)("192.0.2.1")
        left = left + 1
      end
    end
    run(workers, 90)
    over = true
    local asked_at = now
    run({}, 1e6)
    assert.equal(100, left)
    assert.is_true(now - asked_at <= 1)
  end)
end)

describe("a session that waits for its turn", function()
  it("is as old as it is when it is offered", function()
    for _, gap in ipairs({ 45, 70 }) do -- seconds between two connections
      random.seed(1)
      local member = watched.member({ lifetime = 600, cache_s = 600 })
      local world = watched.new({ members = { member }, gap = gap })
      local events = watched.watch(world, { seconds = 24 * 3600, mechanisms = { "psk" } })
      assert.equal(1, #events)
      local event = events[1]
      assert.equal("lifetime_reached", event.kind)
      assert.is_true(event.alive_s <= 600 and event.dead_s >= 600, ("%g to %g s"):format(event.alive_s, event.dead_s))
    end
  end)
end)
