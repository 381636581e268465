--- Servers in turns were called "chosen at random" wherever no strict period showed: behind HAProxy with persistence by
-- session ID in two of three scans of a busy machine, as connections that are led back take no turn. Without a period
-- nothing had spoken for a lot; it was said all the same.

local pool = require "resum.analysis.pool"
local simulated = require "spec.support.pool"
local turns = require "resum.analysis.pool.turns"
local vocabulary = require "resum.analysis.attempt_words"
local words = require "resum.analysis.pool_words"

local USUAL, MANY = 330, 900 -- connections
local FRESH = 60 -- the first of them: full handshakes, each with what is offered right behind it
local SEEDS = 8

-- Balancers: each a function () -> server of the next connection; told whose session it offers.
local function in_turns(random, pattern, others, idle)
  local turn = random(#pattern)
  return function()
    while random() < others do
      turn = turn + 1
    end
    turn = random() < idle and turn or turn + 1
    return pattern:byte(turn % #pattern + 1)
  end
end

local function by_lot(random, pattern)
  return function()
    return pattern:byte(random(#pattern))
  end
end

-- Of offers most are led to their server, and take no turn.
local function leading(random, pattern)
  local next_turn = in_turns(random, pattern, 0, 0)
  return function(home)
    return home and random() < 0.7 and home or next_turn()
  end
end

-- The fewest connections, of which each ends before the next begins as likely as not; among equals the one that waited
-- longest.
local function fewest(random, pattern)
  local active, last, under_way, count = {}, {}, {}, 0
  return function()
    for i = #under_way, 1, -1 do
      local gone = random() < 0.5 and table.remove(under_way, i)
      if gone then
        active[gone] = active[gone] - 1
      end
    end
    local best
    for _, server in ipairs({ pattern:byte(1, -1) }) do
      local n, since = active[server] or 0, last[server] or 0
      if not best or n < best.n or (n == best.n and since < best.since) then
        best = { server = server, n = n, since = since }
      end
    end
    count = count + 1
    active[best.server], last[best.server] = best.n + 1, count
    under_way[#under_way + 1] = best.server
    return best.server
  end
end

-- Every third connection is another mechanism's, and shows nothing.
local function journal_of(random, choose, count)
  local entries, homes = {}, {}
  for order = 1, count do
    local seen = order % 3 ~= 0
    local last = entries[#entries]
    local fresh = #entries < FRESH
    local from = fresh and (#entries % 2 == 1 and last.order) or not fresh and entries[2 * random(10) - 1].order or nil
    from = seen and from or nil
    local server = choose(homes[from])
    if seen then
      homes[order] = server
      local resumed = from and homes[from] == server
      local shows = fresh or not from
      entries[#entries + 1] = { order = order, mechanism = "psk", design = fresh and "pairs" or "fixed", from = from,
        outcome = not from and "full" or resumed and "resumed" or "refused", started = 2 * order - 1,
        ended = 2 * order, awaited = shows, ticket = shows and string.char(server):rep(16) or nil,
        ticket_length = shows and 176 or nil }
    end
  end
  return entries
end

-- How often which routing is said.
local function said(count, make, ...)
  local counts = { round_robin = 0, random = 0, unknown = 0, sticky = 0 }
  for seed = 1, SEEDS do
    local random = simulated.generator(seed * 6007)
    local summary = pool.analyse(journal_of(random, make(random, ...), count), { mechanisms = { "psk" } })
    counts[summary.routing] = counts[summary.routing] + 1
  end
  return counts
end

describe("servers in turns #unsanitized", function()
  for _, case in ipairs({
    { "AB", 0.1, 0 }, { "AB", 0.3, 0 }, { "AB", 0, 0.1 }, { "ABC", 0.1, 0 }, { "ABC", 0.3, 0 }, { "ABC", 0.1, 0.1 },
    { "ABCD", 0.3, 0 }, { "AAB", 0.1, 0 }, { "AABAC", 0.3, 0 },
  }) do
    local pattern, others, idle = table.unpack(case)
    it(("%s, of which others take %d %%, and %d %% of the connections none, are not called a lot"):format(pattern,
      others * 100, idle * 100), function()
      local counts = said(USUAL, in_turns, pattern, others, idle)
      assert.same({ 0, 0 }, { counts.random, counts.sticky })
      assert.is_true(others > 0.1 or counts.round_robin >= SEEDS - 1, "in turns: " .. counts.round_robin)
    end)
  end

  it("are not called a lot where sessions are led back, nor where it is the fewest connections that decide", function()
    assert.equal(0, said(USUAL, leading, "ABC").random)
    assert.equal(0, said(USUAL, fewest, "ABC").random)
    assert.equal(0, said(USUAL, fewest, "AB").random)
  end)

  it("among so many others that nothing shows are not known", function()
    assert.equal(0, said(USUAL, in_turns, "AB", 0.5, 0).random)
  end)
end)

describe("servers drawn by lot", function()
  it("are said to be, two of them after some hundred connections, and more after more", function()
    assert.is_true(said(USUAL, by_lot, "AB").random >= SEEDS / 2)
    assert.is_true(said(MANY, by_lot, "ABC").random >= SEEDS / 2)
  end)

  it("are not said to take turns", function()
    for _, pattern in ipairs({ "AB", "ABC", "ABCD", "AAAB" }) do
      local counts = said(USUAL, by_lot, pattern)
      assert.same({ 0, 0 }, { counts.round_robin, counts.sticky }, pattern)
    end
  end)
end)

describe("how likely turns are", function()
  it("is not known of more servers than any period has", function()
    local list = {}
    for order = 1, 200 do
      list[order] = { order = order, group = order % 30 }
    end
    assert.is_nil(turns.compare(list))
  end)

  it("is told from staying", function()
    local list, random = {}, simulated.generator(5)
    for order = 1, 200 do
      list[order] = { order = order, group = order > 1 and random() < 0.75 and list[order - 1].group or random(2) }
    end
    local found = turns.compare(list)
    assert.is_true(found.staying[1] > found.lot[2] + 7 and found.lot[2] > found.turns[1])
  end)
end)

describe("a routing that can't be told", function()
  it("has words of its own, and none that claim a lot", function()
    local _, unknown = words.of({ verdict = "nothing_shared", routing = "unknown", groups = 2, findings = {},
      routing_evidence = { alike = true } })
    local _, lot = words.of({ verdict = "nothing_shared", routing = "random", groups = 2, findings = {} })
    assert.is_truthy(table.concat(unknown, " "):find("can't be told", 1, true))
    assert.is_nil(table.concat(unknown, " "):find("chooses servers at random", 1, true))
    assert.is_truthy(table.concat(lot, " "):find("chooses servers at random", 1, true))
    assert.is_truthy(vocabulary.routing({ routing = "unknown" }):find("not known", 1, true))
  end)
end)
