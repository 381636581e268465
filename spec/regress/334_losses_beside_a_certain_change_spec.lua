--- A watch half an hour old told one mechanism's loss after six minutes, and the others', which were lost at the same
-- moment and for the same cause, up to half an hour later; and a session cache that was asked last was blamed alone, as
-- the tickets that had been refused with it were forgotten by then. What is certain of a moment counts now for others.

local acceptance = require "resum.analysis.watch.acceptance"
local random = require "resum.util.random"
local watched = require "spec.support.watched"

local MINUTE = 60
local SEEDS = 10
local DAY = 86400

local function watch(fields, incidents, minutes)
  return (watched.watch(watched.new({ members = { watched.member(fields) }, incidents = incidents }),
    { seconds = minutes * MINUTE }))
end

-- A configuration to which nginx binds all sessions, such as the CAs of clients.
local function bind(member, time)
  member.cache, member.forgot = {}, time
end

local function first_hour(change)
  local incidents = { { 19 * MINUTE, function(world)
    bind(world.members[1], world.time)
    change(world.members[1])
  end } }
  local told, last = {}, 0
  for _, event in ipairs(watch({ lifetime = DAY, cache_s = DAY }, incidents, 80)) do
    told[#told + 1] = event.kind .. (event.mechanism and " " .. event.mechanism or "")
    last = (event.time - watched.START) / MINUTE - 19
  end
  table.sort(told)
  return told, last
end

describe("sessions of all mechanisms that are lost at one moment", function()
  it("are told together, and no cache is blamed alone", function()
    local soon = 0
    for seed = 1, SEEDS do
      random.seed(seed)
      local told, last = first_hour(function() end)
      assert.same({ "sessions_lost psk", "sessions_lost session_id", "sessions_lost ticket" }, told, "seed " .. seed)
      soon = soon + (last < 13 and 1 or 0)
    end
    assert.is_true(soon >= SEEDS - 2, soon .. " seeds in less than 13 minutes") -- 3, where nothing counts for others
  end)

  it("are told soon beside a new certificate", function()
    for seed = 1, SEEDS do
      random.seed(seed)
      local told, last = first_hour(function(member) member.certificate = random.bytes(32) end)
      assert.same({ "certificate_replaced", "sessions_lost psk", "sessions_lost session_id", "sessions_lost ticket" },
        told, "seed " .. seed)
      assert.is_true(last < 16, ("seed %d: %.0f minutes"):format(seed, last))
    end
  end)
end)

describe("a change that takes no session", function()
  it("makes no loss of refusals by chance, one in twenty, however often it comes", function()
    for seed = 1, SEEDS / 2 do
      random.seed(seed)
      local incidents = {}
      for at = 1, 60 do
        incidents[at] = { at * 30 * MINUTE, function(world) world.members[1].certificate = random.bytes(32) end }
      end
      for _, event in ipairs(watch({ lifetime = DAY, cache_s = DAY, refuses = 0.05 }, incidents, 31 * MINUTE)) do
        assert.equal("certificate_replaced", event.kind)
      end
    end
  end)
end)

describe("a doubt at the moment of a change", function()
  -- Some sessions have resumed (twenty); then some from before a moment are refused, and newer ones resume.
  local function lost_after(refused, is_beside, good)
    good = good or 20
    local one = acceptance.new({ tally = { good = good, all = good }, known_age = 5000, again_good = 3, again_bad = 0,
      offers = 20 }, function() return is_beside end)
    local verdict
    for at = 1, refused do
      verdict = one:note({ id = at, time = 10000 + at, issued = 9000 + at, age = 1000, good = false }) or verdict
    end
    for at = 1, acceptance.AGED do
      verdict = one:note({ id = -at, time = 12000, issued = 10900 + at, age = 1100, good = true }) or verdict
    end
    return verdict and verdict.kind
  end

  it("needs five refusals in a row, where it would need more else", function()
    assert.same({ nil, "lost", nil, nil }, { [1] = lost_after(4, true), [2] = lost_after(5, true),
      [3] = lost_after(5, false), [4] = lost_after(6, false) })
    assert.equal("lost", lost_after(8, false))
  end)

  it("needs five however many have resumed before, and more where few have", function()
    assert.same({ nil, "lost" }, { [1] = lost_after(4, true, 100), [2] = lost_after(5, true, 100) })
    assert.same({ nil, "lost" }, { [1] = lost_after(5, true, 10), [2] = lost_after(7, true, 10) })
  end)
end)
