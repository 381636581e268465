-- Two servers in turns of weights 3:1 were told as turns of eight in 1 of 6 pools: turns of four fell just short of
-- being told by themselves, and those of eight, which hold by four as well, did not.

local simulation = require "spec.support.simulation"

local function period_of(weight, seed)
  local servers = simulation.servers(2)
  servers[1].weight = weight
  return simulation.run({ servers = servers, policy = "roundrobin", seed = seed }).routing_evidence.period
end

describe("the period of turns by weights #unsanitized", function()
  it("is the sum of the weights, and no multiple of it", function()
    for _, seed in ipairs({ 3, 4 }) do
      assert.equal(4, period_of(3, seed), seed)
    end
  end)

  it("is that of other weights as well", function()
    assert.equal(3, period_of(2, 4))
    assert.equal(5, period_of(4, 2))
  end)
end)
