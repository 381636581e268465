-- Three servers in turns were told as turns of six, twelve or fifteen in 6 of 40 pools: of the connections three apart
-- too few had shown whom they met, and of those twelve apart more.

local simulation = require "spec.support.simulation"

local function period_of(servers, seed)
  local found = simulation.run({ servers = servers, policy = "roundrobin", seed = seed })
  return found.routing_evidence.period
end

describe("the period of turns #unsanitized", function()
  it("is that of the servers, and no multiple of it", function()
    for _, seed in ipairs({ 4, 11, 13 }) do
      assert.equal(3, period_of(simulation.servers(3), seed), seed)
    end
  end)

  it("is that of two, or of five, as well", function()
    for seed = 1, 2 do
      assert.equal(2, period_of(simulation.servers(2), seed), seed)
      assert.equal(5, period_of(simulation.servers(5), seed), seed)
    end
  end)
end)
