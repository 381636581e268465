-- The parts of what is inferred of a pool: what a connection shows, the evidence, the sums over hidden classes, the
-- matrix, routing, and the words.

local advice = require "resum.analysis.advice"
local classes = require "resum.analysis.pool.classes"
local cut = require "resum.analysis.pool.cut"
local evidence = require "resum.analysis.pool.evidence"
local explanations = require "resum.analysis.pool.explanations"
local groups = require "resum.analysis.pool.groups"
local foresight = require "resum.analysis.pool.foresight"
local forest = require "resum.analysis.pool.forest"
local hidden = require "resum.analysis.pool.hidden"
local matrix = require "resum.analysis.pool.matrix"
local pool = require "resum.analysis.pool"
local rates = require "resum.analysis.pool.rates"
local routing = require "resum.analysis.pool.routing"
local sighting = require "resum.analysis.pool.sighting"
local sights = require "resum.analysis.pool.sights"
local verdict = require "resum.analysis.pool.verdict"
local words = require "resum.analysis.pool_words"

local function key(letter)
  return letter:rep(16)
end

-- Entries in order. Each is {design, from, outcome, label}: a label of one letter stands for a ticket key's name, "-"
-- for a full handshake that issued nothing.
local function entries_of(mechanism, list)
  local entries = {}
  for i, one in ipairs(list) do
    local name = one[4] and one[4] ~= "-" and key(one[4]) or nil
    entries[i] = {
      order = i, mechanism = mechanism, design = one[1], from = one[2], outcome = one[3],
      started = 2 * i - 1, ended = 2 * i, awaited = true,
      issued = one[4] == "-" and false or (one[3] ~= "resumed" and one[4] ~= nil) or nil, ticket = name,
      ticket_length = name and 176,
    }
  end
  return entries
end

