-- What the probe takes for an answer in TLS 1.3 (plugin/tls/resume13.c, server_hello_check.c), against a server with
-- true keys that says what no server should. Each case says what the probe makes of it, by the alert that it sends, and
-- libssl where that differs in kind. The probe goes by the RFC where libssl overlooks something: its failures are asked
-- again of libssl.

local duel = require "spec.support.duel"
local scripted = require "spec.support.scripted"

local TLS13 = "TLSv1.3"
local UNEXPECTED_MESSAGE, ILLEGAL_PARAMETER, DECODE_ERROR, DECRYPT_ERROR = 10, 47, 50, 51
local PROTOCOL_VERSION, MISSING_EXTENSION, UNSUPPORTED_EXTENSION = 70, 109, 110
local SUPPORTED_VERSIONS, KEY_SHARE, PRE_SHARED_KEY, COOKIE = 43, 51, 41, 44

local NOTHING = function() end

local function place_of(extensions, kind)
  for i, extension in ipairs(extensions) do
    if extension[1] == kind then
      return i
    end
  end
end

-- Edits of a ServerHello's fields; several become one hook.
local function hello(...)
  local edits = { ... }
  return { hello = function(fields)
    for _, edit in ipairs(edits) do
      edit(fields)
    end
  end }
end

local function set(name, value)
  return function(fields) fields[name] = value end
end

local function drop(kind)
  return function(fields) table.remove(fields.extensions, place_of(fields.extensions, kind)) end
end

local function body(kind, bytes)
  return function(fields) fields.extensions[place_of(fields.extensions, kind)][2] = bytes end
end

local function longer(kind)
  return function(fields)
    local extension = fields.extensions[place_of(fields.extensions, kind)]
    extension[2] = extension[2] .. "x"
  end
end

local function add(kind, bytes)
  return function(fields) table.insert(fields.extensions, 1, { kind, bytes }) end
end

local function twice(kind)
  return function(fields) table.insert(fields.extensions, fields.extensions[place_of(fields.extensions, kind)]) end
end

local function messages(edit)
  return { messages = edit }
end

local function encrypted(extensions)
  return messages(function(list) list[1] = scripted.encrypted_extensions(extensions) end)
end

local function extra(kind, content)
  return messages(function(list) list[2] = scripted.message(kind, content) end)
end

-- A HelloRetryRequest with these extensions behind its version, and another edit.
local function retry(extensions, edit)
  return { retry = function(fields)
    fields.extensions = { { SUPPORTED_VERSIONS, "\3\4" }, table.unpack(extensions) }
    if edit then
      edit(fields)
    end
  end }
end

local GIVEN = { COOKIE, "\0\6cookie" }

local function after_retry(edit)
  return { retry = NOTHING, hello = edit }
end

