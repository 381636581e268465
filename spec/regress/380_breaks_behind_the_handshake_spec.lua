-- A server reset half of the connections that had resumed a session, and forgot the session with them. That seemed to
-- be a habit, as half of them ended so: the refusals counted, and one server was told as several that share their keys
-- and not their caches. What ends so only where a session is offered is no habit; and whether it is a fault, a request
-- tells.

local advice = require "resum.analysis.advice"
local conclusion = require "resum.analysis.conclusion"
local pool = require "resum.analysis.pool"
local programs = require "spec.support.daemons.programs"
local resum = require "resum"
local servers = require "spec.support.servers"
local spending = require "resum.connection.spending"

describe("a server that breaks half of the connections that resumed", function()
  teardown(servers.stop_all)

  it("fails on resumption, and has one cache", function()
    local server = programs.python { args = { "breaks" } }
    local entry = assert(resum.run(server.address, { rate = true })).addresses[1]
    server.stop()
    local summary = entry.balancer
    assert.equal("fails_on_resumption", summary.verdict)
    for _, name in ipairs({ "session_id", "ticket", "psk" }) do
      assert.equal("fails_on_resumption", summary.mechanisms[name].verdict, name)
      assert.equal(0, summary.mechanisms[name].refused, name)
      assert.same({ "partially_supported", "fails_on_resumption" },
        { conclusion.judged(entry, name).verdict, conclusion.judged(entry, name).reason })
    end
    assert.is_truthy(table.concat(summary.evidence, "\n"):find("broke before a request was answered", 1, true))
    assert.is_nil(table.concat(conclusion.of_mechanisms(entry), "\n"):find("works%."))
    assert.is_truthy(advice.of(entry)[1].text:find("what breaks connections that offer a session", 1, true))
  end)
end)

describe("the end of a connection that was resumed", function()
  local ends

  before_each(function()
    ends = spending.nothing_known()
  end)

  local function finish(outcome, ending, session, engine)
    local record = { outcome = outcome, ending = ending, engine = engine or "handshake", version = "TLSv1.2",
      sessions = {} }
    spending.finish(ends, record, { session }, spending.begin(ends))
    return record
  end

  -- Full handshakes that end so, and as many that are in order; then resumptions, half of which end so.
  local function meet(full, ending, engine)
    for _ = 1, 8 do
      finish("full", full)
      finish("full", "notify")
    end
    local spent = {}
    for i = 1, 16 do
      spent[i] = {}
      finish("resumed", i % 2 == 0 and ending or "notify", spent[i], engine)
    end
    return finish("refused", "notify", spent[16]).outcome, finish("refused", "notify", spent[15]).outcome
  end

  for _, engine in ipairs({ "handshake", "probe" }) do
    for _, ending in ipairs({ "reset", "broken" }) do
      it(("is no habit where full handshakes end in order: %s, %s"):format(ending, engine), function()
        assert.same({ "unknown", "refused" }, { meet("notify", ending, engine) })
      end)
    end
  end

  it("is a habit where full handshakes end so, too", function()
    assert.same({ "refused", "refused" }, { meet("reset", "reset") })
  end)

  it("is one where it only came without a goodbye", function()
    assert.same({ "refused", "refused" }, { meet("notify", "early") })
  end)
end)

describe("connections that break behind their handshakes", function()
  -- Full handshakes, and offers of their sessions; so many of each broke, or got no answer.
  local function journal(count, design, full_bad, offers_bad)
    local entries = {}
    for i = 1, 2 * count do
      local offers, number = i % 2 == 0, (i + 1) // 2
      local is_bad = number <= (offers and offers_bad or full_bad)
      entries[i] = { order = i, mechanism = "ticket", design = design, outcome = offers and "resumed" or "full",
        from = offers and i - 1 or nil, started = 2 * i, ended = 2 * i + 1, awaited = true, issued = not offers or nil,
        ticket = not offers and ("key"):rep(16) or nil, ticket_length = 192, sessions = 1, broke = is_bad,
        answered = design == "served" and not is_bad or nil }
    end
    return entries
  end

  -- The same behind 200 connections of which so many offers broke.
  local function journal_of_both(breaks, full_bad, offers_bad)
    local entries = journal(100, "pairs", 0, breaks)
    for _, entry in ipairs(journal(24, "served", full_bad, offers_bad)) do
      entry.order, entry.from = entry.order + 200, entry.from and entry.from + 200
      entries[#entries + 1] = entry
    end
    return entries
  end

  local function asks_for_requests(entries, asked)
    for _, plan in ipairs(pool.next_questions(entries, { "ticket" }, asked or {})) do
      if plan.kind == "served" then
        return true
      end
    end
    return false
  end

  it("are looked into where offers do so more often, once more where that was not enough, and then no more", function()
    assert.is_true(asks_for_requests(journal(100, "pairs", 0, 8)))
    assert.is_false(asks_for_requests(journal(100, "pairs", 8, 8)))
    assert.is_false(asks_for_requests(journal(100, "pairs", 8, 0)))
    local both, asked = journal_of_both(8, 0, 6), {}
    assert.is_true(asks_for_requests(both, asked))
    assert.is_true(asks_for_requests(both, asked))
    assert.is_false(asks_for_requests(both, asked))
    both, asked = journal_of_both(8, 0, 0), {}
    assert.is_true(asks_for_requests(both, asked))
    assert.is_false(asks_for_requests(both, asked))
  end)

  local function verdict(full_bad, offers_bad)
    local summary = pool.analyse(journal_of_both(0, full_bad, offers_bad), { mechanisms = { "ticket" },
      offers_fail = false })

    return summary.mechanisms.ticket.verdict
  end

  it("are a fault where no request is answered on them, and full handshakes get answers", function()
    assert.same({ "fails_on_resumption", "inconclusive", "all_shared", "all_shared" },
      { verdict(0, 12), verdict(0, 8), verdict(0, 0), verdict(12, 12) })
  end)
end)
