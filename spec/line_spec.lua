-- The line in which the connections of a scan stand: how many at once, in which order, who has neighbours.

local lines = require "resum.scan.line"
local random = require "resum.util.random"
local uv = require "resum.host.uv"

-- Runs jobs that each hold a place until all have asked for theirs, and everybody who was granted one has started;
-- returns the order of their starts and the most at once.
local function hold(line, groups)
  local order, under_way, most, jobs, asked = {}, 0, 0, {}, 0
  for name, group in ipairs(groups) do
    local places = line:places(group.count or 1, group.urgent)
    for i, place in ipairs(places) do
      jobs[#jobs + 1] = function()
        asked = asked + 1
        place:take()
        under_way = under_way + 1
        most = math.max(most, under_way)
        order[#order + 1] = ("%d.%d"):format(name, i)
        repeat
          uv.sleep(0)
        until asked == #jobs and under_way == line.limit - line.free
        under_way = under_way - 1
        place:give()
        place:give()
      end
    end
  end
  assert.same({}, uv.parallel(jobs, #jobs))
  return order, most
end

local function place_of(order, name)
  for i, one in ipairs(order) do
    if one == name then
      return i
    end
  end
end

describe("the line of a scan", function()
  before_each(function()
    random.seed(1)
  end)

  it("has so many at once and no more, also when the limit changes", function()
    local line, groups = lines.new(uv, 3), {}
    for i = 1, 20 do
      groups[i] = {}
    end
    local _, most = hold(line, groups)
    assert.equal(3, most)
    line:set_limit(1)
    _, most = hold(line, groups)
    assert.equal(1, most)
    line:set_limit(5)
    _, most = hold(line, groups)
    assert.equal(5, most)
  end)

  it("starts neighbours one behind the other, whoever else waits", function()
    local groups = {}
    for i = 1, 12 do
      groups[i] = { count = i % 3 + 1, urgent = i == 7 }
    end
    local order = hold(lines.new(uv, 2), groups)
    for name, group in ipairs(groups) do
      for i = 2, group.count do
        assert.equal(place_of(order, ("%d.%d"):format(name, i - 1)) + 1, place_of(order, ("%d.%d"):format(name, i)))
      end
    end
  end)

  it("starts neighbours in their order, also where the last of them asks first", function()
    local line, order, jobs = lines.new(uv, 10), {}, {}
    local places = line:places(4)
    for i, place in ipairs(places) do
      jobs[#places + 1 - i] = function()
        place:take()
        order[#order + 1] = i
        place:give()
      end
    end
    assert.same({}, uv.parallel(jobs, #jobs))
    assert.same({ 1, 2, 3, 4 }, order)
  end)

  it("waits for none that was given back without a start", function()
    local line = lines.new(uv, 2)
    local places = line:places(2)
    places[1]:give()
    places[2]:take()
    places[2]:give()
    assert.equal(2, line.free)
  end)

  it("lets those first who make one connection after another", function()
    local groups = {}
    for i = 1, 12 do
      groups[i] = { urgent = i == 12 }
    end
    assert.is_true(place_of(hold(lines.new(uv, 2), groups), "12.1") <= 3)
  end)

  it("takes those that wait in random order, as three mechanisms in turns would fall into step with three servers",
    function()
      local groups = {}
      for i = 1, 40 do
        groups[i] = {}
      end
      local order, in_turn = hold(lines.new(uv, 1), groups), 0
      for i, name in ipairs(order) do
        in_turn = in_turn + (name == i .. ".1" and 1 or 0)
      end
      assert.is_true(in_turn < 10, in_turn .. " in turn")
    end)

  it("leaves a moment between two starts", function()
    local line, times, jobs = lines.new(uv, 10), {}, {}
    for i = 1, 10 do
      jobs[i] = function()
        local place = line:places(1)[1]
        place:take()
        times[#times + 1] = uv.now()
        place:give()
      end
    end
    uv.parallel(jobs, 10)
    for i = 2, 10 do
      assert.is_true(times[i] - times[i - 1] >= 0.0009, "start " .. i)
    end
  end)
end)
