-- Two servers that share nothing, and write their session caches 300 ms late, as Node.js with a store of its own does:
-- that they are late was found out, and told by no report.

local findings = require "resum.analysis.pool.findings"
local simulation = require "spec.support.simulation"

local function scan(count, policy, seed, delay)
  local servers = simulation.servers(count)
  for _, server in ipairs(servers) do
    server.store_delay = delay
  end
  local summary = simulation.run({ servers = servers, policy = policy, seed = seed * 7919, before = seed % 7 })
  return summary, findings.with_code(summary.findings, "late_cache")
end

describe("a cache that is written late, beside keys that are not shared, #unsanitized", function()
  it("is told with its delay", function()
    local summary, late = scan(2, "roundrobin", 1, 0.3)
    assert.equal("nothing_shared", summary.verdict)
    assert.equal("session_id", late.mechanism)
    assert.is_true(late.delay_s > 0.2 and late.delay_s < 0.4)
    assert.matches("New session IDs are refused at first, and accepted about 0.3 s later", table.concat(
      summary.evidence, " "))
  end)

  it("is told of longer delays, too", function()
    local _, late = scan(2, "roundrobin", 3, 1)
    assert.is_true(late.delay_s > 0.8 and late.delay_s < 1.2)
  end)

  it("is not told where another explanation comes near, nor where nothing is late", function()
    local summary, late = scan(3, "random", 1, 0.3)
    assert.is_not_nil(summary.mechanisms.session_id.delay) -- of the best explanation
    assert.is_nil(late)
    assert.is_nil((select(2, scan(2, "roundrobin", 1))))
  end)

  it("is told once where it is the verdict", function()
    local summary, late = scan(1, "random", 1, 0.3)
    assert.equal("late_cache", summary.verdict)
    assert.is_nil(late)
  end)
end)
