-- The samples are RFC 3492's (section 7.1, A to S, as far as they are one label in lower case), and names in use.

local idn = require "resum.target.idna"

local function label(...)
  return utf8.char(...)
end

describe("a name beyond ASCII", function()
  for expected, name in pairs({
    ["xn--egbpdaj6bu4bxfgehfvwxn"] = label(0x644, 0x64A, 0x647, 0x645, 0x627, 0x628, 0x62A, 0x643, 0x644, 0x645, 0x648,
      0x634, 0x639, 0x631, 0x628, 0x64A, 0x61F),
    ["xn--ihqwcrb4cv8a8dqg056pqjye"] = label(0x4ED6, 0x4EEC, 0x4E3A, 0x4EC0, 0x4E48, 0x4E0D, 0x8BF4, 0x4E2D, 0x6587),
    ["xn--4dbcagdahymbxekheh6e0a7fei0b"] = label(0x5DC, 0x5DE, 0x5D4, 0x5D4, 0x5DD, 0x5E4, 0x5E9, 0x5D5, 0x5D8, 0x5DC,
      0x5D0, 0x5DE, 0x5D3, 0x5D1, 0x5E8, 0x5D9, 0x5DD, 0x5E2, 0x5D1, 0x5E8, 0x5D9, 0x5EA),
    ["xn--b1abfaaepdrnnbgefbadotcwatmq2g4l"] = label(0x43F, 0x43E, 0x447, 0x435, 0x43C, 0x443, 0x436, 0x435, 0x43E,
      0x43D, 0x438, 0x43D, 0x435, 0x433, 0x43E, 0x432, 0x43E, 0x440, 0x44F, 0x442, 0x43F, 0x43E, 0x440, 0x443, 0x441,
      0x441, 0x43A, 0x438),
    ["xn--3b-ww4c5e180e575a65lsy2b"] = label(0x33, 0x5E74, 0x42, 0x7D44, 0x91D1, 0x516B, 0x5148, 0x751F),
    ["xn--bcher-kva.example"] = "bücher.example",
    ["xn--mnchen-3ya.xn--strae-oqa.example"] = "München.straße.example",
    ["www.xn--fiqs8s"] = "www.中国",
    ["xn--fa-hia.xn--wgv71a119e"] = "faß.日本語",
    ["xn--ls8h.example"] = label(0x1F4A9) .. ".example",
  }) do
    it("becomes " .. expected .. ", with libidn2 and without", function()
      assert.equal(expected, (idn.to_ascii(name)))
      assert.equal(expected, (idn.encode(name)))
    end)
  end

  it("is left alone when it is ASCII", function()
    for _, name in ipairs({ "WWW.Example.com", "xn--bcher-kva.example", "a..b", "" }) do
      assert.equal(name, idn.to_ascii(name))
    end
  end)

  -- UTS 46: capitals, a full stop of another script, a combining mark, full-width letters.
  for name, expected in pairs({
    ["Bücher.example"] = "xn--bcher-kva.example",
    ["BÜCHER.Example"] = "xn--bcher-kva.example",
    ["例え" .. utf8.char(0x3002) .. "jp"] = "xn--r8jz45g.jp",
    ["bu" .. utf8.char(0x308) .. "cher"] = "xn--bcher-kva",
    [utf8.char(0xFF41) .. ".é"] = "a.xn--9ca",
  }) do
    it("is mapped by libidn2: " .. name, function()
      assert.equal(expected, (idn.to_ascii(name)))
    end)
  end

  it("is turned down where it is not UTF-8, and where neither libidn2 nor resum takes it", function()
    assert.same({ nil, "it is not UTF-8" }, { idn.to_ascii("b\252cher") })
    local converted, problem = idn.to_ascii("é" .. utf8.char(0x202E) .. "a")
    assert.is_nil(converted)
    assert.matches("^it contains a character that is not a letter; ", problem)
  end)

  for name, reason in pairs({
    ["BÜCHER"] = "letters beyond ASCII must be written in lower case",
    ["ПОЧТА"] = "letters beyond ASCII must be written in lower case",
    ["Žena"] = "letters beyond ASCII must be written in lower case",
    ["bu" .. utf8.char(0x308) .. "cher"] = "accented letters must be written as one character each (Unicode's NFC); ",
    ["例え" .. utf8.char(0x3002) .. "jp"] = "it contains a character that is not a letter; ",
    ["a" .. utf8.char(0x200B) .. "b"] = "it contains a character that is not a letter; ",
  }) do
    it("is turned down with a reason where libidn2 is missing: " .. name, function()
      local converted, problem = idn.encode(name)
      assert.is_nil(converted)
      assert.equal(reason, problem:sub(1, #reason))
    end)
  end
end)
