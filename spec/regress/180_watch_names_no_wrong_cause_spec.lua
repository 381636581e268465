--- A watch told a cause that it had not seen: nginx binds sessions to its certificate, so a reload with a new one
-- refuses sessions whose cache and keys live; a loss that was certain late was held against the newest change alone.

local acceptance = require "resum.analysis.watch.acceptance"
local losses = require "resum.analysis.watch.losses"
local replaced_key = require "resum.analysis.watch.replaced_key"
local watches = require "resum.analysis.watch"
local words = require "resum.analysis.watch.words"

local function sentence(event)
  return words.sentence(event, function() return "14:02" end)
end

describe("a watch that sees sessions refused", function()
  local watch, now

  local function observe(seen)
    now = now + 10
    seen.time, seen.certificate = now, seen.certificate or "certificate"
    return watch:observe(seen)
  end

  local function full(key, fields)
    return observe({ mechanism = "ticket", outcome = "full", issued = true, key = key,
      certificate = fields and fields.certificate, is_stateful = fields and fields.is_stateful or false })
  end

  local function offer(outcome, issued)
    return observe({ mechanism = "session_id", outcome = outcome, session = { issued = issued,
      age = now + 10 - issued } })
  end

  -- What is told, of as many calls as are made.
  local function gather()
    local told = {}
    return told, function(events)
      for _, event in ipairs(events) do
        told[event.kind] = event
      end
    end
  end

  before_each(function()
    watch, now = watches.new(), 10000
    for _ = 1, 100 do
      full("a")
      offer("resumed", now - 5000)
    end
  end)

  it("says which key changed when others have changed since", function()
    local told, note = gather()
    local before = now - 100
    for at, key in ipairs({ "b", "c", "d" }) do
      for _ = 1, 8 do
        full(key)
      end
      if at == 1 then -- the doubt begins; it ends when sessions from after it are as old
        note(offer("refused", before))
      end
    end
    for _ = 1, 5 do
      note(offer("refused", before))
    end
    local after = now
    now = now + 2000
    for _ = 1, 8 do
      note(offer("resumed", after + 20))
    end
    for _ = 1, replaced_key.PATIENCE do
      note(full("d"))
    end
    assert.equal("changed", told.cache_emptied.keys)
  end)

  it("calls no key dropped where the certificate changed with it", function()
    for certificate, fate in pairs({ certificate = "dropped", other = "unknown" }) do
      local told, note = gather()
      local before = now - 100
      for _ = 1, 8 do
        note(full("b", { certificate = certificate }))
      end
      for _ = 1, replaced_key.DROPPED do
        note(observe({ mechanism = "ticket", outcome = "refused", certificate = certificate,
          session = { issued = before, age = now + 10 - before, key = "a", promise = 86400 } }))
      end
      for _ = 1, 8 do
        note(full("b", { certificate = certificate }))
      end
      assert.equal(fate, told.key_replaced.old_key)
      assert.equal(fate == "unknown" and "changed" or nil, told.key_replaced.certificate)
      assert.equal(fate == "unknown", told.certificate_replaced ~= nil)
      watch, now = watches.new(), 10000
      for _ = 1, 100 do
        full("a")
      end
    end
  end)

  it("blames no cache where tickets of a key that lives are refused as well", function()
    for refused, kind in pairs({ [0] = "cache_emptied", [losses.BESIDE - 1] = "cache_emptied",
      [losses.BESIDE] = "sessions_lost" }) do
      local told, note = gather()
      local before = now - 100
      for _ = 1, 8 do
        note(offer("refused", before))
      end
      for _ = 1, refused do
        note(observe({ mechanism = "psk", outcome = "refused", session = { issued = before, age = now + 10 - before,
          key = "a", promise = 86400 } }))
      end
      local after = now
      now = now + 2000
      for _ = 1, 8 do
        note(offer("resumed", after + 20))
        note(full("a"))
      end
      assert.is_truthy(told[kind], kind .. " of " .. refused)
      assert.equal(refused == losses.BESIDE and "refused" or nil, told[kind].tickets)
      assert.is_truthy(refused ~= losses.BESIDE or sentence(told[kind]):find("not the cache alone: the cause can't be "
        .. "told", 1, true))
      watch, now = watches.new(), 10000
      for _ = 1, 100 do
        full("a")
        offer("resumed", now - 5000)
      end
    end
  end)

  it("forgets a key that no ticket names any more, so that it grows no older", function()
    local told, note = gather()
    for _ = 1, 20 do
      note(full(nil))
    end
    assert.same({}, watch:state().keys)
    assert.equal("no ticket names the key a any more, nor another one", sentence(told.key_went))
  end)

  it("keeps a key that most of the tickets name", function()
    for i = 1, 400 do
      full(i % 3 > 0 and "a" or nil)
    end
    assert.equal(1, #watch:state().keys)
  end)
end)

describe("what can't be told", function()
  it("is not told", function()
    local event = { kind = "key_replaced", since = 0, old = { "a" }, new = { "b" }, there = {}, old_key = "unknown",
      certificate = "changed" }
    assert.equal("ticket key a replaced by b; sessions from before 14:02 are refused; the certificate changed at that "
      .. "moment, and some servers (nginx) bind sessions to it: whether the old key is still taken can't be told",
      sentence(event))
    local lost = { kind = "sessions_lost", since = 0, mechanism = "session_id", keys = "same", certificate = "changed" }
    assert.equal("session IDs from before 14:02 are refused, and new ones resume; the certificate changed at that "
      .. "moment, and some servers (nginx) bind sessions to it: the cause can't be told", sentence(lost))
    lost = { kind = "sessions_lost", since = 0, mechanism = "psk" }
    assert.is_truthy(sentence(lost):find("they name no key: the cause can't be told", 1, true))
  end)
end)

describe("sessions that are lost", function()
  it("are those until the newest one that was refused, not until somebody saw it", function()
    for _, kind in ipairs({ "cache_emptied", "sessions_lost" }) do
      local event = { kind = kind, mechanism = "session_id", time = 900, since = 600, until_then = 300 }
      assert.is_truthy(words.sentence(event, tostring):find("^session IDs from before 300 are refused"))
    end
  end)
end)

describe("a lifetime", function()
  it("of servers that count whole seconds has a lower end that is lower", function()
    local one, verdict = acceptance.new(), nil
    for i = 1, 100 do
      one:note({ time = i, issued = i - 5, age = 5, promise = 12, good = true })
    end
    for i = 101, 103 do
      one:note({ time = i, issued = i - 12.6, age = 12.6, promise = 12, good = true })
    end
    for i = 104, 140 do
      verdict = one:note({ time = i, issued = i - 11.9, age = 11.9, promise = 12, good = false }) or verdict
      one:note({ time = i, issued = i - 5, age = 5, promise = 12, good = true })
    end
    assert.same({ "lifetime", 11.9, 12.6 }, { verdict.kind, verdict.alive, verdict.dead })
    local event = { kind = "lifetime_reached", mechanism = "psk", alive_s = 11.9, dead_s = 12.6, promised_s = 12 }
    assert.is_truthy(sentence(event):find("live between 12 and 13 s", 1, true))
    event.dead_s = 12.1
    assert.is_truthy(sentence(event):find("live 12 s:", 1, true))
  end)
end)
