--- The generator that samples and orders are drawn with.

local process = require "spec.support.process"
local random = require "resum.util.random"

local BUILD = os.getenv("RESUM_BUILD") or process.ROOT .. "/build/5.4"

describe("random", function()
  it("draws the published numbers of SplitMix64, halved and reduced", function()
    random.seed(1234567)
    local first = { 6457827717110365317, 3203168211198807973 } -- of seed 1234567, as its authors' code prints them
    for _, number in ipairs(first) do
      assert.equal((number >> 1) % 1000 + 1, random.integer(1000))
    end
  end)

  it("draws each number as often as the others", function()
    random.seed(20261128)
    local counts = {}
    for _ = 1, 60000 do
      local n = random.integer(6)
      counts[n] = (counts[n] or 0) + 1
    end
    assert.equal(6, #counts)
    local chi_square = 0
    for _, count in ipairs(counts) do
      chi_square = chi_square + (count - 10000) ^ 2 / 10000
    end
    assert.is_true(chi_square < 20.5, chi_square) -- 5 degrees of freedom: above that in 1 of 1,000
  end)

  it("puts lists into every order alike, and loses nothing", function()
    random.seed(7)
    local orders = {}
    for _ = 1, 6000 do
      local order = table.concat(random.shuffle({ "a", "b", "c" }))
      orders[order] = (orders[order] or 0) + 1
    end
    local kinds = 0
    for order, count in pairs(orders) do
      kinds = kinds + 1
      assert.is_true(count > 850 and count < 1150, order) -- 5 standard deviations
    end
    assert.equal(6, kinds)
  end)

  it("draws other numbers in each process, on Lua 5.3 too, whatever the host program seeds", function()
    for _, version in ipairs({ "5.3", "5.4" }) do
      local seen = {}
      for _ = 1, 3 do
        local drawn = process.run({ command = { "lua" .. version, "-e", ([[
          package.path = "%s/lua/?.lua;%s/lua/?/init.lua;" .. package.path
          package.cpath = "%s/?.so;" .. package.cpath
          math.randomseed(1)
          require "resum"
          io.write(require("resum.util.random").integer(1 << 40))]]):format(
          process.ROOT, process.ROOT, (BUILD:gsub("5%.%d", version))) } }).stdout
        assert.matches("^%d+$", drawn)
        assert.is_nil(seen[drawn])
        seen[drawn] = true
      end
    end
  end)
end)
