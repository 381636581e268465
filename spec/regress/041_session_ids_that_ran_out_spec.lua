--- Session IDs that were kept for a second ran out while they were offered, and the server was said to have restarted.
-- Sessions are obtained and offered after as long a time: where these are good, it was a restart.

local simulation = require "spec.support.simulation"

local function verdicts(at, options)
  local servers = simulation.servers(1)
  servers[1].lifetime = options.lifetime
  local summary = simulation.run({ servers = servers, policy = "random", seed = 11, events = at and { { at = at,
    act = function(pool)
      pool.caches = {}
    end } } })
  return summary.mechanisms.session_id.verdict, summary.findings
end

describe("session IDs that are refused from some moment on", function()
  it("were lost in a restart where new ones live longer", function()
    assert.equal("rotated", (verdicts(60, {})))
  end)

  it("ran out where new ones do, too", function()
    local verdict, findings = verdicts(nil, { lifetime = 0.06 })
    assert.is_true(verdict == "all_shared" or verdict == "inconclusive", verdict)
    for _, finding in ipairs(verdict == "all_shared" and findings or {}) do
      verdict = finding.code == "forgets" and finding.mechanism == "session_id" and "told" or verdict
    end
    assert.is_true(verdict == "told" or verdict == "inconclusive")
  end)
end)
