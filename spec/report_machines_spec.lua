--- What machines read beside JSON: findings as JUnit's XML, SARIF, CSV and OpenMetrics.

local cjson = require "cjson"
local csv = require "resum.report.csv"
local findings = require "resum.analysis.findings"
local junit = require "resum.report.junit"
local lxp = require "lxp"
local openmetrics = require "resum.report.openmetrics"
local sarif = require "resum.report.sarif"

local EVIL = 'it said "<\27[2J>&,\n=1+1'

local function verdict(name, more)
  local one = { verdict = name, attempted = 5, resumed = 5, refused = 0, errors = 0, error_kinds = {},
    version = "TLSv1.2" }
  for field, value in pairs(more or {}) do
    one[field] = value
  end
  return one
end

-- A target of two addresses: one is measured, the other can't be reached.
local function result()
  return {
    target = { text = "a.example", host = "a.example", port = 443 },
    status = "completed", elapsed_s = 1.25,
    addresses = {
      {
        address = "192.0.2.1", status = "completed",
        support = {
          session_id = verdict("not_supported", { attempted = 0, resumed = 0, reason = "not_issued" }),
          ticket = verdict("partially_supported", { resumed = 2, refused = 3, lifetime_hint_s = 300 }),
          psk = verdict("inconclusive", { resumed = 0, errors = 5, error_kinds = { timeout = 5 }, reason = "timeout" }),
        },
        rate = { ticket = verdict("partially_supported", { attempted = 9, resumed = 3, refused = 6, rate = 0.33 }) },
        balancer = { verdict = "nothing_shared", headline = "They share nothing.", advice = "Share <keys>." },
      },
      { address = "192.0.2.2", status = "error", error = { message = EVIL, code = "not_tls" } },
    },
  }
end

local function unresolved()
  return { target = { text = "=cmd|b.example" }, status = "unreachable", addresses = {},
    error = { message = "resolve: no address", code = "unreachable" } }
end

describe("findings", function()
  it("are one a mechanism, one for the pool, and one for what could not be scanned", function()
    local seen = {}
    for _, finding in ipairs(findings.of(result())) do
      seen[#seen + 1] = ("%s %s %s"):format(finding.id, finding.verdict, finding.code)
      assert.equal("a.example:443", finding.target)
    end
    assert.same({ "session_id info not_issued", "ticket bad partially_supported", "psk inconclusive timeout",
      "pool bad nothing_shared", "scanned error not_tls" }, seen)
    local lost = findings.of(unresolved())
    assert.same({ "scanned", "error", "unreachable" }, { lost[1].id, lost[1].verdict, lost[1].code })
  end)

  it("call issued and never accepted a fault, and what the version rules out nothing", function()
    local one = result()
    one.addresses[1].support.session_id.reason = "issued_not_accepted"
    one.addresses[1].support.psk = verdict("not_applicable", { reason = "version_not_supported" })
    local list = findings.of(one)
    assert.same({ "bad", "bad", "not_applicable" }, { list[1].verdict, list[2].verdict, list[3].verdict })
  end)
end)

describe("the JUnit report", function()
  it("is well-formed, with a suite a target and a case a finding, and counts that agree", function()
    local suites, cases, ended = {}, 0, {}
    local parser = lxp.new({
      StartElement = function(_, name, attributes)
        if name == "testsuite" then
          suites[#suites + 1] = attributes
        end
        cases = cases + (name == "testcase" and 1 or 0)
        ended[name] = (ended[name] or 0) + 1
      end,
    })
    assert(parser:parse(junit.head() .. junit.target(result()) .. junit.target(unresolved()) .. junit.tail()))
    assert(parser:parse())
    assert.same({ 2, 6 }, { #suites, cases })
    assert.same({ "a.example:443", "5", "2", "1", "1" }, { suites[1].name, suites[1].tests, suites[1].failures,
      suites[1].errors, suites[1].skipped })
    assert.same({ 2, 2, 1 }, { ended.failure, ended.error, ended.skipped })
  end)
end)

describe("the SARIF report", function()
  local function document()
    return cjson.decode(sarif.head({ version = "9.9.9" }) .. sarif.target(result()) .. "," .. sarif.target(unresolved())
      .. sarif.tail())
  end

  it("has what SARIF 2.1.0 requires", function()
    local run = document().runs[1]
    assert.equal("2.1.0", document().version)
    assert.same({ "resum", "9.9.9" }, { run.tool.driver.name, run.tool.driver.version })
    assert.equal(6, #run.results)
    for _, one in ipairs(run.results) do
      assert.equal(one.ruleId, run.tool.driver.rules[one.ruleIndex + 1].id)
      assert.is_true(#one.message.text > 0)
      assert.is_true(one.kind == "fail" or one.level == "none") -- section 3.27.9
      assert.equal("a.example:443", one.locations[1].logicalLocations[1].name:gsub("^=cmd|b.example$", "a.example:443"))
    end
    assert.same({ "informational", "fail", "review", "fail", "fail", "fail" }, (function()
      local kinds = {}
      for i, one in ipairs(run.results) do
        kinds[i] = one.kind
      end
      return kinds
    end)())
  end)
end)

describe("the CSV report", function()
  it("has a line for each address, each with as many fields as the first", function()
    local lines = {}
    for line in (csv.head() .. csv.target(result()) .. csv.target(unresolved())):gmatch("[^\n]*\n") do
      lines[#lines + 1] = line
    end
    assert.equal(4, #lines)
    local commas = select(2, lines[1]:gsub(",", ""))
    for _, line in ipairs(lines) do
      assert.equal(commas, select(2, line:gsub('"[^"]*"', ""):gsub(",", "")))
      assert.equal("\r\n", line:sub(-2))
      assert.is_nil(line:find("[^\r\n\32-\126]"))
    end
    assert.is_true(commas > 20)
  end)

  it("begins no formula, and quotes what needs it", function()
    local line = csv.target(unresolved())
    assert.equal("'=cmd|b.example,", line:sub(1, 16))
    assert.is_truthy(csv.target(result()):find('"error: it said ""<\\x1b[2J>&,\\x0a=1+1"', 1, true)
      or csv.target(result()):find('"it said ""<\\x1b[2J>&,\\x0a=1+1"', 1, true))
  end)
end)

describe("the OpenMetrics report", function()
  it("keeps the samples of a metric together, and ends with EOF", function()
    local samples = openmetrics.new()
    samples:add(result())
    samples:add(unresolved())
    local metric, seen = nil, {}
    local text = samples:text()
    for line in text:gmatch("[^\n]+") do
      local name = line:match("^# TYPE (%S+) gauge$")
      if name then
        assert.is_nil(seen[name])
        metric, seen[name] = name, 0
      elseif not line:find("^#") then
        local of, labels, value = line:match("^([%w_]+){(.-)} (%S+)$")
        assert.equal(metric, of)
        assert.matches('^target="[^\n]*"', labels)
        assert.is_truthy(tonumber(value), line)
        seen[metric] = seen[metric] + 1
      end
    end
    assert.equal("# EOF\n", text:sub(-6))
    assert.same({ resum_scanned = 3, resum_supported = 2, resum_rate_ratio = 1, resum_ticket_lifetime_seconds = 1,
      resum_pool_shared = 1, resum_scan_seconds = 1 }, seen)
    local half = 'resum_supported{target="a.example:443",address="192.0.2.1",mechanism="ticket"} 0.5\n'
    assert.is_truthy(text:find(half, 1, true))
  end)
end)