local CASES = {
  { "nothing odd", {}, "resumed" },
  { "no session id", hello(set("session_id", "")), ILLEGAL_PARAMETER },
  { "another session id", hello(set("session_id", ("x"):rep(32))), ILLEGAL_PARAMETER },
  { "a compression", hello(set("compression", 1)), ILLEGAL_PARAMETER },
  { "an old version in the old place", hello(set("legacy_version", 0x0302)), "resumed" },
  { "version 1.2 in the new place", hello(body(SUPPORTED_VERSIONS, "\3\3")), ILLEGAL_PARAMETER },
  { "a version that was not offered", hello(body(SUPPORTED_VERSIONS, "\x7f\x1c")), PROTOCOL_VERSION },
  { "a version and something behind it", hello(longer(SUPPORTED_VERSIONS)), DECODE_ERROR },
  { "no version in the new place", hello(drop(SUPPORTED_VERSIONS)), PROTOCOL_VERSION },
  { "TLS 1.2, which was not offered", hello(set("extensions", { { 0xff01, "\0" } })), PROTOCOL_VERSION },
  { "SSL 3", hello(set("legacy_version", 0x0300), drop(SUPPORTED_VERSIONS)), PROTOCOL_VERSION },
  { "a cipher suite of TLS 1.2", hello(set("cipher", 0xc02b)), ILLEGAL_PARAMETER },
  { "a cipher suite that was not offered", hello(set("cipher", 0x1304)), ILLEGAL_PARAMETER },
  { "a cipher suite of another hash", hello(set("cipher", 0x1302)), ILLEGAL_PARAMETER },
  { "an identity that was not offered", hello(body(PRE_SHARED_KEY, "\0\1")), ILLEGAL_PARAMETER },
  { "an identity and something behind it", hello(longer(PRE_SHARED_KEY)), DECODE_ERROR },
  { "half an identity", hello(body(PRE_SHARED_KEY, "\0")), DECODE_ERROR },
  { "no key share", hello(drop(KEY_SHARE)), MISSING_EXTENSION },
  { "neither a PSK nor a key share", hello(drop(KEY_SHARE), drop(PRE_SHARED_KEY)), ILLEGAL_PARAMETER },
  { "a key share of nothing but zeros", hello(body(KEY_SHARE, "\0\29\0\32" .. ("\0"):rep(32))), ILLEGAL_PARAMETER },
  { "a short key share", hello(body(KEY_SHARE, "\0\29\0\31" .. ("k"):rep(31))), ILLEGAL_PARAMETER },
  { "an empty key share", hello(body(KEY_SHARE, "\0\29\0\0")), DECODE_ERROR },
  { "a group without a key share", hello(body(KEY_SHARE, "\0\29")), DECODE_ERROR },
  { "a key share and something behind it", hello(longer(KEY_SHARE)), DECODE_ERROR },
  { "a key share of another group", hello(body(KEY_SHARE, "\0\23\0\65" .. ("\4"):rep(65))), ILLEGAL_PARAMETER },
  { "an extension twice", hello(twice(KEY_SHARE)), ILLEGAL_PARAMETER },
  { "another extension twice", hello(add(SUPPORTED_VERSIONS, "\3\4")), ILLEGAL_PARAMETER },
  { "an extension that nobody knows", hello(add(0x4242, "x")), UNSUPPORTED_EXTENSION, "resumed" },
  { "an extension that was not offered", hello(add(16, "\0\3\2h2")), UNSUPPORTED_EXTENSION },
  { "an extension of another message", hello(add(10, "\0\2\0\29")), ILLEGAL_PARAMETER },
  { "a cookie", hello(add(COOKIE, "\0\1x")), UNSUPPORTED_EXTENSION },
  { "EncryptedExtensions with what was offered", encrypted { { 10, "\0\2\0\29" } }, "resumed" },
  { "EncryptedExtensions with one twice", encrypted { { 10, "\0\2\0\29" }, { 10, "\0\2\0\29" } }, ILLEGAL_PARAMETER },
  { "EncryptedExtensions with one that nobody knows", encrypted { { 0x4242, "x" } }, UNSUPPORTED_EXTENSION,
    "resumed" },
  { "EncryptedExtensions with one of another message", encrypted { { KEY_SHARE, "\0\29\0\1x" } }, ILLEGAL_PARAMETER },
  { "EncryptedExtensions with one not offered", encrypted { { 16, "\0\3\2h2" } }, UNSUPPORTED_EXTENSION },
  { "early data that was not sent", encrypted { { 42, "" } }, UNSUPPORTED_EXTENSION },
  { "malformed EncryptedExtensions", messages(function(list) list[1] = scripted.message(8, "\0\9x") end),
    DECODE_ERROR },
  { "no EncryptedExtensions", messages(function(list) list[1] = nil end), UNEXPECTED_MESSAGE },
  { "EncryptedExtensions twice", extra(8, "\0\0"), UNEXPECTED_MESSAGE },
  { "Certificate beside a PSK", extra(11, "\0\0\0\0"), UNEXPECTED_MESSAGE },
  { "CertificateRequest beside a PSK", extra(13, "\0\0\0"), UNEXPECTED_MESSAGE },
  { "a ticket before Finished", extra(4, "\0\0\0\1\0\0\0\1\0\0\1t\0\0"), UNEXPECTED_MESSAGE },
  { "KeyUpdate before Finished", extra(24, "\0"), UNEXPECTED_MESSAGE },
  { "a protected ServerHello", extra(2, ""), UNEXPECTED_MESSAGE },
  { "an empty message that nobody knows", extra(99, ""), UNEXPECTED_MESSAGE },
  { "ServerHello twice", { flight = function(flight) table.insert(flight, 1, flight[1]) end }, UNEXPECTED_MESSAGE },
  { "another Finished", scripted.with_finished(scripted.last_bit_turned), DECRYPT_ERROR },
  { "a longer Finished", scripted.with_finished(function(bytes) return bytes .. "\0" end), DECRYPT_ERROR },
  { "a shorter Finished", scripted.with_finished(function(bytes) return bytes:sub(1, -2) end), DECRYPT_ERROR },
  { "an empty Finished", scripted.with_finished(function() return "" end), DECRYPT_ERROR },
  { "HelloRetryRequest with a cookie", { retry = NOTHING }, "resumed" },
  { "HelloRetryRequest that asks for nothing", retry {}, ILLEGAL_PARAMETER },
  { "HelloRetryRequest for the share that is there", retry { { KEY_SHARE, "\0\29" } }, ILLEGAL_PARAMETER },
  { "HelloRetryRequest for a group that nobody knows", retry { { KEY_SHARE, "\x7f\1" } }, ILLEGAL_PARAMETER },
  { "HelloRetryRequest for a group that was not offered", retry { { KEY_SHARE, "\0\26" } }, ILLEGAL_PARAMETER },
  { "HelloRetryRequest with a share", retry { { KEY_SHARE, "\0\23\0\1x" }, GIVEN }, DECODE_ERROR },
  { "HelloRetryRequest with an empty cookie", retry { { COOKIE, "\0\0" } }, DECODE_ERROR },
  { "HelloRetryRequest with another session id", retry({ GIVEN }, set("session_id", "")), ILLEGAL_PARAMETER },
  { "HelloRetryRequest without a version", retry({ GIVEN }, drop(SUPPORTED_VERSIONS)), ILLEGAL_PARAMETER,
    { "resumed", MISSING_EXTENSION } }, -- libssl 3.0.13 and 3.5.9
  { "HelloRetryRequest of TLS 1.2", retry({ GIVEN }, body(SUPPORTED_VERSIONS, "\3\3")), ILLEGAL_PARAMETER },
  { "HelloRetryRequest with an extension that nobody knows", retry { GIVEN, { 0x4242, "x" } }, UNSUPPORTED_EXTENSION,
    "resumed" },
  { "HelloRetryRequest with a PSK", retry { GIVEN, { PRE_SHARED_KEY, "\0\0" } }, ILLEGAL_PARAMETER },
  { "HelloRetryRequest with a suite not offered", retry({ GIVEN }, set("cipher", 0x1304)), ILLEGAL_PARAMETER },
  { "HelloRetryRequest with a compression", retry({ GIVEN }, set("compression", 1)), ILLEGAL_PARAMETER },
  { "HelloRetryRequest, then another suite", retry({ GIVEN }, set("cipher", 0x1303)), ILLEGAL_PARAMETER },
  { "HelloRetryRequest twice", after_retry(function(fields) fields.random = scripted.RETRY_RANDOM end), DECODE_ERROR },
  { "HelloRetryRequest, then another session id", after_retry(set("session_id", "")), ILLEGAL_PARAMETER },
  { "HelloRetryRequest, then TLS 1.2", after_retry(set("extensions", { { 0xff01, "\0" } })), PROTOCOL_VERSION },
}

