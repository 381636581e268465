-- resum.client_hello and resum.parse: what is written is read again, and libssl takes it.

local core = require "resum.core"
local memory = require "spec.support.memory"

local function types(messages)
  local list = {}
  for i, message in ipairs(messages) do
    list[i] = message.type
  end
  return list
end

local function extension_types(hello)
  return types(hello.extensions)
end

describe("client_hello", function()
  it("writes what it is told, in the order it is told", function()
    local bytes = core.client_hello({
      version = "TLSv1.2", random = ("r"):rep(32), session_id = "id", ciphers = { "TLS_AES_128_GCM_SHA256", 0xc02b },
      server_name = "a.example", alpn = { "h2" }, ticket = "ticket", groups = { "x25519", 23 },
      extensions = { "extended_master_secret", { type = 0x4242, body = "body" }, "session_ticket", "server_name",
        "alpn", "supported_groups" },
    })
    assert.equal("\22\3\1", bytes:sub(1, 3))
    local messages = assert(core.parse(bytes))
    assert.same({ "client_hello" }, types(messages))
    local hello = messages[1]
    assert.same({ ("r"):rep(32), "id", "ticket", "TLSv1.2", 0 },
      { hello.random, hello.session_id, hello.ticket, hello.legacy_version, hello.psk_identities })
    assert.same({ "TLS_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" }, hello.ciphers)
    assert.same({ "extended_master_secret", "0x4242", "session_ticket", "server_name",
      "application_layer_protocol_negotiation", "supported_groups" }, extension_types(hello))
    assert.equal("body", hello.extensions[2].body)
    assert.equal("\0\12\0\0\9a.example", hello.extensions[4].body)
    assert.equal("\0\3\2h2", hello.extensions[5].body)
    assert.equal("\0\4\0\29\0\23", hello.extensions[6].body)
  end)

  it("writes PSKs and key shares last", function()
    local hello = core.parse(core.client_hello({
      key_shares = { { group = "x25519", share = ("k"):rep(32) } },
      psks = { { identity = "one", obfuscated_ticket_age = 0x01020304, binder = ("b"):rep(32) },
        { identity = "two", obfuscated_ticket_age = 0, binder = ("c"):rep(32) } },
    }))[1]
    assert.equal(2, hello.psk_identities)
    local last = hello.extensions[#hello.extensions]
    assert.equal("pre_shared_key", last.type)
    assert.equal("\0\18\0\3one\1\2\3\4\0\3two\0\0\0\0\0\66\32" .. ("b"):rep(32) .. "\32" .. ("c"):rep(32), last.body)
  end)

  it("is taken by a server, with the defaults of each version", function()
    for _, case in ipairs({ { "TLSv1.2", nil, "server_hello" }, { "TLSv1.3", nil, "server_hello" },
      { "TLSv1.3", {}, "hello_retry_request" } }) do -- no key share was sent
      local _, answer = memory.server():accept():step(core.client_hello({ version = case[1], key_shares = case[2] }))
      local messages = assert(core.parse(answer))
      assert.equal(case[3], messages[1].type)
      assert.equal(case[1], messages[1].version)
    end
  end)

  it("goes over several records when it is long", function()
    local bytes = core.client_hello({ version = "TLSv1.2", ticket = ("t"):rep(40000) })
    assert.equal(40000, #core.parse(bytes)[1].ticket)
    assert.equal(3, select(2, bytes:gsub("\22\3\1", "")))
    assert.equal("server_hello", core.parse((select(2, memory.server():accept():step(bytes))))[1].type)
  end)

  it("raises what is a mistake of the caller", function()
    for problem, fields in pairs({
      ["unknown option 'cookies'"] = { cookies = 1 },
      ["the ClientHello is too long"] = { extensions = { { type = 0x4242, body = ("x"):rep(65536) } } },
      ["option 'random': 32 to 32 bytes expected"] = { random = "short" },
      ["option 'extensions': entry 1 names no extension"] = { extensions = { "no_such" } },
      ["option 'psks': list of tables expected"] = { psks = { 1 } },
      ["option 'version': TLSv1.0, TLSv1.1, TLSv1.2 or TLSv1.3 expected"] = { version = "SSLv2" },
    }) do
      local ran, message = pcall(core.client_hello, fields)
      assert.is_false(ran)
      assert.is_truthy(message:find(problem, 1, true), message)
    end
  end)
end)

describe("parse", function()
  it("names every message of a handshake, from records and from a transcript", function()
    local visit = memory.visit(memory.server({ max_version = "TLSv1.2" }), { context = { max_version = "TLSv1.2" } })
    local messages = assert(core.parse(visit.result.server_sent))
    assert.same({ "server_hello", "certificate", "server_key_exchange", "server_hello_done", "new_session_ticket",
      "change_cipher_spec", "encrypted" }, { table.unpack(types(messages), 1, 7) })
    assert.equal(visit.facts.tickets[1].ticket, messages[5].ticket)
    for _, entry in ipairs(visit.client:transcript()) do
      if entry.type ~= "alert" and entry.type ~= "change_cipher_spec" then
        local parsed = core.parse(entry.bytes)
        assert.same({ entry.type, entry.bytes }, { parsed[1].type, parsed[1].bytes })
        assert.is_nil(parsed[1].malformed)
      end
    end
  end)

  it("reads TLS 1.3's messages, which a transcript has in the clear", function()
    local visit = memory.visit(memory.server({ min_version = "TLSv1.3" }), { context = { min_version = "TLSv1.3" } })
    local seen = {}
    for _, entry in ipairs(visit.client:transcript()) do
      seen[entry.type] = seen[entry.type] or core.parse(entry.bytes)[1]
    end
    assert.same({ "TLSv1.3", "x25519" }, { seen.server_hello.version, seen.server_hello.group })
    assert.is_table(seen.encrypted_extensions.extensions)
    local ticket = visit.facts.tickets[1]
    assert.same({ ticket.ticket, ticket.lifetime_s, ticket.age_add, ticket.nonce_length },
      { seen.new_session_ticket.ticket, seen.new_session_ticket.lifetime_s, seen.new_session_ticket.age_add,
        #seen.new_session_ticket.nonce })
  end)

  it("reads an alert", function()
    assert.same({ { type = "alert", bytes = "\2\70", level = "fatal", description = "protocol_version", code = 70 } },
      core.parse("\21\3\3\0\2\2\70"))
  end)

  it("marks what does not fit, and keeps it", function()
    local message = core.parse("\2\0\0\3abc")[1]
    assert.same({ "server_hello", true, "\2\0\0\3abc" }, { message.type, message.malformed, message.bytes })
    assert.same({ { type = "incomplete_or_encrypted", bytes = "\1\0\1\0" } }, core.parse("\1\0\1\0"))
    assert.same({}, core.parse(""))
    assert.same({ nil, "parse: the bytes end inside a TLS record, or are none", "invalid" },
      { core.parse("\22\3\3\0\9abc") })
  end)
end)
