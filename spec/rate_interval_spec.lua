-- The interval of the rate holds the rate of the pool, not that of the seeds that were drawn.

local plans = require "resum.scan.plan"
local random = require "resum.util.random"
local statistics = require "resum.util.statistics"

local SCANS = 600

-- Pools of servers that are drawn for each connection: weights, and who accepts whose sessions.
local function accepts_own(i, j)
  return i == j
end

local POOLS = {
  ["a bad member of four"] = { { 1, 1, 1, 1 }, function(i, j) return i ~= 4 and j ~= 4 end },
  ["one of eight that does not share"] = { { 1, 1, 1, 1, 1, 1, 1, 1 },
    function(i, j) return i == j or (i ~= 8 and j ~= 8) end },
  ["one of two that does not take the other's sessions"] = { { 1, 1 }, function(i, j) return i == j or i == 1 end },
  ["eight that share nothing"] = { { 1, 1, 1, 1, 1, 1, 1, 1 }, accepts_own },
  ["two with weights of 10 to 1"] = { { 10, 1 }, accepts_own },
}

local function draw(weights)
  local total = 0
  for _, weight in ipairs(weights) do
    total = total + weight
  end
  local at = random.integer(total)
  for i, weight in ipairs(weights) do
    at = at - weight
    if at <= 0 then
      return i
    end
  end
end

local function truth_of(weights, accepts)
  local total, sum = 0, 0
  for i, one in ipairs(weights) do
    total = total + one
    for j, other in ipairs(weights) do
      sum = sum + (accepts(i, j) and one * other or 0)
    end
  end
  return sum / total ^ 2
end

-- The scan's own plan, offers as they are drawn.
local function scan(weights, accepts)
  local sessions, clusters = {}, {}
  for i = 1, plans.SEEDS do
    sessions[i] = draw(weights)
  end
  local plan = plans.new(sessions, 100, 10)
  local number, what, seed = 0, plan:next()
  while what do
    if what == "seed" then
      plan:has_come(draw(weights))
    else
      number = number + 1
      local resumed = accepts(seed.session, draw(weights))
      local one = clusters[seed.number] or { successes = 0, trials = 0 }
      clusters[seed.number] = one
      one.successes, one.trials = one.successes + (resumed and 1 or 0), one.trials + 1
      plan:note(plan:begin(seed), number, resumed and "resumed" or "refused")
    end
    what, seed = plan:next()
  end
  assert.equal(100, number)
  return clusters
end

describe("the interval of the rate holds the pool's in 93 to 97 of 100 scans #unsanitized:", function()
  for name, pool in pairs(POOLS) do
    it(name, function()
      random.seed(7)
      local truth, held = truth_of(table.unpack(pool)), 0
      for _ = 1, SCANS do
        local lo, hi = statistics.clustered(scan(table.unpack(pool)))
        held = held + (lo <= truth and truth <= hi and 1 or 0)
      end
      -- 600 scans leave the share uncertain by 1.8 %.
      assert.is_true(held >= 0.912 * SCANS and held <= 0.988 * SCANS, held / SCANS)
    end)
  end
end)

describe("the plan of the offers", function()
  local function run(outcome_of)
    local plan = plans.new({ 1, 2, 3, 4, 5, 6, 7, 8 }, 100, 10)
    local offered, number, what, seed = {}, 0, plan:next()
    while what do
      if what == "seed" then
        plan:has_come("one more")
      else
        number = number + 1
        offered[seed.number] = (offered[seed.number] or 0) + 1
        plan:note(plan:begin(seed), number, outcome_of(number))
      end
      what, seed = plan:next()
    end
    return offered
  end

  it("has six seeds at hand where fates differ, as the next offer is drawn among them", function()
    local plan = plans.new({ "first" }, 100, 1)
    for number, outcome in ipairs({ "refused", "refused", "resumed" }) do
      local what, seed = plan:next()
      assert.equal("offer", what)
      plan:note(plan:begin(seed), number, outcome)
    end
    for _ = 1, 6 do
      assert.equal("seed", (plan:next()))
    end
    assert.equal("offer", (plan:next()))
  end)

  it("stays with the first seeds where all resumes, and offers them equally often", function()
    local offered = run(function() return "resumed" end)
    assert.equal(8, #offered)
    for _, times in ipairs(offered) do
      assert.is_true(times >= 12 and times <= 13, times)
    end
  end)

  it("stays with them where nothing resumes any more from one moment on", function()
    assert.equal(8, #run(function(number) return number < 50 and "resumed" or "refused" end))
  end)

  it("takes a new seed for every few offers where fates differ", function()
    local offered = run(function(number) return number % 2 == 0 and "resumed" or "refused" end)
    assert.is_true(#offered >= 30 and #offered <= 36, #offered)
  end)

  it("goes on without a seed that does not come", function()
    local plan, offers = plans.new({ 1, 2 }, 40, 1), 0
    local what, seed = plan:next()
    while what do
      if what == "seed" then
        plan:has_come(nil)
      elseif what == "offer" then
        offers = offers + 1
        plan:note(plan:begin(seed), offers, offers % 2 == 0 and "resumed" or "refused")
      end
      what, seed = plan:next()
    end
    assert.equal(40, offers)
  end)
end)
