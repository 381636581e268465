--- Options were read with metamethods: C called Lua, and a string that __index had just made was used after nothing
-- kept it alive. Options are the table's own fields.

local core = require "resum.core"

-- A table that answers every key with a fresh string, and counts how often it was asked.
local function answering()
  local asked = { times = 0 }
  return setmetatable({}, {
    __index = function(_, key)
      asked.times = asked.times + 1
      return key .. ("x"):rep(100)
    end,
  }), asked
end

describe("an options table", function()
  for name, construct in pairs {
    context = core.context,
    handshake = function(options) return core.handshake(core.context(), options) end,
  } do
    it("of a " .. name .. " is read without its metamethods", function()
      local options, asked = answering()
      assert.is_not_nil(construct(options))
      assert.equal(0, asked.times)
    end)
  end

  it("of a session is read without its metamethods", function()
    local options, asked = answering()
    assert.has_error(function() core.session(options) end)
    assert.equal(0, asked.times)
  end)
end)
