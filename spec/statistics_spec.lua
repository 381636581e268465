local stats = require "resum.util.statistics"

local function rounded(lo, hi)
  return { ("%.4f"):format(lo), ("%.4f"):format(hi) }
end

describe("Wilson's interval", function()
  -- R: prop.test(k, n, correct = FALSE)$conf.int
  for _, case in ipairs({
    { 0, 100, "0.0000", "0.0370" },
    { 33, 100, "0.2456", "0.4269" },
    { 100, 100, "0.9630", "1.0000" },
    { 1, 5, "0.0362", "0.6245" },
    { 1, 1, "0.2065", "1.0000" },
  }) do
    it(("of %d of %d is the published one"):format(case[1], case[2]), function()
      assert.same({ case[3], case[4] }, rounded(stats.wilson(case[1], case[2], 0.95)))
    end)
  end

  it("holds the true share about as often as it says", function()
    local share, n, covered = 0.3, 50, 0
    local chance = (1 - share) ^ n -- of k = 0, then by recurrence
    for k = 0, n do
      local lo, hi = stats.wilson(k, n, 0.95)
      if lo <= share and share <= hi then
        covered = covered + chance
      end
      chance = chance * (n - k) / (k + 1) * share / (1 - share)
    end
    assert.is_true(covered > 0.93 and covered < 0.97, "covered " .. covered)
  end)

  it("is wider with more confidence", function()
    local lo95, hi95 = stats.wilson(10, 30, 0.95)
    local lo99, hi99 = stats.wilson(10, 30, 0.99)
    assert.is_true(lo99 < lo95 and hi95 < hi99)
  end)

  it("does not exist without a trial", function()
    assert.is_nil(stats.wilson(0, 0, 0.95))
  end)

  it("refuses counts that can't be", function()
    assert.has_error(function() stats.wilson(3, 2) end, "stats.wilson: successes must lie between 0 and trials")
    assert.has_error(function() stats.wilson(-1, 2) end, "stats.wilson: successes must lie between 0 and trials")
  end)
end)

describe("the normal quantile", function()
  it("agrees with the tables", function()
    for p, z in pairs({ [0.5] = 0, [0.975] = 1.959963984540, [0.995] = 2.575829303549, [0.001] = -3.090232306168 }) do
      assert.is_true(math.abs(stats.normal_quantile(p) - z) < 1e-9, p)
    end
  end)

  it("refuses what is no probability between 0 and 1", function()
    for _, p in ipairs({ 0, 1, -1, 2, 0 / 0 }) do
      assert.has_error(function() stats.normal_quantile(p) end)
    end
  end)
end)

