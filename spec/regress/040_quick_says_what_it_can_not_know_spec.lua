--- The quick check called a pool healthy from one address, and did not say that a balancer that sends a client to the
-- same server each time looks the same. It was inconclusive where a member does not speak TLS 1.3, though each
-- refusal was certain.

local simulation = require "spec.support.simulation"

local function quick(options, sources)
  options.seed = 5
  return simulation.run(options, { quick = true, sources = sources })
end

describe("the quick check", function()
  it("says what it can't know from one address", function()
    local hidden = quick({ servers = simulation.servers(3), policy = "source" })
    assert.equal("healthy", hidden.verdict)
    assert.is_truthy(hidden.headline:find("unless the balancer always sends a client to the same server", 1, true))
    local single = quick({ servers = simulation.servers(1), policy = "random" }, { "127.0.0.2", "127.0.0.3" })
    assert.equal("healthy", single.verdict)
    assert.is_nil(single.headline:find("unless", 1, true))
  end)

  it("takes a refused version for a refusal", function()
    local list = simulation.servers(2)
    list[1].keys, list[1].cache, list[1].only = list[2].keys, list[2].cache, "1.2"
    local summary = quick({ servers = list, policy = "random" })
    assert.same({ "broken", "healthy", "broken", 0 },
      { summary.verdict, summary.quick.ticket.verdict, summary.quick.psk.verdict, summary.quick.psk.errors })
  end)
end)
