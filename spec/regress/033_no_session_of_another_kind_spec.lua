--- A server without tickets gives a session ID to who asks for a ticket. Such sessions were offered as tickets: that
-- failed ("too many connections failed"), resumed by the ID, or hid the member without tickets that was looked for.

local resum = require "resum"
local servers = require "spec.support.servers"

describe("a server without tickets", function()
  after_each(servers.stop_all)

  it("gives no session to an attempt that wants a ticket", function()
    local server = servers.s_server({ args = { "-no_ticket" } })
    local client = resum.attempt.new_client({ address = server.host, port = server.port },
      { host = resum.host.default(), timeout = 5 })
    local by_ticket = client:attempt({ mechanism = "ticket", want_tickets = true })
    local by_id = client:attempt({ mechanism = "session_id" })
    assert.same({ "full", 0, "full", 1 }, { by_ticket.outcome, #by_ticket.sessions, by_id.outcome, #by_id.sessions })
    local not_offered = client:attempt({ mechanism = "ticket", session = by_id.sessions[1] })
    assert.same({ "protocol_error", "not_offered" }, { not_offered.outcome, not_offered.error.code })
  end)

  it("issues no ticket, whatever else it resumes", function()
    local server = servers.s_server({ args = { "-no_ticket" } })
    local summary = resum.run(server.address, { rate = true, attempts = 40, mechanisms = { "session_id", "ticket" } })
      .addresses[1].balancer
    local ids, tickets = summary.mechanisms.session_id, summary.mechanisms.ticket
    assert.same({ "all_shared", "no_resumption", "not_issued" }, { ids.verdict, tickets.verdict, tickets.reason })
  end)
end)
