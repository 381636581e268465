--- The readers of handshake messages (plugin/tls/hello.c) and the facts made of them (plugin/lua/facts.c), on messages
-- that no libssl has looked at before: what is malformed gives no fact, and nothing reads past its end.

local memory = require "spec.support.memory"
local messages = require "spec.support.messages"
local random = require "spec.support.random"
local wire = require "spec.support.wire"

local SEED = 777
local ROUNDS = 6000

local RANDOM = ("r"):rep(32)

local function message(kind, body)
  return { from = "server", bytes = string.char(kind) .. (">s3"):pack(body) }
end

local function extension(kind, body)
  return (">I2 s2"):pack(kind, body)
end

local function server_hello(fields)
  local body = (">I2 c32 s1 I2 B"):pack(fields.version or 0x0303, fields.random or RANDOM, fields.id or "",
    fields.cipher or 0x1301, 0)
  return message(2, body .. (fields.extensions and (">s2"):pack(fields.extensions) or "") .. (fields.rest or ""))
end

local TLS13 = extension(43, "\3\4")

local function facts_of(...)
  local list = { ... }
  return (messages.facts(list))
end

-- The facts that are not there before any message.
local function said(facts)
  local rest = {}
  for name, value in pairs(facts) do
    if type(value) ~= "table" and value ~= false then
      rest[name] = value
    end
  end
  return rest
end

