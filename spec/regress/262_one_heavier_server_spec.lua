-- Of eight servers that share nothing and name no key, one had eight times the connections of another. A share for each
-- server costs more than one for a member that never accepts, so that this was told, with confidence, in 3 of 25 pools.

local simulation = require "spec.support.simulation"

local function verdict_of(count, weight, seed)
  local servers = simulation.servers(count)
  servers[1].weight = weight
  for _, one in ipairs(servers) do
    one.tickets = false
  end
  return simulation.run({ servers = servers, policy = "random", seed = seed, drops = 0.04 }).verdict
end

describe("one server that has more of the connections than the others #unsanitized", function()
  it("makes no bad member of them", function()
    for _, seed in ipairs({ 8, 17 }) do
      assert.equal("nothing_shared", verdict_of(8, 8, seed), seed)
    end
  end)

  it("makes none of fewer of them, or of more", function()
    for _, case in ipairs({ { 4, 5, 2 }, { 12, 10, 1 } }) do
      local said = verdict_of(table.unpack(case))
      assert.is_true(said == "nothing_shared" or said == "inconclusive", said)
    end
  end)
end)
