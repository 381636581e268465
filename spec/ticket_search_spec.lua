--- session:finds(): the secret in clear, under a key, under one keystream twice; and never where it is not. What is
-- searched for is encrypted by the openssl command and by libssl's own servers.

local core = require "resum.core"
local hex = require "spec.support.hex"
local memory = require "spec.support.memory"
local process = require "spec.support.process"

local SECRET = ("\1\2\3 the master secret of a session, of 48 bytes!" .. ("s"):rep(48)):sub(1, 48)

local KEY = "0123456789abcdefFEDCBA9876543210" -- AES-128 takes its first half
local IV = "an IV, 16 bytes!"
local NAME = "the name of a ke"

local function session(fields)
  local all = { version = "TLSv1.2", cipher = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", secret = SECRET, ticket = "t" }
  for name, value in pairs(fields or {}) do
    all[name] = value
  end
  return assert(core.session(all))
end

-- Encrypts as the openssl command does.
local function encrypt(cipher, key, iv, plain)
  local directory = process.temporary_directory()
  local path = directory .. "/plain"
  local file = assert(io.open(path, "wb"))
  file:write(plain)
  file:close()
  local done = process.run { command = { "openssl", "enc", "-" .. cipher, "-nopad", "-in", path, "-out", path .. ".out",
    "-K", hex.digits(key), "-iv", hex.digits(iv) } }
  assert.equal(0, done.code, done.stderr)
  local text = process.read_file(path .. ".out")
  process.remove(directory)
  return text
end

local PLAIN = "a state: " .. SECRET .. "what is behind." -- 72 bytes
PLAIN = PLAIN .. ("."):rep(80 - #PLAIN)
local AT = 9

local function finds(ticket, plan, of)
  return (of or session()):finds(ticket, plan or { keys = { { "it", KEY } } })
end

describe("session:finds", function()
  it("finds the secret in clear, at its place", function()
    assert.same({ how = "clear", offset = 16 }, session():finds(NAME .. SECRET .. "tail"))
    assert.same({ how = "clear", offset = 0 }, session():finds(SECRET))
    assert.same({ how = "clear", offset = 1 }, session():finds(SECRET:sub(1, 1) .. SECRET))
  end)

  it("finds nothing where it is not", function()
    assert.is_nil(session():finds(""))
    assert.is_nil(session():finds(SECRET:sub(1, 47)))
    assert.is_nil(session():finds(SECRET:sub(1, 47) .. "?" .. SECRET:sub(2)))
    assert.is_nil(finds(("r"):rep(300)))
  end)

  for _, case in ipairs({
    { "AES-256-CBC", "aes-256-cbc", KEY, IV, IV },
    { "AES-128-CBC", "aes-128-cbc", KEY:sub(1, 16), IV, IV },
    { "AES-256-CTR", "aes-256-ctr", KEY, IV, IV },
    { "AES-128-CTR", "aes-128-ctr", KEY:sub(1, 16), IV, IV },
    { "AES-256-GCM", "aes-256-ctr", KEY, IV:sub(1, 12), IV:sub(1, 12) .. "\0\0\0\2" },
    { "AES-128-GCM", "aes-128-ctr", KEY:sub(1, 16), IV:sub(1, 12), IV:sub(1, 12) .. "\0\0\0\2" },
    { "AES-256-CCM", "aes-256-ctr", KEY, IV:sub(1, 12), "\2" .. IV:sub(1, 12) .. "\0\0\1" },
    { "ChaCha20-Poly1305", "chacha20", KEY, IV:sub(1, 12), "\1\0\0\0" .. IV:sub(1, 12) },
    { "3DES-CBC", "des-ede3-cbc", KEY:sub(1, 24), IV:sub(1, 8), IV:sub(1, 8) },
  }) do
    local name, cipher, key, iv, first = table.unpack(case)
    it("opens " .. name .. " behind a name, at the start, and behind the ciphertext's length", function()
      local text = encrypt(cipher, key, first, PLAIN)
      for _, layout in ipairs({ { NAME, "" }, { "", "" }, { NAME, "\0\80" }, { "name", "\0\80" } }) do
        local found = finds(layout[1] .. iv .. layout[2] .. text)
        local ciphertext = #layout[1] + #iv + #layout[2]
        assert.same({ how = "key", key = "it", cipher = name, iv_offset = #layout[1], ciphertext_offset = ciphertext,
          offset = AT }, found)
      end
      assert.is_nil(finds("x" .. NAME .. iv .. text)) -- a place that is not tried
      assert.same(AT, finds("x" .. NAME .. iv .. text, { keys = { { "it", KEY } }, offsets = { 17 } }).offset)
      assert.is_nil(finds(NAME .. iv .. text, { keys = { { "other", KEY:reverse() } } }))
      assert.is_nil(finds(NAME .. iv .. text, { keys = { { "short", KEY:sub(1, 15) } } }))
    end)
  end

  it("opens what has zeros for an IV", function()
    local text = encrypt("aes-256-cbc", KEY, ("\0"):rep(16), SECRET .. PLAIN:sub(1, 32))
    assert.same({ how = "key", key = "it", cipher = "AES-256-CBC", ciphertext_offset = 16, offset = 0 },
      finds(NAME .. text))
  end)

  it("opens the first key that fits, and says which", function()
    local text = encrypt("aes-256-cbc", KEY, IV, PLAIN)
    local keys = { { "no", ("\0"):rep(32) }, { "yes", KEY .. "and more" }, { "again", KEY } }
    assert.equal("yes", finds(NAME .. IV .. text, { keys = keys }).key)
  end)

  for _, case in ipairs({ { "HMAC-SHA256", "SHA256" }, { "HMAC-SHA384", "SHA384" }, { "HMAC-SHA1", "SHA1" },
    { "HMAC-SHA512", "SHA512" }, { "HMAC-MD5", "MD5" } }) do
    it("tells by the " .. case[1] .. " at its end who signed it", function()
      local ticket = NAME .. IV .. ("c"):rep(100)
      local line = "printf %%s '%s' | openssl dgst -%s -mac hmac -macopt hexkey:%s -r"
      local done = process.run { command = { "sh", "-c", line:format(ticket, case[2], hex.digits(KEY)) } }
      local mac = hex.bytes(done.stdout:match("^%x+"))
      assert.same({ how = "mac", key = "it", mac = case[1] }, finds(ticket .. mac))
      assert.is_nil(finds(ticket .. mac:reverse()))
      assert.is_nil(finds(mac))
    end)
  end

  it("knows two tickets under one keystream from two under one key", function()
    local other = SECRET:reverse()
    local function ticket(secret, iv)
      return NAME .. "fresh: " .. secret:sub(1, 4) .. encrypt("aes-256-ctr", KEY, iv, "state" .. secret .. "...")
    end
    local one = session({ ticket = ticket(SECRET, IV) })
    local two = session({ secret = other, ticket = ticket(other, IV) })
    local three = session({ secret = other, ticket = ticket(other, IV:reverse()) })
    assert.same({ how = "keystream", index = 2, offset = 16 + 11 + 5 }, one:finds({ three, two }))
    assert.is_nil(one:finds({ three }))
    assert.is_nil(one:finds({}))
  end)

  it("tells of a secret that two sessions share, and compares nothing else of them", function()
    local one, two = session({ ticket = ("a"):rep(100) }), session({ ticket = ("a"):rep(100) })
    assert.same({ how = "same_secret", index = 1 }, one:finds({ two }))
  end)

  for _, case in ipairs({ { "TLSv1.2", 48 }, { "TLSv1.3", 32 }, { "TLSv1.3", 48 } }) do
    it(("opens what libssl issues in %s (%d bytes), where its key file is zeros"):format(case[1], case[2]), function()
      local options = { min_version = case[1], max_version = case[1],
        ciphersuites = case[2] == 48 and "TLS_AES_256_GCM_SHA384" or "TLS_AES_128_GCM_SHA256" }
      local function answer(keys)
        options.ticket_keys = keys
        local mine = memory.visit(memory.server(options)).session
        return mine:finds(mine:fields().ticket, { keys = { { "zeros", ("\0"):rep(64) } } })
      end
      local found = answer(("\0"):rep(80))
      assert.same({ "key", "zeros", "AES-256-CBC", 16, 32 },
        { found.how, found.key, found.cipher, found.iv_offset, found.ciphertext_offset })
      assert.is_true(found.offset > 0)
      assert.same({ how = "mac", key = "zeros", mac = "HMAC-SHA256" },
        answer(("n"):rep(16) .. ("\0"):rep(32) .. KEY))
      assert.is_nil(answer(("n"):rep(16) .. KEY:reverse() .. KEY))
    end)
  end

  it("gives no byte of the secret or of the plaintext away", function()
    local text = encrypt("aes-256-cbc", KEY, IV, PLAIN)
    for name, value in pairs(finds(NAME .. IV .. text)) do
      assert.is_true(type(value) == "number" or #value < 20, name)
    end
  end)

  it("names a misuse", function()
    for _, wrong in ipairs({ { 1 }, { "x", 1 }, { "x", { key = {} } }, { "x", { keys = 1 } }, { "x", { keys = { 1 } } },
      { "x", { keys = { { 1, 2 } } } }, { { "no session" } }, { ("x"):rep(65536) } }) do
      if type(wrong[1]) ~= "number" then
        assert.has_error(function() session():finds(wrong[1], wrong[2]) end)
      end
    end
    local closed = session()
    closed:close()
    assert.has_error(function() closed:finds("x") end)
    assert.has_error(function() session():finds({ closed }) end)
    assert.has_error(function() session():finds() end)
  end)

  it("takes tickets of any length", function()
    for _, length in ipairs({ 0, 1, 15, 16, 17, 47, 48, 49, 63, 64, 65, 1000, 65535 }) do
      assert.is_nil(finds(("\0"):rep(length)))
    end
  end)
end)
