--- A moment in UTC, as the C library writes it.

local utc = require "resum.util.utc"

describe("a moment in UTC", function()
  it("is what the C library says, over four hundred years and at both ends of February", function()
    for time = -86400 * 800, 86400 * 366 * 400, 86400 * 13 + 3601 do
      assert.equal(os.date("!%Y-%m-%dT%H:%M:%SZ", time), utc(time))
    end
    for _, year in ipairs({ 1970, 2000, 2024, 2026, 2100 }) do
      local first = os.time({ year = year, month = 2, day = 27, hour = 12 })
      for day = 0, 4 do
        assert.equal(os.date("!%Y-%m-%dT%H:%M:%SZ", first + day * 86400), utc(first + day * 86400))
      end
    end
  end)

  it("has whole seconds: those that have passed", function()
    assert.equal("1970-01-01T00:00:00Z", utc(0.9))
    assert.equal("1969-12-31T23:59:59Z", utc(-0.1))
  end)
end)
