--- Half of the connections that offered a session were reset, and none was refused; the first step was to find out
-- which servers do not share their sessions. Where all of them failed, and no ticket was issued, it was to switch
-- resumption on. What fails is told first, and what nobody saw is not told.

local advice = require "resum.analysis.advice"

local FAILS = "Look for what breaks connections that offer a session: a middlebox, a crash of the server, or an answer "
  .. "of it that breaks the protocol."
local MEASURE = "Find out which servers do not share their sessions (--resum_rate)."

local function judged(verdict, reason, resumed, refused, errors)
  return { verdict = verdict, reason = reason, attempted = resumed + refused + errors, resumed = resumed,
    refused = refused, errors = errors, error_kinds = { reset = errors > 0 and errors or nil } }
end

local function steps(support)
  local texts = {}
  for i, step in ipairs(advice.of({ status = "completed", support = support })) do
    texts[i] = step.text
  end
  return texts
end

describe("what to do about connections that fail when they offer a session", function()
  it("is to look for the cause, where none was refused", function()
    assert.same({ FAILS }, steps({ ticket = judged("partially_supported", "fails_on_resumption", 22, 0, 29) }))
  end)

  it("is that first, where some were refused as well", function()
    assert.same({ FAILS, MEASURE }, steps({ ticket = judged("partially_supported", "fails_on_resumption", 22, 9, 20) }))
  end)

  it("is not to switch on what fails", function()
    assert.same({ FAILS }, steps({ session_id = judged("not_supported", "fails_on_resumption", 0, 0, 11),
      ticket = judged("not_supported", "not_issued", 0, 0, 0) }))
  end)

  it("is something else where they are only refused", function()
    assert.same({ MEASURE }, steps({ psk = judged("partially_supported", nil, 3, 2, 0) }))
    assert.same({ "Switch resumption on." }, steps({ psk = judged("not_supported", "issued_not_accepted", 0, 238, 0),
      ticket = judged("not_supported", "not_issued", 0, 0, 0) }))
  end)
end)
