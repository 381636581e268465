--- A scan that was stopped after one attempt that resumed was green, and "in order", in front of servers that share
-- nothing: what is known so far is no verdict on the whole.

local overview = require "resum.analysis.overview"

local function severity(verdict, code)
  local judged = { verdict = verdict, attempted = 1, resumed = 1, refused = 0, errors = 0, error_kinds = {} }
  return overview.severity({ status = code and "error" or "completed", error = code and { code = code, message = code },
    support = { psk = judged } })
end

describe("what a scan knows when it is stopped", function()
  it("is never in order, and as bad as it was", function()
    assert.equal("unknown", severity("supported", "interrupted"))
    assert.equal("good", severity("supported"))
    assert.equal("broken", severity("not_supported", "interrupted"))
    assert.equal("unreachable", severity("supported", "timeout"))
  end)
end)
