--- Where a server does not speak TLS 1.3, the quick check called PSKs inconclusive, and so the whole of it; behind the
-- address they were "inconclusive: no attempts", beside "not applicable" in the rate.

local resum = require "resum"
local servers = require "spec.support.servers"

describe("a mechanism of a version that the server does not speak", function()
  after_each(servers.stop_all)

  local function rate(options)
    local server = servers.nginx({ session_cache = "shared:SSL:1m", session_tickets = "on", protocols = "TLSv1.2" })
    return assert(resum.rate(server.address, options)).addresses[1]
  end

  it("leaves the quick check certain of the others", function()
    local entry = rate { quick = true }
    assert.same({ "healthy", "healthy", "not_applicable" },
      { entry.balancer.verdict, entry.balancer.quick.ticket.verdict, entry.balancer.quick.psk.verdict })
  end)

  it("is what the quick check says when nothing else is asked for", function()
    local entry = rate { quick = true, mechanisms = { "psk" } }
    assert.same({ "not_applicable", "The server does not speak the version of TLS that this takes." },
      { entry.balancer.verdict, entry.balancer.headline })
    assert.is_truthy(tostring(entry):find("not applicable", 1, true))
  end)

  it("is left out of what stands behind the address", function()
    local entry = rate { attempts = 20 }
    assert.same({ "all_shared", nil, "not_applicable" },
      { entry.balancer.verdict, entry.balancer.mechanisms.psk, entry.rate.psk.verdict })
    assert.is_nil(rate({ attempts = 20, mechanisms = { "psk" } }).balancer)
  end)
end)