describe("TLS 1.3, with", function()
  for _, case in ipairs(CASES) do
    it(case[1], function()
      duel.assert_case(TLS13, case)
    end)
  end

  it("a second HelloRetryRequest that is well-formed", function()
    duel.assert_case(TLS13, { "", after_retry(function(fields)
      fields.random, fields.extensions = scripted.RETRY_RANDOM, { { SUPPORTED_VERSIONS, "\3\4" }, GIVEN }
    end), UNEXPECTED_MESSAGE })
  end)
end)

describe("TLS 1.3, after Finished, with", function()
  local GOOD = scripted.message(4, (">I4 I4 s1 s2 s2"):pack(300, 1, "n", "a ticket", ""))

  -- What both engines make of these messages under the last keys: state and number of sessions.
  local function assert_after(messages_behind, state, sessions, libssl_state, libssl_sessions)
    local hooks = { flight = function(flight)
      for _, message in ipairs(messages_behind) do
        flight[#flight + 1] = { content = scripted.HANDSHAKE, bytes = message, by = "application" }
      end
    end }
    for engine, expected in pairs { probe = { state, sessions },
      handshake = { libssl_state or state, libssl_sessions or sessions } } do
      local answer = duel.ask(engine, TLS13, hooks, engine == "probe" and { tickets = true } or nil)
      assert.same(expected, { answer.state or "failed", #answer.machine:sessions() }, engine)
      assert.is_true(answer.machine:facts().reused)
    end
  end

  it("one ticket, or several", function()
    assert_after({ GOOD }, "established", 1)
    assert_after({ GOOD, GOOD, GOOD }, "established", 3)
  end)

  it("tickets that are none: libssl gives up, the probe has its proof and passes them over", function()
    for _, content in ipairs { "", "\0\0\0\1", (">I4 I4 s1 s2"):pack(300, 1, "n", "no extensions"),
      (">I4 I4 s1 s2 s2"):pack(300, 1, "n", "", ""), (">I4 I4 s1 s2 s2"):pack(300, 1, "n", "t", "x") } do
      assert_after({ GOOD, scripted.message(4, content), GOOD }, "established", 2, "failed", 1)
    end
  end)

  it("a ticket over several records", function()
    assert_after({ GOOD:sub(1, 3), GOOD:sub(4, 20), GOOD:sub(21) }, "established", 1)
  end)

  it("a change of keys: the probe reads no further", function()
    assert_after({ GOOD, scripted.message(24, "\0"), GOOD }, "established", 1, "failed", 1)
    assert_after({ GOOD, scripted.message(24, "\9") }, "established", 1, "failed", 1)
  end)

  it("other messages: the probe reads no further", function()
    assert_after({ GOOD, scripted.message(13, "\0\0\0"), GOOD }, "established", 1, "failed", 1)
    assert_after({ GOOD, scripted.message(99, "") }, "established", 1, "failed", 1)
  end)
end)

-- A probe with other options than libssl can have.
local function ask(hooks, options)
  return duel.ask("probe", TLS13, hooks, options)
end

describe("a probe of TLS 1.3", function()
  it("takes a PSK in the ways only that it offered", function()
    for mode, with_share in pairs { psk_ke = false, psk_dhe_ke = true } do
      local hooks = hello(with_share and NOTHING or drop(KEY_SHARE))
      assert.equal("resumed", ask(hooks, { psk_modes = { mode } }).verdict)
      assert.equal("resumed", ask(hooks, { psk_modes = { "psk_ke", "psk_dhe_ke" } }).verdict)
      assert.is_number(ask(hooks, { psk_modes = { with_share and "psk_ke" or "psk_dhe_ke" } }).verdict)
    end
  end)

  it("says unsupported for a group that it offered and can't compute", function()
    local answer = ask(retry { { KEY_SHARE, "\0\30" } }, { groups = { "x25519", "x448" } })
    assert.same({ ILLEGAL_PARAMETER, "unsupported" }, { answer.verdict, answer.code })
  end)

  it("knows that an old version was chosen under pressure", function()
    local offer = { versions = { TLS13, "TLSv1.2", "TLSv1.1" },
      ciphers = { "TLS_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_RSA_WITH_AES_128_CBC_SHA" } }
    for _, mark in ipairs { "DOWNGRD\0", "DOWNGRD\1", "DOWNGRD\2" } do
      for version, cipher in pairs { [0x0303] = 0xc02f, [0x0302] = 0x002f } do
        local answer = ask(hello(set("random", ("s"):rep(24) .. mark), set("legacy_version", version),
          set("cipher", cipher), set("extensions", {})), offer)
        assert.equal(mark == "DOWNGRD\2" and "refused" or ILLEGAL_PARAMETER, answer.verdict)
      end
    end
  end)

  it("is refused at a ServerHello of TLS 1.2 with more in its record", function()
    local answer = ask({ hello = function(fields)
      fields.cipher, fields.extensions = 0xc02f, {}
    end, flight = function(flight)
      flight[1].bytes = flight[1].bytes .. scripted.message(11, "\0\0\0\0")
    end }, { versions = { TLS13, "TLSv1.2" },
      ciphers = { "TLS_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" } })
    assert.equal("refused", answer.verdict)
  end)

  it("takes early data as accepted only where it was sent for the PSK that was selected", function()
    local options = { sessions = { duel.session("one"), duel.session("two") }, early_data = "early" }
    local hooks = hello(body(PRE_SHARED_KEY, "\0\1"))
    hooks.skips_early_data = true
    assert.equal("resumed", ask(hooks, options).verdict)
    hooks.messages = encrypted({ { 42, "" } }).messages
    local answer = ask(hooks, options)
    assert.same({ "none", "protocol_error" }, { answer.verdict, answer.code }) -- the alert is under early data's keys
  end)
end)
