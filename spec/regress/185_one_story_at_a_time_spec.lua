--- Reports contradicted themselves: "Nothing to do." beside "all attempts came from one address"; a pool in order as
-- the first sentence where a mechanism's sessions are never accepted; "add --resum_rate" with the same command below it
-- to "check again"; session IDs that are refused at times as "broken" in one scan and "impaired" in the next; a session
-- cache for all servers as the only step at servers that can't have one.

local advice = require "resum.analysis.advice"
local configuration = require "resum.analysis.configuration"
local overview = require "resum.analysis.overview"
local words = require "resum.analysis.pool_words"

local function judged(verdict, more)
  local one = { verdict = verdict, attempted = 100, resumed = 50, refused = 50, errors = 0, error_kinds = {} }
  for name, value in pairs(more or {}) do
    one[name] = value
  end
  return one
end

local FINE = { verdict = "supported", attempted = 100, resumed = 100, refused = 0, errors = 0, error_kinds = {} }
local UNACCEPTED = judged("not_supported", { resumed = 0, reason = "issued_not_accepted" })

local function pool(fields)
  fields.findings = fields.findings or {}
  fields.headline, fields.evidence = words.of(fields)
  return fields
end

local function sticky(sources)
  return { { code = "stickiness_unknown", sources = sources } }
end

local function entry_of(fields)
  fields.status, fields.address = "completed", fields.address or "192.0.2.1"
  return fields
end

local function overview_of(...)
  return overview.of({ target = { text = "a.example", host = "a.example", port = 443 }, status = "completed",
    addresses = { ... } })
end

local function all_fine(sources)
  return entry_of { rate = { session_id = FINE, ticket = FINE, psk = FINE },
    balancer = pool { verdict = "all_shared", findings = sources and sticky(sources) } }
end

describe("that there is nothing to do", function()
  it("is said with what can't be seen from the addresses that asked", function()
    assert.equal("Nothing to do, as far as can be seen from one client address.",
      overview_of(all_fine(1)).nothing_to_do)
    assert.equal("Nothing to do, as far as can be seen from 3 client addresses.",
      overview_of(all_fine(3)).nothing_to_do)
    assert.equal("Nothing to do.", overview_of(all_fine()).nothing_to_do)
  end)

  it("is said of several addresses as of the one that was seen least", function()
    local said = "Nothing to do, as far as can be seen from 2 client addresses."
    assert.equal(said, overview_of(all_fine(), all_fine(2), all_fine(4)).nothing_to_do)
    assert.is_nil(overview_of(all_fine(2), entry_of { support = { ticket = UNACCEPTED } }).nothing_to_do)
  end)

  it("is said in the same words by JSON and the other reports", function()
    assert.equal(overview_of(all_fine(1)).nothing_to_do, overview.todo(all_fine(1)))
  end)
end)

describe("the first sentence", function()
  it("is not that all is shared where a mechanism's sessions are never accepted", function()
    local one = entry_of { rate = { session_id = UNACCEPTED, ticket = FINE, psk = FINE },
      balancer = pool { verdict = "all_shared", findings = sticky(1), mechanisms = {
        session_id = { verdict = "inconclusive" }, ticket = { verdict = "all_shared" },
        psk = { verdict = "all_shared" } } } }
    local seen = overview_of(one)
    assert.same({ "impaired", "Resumption works by ticket and TLS 1.3 ticket, but not by session ID." },
      { seen.severity, seen.headline })
    assert.equal("Every session resumes by ticket and TLS 1.3 ticket: all servers share them, or each client always "
      .. "meets the same server.", one.balancer.headline)
  end)

  it("is what has to be done where all resume but a browser", function()
    local one = all_fine(1)
    one.browser = { attempted = 12, resumed = 8, share = 2 / 3, tickets_after_resumed = 0, errors = 0 }
    local seen = overview_of(one)
    assert.equal("impaired", seen.severity)
    assert.equal("A browser, which uses each ticket once, resumes 8 of 12 connections in a row: the server issues no "
      .. "new ticket on a resumed one.", seen.headline)
  end)

  it("stays that all is shared where the rest is off on purpose", function()
    local one = all_fine()
    one.rate.session_id = judged("not_supported", { resumed = 0, refused = 0, reason = "not_issued" })
    assert.matches("^All servers share their sessions", overview_of(one).headline)
  end)

  it("says of sessions that none resumed, not that there were too few attempts", function()
    local function told(resumed)
      return table.concat(pool({ verdict = "all_shared", findings = { { code = "inconclusive", mechanism = "ticket",
        reason = "too_few_attempts" } }, mechanisms = { ticket = { verdict = "inconclusive",
        designs = { fixed = { resumed = resumed, refused = 100 } } } } }).evidence, " ")
    end
    assert.equal("No ticket resumed, so whether the servers share them is not known.", told(0))
    assert.matches("There were too few attempts.", told(1), 1, true)
  end)
end)

describe("session IDs that are refused at times, where tickets resume", function()
  it("are as grave to the support scan as to the rate", function()
    local at_times = { session_id = judged("partially_supported"), ticket = FINE, psk = FINE }
    assert.equal("impaired", overview.severity(entry_of { support = at_times }))
    assert.equal("impaired", overview.severity(entry_of { rate = at_times,
      balancer = pool { verdict = "keys_shared_caches_not" } }))
    at_times.ticket, at_times.session_id = at_times.session_id, FINE
    assert.equal("broken", overview.severity(entry_of { support = at_times }))
  end)
end)

describe("the command below the steps", function()
  local function command(...)
    local line, lead = advice.command({ text = "a.example", host = "a.example" }, { ... })
    return { line, lead }
  end

  it("checks what was changed, and is itself the step where something has to be measured", function()
    assert.same({ "resum --resum_rate a.example", "Then check again:" }, command({ text = "" }))
    assert.same({ "resum --resum_rate a.example", "This command does it:" }, command({ text = "", by = "measuring" }))
    assert.same({ "resum --resum_rate a.example", "Then check again:" },
      command({ text = "", by = "measuring" }, { text = "" }))
  end)

  it("is the audit where the audit has found it", function()
    assert.same({ "resum --audit a.example", "Then check again:" }, command({ text = "", by = "audit" }))
    assert.same({ "resum --resum_rate --audit a.example", "Then check again:" },
      command({ text = "", by = "audit" }, { text = "" }))
  end)

  it("is none where none tells", function()
    assert.same({}, command({ text = "", by = "nothing" }))
    assert.same({}, command({ text = "", optional = true }))
    assert.same({}, command())
  end)
end)

describe("a session cache for all servers", function()
  it("is asked for only where the software can have one, and whose can't is said", function()
    for _, verdict in ipairs { "keys_shared_caches_not", "nothing_shared" } do
      local steps = overview.todo(entry_of { balancer = pool { verdict = verdict } })
      assert.is_truthy(steps:find("where their software can have one", 1, true), steps)
    end
    for _, server in ipairs { "nginx", "haproxy", "envoy" } do
      assert.matches("^has no session cache for several machines", configuration.blocks.shared_cache[server].note)
    end
  end)
end)
