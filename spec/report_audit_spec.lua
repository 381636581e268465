--- Findings of the audit in every report.

local audit_text = require "resum.report.text.audit"
local cjson = require "cjson"
local expectation = require "resum.cli.expectation"
local finding = require "resum.audit.finding"
local html = require "resum.report.html"
local json = require "resum.report.json"
local junit = require "resum.report.junit"
local sarif = require "resum.report.sarif"
local tables = require "resum.util.tables"
local text = require "resum.report.text"

local CHECK = {
  id = "ticket-repeats", title = "Do tickets repeat?", severity = "high", class = "passive",
  sources = { "RFC 9846, section 4.7.1" }, advice = "Make them <anew>.",
  reasons = { equal = "3 of 8 are equal", fresh = "nothing repeats", none = "no tickets" },
}

-- What is found has check beside it, the ID of another one.
local function result(...)
  local list = {}
  for i, found in ipairs({ ... }) do
    list[i] = finding.make(tables.merged(CHECK, found.check and { id = found.check } or nil), found)
  end
  return {
    target = { text = "a.example", host = "a.example", port = 443 }, status = "completed", elapsed_s = 1,
    addresses = { { address = "192.0.2.1", status = "completed", audit = list } },
  }
end

local BAD = { verdict = "bad", reason = "equal", evidence = { equal = 3, mechanism = "psk" }, group = "B",
  share = 0.25 }
local GOOD, OPEN = { verdict = "good", reason = "fresh" }, { verdict = "inconclusive", reason = "budget" }
local NONE = { verdict = "not_applicable", reason = "none" }