describe("the exact test of several tables at once", function()
  -- By hand: of one table, Fisher's one-sided; of two, the sums of what each may come to.
  for _, case in ipairs({
    { 1 / 12870, { 8, 0, 0, 8 } },
    { 1, { 0, 8, 8, 0 } },
    { 17 / 70, { 3, 1, 1, 3 } },
    { 1 / 36, { 2, 0, 0, 2 }, { 2, 0, 0, 2 } },
    { (1 + 4 + 4) / 36, { 2, 0, 0, 2 }, { 1, 1, 1, 1 } },
    { 1 / 6, { 2, 0, 0, 2 }, { 0, 60, 0, 40 } }, -- where nothing failed, nothing is shown
    { 1 },
  }) do
    it(("gives %.3g for %d of them"):format(case[1], #case - 1), function()
      assert.is_true(math.abs(stats.greater({ table.unpack(case, 2) }) - case[1]) < 1e-12)
    end)
  end

  it("takes no share of several tables together for that of each", function()
    -- Put together, 26 of 100 would be held against 5 of 100 (G. U. Yule, 1903; E. H. Simpson, 1951).
    assert.is_true(stats.greater({ { 25, 25, 5, 5 }, { 1, 49, 0, 90 } }) > 0.3)
  end)
end)

describe("Fisher's exact test", function()
  -- The lady tasting tea (Fisher, 1935): 3 of 4 right has p = 0.486 two-sided; the others by hand from binomials.
  for _, case in ipairs({
    { 3, 1, 1, 3, 0.4857142857 },
    { 4, 0, 0, 4, 2 / 70 },
    { 8, 0, 0, 8, 2 / 12870 },
    { 5, 0, 0, 95, 1 / 75287520 },
    { 1, 1, 1, 1, 1 },
    { 0, 0, 3, 4, 1 },
    { 10, 0, 90, 0, 1 },
  }) do
    it(("gives %.3g for %d, %d against %d, %d"):format(case[5], table.unpack(case, 1, 4)), function()
      assert.is_true(math.abs(stats.fisher(table.unpack(case, 1, 4)) - case[5]) < 1e-9)
    end)
  end
end)

describe("the tail of a binomial", function()
  it("agrees with the tables", function()
    -- R: 1 - pbinom(k - 1, n, p)
    for _, case in ipairs({
      { 3, 10, 0.3, 0.6172172136 }, { 100, 100, 0.9, 2.656139889e-05 }, { 8, 8, 0.5, 0.00390625 },
    }) do
      local tail = stats.binomial_tail(case[1], case[2], case[3])
      assert.is_true(math.abs(tail / case[4] - 1) < 1e-8, tail)
    end
    assert.same({ 1, 0, 1, 0 }, { stats.binomial_tail(0, 5, 0.1), stats.binomial_tail(6, 5, 0.1),
      stats.binomial_tail(3, 5, 1), stats.binomial_tail(1, 5, 0) })
  end)
end)

describe("the runs test", function()
  local function z_of(marks)
    local sequence = {}
    for mark in marks:gmatch(".") do
      sequence[#sequence + 1] = mark == "#"
    end
    return stats.runs(sequence)
  end

  it("is far above 0 for what takes turns, far below for what comes in stretches", function()
    assert.is_true(z_of(("#."):rep(20)) > 5)
    assert.is_true(z_of(("#"):rep(20) .. ("."):rep(20)) < -5)
  end)

  it("agrees with a calculated case", function()
    -- 10 of one kind, 10 of the other, 9 runs: mean 11, variance 10 * 9 / 19
    assert.is_true(math.abs(z_of("##..##..##...##..##.") - (10 - 11) / math.sqrt(90 / 19)) < 1e-9)
  end)

  it("does not exist for what is all the same, or too short", function()
    assert.is_nil(z_of("########"))
    assert.is_nil(z_of("#.#"))
  end)
end)

describe("the kinds that were not seen", function()
  it("have the share of those seen once, after Good and Turing", function()
    assert.equal(1 - 2 / 10, stats.coverage({ 5, 3, 1, 1 }))
    assert.is_nil(stats.coverage({}))
  end)

  it("are counted after Chao", function()
    -- f1 = 4, f2 = 2: 4 * 3 / (2 * 3) = 2 unseen, variance 28
    local estimate, upper = stats.chao1({ 9, 2, 2, 1, 1, 1, 1 })
    assert.equal(9, estimate)
    assert.is_true(math.abs(upper - (7 + 2 * math.exp(1.959964 * math.sqrt(math.log(8))))) < 1e-4, "upper " .. upper)
    assert.same({ 3, 3 }, { stats.chao1({ 9, 8, 7 }) })
  end)
end)

describe("the sequential test", function()
  local function decide(outcomes)
    local feed = stats.sequential(0.995, 0.9, 0.01)
    for i = 1, #outcomes do
      local decision = feed(outcomes:sub(i, i) == "#")
      if decision then
        return decision, i
      end
    end
  end

  it("stops as soon as it is certain, either way", function()
    assert.same({ "good", 46 }, { decide(("#"):rep(100)) })
    assert.same({ "bad", 2 }, { decide("..") })
    assert.same({ "bad", 12 }, { decide(("#"):rep(10) .. "....") })
    assert.is_nil((decide(("#"):rep(40))))
  end)
end)
