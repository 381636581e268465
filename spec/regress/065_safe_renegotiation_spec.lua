-- A server that insists on secure renegotiation looks for renegotiation_info before it chooses a version. The probe's
-- ClientHello for TLS 1.3 had none, so libssl had to make all connections there.

local resum = require "resum"
local servers = require "spec.support.servers"

describe("a server that insists on secure renegotiation", function()
  after_each(servers.stop_all)

  it("is measured by the probe in every mechanism", function()
    local server = servers.gnutls_serv({ args = { "--priority", "NORMAL:%SAFE_RENEGOTIATION" } })
    local rate = resum.rate(server.address, { attempts = 20, balancer = false }).addresses[1].rate
    for _, name in ipairs({ "session_id", "ticket", "psk" }) do
      assert.same({ 20, 0, 0, nil }, { rate[name].resumed, rate[name].refused, rate[name].errors, rate[name].moved })
      assert.is_true((rate[name].engines.probe or 0) > 10, name)
    end
  end)
end)
