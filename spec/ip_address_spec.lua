local address = require "resum.target.ip_address"

local function hex(bytes)
  return bytes and (bytes:gsub(".", function(byte)
    return ("%02x"):format(byte:byte())
  end))
end

describe("an address", function()
  for text, expected in pairs({
    ["192.0.2.1"] = { "inet", "c0000201" },
    ["0.0.0.0"] = { "inet", "00000000" },
    ["::"] = { "inet6", ("00"):rep(16) },
    ["::1"] = { "inet6", ("00"):rep(15) .. "01" },
    ["2001:db8::"] = { "inet6", "20010db8" .. ("00"):rep(12) },
    ["1:2:3:4:5:6:7:8"] = { "inet6", "00010002000300040005000600070008" },
    ["1::8"] = { "inet6", "0001" .. ("0000"):rep(6) .. "0008" },
    ["::ffff:192.0.2.1"] = { "inet6", ("00"):rep(10) .. "ffffc0000201" },
    ["64:ff9b::192.0.2.33"] = { "inet6", "0064ff9b" .. ("00"):rep(8) .. "c0000221" },
    ["FE80::aBcD%eth0"] = { "inet6", "fe80" .. ("00"):rep(12) .. "abcd" },
  }) do
    it("is " .. text .. ", and has these bytes", function()
      assert.same(expected, { address.family(text), hex(address.bytes(text)) })
    end)
  end

  for _, text in ipairs({
    "", "192.0.2", "192.0.2.256", "192.0.2.1.", "1.2.3.4.5", ":", ":::", "1::2::3", "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8", "12345::", "g::", "::1%", "example", "[::1]", "::192.0.2", "::192.0.2.300",
  }) do
    it("is not '" .. text .. "'", function()
      assert.is_nil(address.family(text))
      assert.is_nil(address.bytes(text))
    end)
  end
end)
