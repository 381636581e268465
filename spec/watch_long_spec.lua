--- A watch for thirty days, on a clock that only the watch moves: it stays as small as it was, and so does its file,
-- whatever happens; and it goes on from the file after an end without a word.

local random = require "resum.util.random"
local states = require "resum.watch.state"
local watched = require "spec.support.watched"

local HOUR, DAY = 3600, 86400

local function kilobytes()
  collectgarbage()
  collectgarbage()
  return collectgarbage("count")
end

local function open(files)
  return assert(states.open("state", { files = files, read = watched.read_session, on_problem = error }))
end

-- A server with a new key every six hours, of which one in four does not keep the old one; it is away now and then.
local function busy_incidents(days)
  local list = {}
  for at = 6, days * 24 - 1, 6 do
    list[#list + 1] = { at * HOUR, function(world)
      local member = world.members[1]
      member.old = at % 24 ~= 0 and { member.key } or {}
      member.key, member.cache = random.bytes(16), {}
    end }
    list[#list + 1] = { (at + 2) * HOUR, function(world) world.members[1].down = true end }
    list[#list + 1] = { (at + 3) * HOUR, function(world) world.members[1].down = false end }
  end
  return list
end

describe("a watch of thirty days #unsanitized", function()
  it("grows neither in memory nor in its file, and misses no key", function()
    random.seed(1)
    local files = watched.files()
    local world = watched.new({ members = { watched.member({ drops = 0.01 }) }, incidents = busy_incidents(30) })
    local early, early_size
    local counts = {}
    local place, events = watched.place(world, { seconds = 30 * DAY, store = open(files), on_round = function(place)
      for id in pairs(world.members[1].cache) do -- else the simulated server would be what grows
        world.members[1].cache[id] = place.round % 500 > 0 or nil
      end
      if not early and world.time - watched.START > 3 * DAY then
        early, early_size = kilobytes(), select(2, files.size())
      end
    end })
    place:run()
    local memory, largest = kilobytes(), select(2, files.size())
    for _, event in ipairs(events) do
      counts[event.kind] = (counts[event.kind] or 0) + 1
    end
    assert.equal(30 * 4 - 1, counts.key_replaced)
    assert.same({ 30 * 4 - 1, 30 * 4 - 1 }, { counts.server_down, counts.server_up })
    assert.is_true(world.connections > 150000, world.connections)
    assert.is_true(memory < early + 4096, ("%.0f KB after 3 days, %.0f KB after 30"):format(early, memory))
    assert.is_true(largest < 1.5 * early_size, ("%.0f bytes after 3 days, %.0f after 30"):format(early_size, largest))
  end)

  it("keeps its file bounded over a million events", function()
    local files = watched.files()
    local store = open(files)
    local event = { kind = "key_replaced", time = 1, since = 1, old = { ("a"):rep(32) }, new = { ("b"):rep(32) },
      old_key = "kept" }
    for _ = 1, 1000000 do
      store:event("a place", event)
    end
    local _, largest = files.size()
    assert.is_true(largest < 2 * states.LEAST, largest)
    assert.equal(states.EVENTS, #open(files):left("a place").sessions + #store.places["a place"].events)
  end)
end)

describe("a watch that was killed", function()
  -- Two hours, its end, ten minutes of nothing in which something happens, and two hours more.
  local function resume(meanwhile)
    random.seed(1)
    local files = watched.files()
    local world = watched.new({ members = { watched.member() } })
    local first = watched.place(world, { seconds = 2 * HOUR, store = open(files) })
    first:run() -- nobody asks it to save when it ends: each round does
    world:advance(600)
    meanwhile(world.members[1])
    local second, events = watched.place(world, { seconds = 2 * HOUR, store = open(files) })
    local restored = events[1]
    second:run()
    local kinds = {}
    for i, event in ipairs(second.watch:state().events) do
      kinds[i] = event.kind .. (event.old_key and " " .. event.old_key or "")
    end
    return kinds, second, first, restored
  end

  it("goes on where it was, and says how long nobody watched", function()
    local kinds, second, first = resume(function() end)
    assert.same({ "not_watched" }, kinds)
    assert.is_true(second.watch:state().mechanisms.ticket.known_age_s > 3 * HOUR)
    assert.equal(first.watch:state().keys[1].first, second.watch:state().keys[1].first)
  end)

  it("still tells by its sessions what happened meanwhile", function()
    local kinds = resume(function(member)
      member.key = random.bytes(16)
    end)
    assert.same({ "not_watched", "key_replaced dropped" }, kinds)
    kinds = resume(function(member)
      member.old, member.key = { member.key }, random.bytes(16)
    end)
    assert.same({ "not_watched", "key_replaced kept" }, kinds)
  end)
end)

describe("a watch's file", function()
  local LINE = '{"resum_watch":1,"place":"a","event":{"kind":"server_down","time":1,"since":1}}'

  local function with(text)
    local files = watched.files()
    files.append("state", text)
    return states.open("state", { files = files })
  end

  it("that is none is left alone", function()
    for _, text in ipairs({ "important\n", '{"resum_state":1,"key":"ab"}\n', '{"resum_watch":x}\n{}\n' }) do
      local store, message = with(text)
      if text:find("resum_watch", 1, true) then
        assert.equal(2, store.unreadable.count)
      else
        assert.same({ nil, "state: it is no state file of a watch, and is left as it is" }, { store, message })
      end
    end
    assert.same({ nil, "state: a newer resum wrote it, and it is left as it is" },
      { with('{"resum_watch":2,"x":1}\n') })
  end)

  it("that is torn or spoiled loses these lines alone", function()
    local store = with(LINE .. '\n{"resum_watch":1,"place":"a","session":{"id":"x"}}\n{"resum_watch":1,"place":7}\n'
      .. '{"resum_watch":1,"place":"a","watch":[]}\n{"resum_wa\n' .. LINE .. "\n")
    assert.equal(2, #store.places.a.events)
    assert.same({}, store:left("a").sessions)
    assert.is_nil(store:left("a").watch)
  end)
end)
