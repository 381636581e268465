-- Behind HAProxy's stick table on session IDs, which TLS 1.2 tickets have beside them, offers of one session were led
-- to one server, again and again: forty that met the same one were taken for a key in the place of all others ("ticket
-- keys changed"). And where the scan came to its end before it had seen whose keys session IDs meet, they were said to
-- lie in a shared cache.

local concluded = require "spec.support.concluded"
local explanation = require "resum.analysis.pool.explanations.rotated"
local pool = require "resum.analysis.pool"
local reader = require "resum.analysis.pool.evidence"
local whole = require "resum.analysis.pool.whole"
local words = require "resum.analysis.pool_words"

local SERVERS = 5

-- A journal of tickets, of as many servers in turns; sessions of others are refused.
local function journal()
  local entries = {}
  local function add(server, from, design)
    local order = #entries + 1
    entries[order] = { order = order, mechanism = "ticket", design = design, outcome = from and "refused" or "full",
      from = from, started = 2 * order, ended = 2 * order + 1, awaited = true, issued = true, sessions = 1,
      ticket = ("server%d"):format(server) .. ("k"):rep(9), ticket_length = 192, lifetime_s = 300 }
    return order
  end
  for i = 1, 8 * SERVERS do
    local seed = add(i % SERVERS + 1, nil, "seed")
    add((i + 2) % SERVERS + 1, seed, "pairs")
  end
  return entries, add
end

-- Is a change among what the explanations of the last of these offers propose?
local function candidates(led)
  local entries, add = journal()
  for i = 1, 60 do
    led(add, i)
  end
  return #explanation.fit(reader.read(entries).ticket)
end

describe("offers of one session that the balancer leads back", function()
  it("are no sign that one key took the place of the others", function()
    assert.equal(0, candidates(function(add)
      add(1, 1, "confirm")
    end))
  end)

  it("are none where several sessions are led to one server", function()
    assert.equal(0, candidates(function(add, i)
      add(1, 2 * (i % 3) + 1, "confirm")
    end))
  end)

  it("may be one where each shows it by a session of its own, or issues one", function()
    assert.is_true(candidates(function(add, i)
      add(1, i, "confirm")
    end) > 0)
    assert.is_true(candidates(function(add)
      add(1, nil, "seed")
    end) > 0)
  end)

  it("leave it at servers that share nothing", function()
    local entries, add = journal()
    for _ = 1, 60 do
      add(1, 1, "confirm")
    end
    assert.not_equal("rotated", pool.analyse(entries, { mechanisms = { "ticket" } }).verdict)
  end)
end)

describe("session IDs that all resume, beside keys that are not shared", function()
  local function result(verdict, more)
    local one = concluded.result(verdict, more)
    one.resumed, one.groups = 100, one.groups or 1
    return one
  end

  local function evidence(marked)
    return concluded.evidence({ marked = marked or {}, keys = {}, origin = {},
      offers_tally = { resumed = 100, refused = 0, failed = 0 },
      full_tally = { answered = 10, failed = 0, cut_short = 0 } })
  end

  local function conclude(ids, marked, tickets)
    local results = { session_id = ids, ticket = tickets or result("nothing_shared", { groups = 3 }) }
    local all = { session_id = evidence(marked), ticket = evidence() }
    whole.refine(results, all)
    local summary = whole.conclude(results, all, {})
    return summary, (words.of(summary))
  end

  it("are not said to be in one cache before their servers' keys were seen", function()
    local summary, headline = conclude(result("all_shared"))
    assert.same({ "nothing_shared", "inconclusive", "rivals" },
      { summary.verdict, summary.mechanisms.session_id.verdict, summary.mechanisms.session_id.reason })
    assert.equal("The servers behind this address do not share their ticket keys; whether they share their session "
      .. "caches is not certain.", headline)
  end)

  it("are, once these were seen", function()
    local offer = { order = 9, origin = 1, resumed = true, entry = {} }
    local summary = conclude(result("all_shared"), { offer })
    assert.equal("caches_shared_keys_not", summary.verdict)
  end)

  it("are where nothing else tells several servers", function()
    local summary = conclude(result("all_shared"), {}, result("no_resumption"))
    assert.equal("all_shared", summary.mechanisms.session_id.verdict)
  end)

  it("leave the first sentence alone where session IDs are refused", function()
    local _, headline = conclude(result("nothing_shared", { groups = 3 }))
    assert.equal("The servers behind this address share nothing.", headline)
    _, headline = conclude(result("inconclusive", { supposed = "nothing_shared" }))
    assert.equal("The servers behind this address share nothing.", headline)
  end)
end)
