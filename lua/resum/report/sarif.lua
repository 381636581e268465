-- Results as SARIF 2.1.0 (OASIS), for code scanning and dashboards: a rule for each kind of finding, a result for each
-- finding, with its target as the location. Pure: results in, string out. What came from a server is escaped.

local checks = require "resum.audit"
local encode = require("resum.report.json.encode").encode
local escape = require "resum.util.escape"
local findings = require "resum.analysis.findings"

local M = {}

local SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

-- SARIF, sections 3.27.9 (kind) and 3.27.10 (level): a level other than "none" goes with the kind "fail" alone.
local KINDS = {
  good = { "pass", "none" },
  bad = { "fail", "warning" },
  error = { "fail", "error" },
  info = { "informational", "none" },
  not_applicable = { "notApplicable", "none" },
  inconclusive = { "review", "none" },
}

local function rules()
  local list = {}
  for i, rule in ipairs(findings.rules) do
    list[i] = { id = rule.id, name = rule.id, shortDescription = { text = rule.question } }
  end
  for _, check in ipairs(checks) do
    list[#list + 1] = { id = check.id, name = check.id, shortDescription = { text = check.title },
      help = { text = check.advice } }
  end
  return list
end

local INDEX = {}
for i, rule in ipairs(findings.rules) do
  INDEX[rule.id] = i - 1
end
for i, check in ipairs(checks) do
  INDEX[check.id] = #findings.rules + i - 1
end

-- How grave a finding of the audit is, as a level of SARIF.
local LEVELS = { info = "note", low = "note", medium = "warning", high = "error", critical = "error" }

local function location(finding)
  local address = finding.address and escape(finding.address) or nil
  return {
    logicalLocations = { { name = escape(finding.target), kind = "resource",
      fullyQualifiedName = escape(finding.target) .. (address and "/" .. address or "") } },
  }
end

local function one(finding)
  local kind = KINDS[finding.verdict]
  local text = escape(finding.message) .. (finding.advice and " " .. escape(finding.advice) or "")
  return encode({
    ruleId = finding.id,
    ruleIndex = INDEX[finding.id],
    kind = kind[1],
    level = LEVELS[finding.severity] or kind[2],
    message = { text = text },
    locations = { location(finding) },
    properties = {
      verdict = finding.verdict,
      severity = finding.severity,
      code = escape(finding.code),
      rate = finding.rate,
      target = escape(finding.target),
      address = finding.address and escape(finding.address) or nil,
    },
  })
end

--- The beginning; results follow (see target), with commas between them, and the tail.
-- @tparam table about version (of resum)
-- @treturn string
function M.head(about)
  local driver = encode({ name = "resum", version = about.version, rules = rules() })
  return ('{"$schema":%s,"version":"2.1.0","runs":[{"tool":{"driver":%s},"results":['):format(encode(SCHEMA),
    driver)
end

--- One target's findings.
-- @tparam table result what resum.run returned
-- @treturn string results of SARIF, with commas between them; "" where there is none
function M.target(result)
  local list = {}
  for i, finding in ipairs(findings.of(result)) do
    list[i] = one(finding)
  end
  return table.concat(list, ",")
end

--- The end.
-- @treturn string
function M.tail()
  return "]}]}\n"
end

return M
