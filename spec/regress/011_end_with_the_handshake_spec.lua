-- A TLS 1.2 server that ends the connection in the same breath as its Finished was taken for one that broke the
-- handshake off, and, as that happened every time, for one that speaks TLS 1.3 only.

local listener = require "spec.support.listener"
local resum = require "resum"

-- What resum says of each mechanism, on a server that ends its connections in a hurry.
local function verdicts(hurry)
  local server = listener.start({}, { established = hurry })
  local result = assert(resum.scan(server.address))
  server.close()
  assert.equal("completed", result.status)
  local found = {}
  for mechanism, verdict in pairs(result.addresses[1].support) do
    found[mechanism] = { verdict.verdict, verdict.reason, verdict.resumed, verdict.errors }
  end
  return found
end

describe("a server that ends the connection right after the handshake", function()
  it("with close_notify, in one write with its Finished, resumes", function()
    local yes = { "supported", nil, 5, 0 }
    assert.same({ session_id = yes, ticket = yes, psk = yes }, verdicts(function(link, bytes)
      link.finish(bytes)
    end))
  end)

  it("with bytes that break the protocol has completed its TLS 1.2 handshakes all the same", function()
    local found = verdicts(function(link, bytes)
      link.send(bytes .. "\21\3\3\0\2\2\80") -- an alert, but in the clear
      link.drop("fin")
    end)
    assert.same({ "supported", nil, 5, 0 }, found.ticket)
  end)
end)
