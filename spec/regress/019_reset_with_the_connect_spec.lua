-- One connection in 50 was accepted and reset at once; where the reset came with the connect, the attempt was silently
-- made again, and no error was counted.

local attempt = require "resum.connection.client"

local RESET = { "connect: reset", "reset" }
local REFUSED = { "connect: refused", "refused" }

-- Lets the first connection in (it ends at once), and meets the others with what the script says.
local function scripted_host(answers)
  local host = { slept = 0, connected = 0 }
  function host.now() return 0 end
  function host.sleep() host.slept = host.slept + 1 end
  function host.connect()
    host.connected = host.connected + 1
    local answer = answers[host.connected]
    if answer then
      return nil, answer[1], answer[2]
    end
    return {
      read = function() return nil, "eof" end,
      write = function() return true end,
      close = function() end,
    }
  end
  return host
end

local function outcomes(answers)
  local host = scripted_host(answers)
  local client = attempt.new_client({ address = "192.0.2.1", port = 443 }, { host = host, retries = 2 })
  local first = client:attempt({ mechanism = "ticket" })
  local second = client:attempt({ mechanism = "ticket" })
  return first.outcome, second.outcome, host.connected
end

describe("a connection that is reset at once", function()
  it("is counted as it is, and not made again", function()
    assert.same({ "closed", "reset", 2 }, { outcomes({ [2] = RESET }) })
  end)

  it("is not the same as one that is refused for a moment", function()
    assert.same({ "closed", "closed", 3 }, { outcomes({ [2] = REFUSED }) })
  end)
end)
