-- Behind a balancer, a server without TLS 1.3 answers a PSK with a protocol_version alert. That was counted as an
-- error, so that half a pool without TLS 1.3 gave "100 %"; and on the probe, in step with the balancer's turns, the
-- answer that libssl had from the other server took the place of each alert.

local advice = require "resum.analysis.advice"
local listener = require "spec.support.listener"
local memory = require "spec.support.memory"
local resum = require "resum"

-- Connections in turns: the listener's own server, and one that is older.
local function start_rotation()
  local older = memory.server({ max_version = "TLSv1.2" })
  return listener.start(nil, {
    accepted = function(link)
      if link.number % 2 == 0 then
        link.connection = older:accept()
      end
    end,
  })
end

describe("a PSK behind a balancer with servers that do not speak TLS 1.3", function()
  local server
  before_each(function()
    server = start_rotation()
  end)
  after_each(function()
    server.close()
  end)

  for _, engine in ipairs({ "handshake", "probe" }) do
    it("is partially supported, on the engine " .. engine, function()
      local psk = resum.scan(server.address, { engine = engine, mechanisms = { "psk" } }).addresses[1].support.psk
      assert.same({ "partially_supported", "alert_on_resumption", "protocol_version", 0 },
        { psk.verdict, psk.reason, psk.alert, psk.errors })
      assert.is_true(psk.resumed >= 2 and psk.refused >= 2, ("%d resumed, %d refused"):format(psk.resumed, psk.refused))
    end)
  end

  it("has a rate of the share of those that do, and the report explains its marks", function()
    local result = resum.rate(server.address, { mechanisms = { "psk" }, balancer = false })
    local psk = result.addresses[1].rate.psk
    assert.same({ "partially_supported", "protocol_version", 0, 100 },
      { psk.verdict, psk.alert, psk.errors, psk.resumed + psk.refused })
    assert.is_true(psk.rate > 0.3 and psk.rate < 0.7, "rate " .. psk.rate)
    assert.is_truthy(tostring(result):gsub("%s+", " "):find(
      "of 100 resumed; the server answers an offered session with an alert (protocol version), shown as x", 1, true))
  end)

  it("is no shared key behind the address, but a member that does not speak it", function()
    local result = resum.rate(server.address, { mechanisms = { "psk" } })
    local balancer = result.addresses[1].balancer
    local found = balancer.mechanisms.psk
    assert.same({ "bad_member", "other_version" }, { found.verdict, found.reason })
    assert.is_truthy(table.concat(balancer.evidence, " "):find("does not speak TLS 1.3", 1, true))
    assert.equal("same_versions", advice.of(result.addresses[1])[1].topic)
    assert.is_true(found.designs.fixed.rate < 0.7, "rate " .. found.designs.fixed.rate)
  end)
end)