-- Tickets of servers that answer in the order of a text, again and again: fresh sessions, each offered on the next
-- connection, and old ones at any distance.
local function scan_over(order, count, old)
  local list = {}
  local function at(i)
    return order:sub((i - 1) % #order + 1, (i - 1) % #order + 1)
  end
  for i = 1, count do
    local before = list[i - 1]
    if i % 2 == 1 then
      list[i] = { "pairs", nil, "full", at(i) }
    else
      list[i] = { "pairs", i - 1, before[4] == at(i) and "resumed" or "refused", at(i) }
    end
  end
  for i = count + 1, count + (old or 0) do
    local from = 1 + 2 * (i * 7 % math.min(11, count // 2))
    list[i] = { "fixed", from, at(i) == list[from][4] and "resumed" or "refused", at(i) }
  end
  return list
end

local function analyse(entries, sources)
  return pool.analyse(entries, { mechanisms = { "session_id", "ticket", "psk" }, sources = sources })
end

describe("a sighting", function()
  local function entry_with(ticket, order)
    return { order = order, ticket = ticket:sub(1, 16), ticket_length = #ticket }
  end

  local function ticket(name, i)
    return name .. ("%04d"):format(i) .. ("."):rep(100)
  end

  local function labels_of(make)
    local entries = {}
    for i = 1, 8 do
      entries[i] = entry_with(make(i), i)
    end
    return sighting.labels(entries)
  end

  it("names a ticket key by the bytes that repeat at a ticket's start, sixteen or four", function()
    local labels = labels_of(function(i)
      return ticket(key(i % 2 == 0 and "a" or "b"), i)
    end)
    assert.same({ sighting.label("key", key("b")), sighting.label("key", key("a")) }, { labels[1], labels[2] })
    assert.equal(sighting.label("key", "name"), labels_of(function(i)
      return ticket("name" .. ("%012d"):format(i * 7919 % 1000), i)
    end)[1])
  end)

  it("sees no name in bytes that never repeat, nor in one among others that was seen once", function()
    assert.equal(sighting.UNNAMED, labels_of(function(i)
      return ticket(("%016d"):format(i * 104729 % 1e9):reverse(), i)
    end)[1])
    assert.equal(sighting.UNNAMED, labels_of(function(i)
      return ticket(key(i == 8 and "z" or i % 2 == 0 and "a" or "b"), i)
    end)[8])
  end)

  it("sees no name where the two tickets of most connections begin differently", function()
    local entries = { entry_with(ticket(key("a"), 1), 1), entry_with(ticket(key("a"), 2), 2) }
    entries[1].unlike, entries[2].unlike = true, true
    assert.equal(sighting.UNNAMED, sighting.labels(entries)[1])
  end)

  it("sees no name in two addresses of a server's memory, however often they repeat", function()
    local addresses = "\16\32\48\64\80\127\0\0\16\32\48\64\80\85\0\0"
    assert.equal(sighting.UNNAMED, labels_of(function(i)
      return ticket(addresses, i)
    end)[1])
    assert.equal("key", labels_of(function(i) -- one alone may be chance
      return ticket(addresses:sub(1, 8) .. "abcdefgh", i)
    end)[1].kind)
  end)

  it("takes a short ticket for the name of a cache entry, and nothing issued for none", function()
    assert.same({ sighting.STATEFUL, sighting.NONE },
      sighting.labels({ entry_with(("x"):rep(32), 1), { order = 2, issued = false }, { order = 3 } }))
  end)

  it("is read from a record", function()
    local entry = {}
    sighting.read(entry, { mechanism = "ticket", outcome = "refused", facts = {
      tickets = { { ticket = ("k"):rep(16) .. ("t"):rep(160), lifetime_s = 300 } }, session_id = "ignored",
      leaf_sha256 = "hash", leaf_serial = "\1", extensions = { 43, 51 }, cipher = "c", extended_master_secret = true,
    } })
    assert.same({ outcome = "refused", ticket = ("k"):rep(16), ticket_length = 176, sessions = 1, lifetime_s = 300,
      issued = true, leaf = "hash", serial = "\1", extensions = "43 51", cipher = "c", ems = true }, entry)
  end)

  it("shows that nothing is issued in a whole full handshake that waited, and in nothing less", function()
    local function issued(outcome, awaited, unseen)
      local entry = { awaited = awaited }
      sighting.read(entry, { mechanism = "psk", outcome = outcome, unseen = unseen, facts = { tickets = {} } })
      return entry.issued
    end
    assert.same({ false, nil, nil, nil }, { issued("full", true), issued("full"), issued("refused", true),
      issued("full", true, "cut_short") })
    for _, unseen in ipairs({ "cut_short", "hung_up", "no_answer" }) do
      assert.is_nil(issued("full", true, unseen), unseen)
    end
  end)
end)

describe("the evidence", function()
  it("knows who issued what was offered, through resumptions that renewed nothing", function()
    local all = evidence.read(entries_of("ticket", { { "chain", nil, "full", "A" }, { "chain", 1, "resumed" },
      { "chain", 2, "refused", "B" }, { "chain", 3, "resumed" } }))
    local found = {}
    for i, offer in ipairs(all.ticket.offers) do
      found[i] = { offer.origin, offer.issuer.kind, (offer.answerer or sighting.UNSEEN).kind, offer.result,
        offer.offered }
    end
    assert.same({ { 1, "unnamed", "unseen", "resumed", 0 }, { 1, "unnamed", "unnamed", "refused", 1 },
      { 3, "unnamed", "unseen", "resumed", 0 } }, found)
  end)

  it("counts failures apart, of offers and of full handshakes", function()
    local all = evidence.read(entries_of("psk", { { "seed", nil, "full", "A" }, { "seed", nil, "timeout" },
      { "fixed", 1, "reset" }, { "fixed", 1, "resumed" } }))
    assert.same({ { resumed = 1, refused = 0, failed = 1 }, { answered = 1, failed = 1, cut_short = 0 }, 1 },
      { all.psk.offers_tally, all.psk.full_tally, #all.psk.failed })
  end)

  it("bounds the age of a session by the starts and ends of both connections", function()
    local entries = entries_of("psk", { { "seed", nil, "full", "A" }, { "fixed", 1, "resumed" } })
    for i, entry in ipairs(entries) do
      entry.started_s, entry.ended_s = 10 * i, 10 * i + 3
    end
    local offer = evidence.read(entries).psk.offers[1]
    assert.same({ 7, 13 }, { offer.age, offer.age_at_most })
  end)
end)

describe("the sum over hidden classes", function()
  -- Where a neighbour goes, given the class a of the one before it: never to the same (a leaning of -1), by lot (0),
  -- always to the same (1), or in between.
  local function way(weights, a, b, leaning)
    local same = a == b and 1 or 0
    if leaning >= 0 then
      return (1 - leaning) * weights[b] + leaning * same
    end
    return a == b and (1 + leaning) * weights[a] or weights[b] * (1 + leaning - leaning / (1 - weights[a]))
  end

  -- All assignments of classes, one by one; also how many connections of each class are to be expected.
  local function brute_force(found, model, leaning)
    local nodes, total, counts = forest.nodes(found), 0, {}
    local class, accept = {}, model.accept
    for b = 1, model.count do
      counts[b] = 0
    end
    local function visit(i, chance)
      local node = nodes[i]
      if not node then
        total = total + chance
        for _, b in pairs(class) do
          counts[b] = counts[b] + chance
        end
        return
      end
      for b = 1, model.count do
        local possible = not node.label or not model.labels[node.label]
        for _, one in ipairs(model.labels[node.label] or {}) do
          possible = possible or one == b
        end
        local from = node.offer and class[node.offer.origin]
        local near = node.offer and node.offer.lag > 0
        local p = chance * (possible and 1 or 0)
          * (near and way(model.weights[1], from, b, leaning or 0) or model.weights[1][b])
        if node.offer then
          local resumes = accept(from, b) and 1 - hidden.NOISE or hidden.IMPOSSIBLE
          p = p * (node.offer.resumed and resumes or 1 - resumes)
        end
        class[node.order] = b
        visit(i + 1, p)
      end
    end
    visit(1, 1)
    for b = 1, model.count do
      counts[b] = counts[b] / total
    end
    return math.log(total), counts, #nodes
  end

  local function some_evidence()
    return evidence.read(entries_of("ticket", { { "seed", nil, "full", "A" }, { "seed", nil, "full" },
      { "fixed", 1, "resumed" }, { "fixed", 1, "refused" }, { "fixed", 2, "resumed", "B" },
      { "fixed", 5, "refused", "A" }, { "fixed", 2, "refused", "B" }, { "fixed", 1, "resumed" },
      { "fixed", 7, "refused", "A" } })).ticket
  end

  it("is what adding up all assignments gives", function()
    local found = some_evidence()
    local a, b = found.label[1], found.label[5]
    local model = { count = 3, labels = { [a] = { 1, 2 }, [b] = { 3 } }, weights = { { 0.5, 0.2, 0.3 } },
      accept = function(x, y)
        return x == y or (x == 1 and y == 3)
      end }
    assert.is_true(math.abs(brute_force(found, model) - hidden.log_likelihood(found, model)) < 1e-9)
  end)

  it("believes of each connection what adding up all assignments gives, however neighbours are routed", function()
    local found = evidence.read(entries_of("ticket", { { "seed", nil, "full", "A" }, { "pairs", 1, "resumed" },
      { "pairs", nil, "full" }, { "pairs", 3, "refused" }, { "fixed", 1, "refused" }, { "chain", 4, "resumed", "B" },
      { "chain", 6, "refused" }, { "fixed", 3, "resumed", "A" } })).ticket
    local a, b = found.label[1], found.label[6]
    for _, leaning in ipairs({ -0.5, 0, 0.5 }) do
      local model = { count = 3, labels = { [a] = { 1, 2 }, [b] = { 3 } }, weights = { { 0.5, 0.2, 0.3 } },
        accept = function(x, y)
          return x == y or (x == 1 and y == 3)
        end }
      local likelihood, counts, connections = brute_force(found, model, leaning)
      assert.is_true(math.abs(likelihood - hidden.log_likelihood(found, model, leaning)) < 1e-9)
      hidden.learn(found, model, 1, leaning)
      for class = 1, 3 do -- and half a connection of each, as Jeffreys' prior has it
        local expected = (counts[class] + 0.5) / (connections + 1.5)
        assert.is_true(math.abs(expected - model.weights[1][class]) < 1e-9, class .. " at " .. leaning)
      end
    end
  end)

  -- The chance that the last of these offers resumes, by all assignments.
  local function chance_of_last(list, model)
    local found = evidence.read(entries_of("ticket", list)).ticket
    local last, sums = found.offers[#found.offers], {}
    for _, resumed in ipairs({ true, false }) do
      last.resumed = resumed
      sums[resumed] = math.exp(brute_force(found, model))
    end
    return sums[true] / (sums[true] + sums[false])
  end

  it("foresees an offer from what came of the same session until then", function()
    local list = { { "seed", nil, "full" }, { "fixed", 1, "resumed" }, { "fixed", 1, "refused" },
      { "fixed", 1, "resumed" }, { "fixed", 1, "refused" } }
    for _, accept in ipairs({ function(x, y) return x == y end, function(x, y) return x == 1 and y == 1 end }) do
      local model = { count = 2, all = { 1, 2 }, labels = {}, weights = { { 0.6, 0.4 } }, accept = accept }
      local hopes = foresight.of(evidence.read(entries_of("ticket", list)).ticket, model)
      for last = 2, #list do
        local expected = chance_of_last({ table.unpack(list, 1, last) }, model)
        assert.is_true(math.abs(hopes[last] - expected) < 1e-9, ("offer %d: %f, not %f"):format(last, hopes[last],
          expected))
      end
    end
  end)

  it("learns the shares of classes that nothing names", function()
    local list = {}
    for i = 1, 8 do
      list[i] = { "seed", nil, "full" }
    end
    for i = 9, 408 do -- of a session of the larger group 3 of 4 resume, of the smaller one 1 of 4
      local from = (i - 9) % 8 + 1
      local often = from <= 6 and 3 or 1
      list[i] = { "fixed", from, (i - 9) // 8 % 4 < often and "resumed" or "refused" }
    end
    local found = evidence.read(entries_of("ticket", list)).ticket
    local model = { count = 2, labels = {}, weights = { { 0.55, 0.45 } }, accept = function(x, y)
      return x == y
    end }
    hidden.learn(found, model)
    assert.is_true(math.abs(model.weights[1][1] - 0.75) < 0.02, "share " .. model.weights[1][1])
  end)
end)

describe("the acceptance matrix", function()
  it("counts by who issued and who answered", function()
    local found = evidence.read(entries_of("psk", scan_over("AB", 8, 4))).psk
    local letters = { [sighting.label("key", key("A"))] = "A", [sighting.label("key", key("B"))] = "B" }
    local cells = matrix.of_groups(found, letters)
    assert.same({ resumed = 0, answered = 6, errors = 0 }, cells.A.B)
    assert.same({ resumed = 2, answered = 2, errors = 0 }, cells.A.A)
  end)

  it("of addresses is shared, not shared, or partly", function()
    local function count(cells)
      local list = {}
      for names, marks in pairs(cells) do
        for mark in marks:gmatch(".") do
          list[#list + 1] = { from = names:sub(1, 1), at = names:sub(2, 2),
            outcome = mark == "#" and "resumed" or "refused" }
        end
      end
      return matrix.of_places(list)
    end
    for expected, cells in pairs({
      shared = { aa = "##", bb = "##", ab = "##", ba = "##" },
      not_shared = { aa = "##", bb = "##", ab = "..", ba = ".." },
      partly = { aa = "##", bb = "##", ab = "##", ba = ".." },
      no_resumption = { aa = "..", bb = "..", ab = "..", ba = ".." },
      inconclusive = { aa = "##", bb = "##", ab = "##" },
    }) do
      assert.equal(expected, matrix.across({ "a", "b" }, count(cells)))
    end
  end)

  it("parts names into groups as soon as each accepts the other's", function()
    local cells = { a = { b = { resumed = 1, refused = 0 } }, b = { a = { resumed = 2, refused = 1 } },
      c = { a = { resumed = 0, refused = 3 } } }
    local part, count = classes.parts({ "a", "b", "c" }, cells)
    assert.same({ 2, true, false }, { count, part.a == part.b, part.a == part.c })
  end)
end)

describe("groups", function()
  it("are counted with their shares, the largest first", function()
    local counted = groups.count({ "a", "b", "a", "c", "a", "b", "a", "b" })
    local list = {}
    for i, group in ipairs(counted.list) do
      list[i] = { group.label, group.connections }
    end
    assert.same({ { "a", 4 }, { "b", 3 }, { "c", 1 } }, list)
    assert.equal(1 - 1 / 8, counted.coverage)
    assert.is_true(counted.groups_interval[1] == 3 and counted.groups_interval[2] >= 4)
  end)
end)

describe("a cut", function()
  local function offers(marks)
    local list = {}
    for i = 1, #marks do
      list[i] = { order = i, resumed = marks:sub(i, i) == "#" }
    end
    return list
  end

  local function bounds(offer)
    return offer.order - 0.5, offer.order + 0.5
  end

  it("parts early refusals from late resumptions, and leaves open what may be on either side", function()
    local list = offers("....####")
    local found = cut.find(list, bounds, true)
    assert.is_true(found.at > 3.5 and found.at < 5.5, "at " .. found.at)
    assert.is_true(found.barred[list[1]])
    assert.is_nil(found.barred[list[8]])
  end)

  it("is none where refusals come early and late", function()
    assert.is_nil(cut.find(offers("########"), bounds, true))
  end)
end)

describe("names that come and go", function()
  it("are told from names that are rare", function()
    local list = {}
    for i = 1, 60 do
      list[i] = { order = i, label = i > 40 and i % 2 == 0 and "new" or i < 30 and i % 2 == 0 and "old" or "stays" }
    end
    local came, went = sights.of(list)
    assert.same({ { new = 42 }, { old = 28 } }, { came, went })
  end)
end)

describe("routing", function()
  local function routed(order, count)
    local found = evidence.read(entries_of("psk", scan_over(order, count, 30))).psk
    local tallies = { offers = { answered = count, failed = 0 }, full = { answered = 1, failed = 0 },
      served = { offers = { answered = 0, failed = 0 }, full = { answered = 0, failed = 0 } } }
    local result = verdict.of(found, tallies, { psk = found })
    return result.routing, result.routing_evidence.period
  end

  it("in turns has a period, with weights that of all weights", function()
    assert.same({ "round_robin", 3 }, { routed("ABC", 90) })
    assert.same({ "round_robin", 7 }, { routed("AABACAA", 98) })
  end)

  it("by lot has none", function()
    local state, order = 7, {}
    for i = 1, 230 do
      state = state * 16807 % 2147483647
      order[i] = ("ABC"):sub(state // 65536 % 3 + 1, state // 65536 % 3 + 1)
    end
    assert.same({ "random" }, { routed(table.concat(order), 200) })
    assert.same({ "unknown" }, { routed(table.concat(order), 36) }) -- so few don't exclude turns that others disturb
    assert.is_function(routing.of)
  end)
end)

describe("rates", function()
  it("of few sessions are as uncertain as the sessions are few", function()
    local list = { { "seed", nil, "full" }, { "seed", nil, "full" }, { "seed", nil, "full" }, { "seed", nil, "full" } }
    for i = 5, 104 do -- one of the four is of a member that never accepts
      list[i] = { "fixed", (i - 5) % 4 + 1, (i - 5) % 4 < 3 and i % 4 ~= 0 and "resumed" or "refused" }
    end
    local fixed = rates.of(evidence.read(entries_of("psk", list)).psk).fixed
    assert.is_true(fixed.interval[1] < 0.3 and fixed.interval[2] > 0.7,
      ("%.2f to %.2f"):format(fixed.interval[1], fixed.interval[2]))
  end)
end)

describe("the analysis", function()
  it("of a rotation over three keys says what it is, and what to do", function()
    local summary = analyse(entries_of("ticket", scan_over("ABC", 90, 30)))
    assert.same({ "nothing_shared", "ticket", "round_robin", 3, 3, 3 }, { summary.verdict, summary.decided_by,
      summary.routing, summary.groups, summary.routing_evidence.period, #summary.labels })
    assert.same({ 0, 45, { "A", "B", "C" } }, { summary.designs.pairs.resumed, summary.designs.pairs.attempted,
      { summary.attempts[1].label, summary.attempts[2].label, summary.attempts[3].label } })
    assert.is_true(summary.fit.fits)
    assert.is_true(summary.rival.odds >= 1000)
    assert.equal(0, summary.matrix.A.B.resumed)
  end)

  it("tells none of two explanations that are nearly as good", function()
    local summary = analyse(entries_of("ticket", scan_over("AB", 20, 6))) -- no session of B's ever meets B again
    assert.same({ "inconclusive", "rivals", "bad_member" }, { summary.verdict, summary.reason, summary.rival.verdict })
    assert.is_true(summary.rival.odds < 1000, summary.rival.odds)
  end)

  it("says that few client addresses can't tell stickiness from sharing", function()
    local entries = entries_of("ticket", scan_over("A", 90))
    local function codes(sources)
      local list = {}
      for i, finding in ipairs(analyse(entries, sources).findings) do
        list[i] = finding.code
      end
      return list
    end
    assert.equal("all_shared", analyse(entries).verdict)
    assert.same({ { "stickiness_unknown" }, { "stickiness_unknown" }, {} }, { codes(), codes({ "a", "b" }),
      codes({ "a", "b", "c", "d", "e", "f" }) })
  end)

  it("finds few attempts too few, and errors no refusals", function()
    local few = analyse(entries_of("ticket", scan_over("A", 20)))
    assert.same({ "inconclusive", "too_few_attempts" }, { few.verdict, few.reason })
    local list = scan_over("A", 90)
    for i = 1, 90 do
      if i % 3 ~= 0 then
        list[i][3], list[i][4] = "timeout", nil
      end
    end
    local failing = analyse(entries_of("ticket", list))
    assert.same({ "inconclusive", "errors" }, { failing.verdict, failing.reason })
  end)

  it("calls nothing a bad member that once issued nothing, and never refused", function()
    local list = scan_over("A", 90)
    list[51] = { "pairs", nil, "full", "-" }
    list[52] = { "pairs", 49, "resumed", "A" }
    assert.equal("all_shared", analyse(entries_of("psk", list)).mechanisms.psk.verdict)
  end)

  it("asks for more offers before it says no", function()
    local list = { { "seed", nil, "full", "A" } }
    for i = 2, 101 do
      list[i] = { "fixed", 1, "refused" }
    end
    local entries = entries_of("psk", list)
    assert.same({ "inconclusive", "too_few_attempts" }, { analyse(entries).verdict, analyse(entries).reason })
    local plan = pool.next_questions(entries, { "psk" }, {})[1]
    assert.same({ "again", "psk", { 1 } }, { plan.kind, plan.mechanism, plan.from })
  end)

  it("asks about four of the sessions in question at a time, of one or many", function()
    for _, sessions in ipairs({ 2, 4, 9 }) do
      local list = {}
      for i = 1, sessions do
        list[i] = { "seed", nil, "full", "A" }
      end
      for i = 1, 60 do
        list[sessions + i] = { "fixed", (i - 1) % sessions + 1, "refused" }
      end
      local plan = pool.next_questions(entries_of("psk", list), { "psk" }, {})[1]
      assert.same({ "again", math.min(4, sessions), "any" }, { plan.kind, #plan.from, plan.until_resumed })
      assert.is_true(plan.cost >= 40 and plan.cost <= 60, "cost " .. plan.cost) -- else each round waits for little
    end
  end)

  it("says nothing of sharing nothing where one key is refused by servers that have it", function()
    local list, state = {}, 5
    local function lot()
      state = state * 16807 % 2147483647
      return state // 65536 % 2
    end
    local server = {}
    for i = 1, 200 do
      server[i] = lot()
      local old = i > 8 and i % 3 ~= 0
      if i <= 8 or not old then
        list[i] = { i <= 8 and "seed" or "pairs", nil, "full", "A" }
      else
        local from = i % 8 + 1
        list[i] = { "fixed", from, server[from] == server[i] and "resumed" or "refused", "A" }
      end
    end
    local summary = analyse(entries_of("psk", list))
    assert.equal("differs", summary.verdict)
    assert.is_nil(summary.headline:find("share nothing", 1, true))
  end)

  it("has words for every verdict that an explanation gives, and for every finding", function()
    local verdicts = { "keys_shared_caches_not", "caches_shared_keys_not", "mixed_groups", "fails_on_resumption",
      "inconclusive", "unexplained", "rotated", "late_cache" }
    for _, explanation in ipairs(explanations.sharing) do
      verdicts[#verdicts + 1] = explanation.id ~= "arbitrary" and explanation.id or nil
    end
    assert.is_true(#verdicts >= 17)
    for _, name in ipairs(verdicts) do
      local headline, said = words.of({ verdict = name, routing = "unknown", decided_by = "psk", findings = {
        { code = "stickiness_unknown", sources = 1 }, { code = "mixed_configuration", property = "leaf" },
        { code = "no_resumption", mechanism = "psk" }, { code = "unexplained", mechanism = "psk" },
        { code = "inconclusive", mechanism = "ticket", reason = "errors" }, { code = "some_issue_none", share = 0.3,
          mechanism = "session_id" }, { code = "fails_on_resumption", mechanism = "ticket", share = 0.5 },
        { code = "forgets", mechanism = "session_id" }, { code = "others_share_nothing", mechanism = "ticket" },
        { code = "group_came" }, { code = "group_went" }, { code = "keys_renewed" },
        { code = "connections_failed", share = 0.25 },
      } })
      assert.is_true(#headline > 10, name)
      local step = advice.of({ balancer = { verdict = name, findings = {} } })[1]
      local says_nothing = name == "all_shared" or name == "no_resumption" -- what to do, the mechanisms' verdicts say
      assert.is_true(says_nothing or #step.text > 10, name)
      assert.is_true(#said >= 13, name)
    end
  end)
end)
