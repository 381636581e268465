-- Where connections are lost, the plain figure makes full handshakes beside offers, to see whether offers alone fail.
-- They were counted among those that a closer look may make: then there were none left for it, and servers that a
-- balancer chooses by the session ID were told to share one cache.

local pool_truth = require "spec.support.pool_truth"
local pools = require "spec.support.pools"
local simulation = require "spec.support.simulation"

local POOLS = 5

-- Of a class, with connections that are lost on the way: what is said, and how many full handshakes were made beside.
local function scan(class, seed)
  local options = pools.draw(class, seed)
  options.drops = 0.04
  local found, journal = simulation.run(options)
  local beside = 0
  for _, entry in ipairs(journal.entries) do
    beside = beside + (entry.design == "beside" and 1 or 0)
  end
  return found, beside, pool_truth.of(class, options)
end

describe("a pool that loses connections #unsanitized", function()
  for _, class in ipairs({ "sticky_session_id", "caches_shared_keys_not", "keys_shared_caches_not" }) do
    it("is not told another story with confidence: " .. class, function()
      local looked = 0
      for i = 1, POOLS do
        local found, beside, truth = scan(class, i * 7919)
        looked = looked + (beside > 0 and 1 or 0)
        local said = found.verdict
        assert.is_true(truth.whole[said] or said == "inconclusive" or said == "unexplained", i .. " " .. said)
      end
      assert.is_true(looked >= POOLS / 2, "full handshakes beside offers were made in " .. looked)
    end)
  end
end)
