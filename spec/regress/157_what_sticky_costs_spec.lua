--- Behind a balancer that leads each client address to one server, the report said that 2 of 3 returning clients pay a
-- full handshake, though whoever keeps its address pays none; and the browser of the scan changed its address from
-- connection to connection (spec/browser_share_spec.lua holds it now).

local cost = require "resum.analysis.cost"

local function said(verdict, mechanism)
  return cost.sentences({
    rate = { [mechanism] = { attempted = 100, resumed = 33, refused = 67, interval = { 0.24, 0.43 } } },
    balancer = { verdict = verdict, mechanisms = { [mechanism] = { verdict = verdict, groups = 3 } } },
  })[1]
end

describe("what refusals cost", function()
  for mechanism, version in pairs({ psk = "TLS 1.3", ticket = "TLS 1.2 and a ticket",
    session_id = "TLS 1.2 and a session ID" }) do
    it("is paid by who changes the address where each address has its server: " .. mechanism, function()
      assert.equal(1, (said("sticky_source", mechanism):find(("With %s, a client that returns from another address may "
        .. "pay a full handshake: "):format(version), 1, true)))
    end)

    it("is paid by a share of all elsewhere: " .. mechanism, function()
      assert.equal(1, (said("nothing_shared", mechanism):find(("With %s, about 2 of 3 returning clients pay a full "
        .. "handshake: "):format(version), 1, true)))
    end)
  end
end)
