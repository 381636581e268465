--- Tickets whose promised lifetime was over were taken for refused ones: an old key was called dropped after hours in
-- which nobody had watched, as its sessions had died of age; and a session cache that was emptied was not blamed where
-- tickets live five minutes (nginx's default), as such tickets "were refused as well".

local jars = require "resum.watch.jar"
local random = require "resum.util.random"
local states = require "resum.watch.state"
local watched = require "spec.support.watched"

local HOUR = 3600
local SEEDS = 5

local OTHERS = { lifetime_reached = true, not_watched = true }

local function told(events)
  local list = {}
  for _, event in ipairs(events) do
    local words = { event.kind }
    for _, field in ipairs({ "mechanism", "old_key", "tickets", "keys" }) do
      words[#words + 1] = event[field]
    end
    list[#list + 1] = not OTHERS[event.kind] and table.concat(words, " ") or nil
  end
  return list
end

-- Half an hour of a watch, hours without one, in which the key is replaced, and half an hour more.
local function after_a_gap(lifetime, gap, promise)
  local files = watched.files()
  local world = watched.new({ members = { watched.member({ lifetime = lifetime, promise = promise }) } })
  local events = {}
  for part = 1, 2 do
    local store = assert(states.open("state", { files = files, read = watched.read_session }))
    local place, more = watched.place(world, { seconds = HOUR / 2, store = store })
    place:run()
    events = part == 2 and more or events
    world:advance(gap)
    world.members[1].key = random.bytes(16)
  end
  return told(events)
end

describe("what has died of age", function()
  it("does not say that an old key was dropped", function()
    for seed = 1, SEEDS do
      random.seed(seed)
      assert.same({ "key_replaced unknown" }, after_a_gap(300, 3 * HOUR), "seed " .. seed)
      assert.same({ "key_replaced dropped" }, after_a_gap(24 * HOUR, 3 * HOUR), "seed " .. seed)
    end
  end)

  it("does not say so either where nothing was promised, and none had come to that age", function()
    for seed = 1, SEEDS do
      random.seed(seed)
      assert.same({ "key_replaced unknown" }, after_a_gap(24 * HOUR, 3 * HOUR, 0), "seed " .. seed)
      assert.same({ "key_replaced dropped" }, after_a_gap(24 * HOUR, 120, 0), "seed " .. seed)
    end
  end)

  it("does not excuse a cache that was emptied", function()
    for seed = 1, SEEDS do
      for _, minutes in ipairs({ 12, 20, 45 }) do
        random.seed(seed)
        local world = watched.new({ members = { watched.member({ lifetime = 300 }) }, incidents = {
          { 60 * minutes, function(here) here.members[1].cache = {} end },
        } })
        assert.same({ "cache_emptied session_id same" }, told((watched.watch(world, { seconds = 2 * HOUR }))),
          ("seed %d, %d minutes"):format(seed, minutes))
      end
    end
  end)

  it("is not offered to find out about a key", function()
    local jar, key = jars.new(function() end), { a = true }
    jar:put({ issued = 0, promise = 300, key = "a" }, 0)
    assert.is_truthy(jar:find({ key = key, is_promised = true }, 297))
    assert.is_nil(jar:find({ key = key, is_promised = true }, 298)) -- servers count whole seconds
    assert.is_truthy(jar:find({ key = key }, 298))
    jar:put({ issued = 1, promise = 0, key = "a" }, 1)
    assert.is_truthy(jar:find({ key = key, is_promised = true }, 1000))
  end)
end)
