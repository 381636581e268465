--- The parts of a watch, each by itself: how sure it has to be, its clock, its pace, the sessions that it holds, and
-- what it takes from a connection's record.

local acceptance = require "resum.analysis.watch.acceptance"
local chance = require "resum.analysis.watch.chance"
local clocks = require "resum.watch.clock"
local jars = require "resum.watch.jar"
local losses = require "resum.analysis.watch.losses"
local names = require "resum.analysis.watch.names"
local pace = require "resum.watch.pace"
local presence = require "resum.analysis.watch.presence"
local replaced_key = require "resum.analysis.watch.replaced_key"
local seen_of = require "resum.watch.seen"
local watches = require "resum.analysis.watch"

local PROBLEM = { code = "timeout", message = "no answer in time" }

describe("a server", function()
  -- "+" succeeds, "-" fails; what is told, by the number of the connection.
  local function run(outcomes, saved)
    local one, told, number = presence.new(saved), {}, 0
    for outcome in outcomes:gmatch("[+-]") do
      number = number + 1
      local verdict, since = one:note(number, outcome == "+", PROBLEM)
      told[#told + 1] = verdict and ("%s at %d since %s"):format(verdict, number, since or one.since)
    end
    return told
  end

  it("is down when four connections in a row have failed, and not before", function()
    assert.same({}, run("+++---+++"))
    assert.same({ "down at 7 since 4" }, run("+++----"))
  end)

  it("is up when two in a row succeed", function()
    assert.same({ "down at 4 since 1", "up at 9 since 1" }, run("-----+-++"))
  end)

  it("that fails often has to fail longer", function()
    local often = { good = 50, all = 100 }
    assert.same({}, run("----------", often))
    assert.same(1, #run(("-"):rep(30), often))
  end)

  it("keeps over a restart that it is down", function()
    local one = presence.new()
    for time = 1, 4 do
      one:note(time, false, PROBLEM)
    end
    local again = presence.new(one:save())
    assert.is_true(again.is_down)
    again:note(10, true)
    assert.same({ "up", 1, 4 }, { again:note(11, true) })
  end)
end)

describe("names that handshakes show", function()
  -- A letter is a name; a dot a name that is met once only.
  local function run(shown, seconds)
    local list, told, time = names.new(), {}, 0
    seconds = seconds or names.OVERLAP
    for letter in shown:gmatch(".") do
      time = time + seconds
      local change = list:see(letter == "." and "random " .. time or letter, time)
      told[#told + 1] = change and ("%s %s>%s at %d"):format(change.kind, table.concat(change.gone),
        table.concat(change.new), time // seconds)
    end
    return told, list
  end

  it("are replaced when the old one is missed longer than its share allows", function()
    local told, list = run(("a"):rep(100) .. ("b"):rep(10))
    assert.same({ "replaced a>b at 105" }, told) -- 1 - 0.963 to the fifth is less than a millionth
    assert.is_true(list:has("b") and not list:has("a"))
    assert.same({}, (run(("a"):rep(100) .. "bbbb")))
    assert.same({ "came >b at 107" }, (run(("a"):rep(100) .. "bbabbabba")))
    assert.same({ "replaced a>b at 108" }, (run(("a"):rep(100) .. "ba" .. ("b"):rep(10)))) -- an old process ends
  end)

  it("are not there beside an old one while its process takes its last connections", function()
    local seconds = 5
    local last_ones = "bbabbabba" -- 45 s, which is less than an old process may take
    assert.same({ "replaced a>b at 116" }, (run(("a"):rep(100) .. last_ones .. ("b"):rep(20), seconds)))
  end)

  it("that are met first in the beginning are no news", function()
    assert.same({}, (run("abcabcabc" .. ("abc"):rep(100))))
    assert.same({}, (run("aaaaaab" .. ("ab"):rep(200)))) -- six without it may be chance
    assert.same({ "came >b at 112" }, (run(("a"):rep(100) .. ("ab"):rep(200))))
  end)

  it("that are met once are random bytes", function()
    assert.same({}, (run(("."):rep(500))))
    assert.same({}, (run(("a."):rep(500))))
  end)

  it("take turns, and one that goes is missed in time", function()
    local told = run(("abc"):rep(100) .. ("ab"):rep(100))
    assert.equal(1, #told)
    assert.is_truthy(told[1]:find("^went c>"))
    told = run(("abc"):rep(100) .. ("abd"):rep(100))
    assert.equal(1, #told)
    assert.is_truthy(told[1]:find("^one_replaced c>d"))
  end)

  it("are not followed where there are too many", function()
    local list = names.new()
    for round = 1, 3 do
      for i = 1, 2 * names.MOST do
        list:see("name " .. i // 2, round * 1000 + i) -- each twice in a row
      end
    end
    assert.is_true(list.is_crowded)
    assert.equal(names.MOST, #list:all())
  end)
end)

describe("sessions", function()
  -- A hundred resumed, ages up to 1,000 s.
  local function known()
    local one = acceptance.new()
    for i = 1, 100 do
      assert.is_nil(one:note({ time = 2000 + i, issued = 2000 + i - 10 * i, age = 10 * i, good = true, again = i > 5 }))
    end
    return one
  end

  local function refuse(one, count, issued)
    local told = {}
    for i = 1, count do
      told[i] = one:note({ time = 3000 + i, issued = (issued or 2500) - i, age = 500 + 2 * i, good = false,
        again = true })
    end
    return told
  end

  it("are not lost before those resume that were made later and are as old as those that were refused", function()
    local one = known()
    assert.same({}, refuse(one, 8))
    for i = 1, 20 do -- younger ones: they may die of age, too
      assert.is_nil(one:note({ time = 3100 + i, issued = 3050, age = 50 + i, good = true }))
    end
    assert.is_nil(one:note({ time = 3560, issued = 3050, age = 510, good = true }))
    local verdict = one:note({ time = 3570, issued = 3050, age = 520, good = true })
    assert.same({ "lost", 2499, 3001, 8 }, { verdict.kind, verdict.cut, verdict.since, verdict.refused })
  end)

  it("are not lost when one of them still resumes", function()
    local one = known()
    refuse(one, 3)
    one:note({ time = 3100, issued = 2400, age = 700, good = true })
    one:note({ time = 3101, issued = 2401, age = 700, good = true })
    one:note({ time = 3102, issued = 2402, age = 700, good = true })
    assert.is_nil(one.since)
  end)

  it("that were offered before say nothing until some of these have resumed", function()
    local one = acceptance.new()
    for i = 1, acceptance.AGAIN do
      assert.is_true(one:may_repeat())
      one:note({ time = i, issued = 0, age = i, good = false, again = true })
    end
    assert.is_false(one:may_repeat())
    assert.is_nil(one.since)
    assert.is_true(known():may_repeat())
  end)

  it("that are older than any that has resumed, or than was promised, begin no doubt", function()
    local one = known()
    one:note({ time = 3000, issued = 1000, age = 2000, good = false, again = true })
    one:note({ time = 3001, issued = 2501, age = 500, promise = 501, good = false, again = true })
    assert.is_nil(one.since)
    one:note({ time = 3002, issued = 2502, age = 500, promise = 503, good = false, again = true })
    assert.equal(3002, one.since)
  end)
end)

describe("a watch that sees sessions refused", function()
  local watch, now

  local function observe(seen)
    now = now + 10
    seen.time, seen.certificate = now, "certificate"
    return watch:observe(seen)
  end

  local function full(key)
    return observe({ mechanism = "ticket", outcome = "full", issued = true, key = key })
  end

  local function offer(mechanism, outcome, age, fields)
    local session = { issued = now + 10 - age, age = age, again = false }
    for name, value in pairs(fields or {}) do
      session[name] = value
    end
    return observe({ mechanism = mechanism, outcome = outcome, session = session })
  end

  -- Events as text, of as many calls as are made.
  local function gather()
    local told = {}
    return told, function(events)
      for _, event in ipairs(events) do
        told[#told + 1] = event.kind .. " " .. tostring(event.keys or event.old_key)
      end
    end
  end

  before_each(function()
    watch, now = watches.new(), 10000
    for _ = 1, 100 do
      full("a")
      offer("session_id", "resumed", 5000)
    end
  end)

  it("says that keys changed with the cache, also when the key is certain later than the cache", function()
    local told, note = gather()
    local restart = now + 5
    full("b")
    for _ = 1, 6 do
      note(offer("session_id", "refused", now + 10 - restart + 100))
    end
    for _ = 1, 4 do
      note(offer("session_id", "resumed", now + 10 - restart - 5))
    end
    now = now + 300
    for _ = 1, 4 do
      note(offer("session_id", "resumed", now + 10 - restart - 5))
    end
    for _ = 1, replaced_key.PATIENCE + 8 do
      note(full("b"))
    end
    table.sort(told)
    assert.same({ "cache_emptied changed", "key_replaced unknown" }, told)
  end)

  it("does not take what a dropped key sealed for what died of age", function()
    local told, note = gather()
    for _ = 1, 100 do
      note(offer("ticket", "resumed", 1000, { key = "a", promise = 7200 }))
    end
    for _ = 1, 8 do
      note(full("b"))
    end
    for _ = 1, replaced_key.DROPPED do
      note(offer("ticket", "refused", 600, { key = "a", promise = 7200 }))
    end
    assert.same({ "key_replaced dropped" }, told)
    for _ = 1, 8 do
      note(offer("ticket", "resumed", 30, { key = "b", promise = 7200 }))
      note(offer("ticket", "refused", 7200, { key = "a", promise = 7200 }))
    end
    assert.equal(1, #told, table.concat(told, ", "))
  end)
end)

describe("the constants that decide", function()
  it("are those that docs/watch.md gives", function()
    assert.same({ 0.99, 4, 1e-6 }, { chance.BEST, chance.IN_A_ROW, chance.BY_CHANCE })
    assert.is_true(math.abs(chance.ENOUGH - 4 * math.log(99)) < 1e-9)
    assert.same({ 2, 4, 40, 3 }, { replaced_key.KEPT, replaced_key.DROPPED, replaced_key.PATIENCE, losses.KEYS_AFTER })
    assert.same({ 2, 3, 192, 3, 0.9 }, { acceptance.AGED, acceptance.BESIDE, acceptance.LONGEST, acceptance.AGAIN,
      acceptance.SHARED })
    assert.same({ 6, 12, 64, 4, 60, 0.3 }, { names.LEARNING, names.ABSORBED, names.MOST, names.FEW, names.OVERLAP,
      names.FADING })
  end)
end)

describe("the clock", function()
  local monotonic, boot, wall, clock

  before_each(function()
    monotonic, boot, wall = 100, 1100, 5000
    clock = clocks.new({ monotonic = function() return monotonic end, boot = function() return boot end,
      wall = function() return wall end })
  end)

  local function pass(seconds, asleep)
    monotonic, boot, wall = monotonic + seconds, boot + seconds + (asleep or 0), wall + seconds + (asleep or 0)
  end

  it("begins with the wall clock, and goes on as time does", function()
    assert.same({ 5000 }, { clock:now() })
    pass(60)
    assert.same({ 5060 }, { clock:now() })
  end)

  it("counts what the machine slept", function()
    pass(1, 3600)
    assert.same({ 8601, { slept_s = 3600, since = 5000 } }, { clock:now() })
    pass(1)
    assert.same({ 8602 }, { clock:now() })
  end)

  it("does not jump with the wall clock", function()
    pass(1)
    wall = wall + 86400
    assert.same({ 5001, { set_by_s = 86400, since = 5000 } }, { clock:now() })
    assert.equal(5001 + 86400, clock:wall(5001))
    wall = wall - 2 * 86400
    assert.same({ 5001, { set_by_s = -2 * 86400, since = 5001 } }, { clock:now() })
    assert.same({ 5001 }, { clock:now() })
  end)

  it("has no word on seconds, which clocks count one after another", function()
    pass(1)
    wall, boot = wall + 2, boot + 1
    assert.same({ 5001 }, { clock:now() })
  end)
end)

describe("the pace", function()
  it("is at most so many connections in any minute, whoever makes them", function()
    local now, starts = 0, {}
    local admit = pace.new({ now = function() return now end, sleep = function(seconds) now = now + seconds end }, 6)(
      function() return false end)
    for i = 1, 100 do
      admit("192.0.2.1")()
      starts[i] = now
    end
    for i = 7, 100 do
      assert.is_true(starts[i] - starts[i - 6] >= 60)
    end
    assert.is_true(now < 100 * 11)
    admit("192.0.2.2")()
    assert.equal(starts[100], now)
  end)

  it("is not the same each time", function()
    local met = {}
    for _ = 1, 50 do
      local value = pace.jittered(100)
      assert.is_true(value > 100 and value <= 110)
      met[value] = true
    end
    met[next(met)] = nil
    assert.is_not_nil(next(met))
  end)
end)

describe("the sessions that are held", function()
  it("are few, and of all ages", function()
    local dropped = 0
    local jar = jars.new(function() dropped = dropped + 1 end)
    for i = 1, 5000 do
      jar:put({ issued = 60 * i }, 60 * i)
    end
    assert.same({ jars.MOST, 5000 - jars.MOST }, { #jar.list, dropped })
    assert.equal(60, jar:oldest().issued)
    for i = 0, jars.NEWEST - 1 do
      assert.equal(60 * (5000 - i), jar.list[jars.MOST - i].issued)
    end
    local ages = {}
    for i, one in ipairs(jar.list) do
      ages[i] = 60 * 5000 - one.issued + 60
    end
    for i = 2, #ages do
      assert.is_true(ages[i - 1] / ages[i] < 3.5, ("%d s and %d s"):format(ages[i - 1], ages[i]))
    end
  end)

  it("are found by what is asked, the newest first", function()
    local jar = jars.new(function() end)
    for i = 1, 9 do
      jar:put({ issued = i, key = i < 5 and "old" or "new", offered = i == 3 and 20 or nil }, 10)
    end
    local function find(want)
      local found = jar:find(want, 10)
      return found and found.issued
    end
    assert.same({ 9, 5, 4, 2, 7 }, { find({}), find({ before = 5 }), find({ key = { old = true } }),
      find({ before = 3, not_since = 15 }), find({ after = 4, at_least = 3 }) })
    assert.is_nil(find({ after = 9 }))
  end)
end)

describe("what a connection says to a watch", function()
  local NAME = "\1\200\3\100\5\70\7\90\9\10\11\250\13\14\99\16"

  local function record(fields)
    local one = { mechanism = "ticket", outcome = "full", facts = { tickets = {}, leaf_sha256 = "\171" },
      sessions = {} }
    for name, value in pairs(fields) do
      one[name] = value
    end
    return one
  end

  local function with_tickets(...)
    local tickets = {}
    for i, ticket in ipairs({ ... }) do
      tickets[i] = { ticket = ticket, lifetime_s = 300 }
    end
    return record({ facts = { tickets = tickets } })
  end

  it("is its key, where its tickets name one", function()
    local long = ("x"):rep(80)
    assert.equal("01c8036405460" .. "75a090a0bfa0d0e6310", seen_of.of(with_tickets(NAME .. long, NAME .. long)).key)
    assert.is_nil(seen_of.of(with_tickets(NAME .. long, "y" .. NAME .. long)).key)
    assert.is_nil(seen_of.of(with_tickets(("a"):rep(16) .. long)).key)
    local entry = seen_of.of(with_tickets(NAME))
    assert.same({ nil, true, 300 }, { entry.key, entry.is_stateful, entry.promise })
  end)

  it("is that none was issued, only where that could be seen", function()
    assert.equal(false, seen_of.of(record({})).issued)
    assert.is_nil(seen_of.of(record({ unseen = "cut_short" })).issued)
    assert.is_nil(seen_of.of(record({ outcome = "resumed" })).issued)
  end)

  it("is why it failed, and nothing else", function()
    assert.same({ outcome = "failed", problem = { code = "reset", message = "connection: reset by the server" } },
      seen_of.of(record({ outcome = "reset", error = { code = "reset", message = "connection: reset by the server",
        stage = "handshake" } })))
  end)
end)
