--- Three nginx without tickets, behind a balancer that leads a session ID back to its server: every session ID resumed,
-- no PSK did, and the whole was said to share nothing. Both are entries of the same caches, so the balancer must be at
-- work.

local simulation = require "spec.support.simulation"

describe("a balancer that leads session IDs back #unsanitized", function()
  it("is seen where no server names a ticket key", function()
    for seed = 1, 10 do
      local list = simulation.servers(3)
      for _, server in ipairs(list) do
        server.tickets = false
      end
      local summary = simulation.run({ servers = list, policy = "session_id", seed = seed })
      local of = summary.mechanisms
      assert.same({ "sticky_session_id", "sticky_session_id", "no_resumption", "nothing_shared", "sticky" },
        { summary.verdict, of.session_id.verdict, of.ticket.verdict, of.psk.verdict, summary.routing }, seed)
    end
  end)
end)
