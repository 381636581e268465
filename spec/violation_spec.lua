--- Violations as codes: a probe that says "protocol_error" says which in its facts, for programs to go by; the sentence
-- is for people. plugin/tls/violations.c is the list; each that a scripted server can commit is committed here.

local duel = require "spec.support.duel"
local process = require "spec.support.process"
local scripted = require "spec.support.scripted"

local function hello(edit)
  return { hello = edit }
end

local function set(name, value)
  return hello(function(fields) fields[name] = value end)
end

local function with(kind, body)
  return hello(function(fields) table.insert(fields.extensions, { kind, body }) end)
end

local function flight(edit)
  return { flight = edit }
end

local function retry(extensions)
  return { retry = function(fields) fields.extensions = { { 43, "\3\4" }, table.unpack(extensions) } end }
end

local function finished(at)
  return flight(function(list) list[at].bytes = scripted.message(20, ("x"):rep(#list[at].bytes - 4)) end)
end

local CASES = {
  ["TLSv1.2"] = {
    ems_mismatch = hello(function(fields) table.remove(fields.extensions, 2) end),
    cipher_not_offered = set("cipher", 0xc0ff),
    cipher_changed = set("cipher", 0xc02b),
    version_changed = set("legacy_version", 0x0302),
    session_id_length = set("session_id", ("x"):rep(33)),
    compression = set("compression", 1),
    renegotiation = hello(function(fields) fields.extensions[1][2] = "\1x" end),
    extension_not_offered = with(0x4242, ""),
    extension_place = with(13, ""),
    extension = with(11, "x"),
    extension_twice = with(23, ""),
    new_session_ticket = { hello = function(fields) table.insert(fields.extensions, { 35, "" }) end,
      messages = function(list) list[1] = scripted.message(4, "x") end },
    message_place = { messages = function(list) list[1] = scripted.message(99, "") end },
    finished = finished(3),
    change_cipher_spec = flight(function(list) list[2].bytes = "\2" end),
    change_cipher_spec_place = flight(function(list) table.insert(list, 1, list[2]) end),
  },
  ["TLSv1.3"] = {
    legacy_version = set("legacy_version", 0x0304),
    version_not_offered = hello(function(fields) fields.extensions[1][2] = "\3\5" end),
    version_in_new_place = hello(function(fields) fields.extensions[1][2] = "\3\3" end),
    session_id_echo = set("session_id", ""),
    psk_ke = hello(function(fields) table.remove(fields.extensions, 2) end),
    psk_selected = hello(function(fields) fields.extensions[3][2] = "\0\1" end),
    key_share_missing = hello(function(fields) fields.extensions = { fields.extensions[1] } end),
    key_share_not_offered = hello(function(fields) fields.extensions[2][2] = "\0\23\0\1x" end),
    key_share = hello(function(fields) fields.extensions[2][2] = "\0\29\0\32" .. ("\0"):rep(32) end),
    alpn_not_offered = { messages = function(list)
      list[1] = scripted.encrypted_extensions { { 16, "\0\3\2h3" } }
    end },
    early_data = { skips_early_data = true, -- of the second PSK it can't be
      hello = function(fields) fields.extensions[3][2] = "\0\1" end,
      messages = function(list) list[1] = scripted.encrypted_extensions { { 42, "" } } end },
    encrypted_extensions = { messages = function(list) list[1] = scripted.message(8, "\0\9") end },
    finished = finished(3),
    retry_for_nothing = retry {},
    retry_for_same = retry { { 51, "\0\29" } },
    retry_group = retry { { 51, "\x7f\1" } },
    record_mac = flight(function(list) list[3].by = "application" end),
    record_in_clear = flight(function(list) list[2].by = "plain" end),
    empty_record = flight(function(list) list[2].bytes = "" end),
    idle_records = flight(function(list)
      for _ = 1, 33 do
        table.insert(list, 2, { content = 20, bytes = "\1", by = "plain" })
      end
    end),
    message_behind_keys = flight(function(list) list[1].bytes = list[1].bytes .. "\8\0\0\0" end),
  },
}

-- What a probe offers, so that a server's answer to it is no other violation.
local OFFERS = {
  alpn_not_offered = { alpn = { "h2" } },
  early_data = { early_data = "early", sessions = { duel.session("ticket"), duel.session("ticket") } },
}

describe("a violation", function()
  for version, cases in pairs(CASES) do
    for code, hooks in pairs(cases) do
      it(("has a code: %s, %s"):format(version, code), function()
        local answer = duel.ask("probe", version, hooks, OFFERS[code])
        assert.same({ "protocol_error", code },
          { answer.code, answer.machine:facts().violation }, tostring(answer.message))
        assert.matches("^handshake: %l", answer.message)
      end)
    end
  end

  it("is none where all went well, and where it was another failure", function()
    assert.is_nil(duel.ask("probe", "TLSv1.3", {}).machine:facts().violation)
    local alert = duel.ask("probe", "TLSv1.3", flight(function(list)
      list[2] = { content = scripted.ALERT, bytes = "\2\40", by = "handshake" }
    end))
    assert.same({ "alert" }, { alert.code, alert.machine:facts().violation })
  end)

  it("has a code and a sentence of its own, each", function()
    local source = process.read_file(process.ROOT .. "/plugin/tls/violations.c")
    local header = process.read_file(process.ROOT .. "/plugin/tls/violations.h")
    local codes, sentences, count = {}, {}, 0
    for name, code, sentence in source:gmatch('%[RS_VIOLATION_([%u_]+)%]%s*=%s*{%s*"([%l_]+)",%s*"([^"]+)') do
      assert.equal(name:lower(), code)
      assert.is_nil(codes[code] or sentences[sentence], code)
      codes[code], sentences[sentence], count = true, true, count + 1
    end
    local declared = select(2, header:gsub("RS_VIOLATION_%u", ""))
    assert.same({ declared, true }, { count, count >= 50 })
  end)
end)
