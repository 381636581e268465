-- A server that makes a TLS context, and so a ticket key, for each connection issues sessions and accepts none. The
-- rate alone, without a support scan before it, ended a few offers short of saying so: "the attempts do not show what
-- stands behind this address", and nobody was told what to look for.

local advice = require "resum.analysis.advice"
local findings = require "resum.analysis.pool.findings"
local simulation = require "spec.support.simulation"

-- One server, with a new key for each connection.
local function judge()
  local made = 0
  return simulation.run({ policy = "roundrobin", seed = 3, servers = { { cache = false, ids_without_cache = true } },
    key_at = function()
      made = made + 1
      return ("key %012d"):format(made)
    end })
end

describe("a server that accepts nothing that it issued", function()
  it("is told after offers that exclude a pool, by each mechanism, and with its cause", function()
    local summary = judge()
    local verdicts = {}
    for name, result in pairs(summary.mechanisms) do
      verdicts[name] = result.verdict
    end
    assert.same({ "no_resumption", { psk = "no_resumption", ticket = "no_resumption", session_id = "no_resumption" } },
      { summary.verdict, verdicts })
    assert.is_truthy(findings.with_code(summary.findings, "new_key_each_time"))
    local ticket = { verdict = "not_supported", reason = "issued_not_accepted", attempted = 100, refused = 100 }
    local steps = advice.of({ status = "completed", balancer = summary, rate = { ticket = ticket } })
    assert.equal(1, #steps)
    assert.matches("TLS context once", steps[1].text)
  end)
end)

describe("tickets that each name a key of their own", function()
  local function found(count, verdict, length)
    local entries = {}
    for i = 1, count do
      entries[i] = { ticket = ("key %012d"):format(i), ticket_length = length or 160 }
    end
    entries[#entries + 1] = {} -- a connection that brought none
    return #findings.by_code.new_key_each_time.find({
      results = { ticket = { verdict = verdict or "no_resumption" } }, all = { ticket = { entries = entries } },
    })
  end

  it("tell so where they are as many as a large pool would not show, and are never accepted", function()
    assert.equal(1, found(60))
    assert.equal(0, found(59))
    assert.equal(0, found(60, "nothing_shared"))
    assert.equal(0, found(60, nil, 32)) -- names of entries in a cache
  end)
end)
