--- Four ports of one address share its connections: an hour after a cache had been emptied nothing was told. Offers of
-- sessions that were older than any before did not count, neither those that resumed nor, when newer ones had come to
-- that age, those that were refused; a newer one that was offered young never counted as an old one; and no session was
-- made for the sake of a doubt. Its siblings: a watch that had begun a few minutes before, and an age that was measured
-- before the connection had its turn.

local acceptance = require "resum.analysis.watch.acceptance"
local random = require "resum.util.random"
local watched = require "spec.support.watched"

local MINUTE, RUNS = 60, 10

describe("a cache that is emptied", function()
  -- Minutes until it is told, of the slowest of some runs.
  local function slowest(gap, at)
    local most = 0
    for seed = 1, RUNS do
      random.seed(seed)
      local member = watched.member()
      local world = watched.new({ members = { member }, gap = gap, incidents = { { at * MINUTE, function()
        member.cache = {}
      end } } })
      local events = watched.watch(world, { seconds = (at + 60) * MINUTE })
      assert.equal(1, #events)
      assert.same({ "cache_emptied", "session_id", "same" }, { events[1].kind, events[1].mechanism, events[1].keys })
      local cut = (events[1].until_then - watched.START) / MINUTE
      assert.is_true(cut <= at and cut > at - 6 * gap / MINUTE - 3, cut)
      most = math.max(most, (events[1].time - watched.START) / MINUTE - at)
    end
    return most
  end

  it("is told within the hour where four targets share an address and twelve connections a minute", function()
    assert.is_true(slowest(20, 20) < 45)
    assert.is_true(slowest(20, 60) < 25)
  end)

  it("is told soon after the watch has begun", function()
    assert.is_true(slowest(10, 10) < 30)
    assert.is_true(slowest(10, 60) < 8)
  end)
end)

describe("sessions that are refused", function()
  local one

  local function resume(id, time, age)
    return one:note({ id = id, time = time, issued = time - age, age = age, good = true })
  end

  local function refuse(id, time, age)
    return one:note({ id = id, time = time, issued = time - age, age = age, good = false })
  end

  before_each(function()
    one = acceptance.new()
    for i = 1, 40 do
      assert.is_nil(resume("before " .. i, 1000 + i, 100))
    end
  end)

  it("at an age that others have not come to, say something when these have", function()
    for i = 1, 6 do
      assert.is_falsy(refuse("old " .. i, 2000 + i, 500))
    end
    assert.is_nil(one.since)
    assert.same({ { before = 2001, not_since = 2001 } }, one:wants()) -- is one refused that should not be?
    local verdict
    for i = 1, 8 do
      verdict = verdict or resume("new " .. i, 2600 + i, 500 + i)
    end
    assert.same({ "lost", 1506, 2001, 6 }, { verdict.kind, verdict.cut, verdict.since, verdict.refused })
  end)

  it("are no event when three are refused in a row, the first of which began the doubt", function()
    for i = 41, 400 do
      resume("before " .. i, 1000 + i, 100)
    end
    for i = 1, 3 do
      assert.is_falsy(refuse("old " .. i, 2000 + i, 60))
    end
    for i = 1, 6 do
      assert.is_falsy(resume("new " .. i, 2080 + i, 61))
    end
    assert.equal("lost", refuse("old 4", 2090, 95).kind)
  end)

  it("at such an age were refused by chance when one of them resumes", function()
    refuse("old 1", 2000, 500)
    refuse("old 2", 2001, 500)
    local all = one.tally.all
    for i = 3, 9 do
      resume("old " .. i, 2001 + i, 600)
    end
    assert.is_nil(one.since)
    assert.is_true(one.tally.all - one.tally.good == 2 and one.tally.all > all)
  end)

  it("are compared with newer ones at the age that these have come to", function()
    for i = 1, 8 do
      assert.is_falsy(refuse("old " .. i, 2000 + i, 60))
    end
    assert.is_falsy(resume("new 1", 2030, 10))
    assert.is_falsy(resume("new 2", 2031, 10))
    assert.is_falsy(resume("new 1", 2081, 61))
    assert.equal("lost", resume("new 2", 2082, 61).kind)
  end)

  it("have a session made to compare them with, where that is of use", function()
    local function wants_fresh()
      for _, want in ipairs(one:wants()) do
        if want.fresh then
          return true
        end
      end
      return false
    end
    refuse("old 1", 2000, 60)
    assert.is_false(wants_fresh()) -- whatever newer ones do: one that is refused is no event
    for i = 2, 5 do
      refuse("old " .. i, 2000 + i, 60)
    end
    assert.is_true(wants_fresh())
  end)
end)
