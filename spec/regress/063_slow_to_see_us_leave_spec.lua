-- The probe leaves as soon as it has its proof. A server that takes few connections at once, and is slow to see one go,
-- still had those in it when the next ones came, though only one at a time was made: "too many errors".

local listener = require "spec.support.listener"
local resum = require "resum"

local LIMIT = 4
local SLOW_MS = 100

-- Lets in who comes while fewer than LIMIT are inside. What comes after the ClientHello it reads late.
local function slow_hooks()
  local inside = 0
  return {
    bytes = function(link, bytes)
      if not link.is_inside then
        if inside >= LIMIT then
          link.drop("fin")
          return true
        end
        inside, link.is_inside = inside + 1, true
        link.take(bytes)
        return true
      end
      listener.later(SLOW_MS, function()
        inside, link.has_left = inside - (link.has_left and 0 or 1), true
        if not link.ended then
          link.take(bytes)
        end
      end)
      return true
    end,
  }
end

describe("a server that takes four connections at once, and sees late who left", function()
  it("is measured with three", function()
    local server = listener.start({ min_version = "TLSv1.3" }, slow_hooks())
    local rate = resum.rate(server.address, { mechanisms = { "psk" }, attempts = 40, balancer = false })
      .addresses[1].rate.psk
    server.close()
    assert.same({ "supported", 40, 3, 10 },
      { rate.verdict, rate.resumed, rate.concurrency, rate.too_many_at_once })
  end)
end)
