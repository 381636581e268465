-- A server that answers every offered ticket with an alert was said to make a full handshake of each connection: but
-- clients that come back are turned away.

local text = require "resum.report.text"

local function judged(verdict, reason, alert)
  return { verdict = verdict, reason = reason, alert = alert,
    version = "TLSv1.2", attempted = 5, resumed = 0, refused = 5, errors = 0, error_kinds = {} }
end

describe("the conclusion on a server that answers offered sessions with an alert", function()
  local function conclusion(support)
    local report = text.address({ address = "192.0.2.1", status = "completed", support = support })
    return report:gsub("%s+", " "), report:gsub("%s+", " "):match("What was found %- (.-) Is ")
  end

  it("is that clients are turned away", function()
    local headline, found = conclusion({
      session_id = judged("not_supported", "issued_not_accepted"),
      ticket = judged("not_supported", "alert_on_resumption", "internal_error"),
      psk = judged("not_supported", "alert_on_resumption", "internal_error"),
    })
    assert.matches("^Resumption by session ID, ticket and TLS 1.3 ticket does not work%.", headline)
    assert.equal("A client that offers a ticket or a TLS 1.3 ticket may be turned away with an alert, and has to "
      .. "connect again.", found)
  end)

  it("is nothing of the kind where it is the one version on offer that is turned away", function()
    assert.matches("^Resumption by TLS 1.3 ticket does not work: every connection costs a full handshake%.",
      conclusion({ psk = judged("not_supported", "alert_on_resumption", "protocol_version") }))
  end)

  it("is nothing of the kind where full handshakes are made", function()
    assert.matches("^Resumption by session ID does not work: every connection costs a full handshake%.",
      conclusion({ session_id = judged("not_supported", "issued_not_accepted") }))
  end)
end)
