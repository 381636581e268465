--- The quick check called a pool healthy from one address, and did not say that a balancer that sends a client to the
-- same server each time looks the same. It was inconclusive where a member does not speak TLS 1.3, though each
-- refusal was certain.

local simulation = require "spec.support.simulation"

local function quick(options, sources)
  options.seed = 5
  return simulation.run(options, { quick = true, sources = sources })
end

describe("the quick check", function()
  it("says what it can't know from a few addresses", function()
    local hidden = quick({ servers = simulation.servers(3), policy = "source" })
    assert.equal("healthy", hidden.verdict)
    assert.is_truthy(hidden.headline:find("unless each client always meets the same server", 1, true))
    assert.same({ { code = "stickiness_unknown", sources = 1 } }, hidden.findings)
    for count, unless in pairs({ [5] = true, [6] = false }) do
      local sources = {}
      for i = 1, count do
        sources[i] = "127.0.0." .. i
      end
      local single = quick({ servers = simulation.servers(1), policy = "random" }, sources)
      assert.same({ "healthy", unless }, { single.verdict, single.headline:find("unless", 1, true) ~= nil })
      assert.equal(unless and 1 or 0, #single.evidence)
    end
  end)

  it("takes a refused version for a refusal", function()
    local list = simulation.servers(2)
    list[1].keys, list[1].cache, list[1].only = list[2].keys, list[2].cache, "1.2"
    local summary = quick({ servers = list, policy = "random" })
    assert.same({ "broken", "healthy", "broken", 0 },
      { summary.verdict, summary.quick.ticket.verdict, summary.quick.psk.verdict, summary.quick.psk.errors })
  end)
end)
