--- Pools in which each server accepts the sessions of some others, in no order, were told as "nothing shared" in eight
-- of ten by session IDs alone: any list fits a few groups after 200 offers. Where no other mechanism speaks for groups,
-- all sessions have to resume equally often, which takes more offers.

local pools = require "spec.support.pools"
local simulation = require "spec.support.simulation"

local function judge(class, i, more)
  local options = pools.draw(class, i * 7919)
  for _, server in ipairs(more and options.servers or {}) do
    server.cache = more.cache
  end
  local found, recorded = simulation.run(options, { mechanisms = { "session_id" } })
  return found.mechanisms.session_id.verdict, #recorded.entries
end

describe("session IDs, where nothing else is offered #unsanitized", function()
  it("tell no story of servers that accept each other's in no order", function()
    for _, i in ipairs({ 5, 9 }) do
      local verdict = judge("random_matrix", i, { cache = "of all" })
      assert.is_true(verdict == "inconclusive" or verdict == "unexplained", verdict .. " of pool " .. i)
    end
  end)

  it("still tell that nothing is shared, however the balancer draws", function()
    for _, i in ipairs({ 104, 107 }) do -- of ten at random, of three in turns
      local verdict, connections = judge("keys_shared_caches_not", i)
      assert.equal("nothing_shared", verdict)
      assert.is_true(connections < 700)
    end
  end)
end)
