--- A watch that ended without an event said nothing; the time of its newest round was that of writing, so that a place
-- that hangs looked alive; and its picture was green for times in which nobody had watched.

local many = require "spec.support.many"
local watched = require "spec.support.watched"
local words = require "resum.analysis.watch.words"

local function state(more)
  local one = { is_up = true, mechanisms = { ticket = { rate = 1, works = true, issues = true } } }
  for name, value in pairs(more or {}) do
    one[name] = value
  end
  return one
end

describe("the end of a watch", function()
  local function summary(events, more)
    return words.summary({ rounds = 64, connections = 384, events = events, state = state(more) })
  end

  it("says what was done, and what works", function()
    assert.equal("64 rounds, 384 connections, no event; resumed of the last offers: ticket 100 %; the server is up",
      summary(0))
    assert.equal("64 rounds, 384 connections, 1 event; no session was offered within its lifetime; the server is up",
      summary(1, { mechanisms = {} }))
  end)

  it("says what does not", function()
    assert.is_truthy(summary(2, { mechanisms = { psk = { works = false }, ticket = { works = true, issues = false } } })
      :find("; the server is up; no ticket is issued any more; connections for TLS 1.3 tickets fail", 1, true))
    assert.is_truthy(summary(0, { is_up = false, problem = { message = "connect: refused" } })
      :find("; the server is down, as seen from here: connect: refused$"))
    local unknown = { mechanisms = {} }
    assert.equal("unknown", (words.now(unknown)))
  end)
end)

describe("a watch of a target that is named twice", function()
  it("says so, as both would have one place in the state file", function()
    for _, twice in ipairs({ { "127.0.0.1:1", "127.0.0.1:1" }, { "127.0.0.1", "127.0.0.1:443" } }) do
      local run = many.run("--watch", table.unpack(twice))
      assert.same({ 2, "", ("resum: %s is named twice\n"):format(twice[2]) }, { run.code, run.stdout, run.stderr })
    end
  end)
end)

describe("a place that is watched", function()
  it("says when its newest round ended, however late it is asked", function()
    local world = watched.new({ members = { watched.member() } })
    local place = watched.place(world, { seconds = 3600 })
    assert.is_nil(place:state().time)
    place:run()
    local ended = place:state().time
    world:advance(7200)
    assert.equal(ended, place:state().time)
    assert.is_true(place.rounds > 50 and place.rounds <= place.round)
  end)
end)
