-- The traces of RFC 8448, byte for byte: what plugin/tls/hello.c, schedule.c, record.c and transcript.c make of the
-- full handshake and of the one with a HelloRetryRequest, and the whole resumption with early data as a probe runs it.

local core = require "resum.core"
local hex = require "spec.support.hex"
local keys = require "spec.support.keys"
local traces = require "spec.support.vectors.rfc8448"

local SUITE = { version = "TLSv1.3", cipher = "TLS_AES_128_GCM_SHA256" }
local HANDSHAKE, APPLICATION_DATA, ALERT = 22, 23, 21
local ZEROS = ("\0"):rep(32)
local CLOSE_NOTIFY = "\1\0"

local function assert_bytes(expected, got)
  assert.equal(hex.digits(expected), hex.digits(got))
end

local function expand(secret, label, context, length)
  return keys.expand_label("sha256", secret, label, context or "", length or 32)
end

-- The protection that a traffic secret gives.
local function protection(secret)
  return keys.protection { version = SUITE.version, cipher = SUITE.cipher, key = expand(secret, "key", "", 16),
    iv = expand(secret, "iv", "", 12) }
end

local function next_secret(secret, key)
  return keys.extract("sha256", expand(secret, "derived", keys.digest("sha256", "")), key)
end

local function finished(secret, hash)
  return "\20\0\0\32" .. keys.hmac("sha256", expand(secret, "finished"), hash)
end

-- The messages of a flight.
local function messages_of(flight)
  local list = {}
  for i, message in ipairs(core.parse(flight)) do
    list[i] = message.bytes
  end
  return list
end

