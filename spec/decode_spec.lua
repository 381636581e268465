-- Handshake messages field by field: extensions and the messages that resum.core.parse only names.

local core = require "resum.core"
local decode = require "resum.connection.decode"
local report = require "resum.report.text.handshake"

local function message(type, body)
  return { type = type, from = "server", bytes = "\0" .. string.pack(">s3", body) }
end

describe("an extension", function()
  local function values(type, body, from)
    return decode.extension({ type = type, body = body }, from or "client")
  end

  it("is read as the side that sends it writes it", function()
    assert.same({ "a.example" }, values("server_name", "\0\12\0\0\9a.example"))
    assert.same({}, values("server_name", "", "server"))
    assert.same({ "TLSv1.3", "TLSv1.2" }, values("supported_versions", "\4\3\4\3\3"))
    assert.same({ "TLSv1.3" }, values("supported_versions", "\3\4", "server"))
    assert.same({ "x25519 (2 bytes)", "secp256r1 (1 bytes)" },
      values("key_share", "\0\11\0\29\0\2ab\0\23\0\1c"))
    assert.same({ "x25519 (2 bytes)" }, values("key_share", "\0\29\0\2ab", "server"))
    assert.same({ "secp256r1" }, values("key_share", "\0\23", "server")) -- of a HelloRetryRequest
    assert.same({ "identity of 3 bytes" }, values("pre_shared_key", "\0\9\0\3abc\0\0\0\0\0\33\32" .. ("x"):rep(32)))
    assert.same({ "identity 1" }, values("pre_shared_key", "\0\1", "server"))
    assert.same({ "psk_ke", "psk_dhe_ke" }, values("psk_key_exchange_modes", "\2\0\1"))
    assert.same({ "h2", "http/1.1" },
      values("application_layer_protocol_negotiation", "\0\12\2h2\8http/1.1"))
    assert.same({ "ed25519", "0xfafa" }, values("signature_algorithms", "\0\4\8\7\xfa\xfa"))
    assert.same({ "3 bytes" }, values("cookie", "abc"))
    assert.same({}, values("encrypt_then_mac", ""))
  end)

  it("that does not fit is said to be malformed", function()
    for _, type in ipairs({ "server_name", "supported_versions", "key_share", "pre_shared_key", "supported_groups",
      "application_layer_protocol_negotiation" }) do
      assert.same({ "malformed" }, values(type, "\0\9x"), type)
    end
  end)
end)

describe("a message", function()
  it("has the fields of its version", function()
    local certificate = string.pack(">s3", "abcde")
    assert.same({ { "certificates", 1 }, { "of bytes", { 5 } } },
      decode.message(message("certificate", string.pack(">s3", certificate)), "TLSv1.2"))
    assert.same({ { "certificates", 1 }, { "of bytes", { 5 } } },
      decode.message(message("certificate", "\0" .. string.pack(">s3", certificate .. "\0\0")), "TLSv1.3"))
    assert.same({ { "group", "x25519" }, { "public key", "2 bytes" }, { "algorithm", "ed25519" },
      { "signature", "1 bytes" } },
      decode.message(message("server_key_exchange", "\3\0\29\2ab\8\7\0\1s"), "TLSv1.2"))
    assert.same({ { "group", "x25519" }, { "public key", "2 bytes" } },
      decode.message(message("server_key_exchange", "\3\0\29\2ab\0\1s"), "TLSv1.0"))
    assert.same({ { "certificate types", 2 }, { "algorithms", { "ed25519" } } },
      decode.message(message("certificate_request", "\2\1\2\0\2\8\7\0\0"), "TLSv1.2"))
    assert.same({ { "context", "0 bytes" }, { "extensions", "2 bytes" } },
      decode.message(message("certificate_request", "\0\0\2ab"), "TLSv1.3"))
    assert.same({ { "verify_data", "12 bytes" } }, decode.message(message("finished", ("x"):rep(12))))
    assert.is_nil(decode.message(message("server_hello_done", "")))
  end)

  it("that does not fit is said to be malformed", function()
    for _, type in ipairs({ "certificate", "certificate_verify", "server_key_exchange", "certificate_request" }) do
      assert.same({ { "malformed", "5 bytes" } }, decode.message(message(type, "\3"), "TLSv1.2"), type)
    end
  end)
end)

describe("a transcript as text", function()
  it("names every message and shows its fields, what the other side sent escaped", function()
    local hello = core.parse(core.client_hello({ server_name = "a.example", ciphers = { 0x1301 }, session_id = "" }))[1]
    hello.from = "client"
    local text = report.transcript({ hello, { type = "alert", from = "server", bytes = "\2\40", level = "fatal",
      description = "handshake_failure", code = 40 } })
    assert.matches("^> client_hello +%d+ bytes\n", text)
    assert.matches("\n    session_id +none\n", text)
    assert.matches("\n    ciphers +TLS_AES_128_GCM_SHA256\n", text)
    assert.matches("\n    %+ server_name +a.example\n", text)
    assert.matches("\n< alert +2 bytes\n    level +fatal\n    description +handshake_failure\n    code +40$", text)
    local odd = { type = "server_hello", from = "server", bytes = "", extensions = {
      { type = "application_layer_protocol_negotiation", body = "\0\5\4\27[2J" } } }
    assert.is_nil(report.transcript({ odd }):find("\27", 1, true))
  end)
end)
