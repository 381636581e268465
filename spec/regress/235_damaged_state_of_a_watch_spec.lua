--- A state file whose lines were whole JSON, and said something else than what a watch writes, ended the next watch
-- with a traceback. A sibling: a clock that was set back while nobody watched made keys and sessions of the future.
-- Another one: a watch that was begun again at once told that nobody had watched for 0 s.

local cjson = require "cjson"
local states = require "resum.watch.state"
local watched = require "spec.support.watched"

local PATH = "a state"

describe("a state file of a watch", function()
  local files, world

  local function open()
    return assert(states.open(PATH, { files = files, read = watched.read_session }))
  end

  local function kinds_of(events)
    local kinds = {}
    for i, event in ipairs(events) do
      kinds[i] = event.kind
    end
    return kinds
  end

  local function watch()
    local events, place = watched.watch(world, { seconds = 600, store = open() })
    return kinds_of(events), place, events
  end

  before_each(function()
    files, world = watched.files(), watched.new({ members = { watched.member() } })
    assert.same({}, (watch()))
  end)

  it("may hold lines that say something else", function()
    local bad = { '"session":7', '"session":{"id":"x","der":5,"issued":{}}',
      '"session":{"id":9000,"der":"00","issued":1,"promise":0,"mechanism":"nonsense"}',
      '"session":{"id":1.5,"der":"00","issued":1,"promise":0,"mechanism":"psk"}', '"event":17',
      '"event":{"kind":"nonsense","time":1}', '"event":{"kind":"key_replaced","time":1}',
      '"event":{"kind":"server_up"}' }
    local odd = { '"session":{"id":9001,"der":"zz","issued":1,"promise":0,"mechanism":"psk"}', '"drop":{"a":1}' }
    for _, list in ipairs({ bad, odd }) do
      for _, rest in ipairs(list) do
        files.append(PATH, ('{"resum_watch":1,"place":"a place",%s}\n'):format(rest))
      end
    end
    assert.equal(#bad + #odd, open().unreadable.count)
    world.time = world.time + 3600
    assert.same({ "not_watched" }, (watch()))
  end)

  it("may hold knowledge that no watch has", function()
    for _, known in ipairs({ { keys = 5 }, { keys = { list = { {} }, order = 1 }, mechanisms = {}, counts = {} } }) do
      files.append(PATH, ('{"resum_watch":1,"place":"a place","watch":%s}\n'):format(cjson.encode({ watch = known,
        time = world.time })))
      assert.same({}, (watch()))
    end
  end)

  it("may be of the future, as the clock was set back meanwhile", function()
    world.apart = -86400
    local back = watched.new({ members = world.members })
    back.time = world.time - 86400
    local sessions = #open():left("a place").sessions
    world = back
    local kinds, place, events = watch()
    assert.same({ "clock_set" }, kinds)
    assert.is_true(events[1].by_s <= -86000 and events[1].by_s >= -86400 - 600, events[1].by_s)
    local state = place:state()
    assert.is_true(sessions > 0 and state.now >= state.keys[1].last and state.now - state.keys[1].first < 3600)
    assert.is_true(state.time < back.time + 60) -- what is shown is what the wall clock says
  end)

  it("that is read at once has missed nothing", function()
    assert.same({}, (watch()))
  end)
end)
