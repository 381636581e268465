-- Ranges of addresses, as text.

local range = require "resum.target.range"

local function ends(text, most)
  local one, problem = range.parse(text, most)
  return one and { one.count, one:at(0), one:at(one.count - 1) }, problem
end

describe("a range of addresses", function()
  for text, expected in pairs({
    ["192.0.2.0/24"] = { 256, "192.0.2.0", "192.0.2.255" },
    ["192.0.2.77/24:8443"] = { 256, "192.0.2.0:8443", "192.0.2.255:8443" },
    ["192.0.2.7/32:https"] = { 1, "192.0.2.7:https", "192.0.2.7:https" },
    ["10.255.255.0/13"] = { 524288, "10.248.0.0", "10.255.255.255" },
    ["2001:db8::/120"] = { 256, "2001:db8::", "2001:db8::ff" },
    ["[2001:db8::fffe/126]:443"] = { 4, "[2001:db8::fffc]:443", "[2001:db8::ffff]:443" },
    ["[2001:db8::/127]"] = { 2, "2001:db8::", "2001:db8::1" },
    ["1:0:0:2::/127"] = { 2, "1:0:0:2::", "1:0:0:2::1" },
    ["::ffff:192.0.2.0/127"] = { 2, "::ffff:c000:200", "::ffff:c000:201" },
    ["fe80:1:2:3:4:5:6:7/127"] = { 2, "fe80:1:2:3:4:5:6:6", "fe80:1:2:3:4:5:6:7" },
  }) do
    it("may be " .. text, function()
      assert.same(expected, (ends(text)))
    end)
  end

  it("has every address once, in order", function()
    local one = assert(range.parse("192.0.1.254/22"))
    local last = -1
    for i = 0, one.count - 1 do
      local c, d = one:at(i):match("^192%.0%.(%d+)%.(%d+)$")
      assert.equal(last + 1, c * 256 + d)
      last = c * 256 + d
    end
    assert.equal(1023, last)
  end)

  for _, text in ipairs({ "a.example", "a.example/24", "192.0.2.1", "https://192.0.2.1/24", "[2001:db8::1]:443",
    "" }) do
    it("is not '" .. text .. "'", function()
      assert.same({}, { range.parse(text) })
    end)
  end

  for text, problem in pairs({
    ["192.0.2/24"] = "not an IP address in front of the /",
    ["1:2/24"] = "not an IP address in front of the /",
    ["192.0.2.0/33"] = "behind the / comes a number from 0 to 32",
    ["2001:db8::/129"] = "behind the / comes a number from 0 to 128",
    ["192.0.2.0/99999999999999999999"] = "behind the / comes a number from 0 to 32",
    ["192.0.2.0/24 x"] = "a range is written as",
    ["2001:db8::/120:443"] = "a range is written as",
    ["10.0.0.0/12"] = "a range of 2^20 addresses is too large (--max_targets allows 1000000)",
    ["0.0.0.0/0"] = "a range of 2^32 addresses is too large (--max_targets allows 1000000)",
    ["2001:db8::/64"] = "a range of 2^64 addresses is too large (--max_targets allows 1000000)",
    ["::/0"] = "a range of 2^128 addresses is too large (--max_targets allows 1000000)",
  }) do
    it("is refused when it is " .. text, function()
      local one, message = range.parse(text)
      assert.is_nil(one)
      assert.is_truthy(message:find(problem, 1, true), message)
    end)
  end

  it("may have as many addresses as is said, and not one more", function()
    assert.same({ 8, "192.0.2.0", "192.0.2.7" }, (ends("192.0.2.0/29", 8)))
    assert.is_nil((ends("192.0.2.0/29", 7)))
  end)
end)
