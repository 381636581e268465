--- resum.target.parse took anything for the default port, and handed it on: a scan then failed in the middle.

local resum = require "resum"

it("the default port of a target is a port, or misuse at the caller's line", function()
  for _, port in ipairs({ "443", 0, 65536, -1, 1.5, 443.0, true, {} }) do
    local fine, message = pcall(function()
      local _ = resum.target.parse("a.example", port)
    end)
    assert.is_false(fine, tostring(port))
    assert.matches("253_default_port_spec%.lua:%d+: resum: the default port must be a whole number from 1 to 65535$",
      message)
  end
end)

it("a port that is one is taken where the text has none", function()
  for _, port in ipairs({ 1, 25, 65535 }) do
    assert.equal(port, resum.target.parse("a.example", port).port)
    assert.equal(993, resum.target.parse("a.example:993", port).port)
  end
  assert.equal(443, resum.target.parse("a.example").port)
end)
