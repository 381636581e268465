--- nginx takes a ticket only under the certificate under which it was issued. Servers that share their key and are on
-- their way to a new certificate were said to share nothing, and their operator was told to share the key.

local advice = require "resum.analysis.advice"
local simulation = require "spec.support.simulation"

local function run(seed, certificates, keys)
  local list = simulation.servers(#certificates)
  for i, server in ipairs(list) do
    server.keys, server.certificate, server.bound = { keys[i] }, certificates[i], true
  end
  return simulation.run({ servers = list, policy = "random", seed = seed })
end

-- What to do, up to the first stop.
local function steps_of(summary)
  local list = {}
  for i, step in ipairs(advice.of({ balancer = summary })) do
    list[i] = step.text:match("^[^,:.]*")
  end
  return list
end

describe("servers with one ticket key and different certificates #unsanitized", function()
  for name, expected in pairs({
    ["two of three with the same"] = { { "a", "a", "b" }, "differs" },
    ["each with its own"] = { { "a", "b" }, "differs" },
  }) do
    it("are groups by certificate, and told to have one: " .. name, function()
      local keys = {}
      for i in ipairs(expected[1]) do
        keys[i] = "key 000000000001"
      end
      for seed = 1, 5 do
        local summary = run(seed, expected[1], keys)
        assert.same({ expected[2], expected[2], "leaf", 2, 1 }, { summary.mechanisms.ticket.verdict,
          summary.mechanisms.psk.verdict, summary.attribute, summary.groups, #summary.labels })
        assert.same({ "Give all servers the same certificate" }, steps_of(summary))
      end
    end)
  end

  it("are told of their keys as well where these differ", function()
    local summary = run(3, { "a", "b", "b" }, { "key 000000000001", "key 000000000001", "key 000000000002" })
    assert.same({ "differs", 3 }, { summary.mechanisms.ticket.verdict, summary.groups })
    assert.same({ "Give all servers the same certificate", "Give all servers the same ticket keys" }, steps_of(summary))
  end)
end)
