--- Tickets that are good for one connection, in caches of 128 entries: a session that had made way for those of the
-- scan itself was offered until it was certain to be dead, and a pool that shares nothing had a bad member. And where
-- servers of that kind stand beside others that name their keys, they were not counted among the groups.

local simulation = require "spec.support.simulation"

local function servers(count, singles)
  local list = simulation.servers(count)
  for i = 1, singles do
    list[i].tickets, list[i].single_use, list[i].cache_size = false, true, 128
  end
  return list
end

describe("servers whose tickets are good for one connection #unsanitized", function()
  it("share nothing, and none is bad because its cache is small", function()
    for seed = 1, 10 do
      local summary = simulation.run({ servers = servers(3, 3), policy = "roundrobin", seed = seed })
      for _, judged in ipairs({ summary, summary.mechanisms.psk }) do
        local verdict = judged.verdict
        assert.is_true(verdict == "nothing_shared" or verdict == "inconclusive", verdict) -- and never a bad member
      end
      assert.equal("nothing_shared", summary.mechanisms.session_id.verdict, seed)
    end
  end)

  it("are one group more, or any number, beside those that name their keys", function()
    for seed = 1, 5 do
      local psk = simulation.run({ servers = servers(3, 1), policy = "random", seed = seed }).mechanisms.psk
      assert.same({ "nothing_shared", true, false }, { psk.verdict, psk.groups >= 3, psk.groups_interval[2] ~= nil })
      assert.is_true(psk.effective_groups > 2, "as if there were " .. psk.effective_groups)
    end
  end)
end)
