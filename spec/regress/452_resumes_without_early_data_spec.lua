--- Of several servers of which chance chooses one, one resumed and took no early data: `not_met` was said of it, as
-- if it had never had its own session. Who resumes was met, whatever it does with early data; and what is
-- told is what was taken most often.

local early_data = require "resum.audit.checks.early_data"
local faulty = require "spec.support.faulty"
local resum = require "resum"

local AUDITS = 3 -- chance may keep one server from being met, or its key from being told apart

local function words(...)
  local one = early_data.decide(...)
  return one.verdict .. " " .. one.reason, one.evidence
end

describe("early data that one of several servers never takes", function()
  it("was rejected by a server that has resumed, and else met nobody who knows the session", function()
    local said, evidence = words(0, 20, {}, 3, 7)
    assert.equal("info accepted_once", said)
    assert.equal("early data is taken, and the same bytes none of 20 times", early_data.reasons.accepted_once(evidence))
    assert.equal("inconclusive not_met", (words(0, 20, {}, 3, 0)))
    assert.equal("inconclusive not_met", (words(0, 20, {}, 3)))
    assert.equal("bad replayed", (words(4, 12, {}, 3, 7)))
  end)

  it("does not make the others' answer one that can't be told #heavy", function()
    local pool = faulty.listen({ faulty.new({}), faulty.new({ "rejects_early_data" }), faulty.new({}) })
    finally(pool.close)
    local told = {}
    while #told < AUDITS and not table.concat(told):find("info accepted_once 1", 1, true) do
      local options = { audit_checks = { "early-data" }, intrusive = true, sni = "a.example" }
      local first = resum.audit(pool.address, options).addresses[1].audit[1]
      told[#told + 1] = first.verdict .. " " .. first.reason .. " " .. tostring(first.evidence.accepted)
    end
    assert.is_truthy(table.concat(told, ", "):find("info accepted_once 1", 1, true), table.concat(told, ", "))
  end)
end)
