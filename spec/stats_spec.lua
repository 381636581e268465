local stats = require "resum.stats"

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
