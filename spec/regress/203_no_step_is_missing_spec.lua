--- Half of the connections to a mail server were refused STARTTLS, and the report said so below "Nothing to do."; the
-- same of a server that can't bear a browser's ClientHello. And where every connection broke before a ticket could
-- come, "No TLS 1.3 ticket is issued" stood beside "is not known": what was not seen is not nothing.

local advice = require "resum.analysis.advice"
local analysis = require "resum.analysis.pool"

local function good(more)
  local supported = { verdict = "supported", attempted = 5, resumed = 5, refused = 0, errors = 0, error_kinds = {} }
  local entry = { status = "completed", support = { session_id = supported, ticket = supported, psk = supported } }
  for name, value in pairs(more) do
    entry[name] = value
  end
  return entry
end

describe("a fault that is told", function()
  it("is something to do, whatever resumes", function()
    for _, fault in ipairs({
      { before_tls = { connections = 58, no_starttls = 29 } },
      { before_tls = { connections = 58, no_tunnel = 1 } },
      { client_hello = { usual_bytes = 1800 } },
    }) do
      local entry = good(fault)
      assert.equal(1, #advice.of(entry))
      assert.is_nil(advice.nothing_to_do({ entry }))
    end
    assert.equal("Nothing to do.", advice.nothing_to_do({ good({}) }))
  end)
end)

-- Full handshakes that say this of what was issued.
local function handshakes(issued)
  local entries = {}
  for i = 1, 8 do
    entries[i] = { order = i, mechanism = "psk", design = "seed", outcome = "full", issued = issued, started = 2 * i,
      ended = 2 * i + 1, awaited = true }
  end
  return analysis.analyse(entries, { mechanisms = { "psk" } }).mechanisms.psk
end

describe("full handshakes that broke before a ticket could come", function()
  it("do not show that none is issued", function()
    local unseen = handshakes(nil)
    assert.same({ "inconclusive", "no_attempts" }, { unseen.verdict, unseen.reason })
  end)

  it("and those that were seen to the end do", function()
    local seen = handshakes(false)
    assert.same({ "no_resumption", "not_issued" }, { seen.verdict, seen.reason })
  end)
end)
