-- The PRF and HKDF of plugin/tls/schedule.c against published vectors, and the records of plugin/tls/record.c against
-- themselves: every suite opens what it sealed, and nothing that was changed.

local hex = require "spec.support.hex"
local keys = require "spec.support.keys"
local random = require "spec.support.random"
local vectors = require "spec.support.vectors.prf"

describe("the PRF", function()
  for i, vector in ipairs(vectors.prf) do
    it(("gives published vector %d (%s, %s), and all its beginnings"):format(i, vector.hash, vector.label), function()
      for length = 0, #vector.output do
        assert.equal(hex.digits(vector.output:sub(1, length)),
          hex.digits(keys.prf(vector.hash, vector.secret, vector.label, vector.seed, length)))
      end
    end)
  end
end)

describe("HKDF", function()
  for i, vector in ipairs(vectors.extract) do
    it("extracts what RFC 5869, appendix A." .. i .. " says", function()
      assert.equal(hex.digits(vector.output), hex.digits(keys.extract("sha256", vector.salt, vector.key)))
    end)
  end

  it("expands one block, and says where that is not enough", function()
    local secret = ("s"):rep(32)
    assert.equal(32, #keys.expand_label("sha256", secret, "key", "", 32))
    assert.has_error(function() keys.expand_label("sha256", secret, "key", "", 33) end, "libcrypto failed")
    assert.equal(48, #keys.expand_label("sha384", ("s"):rep(48), "key", ("c"):rep(255), 48))
    assert.has_error(function() keys.expand_label("sha256", secret, ("l"):rep(250), "", 16) end, "libcrypto failed")
    assert.has_error(function() keys.expand_label("sha256", secret, "key", ("c"):rep(256), 16) end, "libcrypto failed")
  end)
end)

-- A suite of each kind, and the versions that have it.
local SUITES = {
  { "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", { "TLSv1.2" } },
  { "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", { "TLSv1.2" } },
  { "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", { "TLSv1.2" } },
  { "TLS_RSA_WITH_AES_128_CCM", { "TLSv1.2" } },
  { "TLS_RSA_WITH_AES_256_CCM_8", { "TLSv1.2" } },
  { "TLS_RSA_WITH_AES_128_CBC_SHA", { "TLSv1.0", "TLSv1.1", "TLSv1.2" } },
  { "TLS_RSA_WITH_AES_256_CBC_SHA256", { "TLSv1.2" } },
  { "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", { "TLSv1.2" } },
  { "TLS_AES_128_GCM_SHA256", { "TLSv1.3" } },
  { "TLS_AES_256_GCM_SHA384", { "TLSv1.3" } },
  { "TLS_CHACHA20_POLY1305_SHA256", { "TLSv1.3" } },
  { "TLS_AES_128_CCM_SHA256", { "TLSv1.3" } },
  { "TLS_AES_128_CCM_8_SHA256", { "TLSv1.3" } },
}

local function each_suite(body)
  for _, entry in ipairs(SUITES) do
    for _, version in ipairs(entry[2]) do
      for _, encrypt_then_mac in ipairs(entry[1]:find("CBC") and { false, true } or { false }) do
        local suite = keys.suite(entry[1], version)
        body({
          name = ("%s, %s%s"):format(version, entry[1], encrypt_then_mac and ", encrypt-then-MAC" or ""),
          fields = { version = version, cipher = entry[1], encrypt_then_mac = encrypt_then_mac,
            key = ("k"):rep(suite.key_length), iv = ("i"):rep(suite.iv_length),
            mac_key = ("m"):rep(suite.mac_key_length) },
        })
      end
    end
  end
end

describe("a record", function()
  each_suite(function(case)
    it(case.name .. ": opens to what was sealed, in order, whatever its length", function()
      local writing, reading = keys.protection(case.fields), keys.protection(case.fields)
      for _, length in ipairs { 1, 2, 11, 12, 15, 16, 17, 31, 32, 100, 255, 256, 16384 } do
        local plain = ("p"):rep(length)
        local content, opened = reading:open(writing:seal(22, plain))
        assert.equal(22, content)
        assert.is_true(plain == opened, length)
      end
    end)

    it(case.name .. ": does not open when a bit of its body is another one, or when it comes twice", function()
      local record = keys.protection(case.fields):seal(22, "sixteen bytes on and some more")
      for place = 6, #record do
        local changed = record:sub(1, place - 1) .. string.char(record:byte(place) ~ 4) .. record:sub(place + 1)
        assert.is_nil(keys.protection(case.fields):open(changed), place)
      end
      for length = 5, #record - 1 do
        assert.is_nil(keys.protection(case.fields):open(record:sub(1, length)), length)
      end
      local reading = keys.protection(case.fields)
      assert.is_truthy(reading:open(record))
      assert.is_nil(reading:open(record))
    end)

    it(case.name .. ": opens no garbage", function()
      local garbage = random.new(31)
      for _ = 1, 200 do
        local body = garbage:bytes(garbage:number(0, 200))
        assert.is_nil(keys.protection(case.fields):open("\22\3\3" .. (">s2"):pack(body)))
      end
    end)
  end)
end)

describe("a protected record", function()
  it("of TLS 1.3 is none without a type inside (RFC 8446, section 5.4)", function()
    local fields = { version = "TLSv1.3", cipher = "TLS_AES_128_GCM_SHA256", key = ("k"):rep(16), iv = ("i"):rep(12) }
    local function opened(content, plain)
      return { keys.protection(fields):open(keys.protection(fields):seal(content, plain)) }
    end
    assert.same({ 22, "a" }, opened(22, "a"))
    assert.same({ 22, "a" }, opened(0, "a\22\0\0\0")) -- padding behind the type
    assert.same({}, opened(0, "\0\0\0"))
  end)

  -- The initialization vector is not the MAC's matter until it is encrypt-then-MAC: there the spec makes a new MAC.
  it("with CBC has padding of one kind of bytes (RFC 5246, section 6.2.3.2)", function()
    local mac_key = ("m"):rep(20)
    local fields = { version = "TLSv1.2", cipher = "TLS_RSA_WITH_AES_128_CBC_SHA", encrypt_then_mac = true,
      key = ("k"):rep(16), iv = "", mac_key = mac_key }
    -- A record of one byte and padding, in which a bit of the byte at this place is another one.
    local function opened(place)
      local record = keys.protection(fields):seal(22, "p")
      local body = record:sub(6, -21)
      if place then
        body = body:sub(1, place - 1) .. string.char(body:byte(place) ~ 1) .. body:sub(place + 1)
      end
      local covered = ("\0"):rep(8) .. "\22\3\3" .. (">s2"):pack(body)
      return keys.protection(fields):open("\22\3\3" .. (">s2"):pack(body .. keys.hmac("sha1", mac_key, covered)))
    end
    assert.equal(22, (opened()))
    assert.equal(22, (opened(1))) -- the content is another one, which is the MAC's matter
    for place = 2, 16 do
      assert.is_nil((opened(place)), place)
    end
  end)
end)

describe("ciphers for tickets", function()
  it("are those of libcrypto, both ways, without padding", function() -- FIPS 197, C.1, as a first block
    local key, plain = hex.bytes("000102030405060708090a0b0c0d0e0f"), hex.bytes("00112233445566778899aabbccddeeff")
    local zeros = ("\0"):rep(16)
    local encrypted = keys.crypt("AES-128-CBC", key, zeros, plain, true)
    assert.equal("69c4e0d86a7b0430d8cdb78070b4c55a", hex.digits(encrypted))
    assert.equal(plain, keys.crypt("AES-128-CBC", key, zeros, encrypted, false))
    assert.has_error(function() keys.crypt("AES-128-CBC", key, zeros, "short", true) end, "libcrypto failed")
    assert.has_error(function() keys.crypt("AES-256-CBC", key, zeros, plain, true) end, "libcrypto failed")
  end)
end)
