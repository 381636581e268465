-- What the probe takes for an answer up to TLS 1.2 (plugin/tls/resume12.c, server_hello_check.c), against a server with
-- true keys that says what no server should. Each case says what the probe makes of it, by the alert that it sends, and
-- libssl where that differs in kind.

local core = require "resum.core"
local duel = require "spec.support.duel"
local pair = require "spec.support.pair"
local scripted = require "spec.support.scripted"

local TLS12 = "TLSv1.2"
local UNEXPECTED_MESSAGE, HANDSHAKE_FAILURE, ILLEGAL_PARAMETER, DECODE_ERROR, DECRYPT_ERROR = 10, 40, 47, 50, 51
local PROTOCOL_VERSION, UNSUPPORTED_EXTENSION = 70, 110
local RENEGOTIATION_INFO, EXTENDED_MASTER_SECRET, SESSION_TICKET = 0xff01, 23, 35

-- Edits of a ServerHello's fields and of the messages behind it, as hooks.
local function hello(edit, edit_messages)
  return { hello = edit, messages = edit_messages }
end

local function set(name, value)
  return hello(function(fields) fields[name] = value end)
end

local function extensions(...)
  local list = { ... }
  return hello(function(fields) fields.extensions = list end)
end

local EMPTY_RENEGOTIATION_INFO, EMS = { RENEGOTIATION_INFO, "\0" }, { EXTENDED_MASTER_SECRET, "" }
local CERTIFICATE = scripted.message(11, "\0\0\0")

-- A full handshake's beginning: another session id, and this message in the place of change_cipher_spec.
local function full(edit, message)
  return hello(function(fields)
    fields.session_id = ("x"):rep(32)
    edit(fields)
  end, function(list) list[1] = message or CERTIFICATE end)
end

local function keep() end

