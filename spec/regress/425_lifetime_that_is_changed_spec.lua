--- A lifetime that was cut from 50 to 8 minutes by a reload, while older tickets kept theirs, was told by nothing: the
-- watched hour showed it. New tickets say so. A lifetime that was raised was never learnt, as older sessions were not
-- held any more. The clock is the simulation's.

local cjson = require "cjson"
local promises = require "resum.analysis.watch.promise"
local random = require "resum.util.random"
local watched = require "spec.support.watched"
local words = require "resum.analysis.watch.words"

local HOUR = 3600
local SEEDS = 3

local function one(more)
  local fields = { lifetime = 3000, keeps_lifetime = true }
  for name, value in pairs(more or {}) do
    fields[name] = value
  end
  return watched.member(fields)
end

local function sets(name, value)
  return function(world)
    world.members[1][name] = value
  end
end

-- What is told, lifetimes that were reached aside; the events; and the place.
local function told(members, incidents, hours)
  local events, place = watched.watch(watched.new({ members = members, incidents = incidents }),
    { seconds = hours * HOUR })
  local list, of_lifetimes = {}, {}
  for _, event in ipairs(events) do
    if event.kind ~= "lifetime_reached" then
      list[#list + 1] = ("%s %s"):format(event.kind, event.mechanism)
      of_lifetimes[#of_lifetimes + 1] = event
    end
  end
  table.sort(list)
  return list, of_lifetimes, place
end

local BOTH = { "lifetime_changed psk", "lifetime_changed ticket" }

describe("a lifetime that is changed", function()
  for name, value in pairs({ cut = 480, raised = 86400 }) do
    it(("is told where it is %s, soon and with both figures"):format(name), function()
      for seed = 1, SEEDS do
        random.seed(seed)
        local list, events = told({ one() }, { { HOUR, sets("lifetime", value) } }, 4)
        assert.same(BOTH, list, "seed " .. seed)
        for _, event in ipairs(events) do
          assert.same({ value, 3000 }, { event.promised_s, event.promised_before_s })
          assert.is_true(event.time - watched.START - HOUR < 15 * 60, "told late")
          assert.is_true(event.until_then <= watched.START + HOUR and event.since >= watched.START + HOUR)
        end
      end
    end)
  end

  it("lets older sessions be held again where it is raised", function()
    random.seed(1)
    local _, _, place = told({ one() }, { { 2 * HOUR, sets("lifetime", 86400) } }, 6)
    for _, mechanism in ipairs({ "ticket", "psk" }) do
      assert.is_true(place:state().mechanisms[mechanism].known_age_s > 2 * HOUR)
    end
  end)

  it("is not seen where servers that take turns promise different ones", function()
    for seed = 1, SEEDS do
      random.seed(seed)
      local key = random.bytes(16)
      assert.same({}, (told({ one({ key = key }), one({ key = key, lifetime = 7200 }) }, {}, 24)), "seed " .. seed)
    end
  end)

  it("is not seen where what is promised is counted down", function()
    random.seed(1)
    local START = watched.START
    assert.same({}, (told({ one({ countdown = START + 6 * HOUR, lifetime = 12 * HOUR }) },
      { { 6 * HOUR, sets("countdown", START + 12 * HOUR) } }, 10)))
  end)

  it("is not told where nothing was promised before", function()
    random.seed(1)
    assert.same({}, (told({ one({ promise = 0 }) }, { { HOUR, sets("promise", 3000) } }, 3)))
  end)

  it("is a sentence with both figures and the minute", function()
    assert.equal("new TLS 1.3 tickets promise to live 480 s; until 9 they promised 3000 s", words.sentence(
      { kind = "lifetime_changed", mechanism = "psk", promised_s = 480, promised_before_s = 3000, since = 10, time = 90,
        until_then = 9 }, tostring))
  end)
end)

describe("what new tickets promise", function()
  -- So many of one figure, and then of another one, until it is told.
  local function needed(before)
    local promise = promises.new()
    for time = 1, before do
      assert.is_nil(promise:note(300, time))
    end
    for count = 1, before do
      if promise:note(600, before + count) then
        return count
      end
    end
  end

  it("is another figure when chance shows that once in a million cases", function()
    assert.same({ 4, 5, 11 }, { needed(promises.MOST), needed(60), needed(12) })
    assert.is_nil(needed(10))
  end)

  it("is kept over a restart", function()
    local promise = promises.new()
    for time = 1, 100 do
      promise:note(300, time)
    end
    promise = promises.new(cjson.decode(cjson.encode(promise:save())))
    for time = 101, 103 do
      assert.is_nil(promise:note(600, time))
    end
    assert.same({ promised_s = 600, promised_before_s = 300, since = 101, until_then = 100 }, promise:note(600, 104))
    assert.is_nil(promise:note(600, 105))
  end)
end)
