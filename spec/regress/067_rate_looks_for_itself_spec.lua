-- The rate believed the support scan that a version is not spoken. Behind a balancer the few handshakes of that scan
-- may all meet an older server.

local listener = require "spec.support.listener"
local memory = require "spec.support.memory"
local resum = require "resum"

describe("the rate after a support scan that met older servers only", function()
  it("is measured at those that speak the version", function()
    local older, met = memory.server({ max_version = "TLSv1.2" }), 0
    local server = listener.start(nil, {
      accepted = function(link)
        if met < 3 then
          link.connection = older:accept()
        end
      end,
    })
    local found = resum.run(server.address, { support = true, rate = true, mechanisms = { "psk" }, balancer = false,
      on_event = function(event)
        met = met + (event.record and event.record.mechanism == "psk" and 1 or 0)
      end,
    }).addresses[1]
    server.close()
    -- in between the version worked, so the support scan does not say that it is missing
    assert.same({ "inconclusive", 100, 0 },
      { found.support.psk.verdict, found.rate.psk.resumed, found.rate.psk.errors })
  end)
end)
