local ticket_keys = require "resum.analysis.ticket_key"

describe("the name of a ticket's key", function()
  it("is its first sixteen bytes (RFC 5077, section 4)", function()
    assert.equal(("6b"):rep(16), ticket_keys.key_name(("k"):rep(16) .. ("t"):rep(17)))
  end)

  it("is not there in a ticket of 32 bytes or less: that names an entry in a cache", function()
    for _, length in ipairs({ 0, 16, 17, 32 }) do
      assert.is_nil(ticket_keys.key_name(("k"):rep(length)))
    end
    assert.is_truthy(ticket_keys.key_name(("k"):rep(33)))
  end)
end)
