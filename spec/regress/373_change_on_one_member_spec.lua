-- A key that changed on one server of several was told as caches that are shared and keys that are not, or as servers
-- of which some share: offers of one session counted once for each name that they met, whoever led them, and what was
-- left did not show that the old name had gone.

local pools = require "spec.support.pools"
local simulation = require "spec.support.simulation"

describe("a ticket key that changes on one server, while sessions are offered again and again,", function()
  for i = 1, 4 do
    it("is told as a change of keys: " .. i, function()
      assert.equal("rotated", simulation.run(pools.draw("rotated_on_one", i * 7919)).verdict)
    end)
  end
end)
