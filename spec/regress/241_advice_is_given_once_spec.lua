--- Where resumed connections bring no new ticket, what to do was said twice: for the browser's figure, and for the
-- audit's check, in other words. Where the audit has said it, the figure does not; where no audit ran, or that found
-- nothing of the kind, it still does.

local advice = require "resum.analysis.advice"

local BROWSER = { attempted = 4, resumed = 2, kept = 2, tickets_after_full = 2, tickets_after_resumed = 0 }

local function steps(...)
  local texts = {}
  for i, step in ipairs(advice.of({ status = "completed", browser = BROWSER, audit = { ... } })) do
    texts[i] = step.by == "audit" and step.text or "new ticket"
  end
  return texts
end

describe("what to do about a server that does not renew tickets", function()
  it("is said once, by the audit where that has found it", function()
    local found = { id = "single-use", verdict = "bad", advice = "renew" }
    assert.same({ "renew" }, steps(found))
    assert.same({ "leave", "renew" }, steps({ id = "ems", verdict = "bad", advice = "leave" }, found))
  end)

  it("is said for the browser's figure where the audit has found something else, or nothing", function()
    assert.same({ "new ticket" }, steps())
    assert.same({ "new ticket" }, steps({ id = "single-use", verdict = "inconclusive" }))
    assert.same({ "leave", "new ticket" }, steps({ id = "ems", verdict = "bad", advice = "leave" }))
  end)
end)
