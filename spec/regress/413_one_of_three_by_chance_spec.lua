--- Of three servers with keys of their own, of which chance chooses one for each connection, one took early data again
-- and again, or issued no ticket on a resumed connection: the audit called the former in order, as the same bytes met
-- their server once or twice, and the latter, as two resumed connections had met the others. Each group is seen now.

local early_data = require "resum.audit.checks.early_data"
local faulty = require "spec.support.faulty"
local resum = require "resum"

local AUDITS = 8 -- chance may keep one server from being met, or its key from being told apart

-- What is said of a pool whose second server has a fault: the finding, where there is one that is bad.
local function bad(fault, check)
  local pool = faulty.listen({ faulty.new({}), faulty.new({ fault }), faulty.new({}) })
  finally(pool.close)
  local options = { audit_checks = { check }, intrusive = true, sni = "a.example" }
  for _ = 1, fault and AUDITS or 1 do
    for _, one in ipairs(resum.audit(pool.address, options).addresses[1].audit) do
      if one.verdict == "bad" then
        return one
      end
    end
  end
end

describe("one of three servers of which chance chooses", function()
  for _, case in ipairs({ { "replay", "early-data", "replayed" },
    { "no_supply", "single-use", "not_renewed_by_some" } }) do
    it(("is found, with its share: %s #heavy"):format(case[1]), function()
      local found = assert(bad(case[1], case[2]))
      assert.equal(case[3], found.reason)
      assert.is_true(found.share > 0.05 and found.share < 0.8, found.share)
    end)

    it(("is not found where there is none: %s #heavy"):format(case[1]), function()
      assert.is_nil(bad(nil, case[2]))
    end)
  end
end)

describe("early data that was sent again by chance to one of three groups", function()
  local function words(...)
    local one = early_data.decide(...)
    return one.verdict .. " " .. one.reason
  end

  it("was taken again by one server where that was more often than there are groups", function()
    assert.equal("bad replayed", words(4, 12, {}, 3))
    assert.equal("inconclusive replayed_sometimes", words(3, 20, {}, 3))
    assert.equal("inconclusive replayed_sometimes", words(4, 12, {}))
  end)

  it("was taken once where it was taken at all, and else has met no server that knows the session", function()
    assert.equal("info accepted_once", words(1, 20, {}, 3))
    assert.equal("inconclusive not_met", words(0, 20, {}, 3))
  end)
end)
