-- A server that lets in so many connections in a second, and resets the rest, was said not to speak TLS 1.2: three
-- resets were taken for its answer to that version, though the next handshake of any other was reset as well.

local listener = require "spec.support.listener"
local resum = require "resum"

-- Resets the connections of these numbers.
local function start(reset)
  return listener.start(nil, {
    accepted = function(link)
      if reset[link.number] then
        link.drop("rst")
      end
    end,
  })
end

local function verdicts(reset, options)
  local server = start(reset)
  local found = assert(resum.run(server.address, options)).addresses[1]
  server.close()
  local of = {}
  for name, judged in pairs(found.support or found.rate) do
    of[name] = { judged.verdict, judged.reason }
  end
  return of
end

local RESET = { "inconclusive", "reset" }

describe("three connections that are reset", function()
  for _, scan in ipairs({ "support", "rate" }) do
    local options = { [scan] = true, mechanisms = { "ticket" }, balancer = false }

    it("say nothing of TLS 1.2 where one that offers TLS 1.3, too, is reset right after them: " .. scan, function()
      assert.same({ ticket = RESET }, verdicts({ [2] = true, [3] = true, [4] = true, [5] = true }, options))
    end)

    it("say nothing where that one passes, and the next that offers TLS 1.2 alone as well: " .. scan, function()
      assert.same({ ticket = RESET }, verdicts({ [2] = true, [3] = true, [4] = true }, options))
    end)
  end

  it("say nothing of TLS 1.2 where another mechanism has seen it", function()
    local reset = { [3] = true, [4] = true, [5] = true } -- the control, a full handshake; then these
    assert.same({ session_id = { "supported" }, ticket = RESET },
      verdicts(reset, { mechanisms = { "session_id", "ticket" }, concurrency = 1 }))
  end)

  it("don't say that full handshakes work, where the first one after them is reset as well", function()
    local reset = {}
    for number = 3, 13 do -- the control, a full handshake; then five offers, these again, and a full handshake
      reset[number] = true
    end
    assert.same({ ticket = RESET }, verdicts(reset, { mechanisms = { "ticket" } }))
  end)
end)
