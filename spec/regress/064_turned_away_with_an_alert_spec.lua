-- A server that answers every offered ticket with an alert was said to make a full handshake of each connection: but
-- clients that come back are turned away.

local text = require "resum.report.text"

local function judged(verdict, reason, alert)
  return { verdict = verdict, reason = reason, alert = alert,
    version = "TLSv1.2", attempted = 5, resumed = 0, refused = 5, errors = 0, error_kinds = {} }
end

describe("the conclusion on a server that answers offered sessions with an alert", function()
  local function conclusion(support)
    return text.address({ address = "192.0.2.1", status = "completed", support = support }):match("=> (.*)")
  end

  it("is that clients are turned away", function()
    assert.equal("Resumption by session ID, ticket and PSK does not work.\n"
      .. "   Who offers a ticket or a PSK may be turned away with an alert, and has to connect again.\n", conclusion({
        session_id = judged("not_supported", "issued_not_accepted"),
        ticket = judged("not_supported", "alert_on_resumption", "internal_error"),
        psk = judged("not_supported", "alert_on_resumption", "internal_error"),
      }))
  end)

  it("is nothing of the kind where it is the one version on offer that is turned away", function()
    assert.equal("Resumption by PSK does not work: every connection costs a full handshake.\n",
      conclusion({ psk = judged("not_supported", "alert_on_resumption", "protocol_version") }))
  end)

  it("is nothing of the kind where full handshakes are made", function()
    assert.equal("Resumption by session ID does not work: every connection costs a full handshake.\n",
      conclusion({ session_id = judged("not_supported", "issued_not_accepted") }))
  end)
end)
