-- How old sessions are; a session here is anything that has fields.

local age = require "resum.connection.session_age"

local function session(lifetime_s, time_s)
  return {
    asked = 0,
    fields = function(self)
      self.asked = self.asked + 1
      return { lifetime_s = lifetime_s, time_s = time_s }
    end,
  }
end

describe("the age of a session", function()
  it("runs on the host's clock from when the session was seen to come", function()
    local one, other = session(300, 0), session(300, 0)
    age.note({ one }, 1000)
    age.note({ other }, 1002)
    assert.same({ 5, { 5, 3 } }, { age.of(one, 1005), age.of_each({ one, other }, 1005) })
  end)

  it("is what stands in it where it came from elsewhere, and never below zero", function()
    local early, late = session(300, os.time() - 50), session(300, os.time() + 50)
    local seconds = age.of(early, 7)
    assert.is_true(seconds >= 50 and seconds < 60)
    assert.equal(0, age.of(late, 7))
  end)

  it("tells a second early that it has expired", function()
    local one = session(10)
    age.note({ one }, 100)
    assert.same({ false, false, true, true }, { age.expired(one, 100), age.expired(one, 108.9), age.expired(one, 109),
      age.expired(one, 200) })
    assert.equal(1, one.asked)
  end)

  it("does not matter where the server promised nothing", function()
    local one = session(0)
    age.note({ one }, 100)
    assert.is_false(age.expired(one, 100000))
  end)
end)