-- Appends all to a copy of the list.
local function joined(list, more)
  return table.move(more, 1, #more, #list + 1, { table.unpack(list) })
end

-- The fields of a ClientHello of these traces, as core.client_hello and core.probe take them.
local function fields_of(message)
  local hello = core.parse(message)[1]
  local extensions = {}
  for i, extension in ipairs(hello.extensions) do
    extensions[i] = { type = extension.number, body = extension.body }
  end
  return { random = hello.random, session_id = hello.session_id, ciphers = hello.ciphers, extensions = extensions }
end

-- The ladder from the PSK and the shared secret to the traffic secrets; every rung is in the RFC.
local function assert_key_schedule(trace, psk, hellos, server_flight)
  local early = keys.extract("sha256", "", psk)
  local handshake = next_secret(early, trace.shared)
  local hash = keys.transcript_hash("sha256", hellos)
  assert_bytes(trace.handshake_secret, handshake)
  assert_bytes(trace.client_handshake_traffic, expand(handshake, "c hs traffic", hash))
  assert_bytes(trace.server_handshake_traffic, expand(handshake, "s hs traffic", hash))
  local reading = protection(trace.server_handshake_traffic)
  local content, flight = reading:open(trace.server_flight_record)
  assert.equal(HANDSHAKE, content)
  assert_bytes(trace.server_flight, flight)
  assert_bytes(trace.server_flight_record, protection(trace.server_handshake_traffic):seal(HANDSHAKE, flight))
  local before = joined(hellos, server_flight)
  local server_finished = table.remove(before)
  assert_bytes(server_finished, finished(trace.server_handshake_traffic, keys.transcript_hash("sha256", before)))
  return next_secret(handshake, ZEROS)
end

describe("RFC 8448, section 3 (1-RTT)", function()
  local trace = traces.full
  local hellos = { trace.client_hello, trace.server_hello }
  local server_flight = messages_of(trace.server_flight)
  local all = joined(hellos, server_flight)

  it("ClientHello is read, and written again byte for byte", function()
    local hello = core.parse(trace.client_hello)[1]
    assert.same({ "client_hello", "TLSv1.2", "", { "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256",
      "TLS_AES_256_GCM_SHA384" } }, { hello.type, hello.legacy_version, hello.session_id, hello.ciphers })
    assert_bytes("\22\3\1\0\196" .. trace.client_hello, core.client_hello(fields_of(trace.client_hello)))
  end)

  it("ServerHello is read", function()
    local hello = core.parse(trace.server_hello)[1]
    assert.same({ "server_hello", "TLSv1.3", "TLS_AES_128_GCM_SHA256", "x25519", nil },
      { hello.type, hello.version, hello.cipher, hello.group, hello.selected_identity })
  end)

  it("key exchange gives the shared secret on both sides", function()
    assert_bytes(trace.shared, keys.exchange("x25519", trace.client_private, keys.public(trace.server_private)))
    assert_bytes(trace.shared, keys.exchange("x25519", trace.server_private, keys.public(trace.client_private)))
  end)

  it("key schedule, server flight and Finished come out", function()
    assert_bytes(trace.early_secret, keys.extract("sha256", "", ZEROS))
    assert_bytes(trace.hello_hash, keys.transcript_hash("sha256", hellos))
    assert_bytes(trace.server_handshake_key, expand(trace.server_handshake_traffic, "key", "", 16))
    assert_bytes(trace.server_handshake_iv, expand(trace.server_handshake_traffic, "iv", "", 12))
    assert.equal(4, #server_flight)
    assert_bytes(trace.master_secret, assert_key_schedule(trace, ZEROS, hellos, server_flight))
  end)

  it("client Finished, traffic secrets, ticket and PSK come out", function()
    local hash = keys.transcript_hash("sha256", all)
    assert_bytes(trace.finished_hash, hash)
    assert_bytes(trace.client_finished, finished(trace.client_handshake_traffic, hash))
    assert_bytes(trace.client_finished_record,
      protection(trace.client_handshake_traffic):seal(HANDSHAKE, trace.client_finished))
    assert_bytes(trace.client_application_traffic, expand(trace.master_secret, "c ap traffic", hash))
    assert_bytes(trace.server_application_traffic, expand(trace.master_secret, "s ap traffic", hash))
    local resumption = expand(trace.master_secret, "res master",
      keys.transcript_hash("sha256", joined(all, { trace.client_finished })))
    assert_bytes(trace.resumption_master, resumption)
    local ticket = core.parse(trace.ticket_message)[1]
    assert.same({ "new_session_ticket", 30, "\0\0", 1024 },
      { ticket.type, ticket.lifetime_s, ticket.nonce, ticket.max_early_data })
    assert_bytes(trace.psk, expand(resumption, "resumption", ticket.nonce))
  end)

  it("records after the handshake come out, both ways", function()
    local writing, reading = protection(trace.client_application_traffic), protection(trace.server_application_traffic)
    assert_bytes(trace.client_data_record, writing:seal(APPLICATION_DATA, trace.application_data))
    assert_bytes(trace.client_alert_record, writing:seal(ALERT, CLOSE_NOTIFY))
    assert.same({ HANDSHAKE, trace.ticket_message }, { reading:open(trace.ticket_record) })
    assert.same({ APPLICATION_DATA, trace.application_data }, { reading:open(trace.server_data_record) })
    assert.same({ ALERT, CLOSE_NOTIFY }, { reading:open(trace.server_alert_record) })
  end)
end)

describe("RFC 8448, section 4 (resumption with early data)", function()
  local trace, first = traces.resumed, traces.full
  local ticket = core.parse(first.ticket_message)[1]

  -- What stands in the ClientHello, by its fields; the rest is the probe's to make.
  local function fields()
    return {
      random = trace.client_hello:sub(7, 38), session_id = "",
      ciphers = { "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_256_GCM_SHA384" },
      groups = { "x25519", "secp256r1", "secp384r1", "secp521r1", "ffdhe2048", "ffdhe3072", "ffdhe4096", "ffdhe6144",
        "ffdhe8192" },
      signature_algorithms = { 0x0403, 0x0503, 0x0603, 0x0203, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0201,
        0x0402, 0x0502, 0x0602, 0x0202 },
      server_name = "server",
      extensions = { "server_name", "renegotiation_info", "supported_groups",
        { type = "key_share", body = (">s2"):pack((">I2 s2"):pack(29, keys.public(trace.client_private))) },
        { type = "early_data", body = "" }, "supported_versions", "signature_algorithms", "psk_key_exchange_modes",
        { type = "record_size_limit", body = "\x40\1" }, { type = "padding", body = ("\0"):rep(87) },
        "pre_shared_key" },
    }
  end

  local function started(options)
    local all = fields()
    all.session = assert(core.session { version = "TLSv1.3", cipher = "TLS_AES_128_GCM_SHA256", secret = trace.psk,
      ticket = ticket.ticket, age_add = ticket.age_add, lifetime_s = ticket.lifetime_s })
    all.obfuscated_ticket_age = (">I4"):unpack(trace.client_hello, 474)
    for name, value in pairs(options or {}) do
      all[name] = value
    end
    local probe = assert(core.probe(all))
    keys.give(probe, "x25519", trace.client_private)
    return probe
  end

  it("follows section 3", function()
    assert_bytes(first.psk, trace.psk)
    assert_bytes(trace.early_secret, keys.extract("sha256", "", trace.psk))
  end)

  it("binder is the one over the first 477 bytes", function()
    local key = expand(trace.early_secret, "res binder", keys.digest("sha256", ""))
    local hash = keys.digest("sha256", trace.client_hello:sub(1, 477))
    assert_bytes(trace.binder_hash, hash)
    assert_bytes("\0\33\32" .. trace.binder, trace.client_hello:sub(478))
    assert_bytes("\20\0\0\32" .. trace.binder, finished(key, hash))
  end)

  it("ClientHello is written by client_hello", function()
    local all = fields()
    all.psks = { { identity = ticket.ticket, obfuscated_ticket_age = (">I4"):unpack(trace.client_hello, 474),
      binder = trace.binder } }
    assert_bytes(trace.client_hello_record, core.client_hello(all))
  end)

  it("first flight is a probe's: the ClientHello with its binder, and the early data", function()
    local probe = started { early_data = trace.early_data }
    local state, out = probe:step()
    assert.equal("want", state)
    assert_bytes(trace.client_hello_record .. trace.early_data_record, out)
    assert_bytes(trace.client_early_traffic,
      expand(trace.early_secret, "c e traffic", keys.digest("sha256", trace.client_hello)))
    assert_bytes(trace.early_data_record, protection(trace.client_early_traffic):seal(APPLICATION_DATA, "ABCDEF"))
    assert_bytes(trace.client_hello_record, (select(2, started():step())))
  end)

  it("key schedule and server flight come out", function()
    assert_bytes(trace.shared, keys.exchange("x25519", trace.client_private, keys.public(trace.server_private)))
    local hellos = { trace.client_hello, trace.server_hello }
    assert_key_schedule(trace, trace.psk, hellos, messages_of(trace.server_flight))
    assert.same({ "TLSv1.3", "x25519", 0 }, { core.parse(trace.server_hello)[1].version,
      core.parse(trace.server_hello)[1].group, core.parse(trace.server_hello)[1].selected_identity })
  end)

  for name, size in pairs { ["whole"] = 10000, ["byte by byte"] = 1, ["in pieces of 100 bytes"] = 100 } do
    it("is what a probe says to the end, with the server's bytes " .. name, function()
      local probe = started { early_data = trace.early_data, tickets = true }
      probe:step()
      local answer, said, state = trace.server_hello_record .. trace.server_flight_record, "", "want"
      for from = 1, #answer, size do
        assert.equal("want", state)
        local out
        state, out = probe:step(answer:sub(from, from + size - 1))
        said = said .. out
      end
      assert.equal("established", state)
      assert_bytes(trace.end_of_early_data_record .. trace.client_finished_record, said)
      local facts = probe:facts()
      assert.same({ true, "finished", true, 0, "x25519", false }, { facts.reused, facts.proof, facts.early_data,
        facts.selected_identity, facts.group, facts.certificate })
      assert_bytes(trace.client_data_record, keys.send(probe, trace.application_data))
      assert_bytes(trace.client_alert_record, probe:shutdown())
      assert.same({ "established", "" }, { probe:step(trace.server_data_record) })
      assert.same({ "closed", "" }, { probe:step(trace.server_alert_record) })
    end)
  end

  it("fails with one bit of the server's answer changed, wherever that is", function()
    local answer = trace.server_hello_record .. trace.server_flight_record
    local header = #trace.server_hello_record
    for place = 1, #answer do
      local is_version = place == 3 or place == header + 3 -- what nobody looks at (RFC 8446, section 5.1)
      local probe = started { early_data = trace.early_data }
      probe:step()
      local state = probe:step(answer:sub(1, place - 1) .. string.char(answer:byte(place) ~ 1) .. answer:sub(place + 1))
      assert.equal(is_version and "established" or "", state == "established" and state or "", place)
      assert.equal(is_version, probe:facts().reused)
    end
  end)
end)

describe("RFC 8448, section 5 (HelloRetryRequest)", function()
  local trace = traces.retried
  local hellos = { trace.client_hello, trace.hello_retry_request, trace.second_client_hello, trace.server_hello }
  local all = joined(hellos, messages_of(trace.server_flight))

  it("HelloRetryRequest is read", function()
    local hello = core.parse(trace.hello_retry_request)[1]
    assert.same({ "hello_retry_request", "TLSv1.3", "secp256r1" }, { hello.type, hello.version, hello.group })
  end)

  it("second ClientHello is a probe's, but for its padding and the places of key share and cookie", function()
    local fields = fields_of(trace.client_hello)
    fields.groups = { "x25519", "secp256r1", "secp384r1" }
    fields.session = assert(core.session { version = "TLSv1.3", cipher = "TLS_AES_128_GCM_SHA256",
      secret = traces.full.psk, ticket = "ticket" })
    local probe = assert(core.probe(fields))
    keys.give(probe, "x25519", trace.first_private)
    local _, first = probe:step()
    assert_bytes("\22\3\1\0\180" .. trace.client_hello, first)
    local _, second = probe:step("\22\3\3\0\176" .. trace.hello_retry_request)
    local theirs, ours = core.parse(trace.second_client_hello)[1], core.parse(second)[1]
    assert_bytes(trace.second_client_hello:sub(5, 4 + 45), ours.bytes:sub(5, 4 + 45)) -- up to the extensions
    local body_of, compared = {}, 0
    for _, extension in ipairs(ours.extensions) do
      body_of[extension.type] = extension.body
    end
    for _, extension in ipairs(theirs.extensions) do
      if extension.type == "key_share" then -- of a key of its own
        assert_bytes(extension.body:sub(1, 7), body_of.key_share:sub(1, 7))
        assert.equal(#extension.body, #body_of.key_share)
      elseif extension.type ~= "padding" then
        assert_bytes(extension.body, body_of[extension.type])
        compared = compared + 1
      end
    end
    assert.equal(compared + 1, #ours.extensions)
  end)

  it("key exchange on P-256 gives the shared secret", function()
    assert_bytes(trace.shared, keys.exchange("secp256r1", trace.client_private, trace.server_hello:sub(-71, -7)))
  end)

  it("key schedule comes out, over the first ClientHello's hash", function()
    assert_bytes(trace.hello_hash, keys.transcript_hash("sha256", hellos))
    local replaced = "\254\0\0\32" .. keys.digest("sha256", trace.client_hello)
    assert_bytes(trace.hello_hash, keys.digest("sha256", replaced .. table.concat(hellos, "", 2)))
    assert_bytes(trace.master_secret, assert_key_schedule(trace, ZEROS, hellos, messages_of(trace.server_flight)))
    local hash = keys.transcript_hash("sha256", all)
    assert_bytes(trace.finished_hash, hash)
    assert_bytes(trace.client_finished, finished(trace.client_handshake_traffic, hash))
    assert_bytes(trace.client_application_traffic, expand(trace.master_secret, "c ap traffic", hash))
    assert_bytes(trace.resumption_master, expand(trace.master_secret, "res master",
      keys.transcript_hash("sha256", joined(all, { trace.client_finished }))))
    assert_bytes(trace.client_finished_record,
      protection(trace.client_handshake_traffic):seal(HANDSHAKE, trace.client_finished))
    assert_bytes(trace.client_alert_record, protection(trace.client_application_traffic):seal(ALERT, CLOSE_NOTIFY))
  end)
end)