local function only_ticket(version, body)
  local tickets = facts_of(server_hello { extensions = version == 13 and TLS13 or nil }, message(4, body)).tickets
  assert.is_true(#tickets <= 1)
  return tickets[1]
end

describe("a ServerHello", function()
  for name, case in pairs {
    ["of TLS 1.2 without extensions"] = { { cipher = 0xc02f, id = "id" },
      { version = "TLSv1.2", cipher = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", cipher_id = 0xc02f,
        session_id = "id" } },
    ["of TLS 1.3"] = { { extensions = TLS13 .. extension(51, "\0\29\0\1x") .. extension(41, "\0\7") },
      { version = "TLSv1.3", cipher = "TLS_AES_128_GCM_SHA256", cipher_id = 0x1301, session_id = "", group = "x25519",
        server_key_share = true, server_share = "x", selected_identity = 7 } },
    ["with numbers that nobody has named"] = {
      { cipher = 0x1a2b, extensions = extension(43, "\3\9") .. extension(51, "\x7f\1\0\1x") },
      { version = "0x0309", cipher = "0x1a2b", cipher_id = 0x1a2b, session_id = "", group = "0x7f01",
        server_key_share = true, server_share = "x" } },
    ["with a message that is longer than its content"] = { { rest = "x" }, {} },
    ["with something behind its extensions"] = { { extensions = TLS13, rest = "x" }, {} },
    ["with extensions that end in the middle of one"] = { { extensions = TLS13:sub(1, -2) }, {} },
    ["with extensions that end in the middle of a length"] = { { extensions = "\0\43\0" }, {} },
    ["with half a version"] = { { extensions = extension(43, "\3") }, {} },
    ["with half an identity"] = { { extensions = extension(41, "\0") }, {} },
    ["with ALPN that has no name"] = { { extensions = extension(16, "") },
      { version = "TLSv1.2", cipher = "TLS_AES_128_GCM_SHA256", cipher_id = 0x1301, session_id = "" } },
  } do
    it(name .. " gives what it says, and no more", function()
      assert.same(case[2], said(facts_of(server_hello(case[1]))))
    end)
  end

  it("cut short anywhere gives nothing", function()
    local whole = server_hello { id = ("i"):rep(32), extensions = TLS13 .. extension(51, "\0\29\0\1x") }
    for length = 1, #whole.bytes - 1 do
      assert.same({}, said(facts_of { from = "server", bytes = whole.bytes:sub(1, length) }), length)
    end
  end)

  it("with the random of a HelloRetryRequest chooses nothing yet", function()
    local facts, list = messages.facts { server_hello { random = wire.HELLO_RETRY_RANDOM, extensions = TLS13 } }
    assert.same({ hello_retry = true }, said(facts))
    assert.equal("hello_retry_request", list[1].type)
  end)
end)

describe("a NewSessionTicket", function()
  local early = extension(42, "\0\0\16\0")

  for name, case in pairs {
    ["of TLS 1.2"] = { 12, ("\0\0\1\44\0\6ticket"), { ticket = "ticket", lifetime_s = 300 } },
    ["of TLS 1.2 without a hint"] = { 12, ("\0\0\0\0\0\6ticket"), { ticket = "ticket", lifetime_s = 0 } },
    ["of TLS 1.2 that is empty"] = { 12, ("\0\0\1\44\0\0"), { ticket = "", lifetime_s = 300 } },
    ["of TLS 1.2 with something behind it"] = { 12, "\0\0\1\44\0\6ticket!", nil },
    ["of TLS 1.2 that is shorter than it says"] = { 12, "\0\0\1\44\0\7ticket", nil },
    ["of TLS 1.3"] = { 13, (">I4 I4 s1 s2 s2"):pack(7200, 0xfedcba98, "n", "ticket", ""),
      { ticket = "ticket", lifetime_s = 7200, age_add = 0xfedcba98, nonce = "n", nonce_length = 1,
        extensions = {} } },
    ["of TLS 1.3 for early data"] = { 13, (">I4 I4 s1 s2 s2"):pack(0xffffffff, 0, "", "t", early),
      { ticket = "t", lifetime_s = 0xffffffff, age_add = 0, nonce = "", nonce_length = 0, max_early_data = 4096,
        extensions = { { type = 42, body = "\0\0\16\0" } } } },
    ["of TLS 1.3 with an extension that nobody knows"] = {
      13, (">I4 I4 s1 s2 s2"):pack(1, 2, "nn", "t", extension(0xdada, "x")),
      { ticket = "t", lifetime_s = 1, age_add = 2, nonce = "nn", nonce_length = 2,
        extensions = { { type = 0xdada, body = "x" } } } },
    ["of TLS 1.3 without its extensions"] = { 13, (">I4 I4 s1 s2"):pack(7200, 1, "n", "ticket"), nil },
    ["of TLS 1.3 with extensions cut short"] = { 13, (">I4 I4 s1 s2 s2"):pack(1, 1, "n", "t", early:sub(1, -2)), nil },
    ["of TLS 1.3 for early data, of which too little is said"] = {
      13, (">I4 I4 s1 s2 s2"):pack(1, 1, "n", "t", extension(42, "\0\0\16")), nil },
    ["of TLS 1.3 for early data, of which too much is said"] = {
      13, (">I4 I4 s1 s2 s2"):pack(1, 1, "n", "t", extension(42, "\0\0\0\16\0")), nil },
    ["of TLS 1.3 with a nonce longer than the message"] = { 13, "\0\0\0\1\0\0\0\1\255nonce", nil },
    ["of 65535 bytes"] = { 12, (">I4 s2"):pack(1, ("t"):rep(65535)), { ticket = ("t"):rep(65535), lifetime_s = 1 } },
  } do
    it(name .. (case[3] and " gives what it says" or " gives no ticket"), function()
      assert.same(case[3], only_ticket(case[1], case[2]))
    end)
  end
end)

describe("other messages", function()
  it("name no group when the suite has no curve, or the curve is not a named one", function()
    local named, explicit = message(12, "\3\0\23"), message(12, "\1\0\23")
    for cipher, group in pairs { [0xc02f] = "secp256r1", [0xc009] = "secp256r1", [0x0033] = false, [0xc035] = false } do
      assert.equal(group or nil, facts_of(server_hello { cipher = cipher }, named).group)
      assert.is_nil(facts_of(server_hello { cipher = cipher }, explicit).group)
    end
    assert.is_nil(facts_of(server_hello { cipher = 0xc02f }, message(12, "\3\0")).group)
    assert.is_nil(facts_of(named).group)
  end)

  it("give an application protocol and early data, unless they are malformed", function()
    local alpn, early = extension(16, "\0\3\2h2"), extension(42, "")
    assert.same({ alpn = "h2", early_data = true }, said(facts_of(message(8, (">s2"):pack(alpn .. early)))))
    assert.same({}, said(facts_of(message(8, (">s2"):pack(alpn .. early:sub(1, 3))))))
    assert.same({}, said(facts_of(message(8, ""))))
  end)

  it("tell of a certificate, compressed (RFC 8879) or not", function()
    assert.is_true(facts_of(message(11, "\0\0\0")).certificate)
    assert.is_true(facts_of(message(25, "\0\1")).certificate)
    assert.is_false(facts_of(message(22, "\0\1")).certificate)
  end)

  it("give the serial number of a certificate, unless it is cut short", function()
    local function serial_of(number)
      local tbs = "\48" .. string.char(#number) .. number
      local leaf = "\48" .. string.char(#tbs) .. tbs
      return facts_of(server_hello { cipher = 0xc02f }, message(11, (">s3"):pack((">s3"):pack(leaf)))).leaf_serial
    end
    assert.equal("abc", serial_of("\2\3abc"))
    assert.equal("\255", serial_of("\2\2\0\255"))
    assert.is_nil(serial_of("\2\9abc"))
    assert.is_nil(serial_of("\3\3abc"))
  end)

  it("give the end of a certificate, unless it is cut short or is no time", function()
    local function element(tag, content)
      return string.char(tag, #content) .. content
    end
    local function not_after_of(validity)
      local leaf = element(48, element(48, element(2, "abc") .. element(48, "") .. element(48, "issuer") .. validity))
      return facts_of(server_hello { cipher = 0xc02f }, message(11, (">s3"):pack((">s3"):pack(leaf)))).leaf_not_after
    end
    local start = element(23, "250102030405Z")
    assert.equal("260102030405Z", not_after_of(element(48, start .. element(23, "260102030405Z"))))
    assert.equal("20500102030405Z", not_after_of(element(48, start .. element(24, "20500102030405Z"))))
    assert.is_nil(not_after_of(element(48, start)))
    assert.is_nil(not_after_of(element(48, start .. element(4, "260102030405Z"))))
    assert.is_nil(not_after_of(element(48, start .. "\23\99" .. "26")))
    assert.is_nil(not_after_of(""))
  end)

  it("give alerts, known and unknown, whole and cut short", function()
    local function alert(bytes)
      return facts_of({ from = "server", alert = true, bytes = bytes }).alerts[1]
    end
    assert.same({ from = "server", level = "fatal", description = "handshake_failure", code = 40 }, alert("\2\40"))
    assert.same({ from = "server", level = "warning", description = "unknown alert", code = 200 }, alert("\1\200"))
    assert.is_nil(alert("\2"))
  end)

  it("of types that nobody has named are listed by number", function()
    local _, list = messages.facts { message(99, "x"), message(25, "x") }
    assert.same({ { from = "server", type = "0x0063", bytes = "\99\0\0\1x" },
      { from = "server", type = "compressed_certificate", bytes = "\25\0\0\1x" } }, list)
  end)
end)

describe("the store of messages", function()
  it("keeps 256 messages, and says when it forgot more", function()
    local list = {}
    for i = 1, 256 do
      list[i] = message(0, "")
    end
    local _, kept, incomplete = messages.facts(list)
    assert.same({ 256, false }, { #kept, incomplete })
    list[257] = server_hello {}
    local facts
    facts, kept, incomplete = messages.facts(list)
    assert.same({ 256, true, nil }, { #kept, incomplete, facts.version })
  end)

  it("keeps 256 KiB, and of what is more only that it came", function()
    local large = message(11, ("c"):rep(100000))
    local facts, kept, incomplete = messages.facts { large, large, large, server_hello {} }
    assert.same({ 100004, 100004, 0, 42 }, { #kept[1].bytes, #kept[2].bytes, #kept[3].bytes, #kept[4].bytes })
    assert.same({ true, true, "TLSv1.2" }, { incomplete, facts.certificate, facts.version })
  end)
end)

describe("mutated messages", function()
  it("are read without harm", function()
    local garbage, originals = random.new(SEED), {}
    for _, options in ipairs { { max_version = "TLSv1.2" }, { max_early_data = 1 }, { groups = "P-521" } } do
      options.alpn = { "h2" }
      local server, session = memory.server(options), nil
      for _ = 1, 2 do
        local visit = memory.visit(server, { session = session, context = { alpn = { "h2" } } })
        originals[#originals + 1], session = visit.client:transcript(), visit.session
      end
    end
    local understood = 0
    for round = 1, ROUNDS do
      local list = {}
      for i, original in ipairs(originals[round % #originals + 1]) do
        local hit = garbage:number(1, 4) == 1
        list[i] = { from = original.from, alert = original.type == "alert",
          bytes = hit and garbage:mutate(original.bytes) or original.bytes }
      end
      local facts, kept, incomplete = messages.facts(list)
      assert.is_true(#kept <= #list and not incomplete, "seed " .. SEED .. " round " .. round)
      understood = understood + (facts.version and 1 or 0)
    end
    assert.is_true(understood > ROUNDS / 2 and understood < ROUNDS)
  end)
end)