describe("findings of the audit", function()
  it("stand in the text, what is bad first, good ones counted", function()
    local shown = text.target(result({ verdict = "good", reason = "fresh", check = "ems" }, OPEN, NONE, BAD,
      { verdict = "good", reason = "fresh", check = "binder" }))
    assert.equal([[
What does resumption give away? (audit)
  high           ticket-repeats
    3 of 8 are equal (servers B, 25 % of the connections)
    To do: see "What to do"
  inconclusive   ticket-repeats
    more connections would have been needed than the check may make
  2 checks good; 1 not applicable (ticket-repeats: no tickets).
]], (shown:match("What does resumption give.*not applicable[^\n]*\n")))
    assert.matches("^a%.example:443: Do tickets repeat%? 3 of 8 are equal%.\n", shown)
    assert.matches("\nWhat to do\n  Make them <anew>%.\n", shown)
  end)

  it("are counted by check, and what is said of several in one way is said once", function()
    local shown = text.target(result(GOOD, GOOD, NONE, NONE, { verdict = "good", reason = "fresh", check = "ems" },
      { verdict = "not_applicable", reason = "none", check = "binder" }))
    assert.matches("  2 checks good; 2 not applicable %(ticket%-repeats: no tickets; binder: no%s+tickets%)%.\n", shown)
    shown = text.target(result(BAD, GOOD, { verdict = "bad", reason = "equal", share = 0.5 }))
    assert.matches([[
    3 of 8 are equal %(servers B, 25 %% of the connections%)
    To do: see "What to do"
  high           ticket%-repeats
    3 of 8 are equal %(50 %% of the connections%)
    To do: see "What to do"
  0 checks good%.
]], shown)
  end)

  it("tell to check again with the options that they took", function()
    local needs = { needs = { "certificate", "audit_names" } }
    local one = result(BAD)
    one.addresses[1].audit[1] = finding.make(tables.merged(CHECK, needs), BAD)
    one.addresses[1].audit[2] = finding.make(tables.merged(CHECK, { advice = "Stop it.", class = "intrusive" }), BAD)
    assert.matches("\n    resum --audit --cert FILE --audit_name NAME --intrusive a.example\n", text.target(one), 1,
      true)
    assert.matches("\n    resum --audit a.example\n", text.target(result(BAD)), 1, true)
    assert.matches("\n    resum --audit --intrusive a.example\n",
      text.target(result(tables.merged(BAD, { is_intrusive = true }))), 1, true)
  end)

  it("give each piece of advice once: as a step at the head, or else with the first finding", function()
    local one = result(BAD, { verdict = "bad", reason = "equal", share = 0.5 })
    one.addresses[1].before_tls = { connections = 1 } -- which is a step of its own
    local shown = text.target(one)
    assert.matches("\n  2%. Make them <anew>%.\n", shown)
    assert.matches('To do: see step 2 of "What to do"\n', shown)
    assert.equal(1, select(2, shown:gsub("Make them <anew>", "")))
    local lines = table.concat(audit_text.lines(one.addresses[1].audit, { width = 80, paint = function(words)
      return words
    end }), "\n")
    assert.matches("To do: Make them <anew>%.\n.*To do: the same as above\n", lines)
  end)

  it("say the same words everywhere, also which servers they are about", function()
    local new = html.new({ version = "1", started_at = "2001-02-03T04:05:06Z" })
    for _, case in ipairs({ { group = "B", share = 0.25, words = "servers B, 25 %% of the connections" },
      { share = 0.5, words = "50 %% of the connections" }, { share = 1 }, {} }) do
      local one = result({ verdict = "bad", reason = "equal", group = case.group, share = case.share })
      new:add(one)
      local whole = "3 of 8 are equal" .. (case.words and " %(" .. case.words .. "%)" or "[^(]")
      for _, shown in ipairs({ text.target(one), junit.target(one), sarif.target(one) }) do
        assert.matches(whole, shown)
      end
      assert.equal("3 of 8 are equal", cjson.decode(json.line(one)).addresses[1].audit[1].message)
    end
    local page = new:finish({})
    assert.matches("3 of 8 are equal", page)
    assert.matches(">servers B, 25 %% of the connections<", page)
    assert.matches(">50 %% of the connections<", page)
  end)

  it("are objects in JSON", function()
    local written = cjson.decode(json.line(result(BAD, GOOD))).addresses[1].audit
    assert.same({
      id = "ticket-repeats", title = "Do tickets repeat?", severity = "high", verdict = "bad", reason = "equal",
      message = "3 of 8 are equal", evidence = { equal = 3, mechanism = "psk" }, group = "B", share = 0.25,
      sources = { "RFC 9846, section 4.7.1" }, advice = "Make them <anew>.",
    }, written[1])
    assert.same({ "good", "info" }, { written[2].verdict, written[2].severity })
    assert.is_truthy(json.line(result()):find('"audit":[]', 1, true))
  end)

  it("are a table on the page, escaped", function()
    local new = html.new({ version = "1", started_at = "2001-02-03T04:05:06Z" })
    new:add(result(BAD, GOOD))
    local page = new:finish({})
    assert.is_truthy(page:find("Make them &lt;anew&gt;.", 1, true))
    assert.is_truthy(page:find("servers B, 25 %", 1, true))
    assert.is_truthy(page:find("Do tickets repeat?", 1, true))
    assert.is_nil(page:find("<anew>", 1, true))
  end)

  it("are results of SARIF, each with its rule, as grave as they are", function()
    local run = cjson.decode(sarif.head({ version = "1" }) .. sarif.target(result(BAD, GOOD)) .. sarif.tail()).runs[1]
    local bad, good = run.results[1], run.results[2]
    assert.same({ "ticket-repeats", "fail", "error", "high" },
      { bad.ruleId, bad.kind, bad.level, bad.properties.severity })
    assert.same({ "pass", "none" }, { good.kind, good.level })
    assert.equal("ticket-repeats", run.tool.driver.rules[bad.ruleIndex + 1].id)
  end)

  it("are test cases of JUnit", function()
    local xml = junit.target(result(BAD, GOOD, OPEN))
    assert.is_truthy(xml:find('tests="3" failures="1" errors="0" skipped="1"', 1, true))
    assert.is_truthy(xml:find('<testcase name="Do tickets repeat?"', 1, true))
    assert.is_truthy(xml:find("Make them &lt;anew&gt;.", 1, true))
  end)

  it("are what no-finding is about", function()
    local function check(rule, ...)
      return { expectation.check(assert(expectation.parse(rule)), result(...)) }
    end
    assert.same({ false, "ticket-repeats (high) on 192.0.2.1" }, check("no-finding>=medium", GOOD, BAD))
    assert.same({ true }, check("no-finding>=critical", GOOD, BAD))
    assert.same({ true }, check("no_finding>=info", GOOD, OPEN, NONE))
    local without = result(GOOD)
    without.addresses[1].audit = nil
    local rule = expectation.parse("no-finding>=low")
    assert.same({ false, "no audit on 192.0.2.1" }, { expectation.check(rule, without) })
    assert.is_nil((expectation.parse("no-finding>=grave")))
    assert.is_nil((expectation.parse("no-finding=low")))
  end)
end)
