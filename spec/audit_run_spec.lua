--- The flow of the audit: which checks run, their numbers of connections, and what becomes of findings where a server
-- stops answering. The checks here are made for it.

local checks = require "resum.audit"
local contexts = require "resum.audit.context"
local evidences = require "spec.support.evidence"
local finding = require "resum.audit.finding"
local run = require "resum.audit.run"
local turns = require "resum.audit.turns"

local REAL = table.move(checks, 1, #checks, 1, {})

local function set_checks(list)
  for i = #checks, 1, -1 do
    checks[i] = nil
  end
  for i, check in ipairs(list) do
    check.title, check.advice, check.sources = "?", "do it", { "RFC" }
    check.severity, check.class = check.severity or "medium", check.class or "active"
    check.reasons = { seen = "it was seen" }
    checks[i] = check
    run.ids[i] = check.id
  end
end

-- A client whose attempts have these outcomes, one after another, the last one from then on.
local function client(outcomes)
  local one = { connections = 0, host = {}, made = {} }
  function one.cancelled()
    return one.is_over or false
  end
  function one.attempt(_, options)
    one.connections = one.connections + 1
    one.made[one.connections] = options.mechanism
    return { outcome = outcomes[math.min(one.connections, #outcomes)], sessions = {}, timing = {} }
  end
  return one
end

local function given(outcomes, options, evidence)
  options = options or {}
  options.retries = options.retries or 0
  return { client = client(outcomes or { "full" }), options = options, entry = {}, target = {},
    evidence = evidence or evidences.of(0) }
end

local function seen(verdict, connections)
  return function(context)
    for _ = 1, connections or 0 do
      context:attempt({ mechanism = "psk" })
    end
    return { { verdict = verdict, reason = "seen", evidence = { count = 1 } } }
  end
end

local function three()
  return 3
end

local function words(list)
  local all = {}
  for i, one in ipairs(list) do
    all[i] = ("%s %s %s"):format(one.id, one.verdict, one.reason)
  end
  return table.concat(all, ", ")
end

describe("the audit", function()
  local ids = table.move(run.ids, 1, #run.ids, 1, {})

  after_each(function()
    set_checks({})
    table.move(REAL, 1, #REAL, 1, checks)
    for i = #run.ids, 1, -1 do
      run.ids[i] = ids[i]
    end
  end)

  it("runs passive checks last, on the evidence, and gives findings in the order of the list", function()
    local order = {}
    local function noted(name, verdict)
      return function(what)
        order[#order + 1] = name .. (what.tickets_of and " evidence" or " context")
        return { { verdict = verdict, reason = "seen" } }
      end
    end
    set_checks({ { id = "a", class = "passive", run = noted("a", "good") }, { id = "b", run = noted("b", "bad") } })
    assert.equal("a good seen, b bad seen", words(run.run(given())))
    assert.same({ "b context", "a evidence" }, order)
  end)

  it("leaves intrusive and timed checks out unless they are asked for", function()
    set_checks({ { id = "a", run = seen("good") }, { id = "b", class = "intrusive", run = seen("good") },
      { id = "c", class = "timed", run = seen("good") } })
    assert.equal("a good seen", words(run.run(given())))
    assert.equal("a good seen, b good seen", words(run.run(given(nil, { intrusive = true }))))
    assert.equal("c good seen", words(run.run(given(nil, { lifetime = true, audit_checks = { "c" } }))))
  end)

  it("leaves out what has to be named", function()
    set_checks({ { id = "a", run = seen("good") }, { id = "b", on_request = true, run = seen("good") } })
    assert.equal("a good seen", words(run.run(given())))
    assert.equal("b good seen", words(run.run(given(nil, { audit_checks = { "b" } }))))
  end)

  it("says what a check lacks, and makes no connection for it", function()
    set_checks({ { id = "a", needs = { "certificate" }, connections = three, run = seen("bad", 3) } })
    local one = given()
    assert.equal("a not_applicable needs_certificate", words(run.run(one)))
    assert.equal(0, one.client.connections)
    assert.equal("a bad seen", words(run.run(given(nil, { has_certificate = true }))))
  end)

  it("holds a check to its number of connections", function()
    set_checks({ { id = "a", connections = three, run = seen("good", 3) },
      { id = "b", connections = three, run = seen("good", 4) } })
    local one = given()
    assert.equal("a good seen, b inconclusive budget", words(run.run(one)))
    assert.equal(3 + 1 + 3 + 1, one.client.connections) -- with the control behind each
    assert.equal(8 + turns.CONNECTIONS, run.connections(one.options).most) -- which are made of several servers only
  end)

  it("believes nothing where the server is gone afterwards, and asks it nothing more", function()
    set_checks({ { id = "a", connections = three, run = seen("bad", 1) }, { id = "b", run = seen("good") } })
    assert.equal("a inconclusive server_went_away", words(run.run(given({ "resumed", "timeout" }))))
    set_checks({ { id = "a", connections = three, class = "intrusive", run = seen("bad", 1) } })
    assert.equal("a bad seen", words(run.run(given({ "resumed", "timeout" }, { intrusive = true }))))
  end)

  it("tries the control again as often as other handshakes", function()
    set_checks({ { id = "a", connections = three, run = seen("bad", 1) } })
    assert.equal("a bad seen", words(run.run(given({ "resumed", "timeout", "reset", "full" }, { retries = 2 }))))
    assert.equal("a inconclusive server_went_away",
      words(run.run(given({ "resumed", "timeout", "reset", "full" }, { retries = 1 }))))
  end)

  it("makes no control where nothing odd is sent", function()
    set_checks({ { id = "a", connections = three, harmless = true, run = seen("good", 3) } })
    local one = given()
    run.run(one)
    assert.equal(3, one.client.connections)
    assert.equal(3, run.connections(one.options).most)
  end)

  it("makes sure of eight tickets for passive checks, of each mechanism that issues any", function()
    set_checks({ { id = "a", class = "passive", run = seen("good") } })
    local one = given(nil, nil, evidences.of(2))
    run.run(one)
    assert.same({ "psk", "psk", "psk", "psk" }, one.client.made)
    one = given(nil, nil, evidences.of(4, nil, "ticket"))
    run.run(one)
    assert.same({}, one.client.made)
  end)

  it("stops where the scan is over", function()
    set_checks({ { id = "a", connections = three, run = seen("good", 1) } })
    local one = given({ "interrupted" })
    assert.equal("a inconclusive interrupted", words(run.run(one)))
  end)

  it("lets errors through that are none of its own", function()
    set_checks({ { id = "a", run = function() error("broken", 0) end } })
    assert.has_error(function() run.run(given()) end, "broken")
    assert.is_nil(contexts.stopped("broken"))
  end)

  it("reads a list of checks, with - or _", function()
    assert.same({ ["ticket-repeats"] = true }, run.read_list({ "ticket_repeats" }))
    local none, message = run.read_list({ "nothing" })
    assert.is_nil(none)
    assert.is_truthy(message:find("^has no check 'nothing': there are client%-certificate, [%l, -]+$"))
    for word, meant in pairs({ bindr = "binder", known_keys = "known-key", ticket_bleed = "ticketbleed" }) do
      assert.equal(("has no check '%s'; did you mean '%s'?"):format(word, meant), (select(2, run.read_list({ word }))))
    end
    assert.is_nil((run.read_list({})))
  end)
end)

describe("a finding", function()
  local CHECK = { id = "a", title = "?", severity = "high", sources = {}, advice = "do it", reasons = { seen = "yes" } }

  it("has a severity and advice where it is bad, and none to worry about where it is not", function()
    local bad = finding.make(CHECK, { verdict = "bad", reason = "seen" })
    assert.same({ "high", "do it", "yes" }, { bad.severity, bad.advice, bad.message })
    local good = finding.make(CHECK, { verdict = "good", reason = "seen" })
    assert.same({ "info", nil }, { good.severity, good.advice })
  end)

  it("can't hold bytes, a table, or more text than a name", function()
    for _, value in ipairs({ "\1", "\200", {}, ("x"):rep(201) }) do
      assert.has_error(function()
        finding.make(CHECK, { verdict = "bad", reason = "seen", evidence = { it = value } })
      end)
    end
  end)

  it("has a known verdict, and a reason with words", function()
    assert.has_error(function() finding.make(CHECK, { verdict = "fine", reason = "seen" }) end)
    assert.has_error(function() finding.make(CHECK, { verdict = "good", reason = "nowhere" }) end)
  end)

  it("is sorted with the gravest first", function()
    local list = {}
    for i, pair in ipairs({ { "good", "info" }, { "bad", "low" }, { "inconclusive", "info" }, { "bad", "critical" },
      { "not_applicable", "info" }, { "info", "info" } }) do
      list[i] = { verdict = pair[1], severity = pair[2] }
    end
    local order = {}
    for i, one in ipairs(finding.sorted(list)) do
      order[i] = one.verdict .. " " .. one.severity
    end
    assert.same({ "bad critical", "bad low", "inconclusive info", "info info", "good info", "not_applicable info" },
      order)
  end)
end)
