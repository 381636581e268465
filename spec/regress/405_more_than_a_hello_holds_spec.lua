-- "A ticket of an odd length makes the connection fail (three times as long: protocol_error)" of a server whose tickets
-- have 60 KB: three of them are more than a ClientHello holds, and it was libssl that failed, here.

local core = require "resum.core"
local unknown_ticket = require "resum.audit.checks.unknown_ticket"

-- A server that gives unknown tickets a full handshake, and a client that fails where a ticket does not fit.
local function context_of(length)
  local known = core.session { version = "TLSv1.3", cipher = "TLS_AES_128_GCM_SHA256", secret = ("s"):rep(32),
    ticket = ("t"):rep(length) }
  local context = { offered = {}, evidence = { connections = {} } }
  function context.evidence.members() return {} end
  function context.evidence.tickets_of() return {} end
  function context.resumes(_, mechanism) return mechanism == "psk" end
  function context.unoffered() return known end
  function context.control() return true end
  function context:attempt(options)
    local ticket = options.session:fields().ticket
    self.offered[#self.offered + 1] = #ticket
    return { outcome = #ticket > 64000 and "protocol_error" or options.session == known and "resumed" or "refused",
      facts = { alerts = {} } }
  end
  return context
end

describe("unknown-ticket", function()
  it("asks nothing that a ClientHello does not hold", function()
    for _, length in ipairs({ 22000, 60000 }) do
      local context = context_of(length)
      local found = unknown_ticket.run(context)
      assert.same({ "good", "full_handshake", 4 }, { found[1].verdict, found[1].reason, found[1].evidence.cases })
      assert.equal(length, math.max(table.unpack(context.offered)))
    end
  end)

  it("asks for three times the length where that fits", function()
    for _, length in ipairs({ 200, 20000 }) do
      local context = context_of(length)
      assert.equal(5, unknown_ticket.run(context)[1].evidence.cases)
      assert.equal(3 * length, math.max(table.unpack(context.offered)))
    end
  end)
end)
