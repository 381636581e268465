--- Session IDs that were kept for a second ran out while they were offered, and the server was said to have restarted.
-- From outside it is the same, where no ticket key changed: the report has to say so.

local simulation = require "spec.support.simulation"

local function told(at, new_keys)
  local function act(pool)
    pool.caches = {}
    pool.servers[1].keys = new_keys or pool.servers[1].keys
  end
  local summary = simulation.run({
    servers = simulation.servers(1), policy = "random", seed = 11, events = { { at = at, act = act } },
  })
  return summary.verdict, table.concat(summary.evidence, " "):find("keeps them for as short a time", 1, true) ~= nil
end

describe("a change that only session IDs tell of", function()
  it("may be that they ran out", function()
    assert.same({ "rotated", true }, { told(60) })
  end)

  it("was none of that where ticket keys changed as well", function()
    assert.same({ "rotated", false }, { told(160, { "key 000000000009" }) })
  end)
end)
