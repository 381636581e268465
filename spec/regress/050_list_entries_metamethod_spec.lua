--- Entries of list options were read with metamethods, and numbers in them turned into strings that nothing kept alive.
-- As with options (002), an entry is the table's own fields, and bytes are a string.

local core = require "resum.core"

local function raising()
  return setmetatable({}, { __index = function() error("read with metamethods") end })
end

describe("an entry of a list option", function()
  it("is read without its metamethods", function()
    for option, problem in pairs {
      extensions = "entry 1 names no extension", key_shares = "a group is neither a known name nor a number",
    } do
      local ran, message = pcall(core.client_hello, { [option] = { raising() } })
      assert.is_false(ran)
      assert.matches(problem, message, 1, true)
    end
    assert.equal(1, core.parse(core.client_hello { psks = { raising() } })[1].psk_identities)
  end)

  it("has strings for bytes", function()
    for option, entry in pairs {
      extensions = { type = 1, body = 12345 }, key_shares = { group = 29, share = 12345 }, psks = { identity = 12345 },
    } do
      local ran, message = pcall(core.client_hello, { [option] = { entry } })
      assert.is_false(ran)
      assert.matches("string expected, got number", message, 1, true)
    end
  end)
end)
