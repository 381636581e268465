--- Reports disagreed on how bad it is: connections that fail, and a browser whose tickets run out, made a target
-- "impaired" for people, under a headline that said that all is shared, and every test case of JUnit passed; JSON and
-- CSV had no word for it.

local cjson = require "cjson"
local csv = require "resum.report.csv"
local findings = require "resum.analysis.findings"
local json = require "resum.report.json"
local junit = require "resum.report.junit"
local overview = require "resum.analysis.overview"
local text = require "resum.report.text"
local words = require "resum.analysis.pool_words"

local function judged(verdict, reason)
  return { verdict = verdict, reason = reason, attempted = 5, resumed = verdict == "supported" and 5 or 0,
    refused = verdict == "supported" and 0 or 5, errors = 0, error_kinds = {}, designs = {}, attempts = {} }
end

local function result_of(entry)
  entry.address, entry.status, entry.connections = "192.0.2.1", entry.status or "completed", 29
  return { target = { text = "a.example:443", host = "a.example", port = 443 }, addresses = { entry },
    status = entry.status, error = entry.error, elapsed_s = 1 }
end

local function supported(more)
  local entry = { support = { ticket = judged("supported"), psk = judged("supported"),
    session_id = judged("supported") } }
  for name, value in pairs(more or {}) do
    entry[name] = value
  end
  return entry
end

local function pool(list, verdict)
  local summary = { verdict = verdict or "all_shared", routing = "unknown",
    findings = list, mechanisms = {}, attempts = {},
    labels = {}, designs = {}, matrix = {} }
  summary.headline, summary.evidence = words.of(summary)
  return summary
end

local function browser(after_resumed)
  return { attempted = 12, resumed = 8, errors = 0, share = 8 / 12, tickets_after_full = 2,
    tickets_after_resumed = after_resumed }
end

local CASES = {
  ["all is well"] = { supported(), "good" },
  ["a browser's tickets run out"] = { supported({ browser = browser(0) }), "impaired", { "browser" } },
  ["a browser gets new tickets"] = { supported({ browser = browser(1) }), "good" },
  ["connections fail"] = { supported({ balancer = pool({ { code = "connections_failed", share = 0.25 } }) }),
    "impaired", { "connections" } },
  ["no connection fails"] = { supported({ balancer = pool({}) }), "good" },
  ["tickets are never accepted"] = { supported({ support = { ticket = judged("not_supported", "issued_not_accepted"),
    psk = judged("supported") } }), "broken", { "ticket" } },
  ["session IDs are led back, and tickets are not"] = { { rate = { session_id = judged("supported"),
    ticket = judged("partially_supported"), psk = judged("partially_supported") },
    balancer = pool({}, "sticky_session_id") }, "broken", { "ticket", "psk", "pool" } },
  ["session IDs are led back, and there are no tickets"] = { { rate = { session_id = judged("supported"),
    ticket = judged("not_supported", "not_issued"), psk = judged("not_applicable") },
    balancer = pool({}, "sticky_session_id") }, "impaired", { "pool" } },
  ["there is no server"] = { { status = "unreachable", error = { code = "refused", message = "connect: refused",
    stage = "connect" } }, "unreachable", { "scanned" } },
}

describe("how bad it is, where", function()
  for name, case in pairs(CASES) do
    it(name .. ", all reports say alike", function()
      local entry, severity, ids = case[1], case[2], case[3] or {}
      local result = result_of(entry)
      local glance = overview.of(result)
      assert.equal(severity, glance.severity)
      local decoded = cjson.decode(json.line(result))
      assert.same({ severity, severity, glance.headline },
        { decoded.severity, decoded.addresses[1].severity, decoded.headline })
      local line = csv.target(result)
      assert.is_truthy(line:find("," .. severity .. ",", 1, true), line)
      local names = {}
      for field in csv.head():gmatch("[^,\r\n]+") do
        names[#names + 1] = field
      end
      assert.same({ "severity", "headline" }, { names[#names - 1], names[#names] })
      local bad = {}
      for _, finding in ipairs(findings.of(result)) do
        bad[finding.id] = (finding.verdict == "bad" or finding.verdict == "error") and finding or nil
      end
      for _, id in ipairs(ids) do
        assert.is_truthy(bad[id], id)
        bad[id] = nil
      end
      assert.same({}, bad)
      assert.equal(ids[1] ~= nil, junit.target(result):find("<failure", 1, true) ~= nil
        or junit.target(result):find("<error", 1, true) ~= nil)
    end)
  end

  it("connections fail, that is what the report begins with; and says once", function()
    local result = result_of(CASES["connections fail"][1])
    local headline = "About 25 % of the connections failed, as they would if one server were down."
    assert.equal(headline, overview.of(result).headline)
    local report = text.target(result, { width = 200 })
    assert.equal("a.example:443: " .. headline, report:match("^[^\n]*"))
    assert.is_nil(report:find(headline, #headline, true))
    assert.is_truthy(report:find("All servers share their sessions, or there is only one", 1, true), report)
  end)
end)
