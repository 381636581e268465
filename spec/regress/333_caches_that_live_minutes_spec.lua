--- A cache whose sessions live five minutes (nginx's default) was emptied, and in half of the cases
-- nobody was told, also after hours: of the five sessions that were alive the newest were offered first, until the
-- others had died; deaths of age were taken for chance, which made the server look worse than it was; and sessions
-- from after the loss that had died of age excused it.

local acceptance = require "resum.analysis.watch.acceptance"
local chance = require "resum.analysis.watch.chance"
local jars = require "resum.watch.jar"
local presence = require "resum.analysis.watch.presence"
local random = require "resum.util.random"
local watched = require "spec.support.watched"
local words = require "resum.analysis.watch.words"

local MINUTE, HOUR = 60, 3600
local SEEDS = 5

-- A cache that is emptied after so many hours; when that was told, in minutes from then, and what else was.
local function told_after(hours, fields, change)
  local world = watched.new({ members = { watched.member(fields) }, incidents = { { hours * HOUR, function(here)
    here.members[1].cache = {}
    change(here.members[1])
  end } } })
  local after, others, caches = nil, {}, nil
  for _, event in ipairs((watched.watch(world, { seconds = (hours + 1.5) * HOUR }))) do
    if event.kind == "cache_emptied" then
      after, caches = (event.time - watched.START - hours * HOUR) / MINUTE, event.keys
    elseif event.kind ~= "lifetime_reached" then
      others[#others + 1] = event.kind
    end
  end
  return after, caches, others
end

local function nothing() end

local function new_key(member)
  member.key = random.bytes(16)
end

describe("a cache whose sessions live five minutes", function()
  local FIELDS = { lifetime = 300, cache_s = 300 }

  it("is seen to be emptied, when the watch has known it for some hours", function()
    for hours, most in pairs({ [3] = 45, [10] = 10 }) do
      local soon = 0
      for seed = 1, SEEDS do
        random.seed(seed)
        local after, keys, others = told_after(hours, FIELDS, nothing)
        soon = soon + ((after ~= nil and after < most) and 1 or 0)
        assert.same({ after and "same" or nil, {} }, { keys, others })
      end
      assert.is_true(soon >= SEEDS - 1, ("%d hours: %d"):format(hours, soon)) -- one may have three alive that count
    end
  end)

  it("is seen to be emptied by a restart, beside the key that changed", function()
    for seed = 1, SEEDS do
      random.seed(seed)
      local after, keys, others = told_after(10, FIELDS, new_key)
      assert.is_true(after ~= nil and after < 10, ("seed %d: %s"):format(seed, after))
      assert.same({ "changed", { "key_replaced" } }, { keys, others })
    end
  end)

  it("has nothing to do with one whose sessions live an hour: there the newest are asked first, and it is told soon",
    function()
      for seed = 1, SEEDS do
        random.seed(seed)
        local after = told_after(10, { lifetime = HOUR, cache_s = HOUR }, nothing)
        assert.is_true(after ~= nil and after < 8, ("seed %d: %s"):format(seed, after))
      end
    end)

  it("gives no event where one in a hundred sessions is refused, or one in a hundred connections fails", function()
    for seed = 1, SEEDS do
      random.seed(seed)
      local world = watched.new({ members = { watched.member({ lifetime = 300, cache_s = 300, refuses = 0.01,
        drops = 0.01 }) } })
      for _, event in ipairs((watched.watch(world, { seconds = 10 * HOUR }))) do
        assert.equal("lifetime_reached", event.kind)
      end
    end
  end)

  it("leaves no death of age in the share of those that resume", function()
    for seed = 1, SEEDS do
      random.seed(seed)
      local _, place = watched.watch(watched.new({ members = { watched.member(FIELDS) } }), { seconds = 2 * HOUR })
      for _, mechanism in ipairs({ "session_id", "ticket", "psk" }) do
        local tally = place.watch:mechanism(mechanism).acceptance.tally
        assert.equal(tally.all, tally.good, ("seed %d, %s"):format(seed, mechanism))
      end
    end
  end)
end)

describe("a doubt", function()
  -- Sessions resume until they are 300 s old, and nothing is promised; then one is refused.
  local function doubt(limit)
    local one = acceptance.new({ known_age = 290, limit = limit, again_good = 3, again_bad = 0, offers = 100 })
    for at = 1, 50 do
      one:note({ id = at, time = 1000 + at, issued = 800 + at, age = 200, good = true })
    end
    one:note({ id = 51, time = 2000, issued = 1900, age = 100, good = false })
    return one
  end

  it("asks first who dies first, where lives are known to be short, and nobody who may be dead", function()
    local want = doubt(acceptance.SHORT):wants()[1]
    assert.same({ true, 290 - acceptance.SLACK, 2000 }, { want.oldest, want.at_most, want.before })
    want = doubt(acceptance.SHORT + 1):wants()[1]
    assert.same({ false, nil }, { want.oldest, want.at_most })
  end)

  it("is not begun by who dies at the age at which another was alive, to a second: it would hide a loss", function()
    local one = acceptance.new({ known_age = 299.8, again_good = 3, again_bad = 0, offers = 100 })
    one:note({ id = 1, time = 2000, issued = 1701, age = 299, good = false })
    assert.is_nil(one.since)
    one:note({ id = 2, time = 2001, issued = 1702, age = 300.5, good = true }) -- nor when another gets a little older
    assert.is_nil(one.since)
    one:note({ id = 3, time = 2001, issued = 1704, age = 297, good = false })
    assert.equal(2001, one.since)
  end)

  it("is not lessened by sessions from after it that have died of age", function()
    local one = doubt(300)
    one:note({ id = 60, time = 2400, issued = 2050, age = 350, good = false })
    assert.equal(0, one:weigh().new_refused)
    one:note({ id = 61, time = 2400, issued = 2150, age = 250, good = false })
    assert.equal(1, one:weigh().new_refused)
  end)

  it("has the oldest session that may be alive, or the newest", function()
    local jar = jars.new(nothing)
    for at = 1, 5 do
      jar:put({ issued = 100 * at, promise = 0 }, 500)
    end
    assert.equal(500, jar:find({}, 600).issued)
    assert.equal(100, jar:find({ oldest = true }, 600).issued)
    assert.equal(300, jar:find({ oldest = true, at_most = 300 }, 600).issued)
  end)
end)

describe("what a state file says of this", function()
  it("is seen to be damaged when it is read", function()
    for _, damaged in ipairs({ 5, { "x" } }) do
      assert.is_false((pcall(acceptance.new, { known_age = 0, again_good = 0, again_bad = 0, offers = 0,
        taken_for_chance = damaged })))
    end
    assert.is_false((pcall(presence.new, { good = 1, all = 1, failed_last = "x" })))
  end)

  it("is kept", function()
    local one = acceptance.new({ known_age = 0, again_good = 0, again_bad = 0, offers = 0, taken_for_chance = { 7 } })
    assert.same({ 7 }, one:save().taken_for_chance)
  end)
end)

describe("a server that is up again", function()
  it("was away between two times, and a watch says both", function()
    local function after(from, last, until_then)
      return words.sentence({ kind = "server_up", since = until_then, down = from, down_until = last }, tostring):match(
        "after (.*)$")
    end
    assert.equal("8 to 16 min", after(0, 480, 960))
    assert.equal("16 min", after(0, 950, 960))
    assert.equal("50 s to 3 min", after(0, 50, 180))
    assert.equal("3 min at most", after(0, nil, 180)) -- of an older watch
    assert.equal("2 h", words.duration(7199.6))
    assert.equal("119 s", words.duration(119.4))
    assert.equal("2 min", words.duration(119.6))
  end)
end)

describe("a tally", function()
  it("takes an outcome back, which counts half when it is old", function()
    local tally = chance.tally({ good = 5, all = 6.5 })
    tally:take_back(false)
    assert.same({ 5, 5.5 }, { tally.good, tally.all })
    tally:take_back(false)
    tally:take_back(false)
    assert.same({ 5, 5 }, { tally.good, tally.all })
    tally:take_back(true)
    assert.same({ 4, 4 }, { tally.good, tally.all })
  end)
end)
