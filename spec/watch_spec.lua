--- A watch of simulated servers, on a clock that only the watch moves: each incident is called what it is, and quiet
-- servers give no event, whichever of their connections go wrong by chance.

local random = require "resum.util.random"
local watched = require "spec.support.watched"
local words = require "resum.analysis.watch.words"

local HOUR = 3600
local SEEDS, QUIET_SEEDS = 5, 3

-- What happened, without what the seeds make different: kind, mechanism, and the fields that tell the cause.
local function told(event)
  local list = { event.kind }
  for _, field in ipairs({ "mechanism", "old_key", "keys", "tickets" }) do
    list[#list + 1] = event[field]
  end
  return table.concat(list, " ")
end

-- Runs a case with each seed: the events of every one have to be these, in any order.
local function check(case)
  for seed = 1, SEEDS do
    random.seed(seed)
    local world = watched.new({ members = case.members(), incidents = case.incidents, gap = case.gap })
    local events = watched.watch(world, { seconds = (case.hours or 4) * HOUR, every = case.every })
    local list = {}
    for i, event in ipairs(events) do
      list[i] = told(event)
      assert.is_true(event.since == nil or event.since <= event.time)
      assert.is_true(#words.sentence(event, tostring) > 0)
    end
    table.sort(list)
    table.sort(case.expected)
    assert.same(case.expected, list, ("%s, seed %d"):format(case.name, seed))
  end
end

local function one(fields)
  return function()
    return { watched.member(fields) }
  end
end

-- Of the only member.
local function at(hours, change)
  return { hours * HOUR, function(world)
    change(world.members[1], world)
  end }
end

local function new_key(member)
  member.key = random.bytes(16)
end

local function new_key_beside_old(member)
  member.old = { member.key }
  member.key = random.bytes(16)
end

-- A new certificate where nothing from before is taken, for that alone.
local function bound_to_new(member, world)
  member.certificate, member.cache, member.forgot = random.bytes(32), {}, world.time
end

local function cached(member, world)
  member.stateful, member.forgot = true, world.time
end

local function many(count)
  return function()
    local list = {}
    for i = 1, count do
      list[i] = watched.member()
    end
    return list
  end
end

local three = many(3)

-- Three that share all they have.
local function cluster()
  local common, list = { key = random.bytes(16), cache = {}, certificate = random.bytes(32) }, {}
  for i = 1, 3 do
    list[i] = watched.member(common)
  end
  return list
end

local CASES = {
  { name = "new keys, the old one dropped", members = one(), incidents = { at(2, new_key) },
    expected = { "key_replaced dropped" } },
  { name = "the same ten minutes after the beginning", members = one(), incidents = { at(1 / 6, new_key) },
    expected = { "key_replaced dropped" } },
  { name = "new keys, the old one kept", members = one(), incidents = { at(2, new_key_beside_old) },
    expected = { "key_replaced kept" } },
  { name = "a rotation each hour, the last key kept", members = one(), hours = 4,
    incidents = { at(1, new_key_beside_old), at(2, new_key_beside_old), at(3, new_key_beside_old) },
    expected = { "key_replaced kept", "key_replaced kept", "key_replaced kept" } },
  { name = "a restart", members = one(), incidents = { at(2, function(member)
      new_key(member)
      member.cache = {}
    end) }, expected = { "key_replaced dropped", "cache_emptied session_id changed" } },
  { name = "a cache that was emptied while the keys live", members = one(), incidents = { at(2, function(member)
      member.cache = {}
    end) }, expected = { "cache_emptied session_id same" } },
  { name = "a configuration to which all sessions are bound", members = one(),
    incidents = { at(2, function(member, world)
      member.cache, member.forgot = {}, world.time
    end) },
    expected = { "sessions_lost session_id same refused", "sessions_lost ticket same", "sessions_lost psk same" } },
  { name = "tickets whose keys are the same by name only", members = one(), incidents = { at(2, function(member, world)
      member.forgot = world.time
    end) }, expected = { "sessions_lost ticket same", "sessions_lost psk same" } },
  { name = "tickets that name no key", members = one({ nameless = true }), incidents = { at(2, new_key) },
    expected = { "sessions_lost ticket", "sessions_lost psk" } },
  { name = "tickets that are entries of a cache", members = one({ stateful = true }),
    incidents = { at(2, function(member, world)
      member.forgot = world.time
    end) }, expected = { "cache_emptied ticket", "cache_emptied psk" } },
  { name = "another certificate", members = one(), incidents = { at(2, function(member)
      member.certificate = random.bytes(32)
    end) }, expected = { "certificate_replaced" } },
  { name = "another certificate, to which sessions are bound", members = one(), incidents = { at(2, bound_to_new) },
    expected = { "certificate_replaced", "sessions_lost session_id same", "sessions_lost ticket same",
      "sessions_lost psk same" } },
  { name = "the same, and a key beside the old one", members = one(), incidents = { at(2, function(member, world)
      new_key_beside_old(member)
      bound_to_new(member, world)
    end) }, expected = { "certificate_replaced", "key_replaced unknown", "sessions_lost session_id changed" } },
  { name = "tickets that were sealed, and are entries of a cache", members = one(), incidents = { at(2, cached) },
    expected = { "key_went", "sessions_lost ticket cached", "sessions_lost psk cached" } },
  { name = "a minute of absence", members = one(), incidents = {
      at(2, function(member) member.down = true end), at(2 + 1 / 60, function(member) member.down = false end),
    }, expected = { "server_down", "server_up" } },
  { name = "hours of absence, and new keys", members = one(), hours = 8, incidents = {
      at(2, function(member) member.down = true end),
      at(5, function(member)
        member.down = false
        new_key(member)
      end),
    }, expected = { "server_down", "server_up", "key_replaced dropped" } },
  { name = "a server that is away from the start", members = one({ down = true }), incidents = {
      at(1, function(member) member.down = false end),
    }, expected = { "server_down", "server_up" } },
  { name = "a lifetime that was promised", members = one({ lifetime = HOUR }), hours = 24,
    expected = { "lifetime_reached ticket", "lifetime_reached psk" } },
  { name = "a lifetime that was not", members = one({ cache_s = 300 }), hours = 8,
    expected = { "lifetime_reached session_id" } },
  { name = "a cache that now forgets earlier", members = one(), hours = 10, incidents = { at(2, function(member)
      member.cache_s = 600
    end) }, expected = { "lifetime_reached session_id" } },
  { name = "sessions that are issued no more", members = one(), incidents = { at(2, function(member)
      member.mute = true
    end) }, expected = { "issuing_stopped session_id", "issuing_stopped ticket", "issuing_stopped psk",
      "key_went" } },
  { name = "a version that is switched off", members = one(), incidents = { at(2, function(member)
      member.mechanisms = { session_id = true, ticket = true }
    end) }, expected = { "mechanism_failing psk" } },
  { name = "resumption that ends, and comes back", members = one(), hours = 6, incidents = {
      at(2, function(member) member.refuses = 1 end), at(4, function(member) member.refuses = 0 end),
    }, expected = { "resumption_stopped session_id", "resumption_stopped ticket", "resumption_stopped psk",
      "resumption_back session_id", "resumption_back ticket", "resumption_back psk" } },
  { name = "a member of three that is swapped", members = three, hours = 24, incidents = {
      { 12 * HOUR, function(world) world.members[2] = watched.member() end },
    }, expected = { "member_replaced", "certificate_replaced_in_part" } },
  { name = "a member of three that goes", members = three, hours = 24, incidents = {
      { 12 * HOUR, function(world) table.remove(world.members, 2) end },
    }, expected = { "key_went", "certificate_went" } },
  { name = "a fourth member that comes", members = three, hours = 24, incidents = {
      { 12 * HOUR, function(world) world.members[4] = watched.member() end },
    }, expected = { "key_came", "certificate_came" } },
}

describe("a watch calls by its name #unsanitized", function()
  for _, case in ipairs(CASES) do
    it(case.name, function()
      check(case)
    end)
  end
end)

describe("a watch has nothing to tell #unsanitized in 2,000 rounds of", function()
  for name, members in pairs({
    ["a healthy server"] = one(),
    ["one that drops one in a hundred connections"] = one({ drops = 0.01 }),
    ["one that refuses one in a hundred sessions"] = one({ refuses = 0.01 }),
    ["one that takes each ticket once"] = one({ single_use = true }),
    ["one without TLS 1.3"] = one({ mechanisms = { session_id = true, ticket = true } }),
    ["one that issues nothing"] = one({ mute = true }),
    ["three that share nothing"] = three,
    ["three that share all"] = cluster,
    ["ten that share nothing"] = many(10),
    ["forty that share nothing"] = many(40),
    ["three of which two are met seldom"] = function()
      return { watched.member({ weight = 30 }), watched.member(), watched.member() }
    end,
  }) do
    it(name, function()
      for seed = 1, QUIET_SEEDS do
        random.seed(seed)
        local world = watched.new({ members = members() })
        local events, place = watched.watch(world, { seconds = 400 * HOUR, rounds = 2000 })
        assert.same({}, events, "seed " .. seed)
        assert.equal(2001, place.round) -- of the last one nothing was done
      end
    end)
  end
end)

describe("a watch's own end #unsanitized", function()
  local function watch(incidents)
    random.seed(1)
    return watched.watch(watched.new({ members = { watched.member() }, incidents = incidents }), { seconds = 4 * HOUR })
  end

  it("is no event of the server: the clock is set, forward and back", function()
    for _, by in ipairs({ 5 * HOUR, -5 * HOUR }) do
      local events = watch({ { 2 * HOUR, function(world) world.apart = by end } })
      assert.equal(1, #events)
      assert.same({ "clock_set", by }, { events[1].kind, (events[1].by_s + 0.5) // 1 })
    end
  end)

  it("is no event of the server: the machine was suspended", function()
    local events = watch({ { 2 * HOUR, function(world)
      world.time, world.slept = world.time + HOUR, world.slept + HOUR
    end } })
    assert.equal(1, #events)
    assert.same({ "not_watched", true }, { events[1].kind, events[1].slept })
    assert.is_true(math.abs(events[1].time - events[1].since - HOUR) < 60)
  end)

  it("keeps the pace when the server is away: rounds come later and later", function()
    random.seed(1)
    local world = watched.new({ members = { watched.member({ down = true }) }, gap = 0.1 })
    watched.watch(world, { seconds = 10 * HOUR })
    assert.is_true(world.connections < 100, world.connections .. " connections")
  end)
end)

describe("the events of a watch #unsanitized", function()
  it("all have a sentence, and no kind has none", function()
    assert.is_true(#words.kinds >= 18)
    assert.is_false(words.is_kind("nothing"))
    local event = { kind = "key_replaced", since = 0, old = { ("8f38"):rep(8) }, new = { ("ae9c"):rep(8) }, there = {},
      old_key = "dropped" }
    assert.equal("ticket key 8f388f38... replaced by ae9cae9c...; sessions from before 14:02 are refused: rotate with "
      .. "the old key kept", words.sentence(event, function() return "14:02" end))
  end)

  it("show nothing as it came from the server", function()
    local event = { kind = "server_down", since = 0, problem = { code = "alert", message = "a\27[31m\nb" } }
    assert.equal("the server is down, as seen from here: a\\x1b[31m\\x0ab", words.sentence(event, tostring))
  end)
end)
