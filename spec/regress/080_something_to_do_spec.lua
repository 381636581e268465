--- "Nothing to do" was said where the servers share what they have, although a mechanism's sessions are issued and
-- never accepted, or many connections fail: the mechanism that works spoke for all.

local overview = require "resum.analysis.overview"

-- Session IDs resume, the other mechanisms are judged so.
local function advised(findings, others)
  local rate = { session_id = { verdict = "supported" } }
  for _, name in ipairs({ "ticket", "psk" }) do
    rate[name] = others or { verdict = "supported" }
  end
  return overview.todo({ status = "completed", rate = rate,
    balancer = { verdict = "all_shared", findings = findings } })
end

describe("where all servers share their sessions", function()
  it("there is nothing to do if all is well", function()
    assert.equal("Nothing to do.", advised({}))
  end)

  it("what is not issued may be as intended", function()
    assert.matches("which is fine if it is intended", advised({}, { verdict = "not_supported", reason = "not_issued" }))
  end)

  it("sessions that are issued and never accepted are to be mended", function()
    local advice = advised({}, { verdict = "not_supported", reason = "issued_not_accepted" })
    assert.is_nil(advice:find("Nothing to do", 1, true))
    assert.matches("^Tickets and TLS 1%.3 tickets are issued and never accepted: ", advice)
  end)

  it("connections that fail are to be explained", function()
    local advice = advised({ { code = "connections_failed", share = 0.47 } })
    assert.matches("^Find out why connections fail: ", advice)
    assert.is_nil(advice:find("Nothing to do", 1, true))
  end)

  it("nothing is said to be done, nor not, of a mechanism that is not certain", function()
    assert.is_nil(advised({}, { verdict = "inconclusive", reason = "errors" }))
  end)
end)
