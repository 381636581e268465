-- Of the tickets that a TLS 1.3 server sends one by one, only the first was waited for and counted.

local listener = require "spec.support.listener"
local resum = require "resum"

local APART_MS = 40

local function issue(link, count)
  link.send(link.connection:issue_ticket())
  if count > 1 then
    link.later(APART_MS, function()
      issue(link, count - 1)
    end)
  end
end

local function psk_of(hooks)
  local server = listener.start({ min_version = "TLSv1.3", num_tickets = 0 }, hooks)
  local result = assert(resum.scan(server.address, { mechanisms = { "psk" } }))
  server.close()
  return result.addresses[1].support.psk
end

describe("TLS 1.3 tickets that come one by one", function()
  for place, hook in pairs({ ["after the handshake"] = "established", ["after a request"] = "data" }) do
    it("are all counted: three of them, " .. place, function()
      local psk = psk_of({
        [hook] = function(link, bytes)
          link.send(hook == "established" and bytes or "")
          issue(link, 3)
        end,
      })
      assert.same({ "supported", 5, 3 }, { psk.verdict, psk.resumed, psk.tickets_issued })
    end)
  end
end)
