-- Results as JUnit's XML, for CI: a test suite for each target, a test case for each finding. Pure: results in, string
-- out. What came from a server is escaped.

local escape = require "resum.util.escape"
local findings = require "resum.analysis.findings"

local M = {}

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

local function attribute(text)
  return (escape(text):gsub('[&<>"]', ENTITIES))
end

local questions = {}
for _, rule in ipairs(findings.rules) do
  questions[rule.id] = rule.question
end

-- How a verdict ends a test case.
local ELEMENT = { bad = "failure", error = "error", not_applicable = "skipped", inconclusive = "skipped" }

local function test_case(finding)
  local element = ELEMENT[finding.verdict]
  local place = finding.address and finding.target .. " at " .. finding.address or finding.target
  local question = finding.title or questions[finding.id]
  local head = ('    <testcase name="%s" classname="%s"'):format(attribute(question), attribute(place))
  if not element then
    return head .. "/>\n"
  end
  local kind = element ~= "skipped" and (' type="%s"'):format(attribute(finding.code)) or ""
  local advice = finding.advice and element ~= "skipped" and (">%s</%s>"):format(attribute(finding.advice), element)
  return ('%s>\n      <%s message="%s"%s%s\n    </testcase>\n'):format(head, element, attribute(finding.message), kind,
    advice or "/>")
end

--- The beginning; suites follow (see target), and the tail.
-- @treturn string
function M.head()
  return '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="resum">\n'
end

--- One target: a test suite.
-- @tparam table result what resum.run returned
-- @treturn string
function M.target(result)
  local counts, cases = { failure = 0, error = 0, skipped = 0 }, {}
  local list = findings.of(result)
  for i, finding in ipairs(list) do
    local element = ELEMENT[finding.verdict]
    if element then
      counts[element] = counts[element] + 1
    end
    cases[i] = test_case(finding)
  end
  return ('  <testsuite name="%s" tests="%d" failures="%d" errors="%d" skipped="%d" time="%.3f">\n%s  </testsuite>\n')
    :format(attribute(list[1] and list[1].target or result.target.text), #list, counts.failure, counts.error,
    counts.skipped, result.elapsed_s or 0, table.concat(cases))
end

--- The end.
-- @treturn string
function M.tail()
  return "</testsuites>\n"
end

return M
