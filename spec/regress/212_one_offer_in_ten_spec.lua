-- Offers that fail were held against full handshakes mechanism by mechanism: where one in ten fails, by any of them, 86
-- of each can't tell it, and three of four scans were inconclusive. Judged together they tell it; and where a network
-- drops what it carries, whatever that is, no server is blamed.

local simulation = require "spec.support.simulation"

local SCANS = 15

-- A pool that shares everything, scanned: how often each verdict was given, and how often a rate had this reason.
local function scan(options)
  local verdicts, failing = {}, 0
  for seed = 1, SCANS do
    local servers = simulation.servers(1 + seed % 3)
    for _, server in ipairs(servers) do
      server.keys, server.cache, server.drops_offers = { "key 000000000000" }, "one", options.drops_offers
    end
    local whole, _, rates = simulation.run({ servers = servers, policy = "random", drops = options.drops, seed = seed })
    verdicts[whole.verdict] = (verdicts[whole.verdict] or 0) + 1
    for _, rate in pairs(rates) do
      failing = failing + (rate.reason == "fails_on_resumption" and 1 or 0)
    end
  end
  return verdicts, failing
end

describe("one connection in ten that offers a session, and fails, #unsanitized", function()
  it("is told, for most of the mechanisms", function()
    local verdicts, failing = scan({ drops_offers = 0.1 })
    assert.is_true((verdicts.fails_on_resumption or 0) >= SCANS - 1)
    assert.is_true(failing >= 2.4 * SCANS, failing .. " of " .. 3 * SCANS)
  end)
end)

describe("a network that drops connections of every kind #unsanitized", function()
  for _, drops in ipairs({ 0.02, 0.05 }) do
    it(("is no fault of a server: %g"):format(drops), function()
      local verdicts, failing = scan({ drops = drops })
      assert.same({ nil, 0 }, { verdicts.fails_on_resumption, failing })
      assert.is_true((verdicts.all_shared or 0) >= SCANS - 2)
    end)
  end
end)
