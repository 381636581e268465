-- A single server that writes its session cache 20 ms late was told to stand behind a balancer that is "round-robin: it
-- starts over after every 2 connections": what age decides was read as turns.

local simulation = require "spec.support.simulation"

local function routing_of(fields, seed)
  local servers = simulation.servers(1)
  for name, value in pairs(fields) do
    servers[1][name] = value
  end
  local whole = simulation.run({ servers = servers, policy = "random", seed = seed }, { mechanisms = { "session_id" } })
  return whole.routing, whole.verdict
end

describe("one server whose refusals hang on time or use #unsanitized", function()
  for name, fields in pairs({
    ["a cache that is written 20 ms late"] = { store_delay = 0.02 },
    ["a cache that is written 30 ms late"] = { store_delay = 0.03 },
    ["sessions that are good once"] = { single_use = true },
    ["a small cache"] = { cache_size = 20 },
  }) do
    it("is no pool in turns: " .. name, function()
      for seed = 1, 12 do
        local routing, verdict = routing_of(fields, seed)
        assert.equal("unknown", routing, ("seed %d, %s"):format(seed, verdict))
      end
    end)
  end
end)

describe("two servers that share nothing, in turns, #unsanitized", function()
  it("are still told by what resumes", function()
    local told = 0
    for seed = 1, 6 do
      local whole = simulation.run({ servers = simulation.servers(2), policy = "roundrobin", seed = seed },
        { mechanisms = { "session_id" } })
      told = told + (whole.routing == "round_robin" and 1 or 0)
    end
    assert.is_true(told >= 5, told .. " of 6")
  end)
end)
