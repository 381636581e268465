-- Eight servers that show no names, share nothing, and of which one issues no session: the report said that one server
-- does not resume, and to compare its configuration, where every other client pays as well.

local findings = require "resum.analysis.pool.findings"
local simulation = require "spec.support.simulation"

local function scan(count, seed, shared)
  local servers = simulation.servers(count)
  for i, server in ipairs(servers) do
    server.tickets = false
    server.cache = shared and "common" or "cache " .. i
  end
  servers[2].off = "silent"
  local summary = simulation.run({ servers = servers, policy = "roundrobin", seed = seed * 7919, before = seed % 7 })
  return summary, findings.with_code(summary.findings, "others_share_nothing")
end

describe("beside a server that issues no session, #unsanitized", function()
  it("servers without names that share nothing are told", function()
    local summary, met = scan(8, 1)
    assert.equal("bad_member", summary.verdict)
    assert.is_not_nil(met)
    assert.equal("One of the servers behind this address does not resume, and the others share nothing.",
      summary.headline)
    assert.matches("The other servers do not share their TLS 1.3 tickets either.", table.concat(summary.evidence, " "))
  end)

  it("servers that share are not, nor is a single one", function()
    for _, case in ipairs({ { 4, true }, { 2, false } }) do
      local summary, met = scan(case[1], 1, case[2])
      assert.equal("bad_member", summary.verdict)
      assert.is_nil(met)
      assert.equal("One of the servers behind this address does not resume.", summary.headline)
    end
  end)
end)
