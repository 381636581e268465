--- Three of four handshakes for a PSK that met the one server without TLS 1.3, by chance, and the mechanism was called
-- not applicable although the others speak it.

local pool = require "spec.support.pool"
local rate = require "resum.scan.rate"
local recorder = require "resum.scan.pool.recorder"
local simulation = require "spec.support.simulation"
local random = require "resum.util.random"

-- All handshakes but a few meet the server that does not speak TLS 1.3.
local function mostly_old(seed)
  local list = simulation.servers(2)
  list[1].only, list[1].weight = "1.2", 4
  return { servers = list, policy = "random", seed = seed }
end

describe("a mechanism whose version some members do not speak #unsanitized", function()
  it("is measured where others do", function()
    for seed = 1, 20 do
      math.randomseed(seed)
      random.seed(seed)
      local rates = rate.run(recorder.new(pool.client(pool.new(mostly_old(seed))), 10), { version = "TLSv1.3" },
        { mechanisms = { "psk" }, attempts = 100, concurrency = 10, retries = 2, engine = "probe" }, {})
      assert.same({ "partially_supported", 100 }, { rates.psk.verdict, rates.psk.attempted }, seed)
    end
  end)

  it("has a bad member, with its share", function()
    for seed = 1, 10 do
      local summary = simulation.run(mostly_old(seed))
      local psk = summary.mechanisms.psk
      assert.same({ "bad_member", "bad_member", "other_version", "nothing_shared" }, { summary.verdict, psk.verdict,
        psk.member.how, summary.mechanisms.ticket.verdict })
      assert.is_true(psk.member.share > 0.6 and psk.member.share < 0.95, "share " .. psk.member.share)
    end
  end)
end)
