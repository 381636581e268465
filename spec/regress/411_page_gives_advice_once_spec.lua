--- The page gave the audit's advice in every row, and at its head as well, where the text says each piece once: a pool
-- of several mechanisms had the same paragraph six times. Now a row refers to the step at the head; what is no step is
-- said in the first row.

local html = require "resum.report.html"
local audit_html = require "resum.report.html.audit"

local ADVICE = { "Make them anew.", "Take no others." }

-- Two findings of one check, and one of another.
local function findings()
  local list = {}
  for i, one in ipairs({ { "ems", 1 }, { "ems", 1 }, { "binder", 2 } }) do
    list[i] = { id = one[1], title = "Is it?", verdict = "bad", severity = "high", reason = "loses",
      message = "it is number " .. i, evidence = {}, sources = {}, options = {}, advice = ADVICE[one[2]] }
  end
  return list
end

local function count(text, words)
  return select(2, text:gsub(words:gsub("%p", "%%%0"), ""))
end

describe("the page of an audit", function()
  it("gives each piece of advice once, at its head, and refers to it", function()
    local page = html.new({ version = "1", started_at = "2001-02-03T04:05:06Z" })
    page:add({ status = "completed", target = { text = "a.example", host = "a.example", port = 443 },
      addresses = { { address = "192.0.2.1", status = "completed", audit = findings() } } })
    local shown = page:finish({})
    assert.equal(1, count(shown, ADVICE[1]))
    assert.equal(1, count(shown, ADVICE[2]))
    assert.equal(2, count(shown, "see step 1 of &quot;What to do&quot;"))
    assert.equal(1, count(shown, "see step 2 of &quot;What to do&quot;"))
  end)

  it("gives it in the first row where it is no step, and in no other", function()
    local shown = audit_html.section(findings())
    assert.equal(1, count(shown, ADVICE[1]))
    assert.equal(1, count(shown, "the same as above"))
    assert.equal(1, count(shown, ADVICE[2]))
  end)
end)