-- A ServerHello that announces a ticket, and messages behind it.
local function ticket(...)
  local list = { ... }
  return hello(function(fields) table.insert(fields.extensions, { SESSION_TICKET, "" }) end, function(messages)
    table.move(list, 1, #list, 1, messages)
  end)
end

local function between(message)
  return { flight = function(flight)
    table.insert(flight, 2, { content = scripted.HANDSHAKE, bytes = message, by = "plain" })
  end }
end

local NEW_TICKET = scripted.old_ticket("new ticket")

local CASES = {
  { "nothing odd", {}, "resumed" },
  { "another session id, and yet a change_cipher_spec", set("session_id", ("x"):rep(32)), UNEXPECTED_MESSAGE },
  { "no session id, and yet a change_cipher_spec", set("session_id", ""), UNEXPECTED_MESSAGE },
  { "the session id, and yet a Certificate", hello(nil, function(list) list[1] = CERTIFICATE end), UNEXPECTED_MESSAGE },
  { "another session id and a Certificate", full(keep), "refused", DECODE_ERROR }, -- an empty one, which libssl reads
  { "a Certificate, and a suite that was not offered", full(function(fields) fields.cipher = 0x0005 end),
    ILLEGAL_PARAMETER },
  { "a Certificate, and a compression", full(function(fields) fields.compression = 1 end), ILLEGAL_PARAMETER },
  { "a Certificate, and an extension twice", full(function(fields)
    fields.extensions = { EMPTY_RENEGOTIATION_INFO, EMS, EMS }
  end), ILLEGAL_PARAMETER },
  { "a Certificate, and TLS 1.1", full(function(fields) fields.legacy_version = 0x0302 end), "refused",
    PROTOCOL_VERSION }, -- the context of libssl is for TLS 1.2 only
  { "a Certificate, and SSL 3", full(function(fields) fields.legacy_version = 0x0300 end), PROTOCOL_VERSION },
  { "a ServerKeyExchange first", full(keep, scripted.message(12, "")), UNEXPECTED_MESSAGE },
  { "a ServerHelloDone first", full(keep, scripted.message(14, "")), UNEXPECTED_MESSAGE },
  { "a CertificateStatus first", full(keep, scripted.message(22, "")), UNEXPECTED_MESSAGE },
  { "a SupplementalData first", full(keep, scripted.message(23, "")), UNEXPECTED_MESSAGE },
  { "a message that nobody knows", hello(nil, function(list) list[1] = scripted.message(99, "") end),
    UNEXPECTED_MESSAGE },
  { "a compression", set("compression", 1), ILLEGAL_PARAMETER },
  { "TLS 1.1", set("legacy_version", 0x0302), PROTOCOL_VERSION },
  { "a version before SSL 3", set("legacy_version", 0x0200), PROTOCOL_VERSION },
  { "TLS 1.3 in the old place", set("legacy_version", 0x0304), PROTOCOL_VERSION },
  { "TLS 1.3 in the new place", extensions({ 43, "\3\4" }, EMS), PROTOCOL_VERSION },
  { "TLS 1.2 in the new place", extensions({ 43, "\3\3" }, EMS), ILLEGAL_PARAMETER },
  { "the random of a HelloRetryRequest", set("random", scripted.RETRY_RANDOM), ILLEGAL_PARAMETER },
  { "the mark of a server that can do more", set("random", ("s"):rep(24) .. "DOWNGRD\1"), "resumed" },
  { "another cipher suite", set("cipher", 0xc02b), ILLEGAL_PARAMETER },
  { "a cipher suite of TLS 1.3", set("cipher", 0x1301), ILLEGAL_PARAMETER },
  { "no extended master secret", extensions(EMPTY_RENEGOTIATION_INFO), HANDSHAKE_FAILURE },
  { "no extensions at all", set("extensions", nil), HANDSHAKE_FAILURE },
  { "no renegotiation_info", extensions(EMS), "resumed" },
  { "renegotiation_info of a renegotiation", extensions(EMS, { RENEGOTIATION_INFO, "\1x" }), ILLEGAL_PARAMETER },
  { "renegotiation_info without its length", extensions(EMS, { RENEGOTIATION_INFO, "" }), ILLEGAL_PARAMETER },
  { "an extension that nobody knows", extensions(EMS, { 0x4242, "x" }), UNSUPPORTED_EXTENSION, "resumed" },
  { "an extension that was not offered", extensions(EMS, { 16, "\0\3\2h2" }), UNSUPPORTED_EXTENSION },
  { "an extension of TLS 1.3", extensions(EMS, { 51, "\0\29\0\1x" }), UNSUPPORTED_EXTENSION },
  { "an extension twice", extensions(EMS, EMS), ILLEGAL_PARAMETER },
  { "encrypt-then-MAC with a suite that needs none", extensions(EMS, { 22, "" }), "resumed" },
  { "a ticket that was announced", ticket(NEW_TICKET), "resumed" },
  { "an empty ticket, which means none", ticket(scripted.old_ticket("")), "resumed" },
  { "a ticket that was announced and does not come", ticket(), UNEXPECTED_MESSAGE },
  { "a ticket that was not announced", hello(nil, function(list) list[1] = NEW_TICKET end), UNEXPECTED_MESSAGE },
  { "a ticket twice", ticket(NEW_TICKET, NEW_TICKET), UNEXPECTED_MESSAGE },
  { "a ticket that is shorter than it says", ticket(scripted.message(4, "\0\0\0\1\0\9x")), DECODE_ERROR },
  { "an empty NewSessionTicket", ticket(scripted.message(4, "")), DECODE_ERROR },
  { "ServerHello twice", between(scripted.message(2, "")), UNEXPECTED_MESSAGE },
  { "HelloRequest", between(scripted.message(0, "")), "resumed" },
  { "HelloRequest with something in it", between(scripted.message(0, "x")), UNEXPECTED_MESSAGE },
  { "another Finished", scripted.with_finished(scripted.last_bit_turned), DECRYPT_ERROR },
  { "a longer Finished", scripted.with_finished(function(bytes) return bytes .. "\0" end), DECRYPT_ERROR },
  { "a shorter Finished", scripted.with_finished(function(bytes) return bytes:sub(1, -2) end), DECRYPT_ERROR },
  { "an empty Finished", scripted.with_finished(function() return "" end), DECRYPT_ERROR },
}

describe("TLS 1.2, with", function()
  for _, case in ipairs(CASES) do
    it(case[1], function()
      duel.assert_case(TLS12, case)
    end)
  end
end)

describe("a probe of TLS 1.2", function()
  local function ask(hooks, options)
    return duel.ask("probe", TLS12, hooks, options)
  end

  it("that sent no session id goes by what comes behind the ServerHello", function()
    local options = { session_id = "" }
    assert.equal("resumed", ask({}, options).verdict)
    assert.equal(HANDSHAKE_FAILURE, ask(extensions(EMPTY_RENEGOTIATION_INFO), options).verdict)
    assert.equal("refused", ask(hello(nil, function(list) list[1] = CERTIFICATE end), options).verdict)
    assert.equal(UNEXPECTED_MESSAGE, ask(set("session_id", "new"), options).verdict)
  end)

  it("that decides at the ServerHello wants the session id, and what the session says", function()
    -- state, what it is said to be, and the alert
    local function decide(hooks)
      local all = { version = TLS12, flight = function(flight) flight[2], flight[3] = nil, nil end }
      for _, from in ipairs { duel.SUITES[TLS12], hooks } do
        for name, value in pairs(from) do
          all[name] = value
        end
      end
      local machine = assert(core.probe { session = duel.session("ticket", TLS12), proof = "hello" })
      local server = scripted.new(all)
      return { pair.run(machine, server).client or "failed", machine:facts().reused, server.alert or "none" }
    end
    assert.same({ "established", true, "none" }, decide {})
    assert.same({ "refused", false, 90 }, decide(set("session_id", "new")))
    assert.same({ "failed", false, ILLEGAL_PARAMETER }, decide(set("cipher", 0xc02b)))
    assert.same({ "failed", false, HANDSHAKE_FAILURE }, decide(extensions(EMPTY_RENEGOTIATION_INFO)))
    assert.same({ "failed", false, PROTOCOL_VERSION }, decide(set("legacy_version", 0x0302)))
  end)

  it("takes renegotiation_info also for the cipher suite that stands for it", function()
    local options = { extensions = { "extended_master_secret", "session_ticket" },
      ciphers = { 0xc02f, 0x00ff } }
    assert.equal("resumed", ask({}, options).verdict)
    options.ciphers = { 0xc02f }
    assert.equal(UNSUPPORTED_EXTENSION, ask({}, options).verdict)
  end)
end)
