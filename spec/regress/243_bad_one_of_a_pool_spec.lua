--- Of several servers with keys of their own, one resumed under a secret of zeros: the first answer that was in order
-- ended the question, and the pool was called good. Each group is asked, what is found has to show twice, and the
-- finding has the share of the answers: who answers has the fault, not who issued the session.

local faulty = require "spec.support.faulty"
local resum = require "resum"
local zero_secret = require "resum.audit.checks.zero_secret"
local audits = require "spec.support.audit"

describe("a server that resumes under a secret of zeros", function()
  it("is never called good where another one answers as well", function()
    local pool = faulty.listen({ faulty.new({}), faulty.new({ "zero_secret" }) })
    finally(pool.close)
    local options = { intrusive = true, sni = "a.example", audit_checks = { "zero-secret" } }
    local most = 0
    for _ = 1, 3 do
      local found = resum.audit(pool.address, options).addresses[1].audit[1]
      assert.is_true(found.verdict == "bad" or found.verdict == "inconclusive", found.reason)
      most = math.max(most, found.share or 0)
    end
    assert.is_true(most < 1, most)
  end)

  it("is told of where it is alone", function()
    local server = faulty.start("zero_secret")
    finally(server.close)
    local found = audits.run(zero_secret, server.port, { server_name = "a.example" })[1]
    assert.same({ "bad", "zero_secret" }, { found.verdict, found.reason })
    assert.is_nil(found.share)
  end)
end)
