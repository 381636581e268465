--- HelloRequests, of which libssl skips any number, filled the transcript: the facts of a handshake that then completed
-- had no version, no cipher, no ticket.

local memory = require "spec.support.memory"

local HELLO_REQUEST = "\0\0\0\0"

-- A server that puts so many HelloRequests before its first flight.
local function flooding(count)
  local first = true
  return function(from, bytes)
    if from == "server" and first then
      first = false
      return "\22\3\3" .. (">s2"):pack(HELLO_REQUEST:rep(count)) .. bytes
    end
    return bytes
  end
end

describe("a server that sends many messages", function()
  it("is heard with all its facts as long as they are kept", function()
    local visit = memory.connect(memory.server { max_version = "TLSv1.2" }, { change = flooding(200) })
    assert.same({ "established", "TLSv1.2" }, { visit.result.client, visit.facts.version })
  end)

  it("is given up when they are too many", function()
    local visit = memory.connect(memory.server { max_version = "TLSv1.2" }, { change = flooding(1000) })
    assert.same({ nil, "handshake: the server sent more messages than are kept", "too_much" },
      { visit.result.client, visit.result.message, visit.result.code })
    assert.same({ nil, "", "handshake: it has failed before", "failed" }, { visit.client:step("more") })
  end)
end)
