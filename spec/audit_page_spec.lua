--- docs/audit.md against the checks: every check and every reason stands there, and nothing else.

local checks = require "resum.audit"
local finding = require "resum.audit.finding"
local page = require "spec.support.page"
local process = require "spec.support.process"

local TEXT = page.text("audit.md")
local BY_HEADING = page.by_heading(TEXT)

-- The text under a heading.
local function section(heading)
  return assert(TEXT:match("\n## " .. heading:gsub("%p", "%%%0") .. "\n(.-)\n## ")
    or TEXT:match("\n## " .. heading:gsub("%p", "%%%0") .. "\n(.*)$"), heading)
end

describe("docs/audit.md", function()
  it("has the reasons that all checks share", function()
    assert.same({}, page.differences(finding.REASONS, BY_HEADING["Reasons of every check"]))
  end)

  it("has a heading for each check, and a row for each of its reasons", function()
    local headings = { ["Reasons of every check"] = true }
    for _, check in ipairs(checks) do
      headings[check.id] = true
      assert.same({}, page.differences(check.reasons, assert(BY_HEADING[check.id], check.id)), check.id)
    end
    assert.same({}, page.differences(headings, BY_HEADING))
  end)

  it("says of each check its class and its question", function()
    for _, check in ipairs(checks) do
      local text = section(check.id):lower():gsub("%s+", " ")
      assert.equal(check.class, text:match("^ ?(%l+)"), check.id)
      assert.is_truthy(text:find(check.title:lower(), 1, true), check.id .. ": " .. check.title)
    end
  end)

  it("has the verdict of each reason in words that there are", function()
    for _, check in ipairs(checks) do
      for code, row in pairs(BY_HEADING[check.id]) do
        assert.is_truthy(row.cells[2]:find("^good") or row.cells[2]:find("^info") or row.cells[2]:find("^bad")
          or row.cells[2]:find("^not applicable") or row.cells[2]:find("^inconclusive"), check.id .. " " .. code)
      end
    end
  end)
end)

describe("the checks of the audit", function()
  it("have all that the flow and the reports need", function()
    for _, check in ipairs(checks) do
      for field, kind in pairs({ id = "string", title = "string", severity = "string", class = "string",
        sources = "table", advice = "string", reasons = "table", run = "function" }) do
        assert.equal(kind, type(check[field]), tostring(check.id) .. "." .. field)
      end
      assert.is_true(finding.is_severity(check.severity), check.id)
      assert.is_truthy(check.id:find("^%l[%l-]+$"))
      assert.is_true(check.class == "passive" or type(check.connections) == "function", check.id)
    end
  end)

  it("have a file each, called as the check is, and there are no others beside them", function()
    local files, expected = process.list(process.ROOT .. "/lua/resum/audit/checks"), {}
    for i, check in ipairs(checks) do
      expected[i] = check.id:gsub("-", "_") .. ".lua"
    end
    table.sort(files)
    table.sort(expected)
    assert.same(expected, files)
  end)

  it("name each other by no id", function()
    local seen = {}
    for _, check in ipairs(checks) do
      assert.is_nil(seen[check.id])
      seen[check.id] = true
    end
  end)
end)
