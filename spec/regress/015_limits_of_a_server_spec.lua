-- A server that takes few connections at once from one client dropped most of a rate's attempts, which said "too many
-- errors". A server that answers nothing where a session is offered was asked a hundred times, five seconds each.

local core = require "resum.core"
local listener = require "spec.support.listener"
local resum = require "resum"

local function run(hooks, options)
  local server
  server = listener.start({ min_version = "TLSv1.3" }, hooks(function()
    return server
  end))
  options.mechanisms = { "psk" }
  local result = assert(resum.run(server.address, options))
  server.close()
  return result.addresses[1]
end

describe("a server that takes four connections at once", function()
  it("is measured with fewer, and the report says so", function()
    local found = run(function(get)
      return {
        accepted = function(link)
          if get().open > 4 then
            link.drop("fin")
          end
        end,
        -- slow enough that the attempts of the rate overlap
        bytes = function(link, bytes)
          if link.state == "want" and not link.waited then
            link.waited = true
            link.later(20, function()
              link.take(bytes)
            end)
            return true
          end
        end,
      }
    end, { rate = true })
    local rate = found.rate.psk
    assert.same({ "supported", 3, 10 }, { rate.verdict, rate.concurrency, rate.too_many_at_once })
    assert.is_true(rate.resumed > 50, "resumed " .. rate.resumed) -- at ten at once it is a third of that
  end)
end)

local function offers_psk(bytes)
  local hello = core.parse(bytes)[1]
  return hello ~= nil and (hello.psk_identities or 0) > 0
end

describe("a server that does not answer where a session is offered", function()
  it("is given up soon, and full handshakes are said to work", function()
    local found = run(function()
      return {
        bytes = function(link, bytes)
          if link.state == "want" and offers_psk(bytes) then
            link.drop("stall")
          end
        end,
      }
    end, { support = true, rate = true, timeout = 0.2 })
    assert.same({ "inconclusive", "errors_on_resumption" }, { found.support.psk.verdict, found.support.psk.reason })
    assert.same({ timeout = found.rate.psk.attempted }, found.rate.psk.error_kinds)
    assert.is_true(found.rate.psk.attempted < 40, found.rate.psk.attempted .. " attempts")
  end)
end)
