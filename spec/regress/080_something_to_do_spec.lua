--- "Nothing to do" was said where the servers share what they have, although a mechanism's sessions are issued and
-- never accepted, or many connections fail: the mechanism that works spoke for all.

local words = require "resum.analysis.pool.words"

local function advised(findings)
  local _, _, advice = words.of({ verdict = "all_shared", findings = findings })
  return advice
end

local function of_tickets(reason)
  return { { code = "no_resumption", mechanism = "ticket", reason = reason },
    { code = "no_resumption", mechanism = "psk", reason = reason } }
end

describe("where all servers share their sessions", function()
  it("there is nothing to do if all is well, or if what does not resume is not issued", function()
    assert.equal("Nothing to do.", advised({}))
    assert.equal("Nothing to do.", advised(of_tickets("not_issued")))
  end)

  it("sessions that are issued and never accepted are to be mended", function()
    local advice = advised(of_tickets("issued_not_accepted"))
    assert.is_nil(advice:find("Nothing to do", 1, true))
    assert.matches("^Sessions by ticket and by TLS 1.3 ticket are issued and never accepted: mend that, or issue "
      .. "none%. Switch", advice)
  end)

  it("connections that fail are to be explained", function()
    local advice = advised({ { code = "connections_failed", share = 0.47 } })
    assert.matches("^Find out why connections fail: ", advice)
    assert.is_nil(advice:find("Nothing to do", 1, true))
  end)
end)
