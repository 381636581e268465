-- The probe's record layer (plugin/tls/flow.c) against a server that cuts, empties, mixes and repeats records, with
-- true keys. Each case says what the probe makes of it, by the alert that it sends, and libssl where that differs in
-- kind.

local duel = require "spec.support.duel"
local scripted = require "spec.support.scripted"

local CCS, ALERT, HANDSHAKE, DATA = scripted.CHANGE_CIPHER_SPEC, scripted.ALERT, scripted.HANDSHAKE,
  scripted.APPLICATION_DATA
local UNEXPECTED_MESSAGE, BAD_RECORD_MAC, RECORD_OVERFLOW, ILLEGAL_PARAMETER, DECODE_ERROR = 10, 20, 22, 47, 50

-- A message that has no place anywhere, of so many bytes; and the most that a record takes (RFC 8446, section 5.1).
local function unknown(length)
  return scripted.message(99, ("\0"):rep(length - 4))
end
local LONGEST = 1 << 14

-- So many more records of this kind from the place `at` on.
local function insert(at, content, bytes, by, count)
  return { flight = function(flight)
    for _ = 1, count or 1 do
      table.insert(flight, at, { content = content, bytes = bytes, by = by })
    end
  end }
end

-- The first record in two, and something between the two.
local function cut(...)
  local between = { ... }
  return { flight = function(flight)
    local bytes = flight[1].bytes
    flight[1].bytes = bytes:sub(1, 20)
    table.insert(flight, 2, { content = HANDSHAKE, bytes = bytes:sub(21), by = "plain" })
    for i, record in ipairs(between) do
      table.insert(flight, 1 + i, { content = record[1], bytes = record[2], by = "plain" })
    end
  end }
end

-- Everything behind the first record in records of this many bytes.
local function crumble(size)
  return { flight = function(flight)
    local bytes = flight[2].bytes .. flight[3].bytes
    flight[2], flight[3] = nil, nil
    for from = 1, #bytes, size do
      flight[#flight + 1] = { content = HANDSHAKE, bytes = bytes:sub(from, from + size - 1), by = "handshake" }
    end
  end }
end

local function change(at, edit)
  return { flight = function(flight)
    edit(flight[at], flight)
  end }
end

-- TLS 1.3: ServerHello, EncryptedExtensions, Finished.
local NEW = {
  { "nothing odd", {}, "resumed" },
  { "a ServerHello in two records", cut(), "resumed" },
  { "a ServerHello in two records, and an empty one between them", cut({ HANDSHAKE, "" }), "resumed" },
  { "a ServerHello in two records, and a change_cipher_spec between them", cut({ CCS, "\1" }), UNEXPECTED_MESSAGE },
  { "a ServerHello in two records, and a warning between them", cut({ ALERT, "\1\112" }), "resumed" },
  { "the rest in records of one byte each", crumble(1), "resumed" },
  { "the rest in records of 7 bytes each", crumble(7), "resumed" },
  { "EncryptedExtensions and Finished in one record", change(2, function(record, flight)
    record.bytes = record.bytes .. table.remove(flight).bytes
  end), "resumed" },
  { "EncryptedExtensions in the ServerHello's record", change(1, function(record, flight)
    record.bytes = record.bytes .. table.remove(flight, 2).bytes
  end), UNEXPECTED_MESSAGE },
  { "EncryptedExtensions in the clear", change(2, function(record) record.by = "plain" end), UNEXPECTED_MESSAGE },
  { "Finished in the clear", change(3, function(record) record.by = "plain" end), UNEXPECTED_MESSAGE },
  { "Finished under the keys that come after it", change(3, function(record) record.by = "application" end),
    BAD_RECORD_MAC },
  { "something behind Finished in its record", change(3, function(record)
    record.bytes = record.bytes .. scripted.message(4, "")
  end), UNEXPECTED_MESSAGE },
  { "an empty record before everything", insert(1, HANDSHAKE, "", "plain"), "resumed" },
  { "32 empty records", insert(1, HANDSHAKE, "", "plain", 32), "resumed" },
  { "33 empty records", insert(1, HANDSHAKE, "", "plain", 33), UNEXPECTED_MESSAGE },
  { "an empty protected record", insert(2, HANDSHAKE, "", "handshake"), UNEXPECTED_MESSAGE },
  { "an empty alert", insert(2, ALERT, "", "handshake"), DECODE_ERROR },
  { "change_cipher_spec before everything", insert(1, CCS, "\1", "plain"), UNEXPECTED_MESSAGE },
  { "change_cipher_spec", insert(2, CCS, "\1", "plain"), "resumed" },
  { "32 of change_cipher_spec", insert(2, CCS, "\1", "plain", 32), "resumed" },
  { "33 of change_cipher_spec", insert(2, CCS, "\1", "plain", 33), UNEXPECTED_MESSAGE },
  { "1000 of change_cipher_spec", insert(2, CCS, "\1", "plain", 1000), UNEXPECTED_MESSAGE },
  { "change_cipher_spec with another byte", insert(2, CCS, "\2", "plain"), ILLEGAL_PARAMETER },
  { "change_cipher_spec with two bytes", insert(2, CCS, "\1\1", "plain"), ILLEGAL_PARAMETER },
  { "change_cipher_spec without a byte", insert(2, CCS, "", "plain"), ILLEGAL_PARAMETER },
  { "a protected change_cipher_spec", insert(2, CCS, "\1", "handshake"), UNEXPECTED_MESSAGE },
  { "a warning before everything", insert(1, ALERT, "\1\112", "plain"), "resumed" },
  { "a fatal alert in the clear", insert(2, ALERT, "\2\40", "plain"), UNEXPECTED_MESSAGE },
  { "a fatal alert", insert(2, ALERT, "\2\40", "handshake"), "none" },
  { "a fatal alert that calls itself a warning", insert(2, ALERT, "\1\40", "handshake"), "none" },
  { "user_canceled, which means nothing by itself", insert(2, ALERT, "\1\90", "handshake"), "resumed" },
  { "close_notify", insert(2, ALERT, "\1\0", "handshake"), "none" },
  { "two alerts in a record", insert(2, ALERT, "\1\90\1\90", "handshake"), DECODE_ERROR },
  { "half an alert", insert(2, ALERT, "\1", "handshake"), DECODE_ERROR },
  { "application data before Finished", insert(3, DATA, "data", "handshake"), UNEXPECTED_MESSAGE },
  { "application data in the clear", insert(1, DATA, "data", "plain"), UNEXPECTED_MESSAGE },
  { "a record in the clear of 2^14 + 1 bytes", insert(1, HANDSHAKE, unknown(LONGEST + 1), "plain"), RECORD_OVERFLOW },
  { "a protected record of 2^14 bytes", insert(2, HANDSHAKE, unknown(LONGEST), "handshake"), UNEXPECTED_MESSAGE },
  { "a protected record of 2^14 + 1 bytes", insert(2, HANDSHAKE, unknown(LONGEST + 1), "handshake"),
    RECORD_OVERFLOW },
  { "a protected record of 2^14 + 257 bytes", insert(2, HANDSHAKE, unknown(LONGEST + 240), "handshake"),
    RECORD_OVERFLOW },
  { "a record of an unknown type", insert(1, 24, "x", "plain"), "none", UNEXPECTED_MESSAGE },
  { "a protected record of an unknown type", insert(2, 24, "x", "handshake"), UNEXPECTED_MESSAGE },
}

-- TLS 1.2: ServerHello, change_cipher_spec, Finished.
local OLD = {
  { "nothing odd", {}, "resumed" },
  { "a ServerHello in two records", cut(), "resumed" },
  { "a ServerHello in two records, and a warning between them", cut({ ALERT, "\1\112" }), "resumed" },
  { "a ServerHello in two records, and a change_cipher_spec between them", cut({ CCS, "\1" }), UNEXPECTED_MESSAGE },
  { "Finished in two records", { flight = function(flight)
    local bytes = flight[3].bytes
    flight[3].bytes = bytes:sub(1, 7)
    flight[4] = { content = HANDSHAKE, bytes = bytes:sub(8), by = "handshake" }
  end }, "resumed" },
  { "an empty record", insert(2, HANDSHAKE, "", "plain"), "resumed" },
  { "an empty protected record", insert(3, HANDSHAKE, "", "handshake"), "resumed" },
  { "33 empty records", insert(2, HANDSHAKE, "", "plain", 33), UNEXPECTED_MESSAGE },
  { "change_cipher_spec before everything", insert(1, CCS, "\1", "plain"), UNEXPECTED_MESSAGE },
  { "change_cipher_spec twice", insert(2, CCS, "\1", "plain"), BAD_RECORD_MAC },
  { "change_cipher_spec with another byte", change(2, function(record) record.bytes = "\2" end), ILLEGAL_PARAMETER },
  { "change_cipher_spec with two bytes", change(2, function(record) record.bytes = "\1\1" end), ILLEGAL_PARAMETER },
  { "change_cipher_spec without a byte", change(2, function(record) record.bytes = "" end), ILLEGAL_PARAMETER },
  { "no change_cipher_spec", change(2, function(_, flight) table.remove(flight, 2) end), DECODE_ERROR },
  { "neither change_cipher_spec nor protection", { flight = function(flight)
    table.remove(flight, 2)
    flight[2].by = "plain"
  end }, UNEXPECTED_MESSAGE },
  { "Finished in the clear", change(3, function(record) record.by = "plain" end), BAD_RECORD_MAC },
  { "application data in the clear", insert(2, DATA, "data", "plain"), UNEXPECTED_MESSAGE },
  { "application data before Finished", insert(3, DATA, "data", "handshake"), UNEXPECTED_MESSAGE },
  { "a warning", insert(1, ALERT, "\1\112", "plain"), "resumed" },
  { "a record in the clear of 2^14 bytes", insert(1, HANDSHAKE, unknown(LONGEST), "plain"), UNEXPECTED_MESSAGE },
  { "a record in the clear of 2^14 + 1 bytes", insert(1, HANDSHAKE, unknown(LONGEST + 1), "plain"), RECORD_OVERFLOW },
  { "a protected record of 2^14 bytes", insert(3, HANDSHAKE, unknown(LONGEST), "handshake"), UNEXPECTED_MESSAGE },
  { "a protected record of 2^14 + 1 bytes", insert(3, HANDSHAKE, unknown(LONGEST + 1), "handshake"),
    RECORD_OVERFLOW },
  { "an alert of neither level", insert(1, ALERT, "\3\112", "plain"), ILLEGAL_PARAMETER },
  { "a fatal alert", insert(2, ALERT, "\2\40", "plain"), "none" },
  { "close_notify", insert(2, ALERT, "\1\0", "plain"), "none" },
  { "a record of an unknown type", insert(1, 24, "x", "plain"), "none", UNEXPECTED_MESSAGE },
}

for version, cases in pairs { ["TLSv1.3"] = NEW, ["TLSv1.2"] = OLD } do
  describe(version .. " records:", function()
    for _, case in ipairs(cases) do
      it(case[1], function()
        duel.assert_case(version, case)
      end)
    end

    it("all of it byte by byte is the same to the probe", function()
      for _, case in ipairs(cases) do
        assert.equal(case[3], duel.ask("probe", version, case[2], { chunk = "byte" }).verdict, case[1])
      end
    end)
  end)
end

describe("a probe", function()
  -- A machine that has the server's first record, or more of them, and waits for more.
  local function waiting(version, count)
    return duel.ask("probe", version, { flight = function(flight)
      for i = #flight, (count or 1) + 1, -1 do
        flight[i] = nil
      end
    end }).machine
  end

  it("has no proof in a promise: what it was told in the ServerHello is no resumption", function()
    for _, version in ipairs({ "TLSv1.2", "TLSv1.3" }) do
      local facts = waiting(version):facts()
      assert.same({ version, false, false }, { facts.version, facts.reused, facts.finished })
      assert.is_nil(facts.proof)
    end
  end)

  it("tells the server's alert by its name, also where it calls itself a warning in TLS 1.3", function()
    for _, level in ipairs({ "\1", "\2" }) do
      local answer = duel.ask("probe", "TLSv1.3", insert(2, ALERT, level .. "\40", "handshake"))
      assert.same({ "alert", "handshake: the server sent the alert handshake_failure (40)" },
        { answer.code, answer.message })
    end
  end)

  it("is closed in the middle by close_notify: that is no end in order", function()
    for version, by in pairs({ ["TLSv1.2"] = "plain", ["TLSv1.3"] = "handshake" }) do
      local answer = duel.ask("probe", version, insert(2, ALERT, "\1\0", by))
      assert.same({ "closed", "handshake: the server sent close_notify in the middle" },
        { answer.code, answer.message })
    end
  end)

  it("waits for no record that is too long: in the clear, protected, in TLS 1.3 (RFC 8446, 5.1 and 5.2)", function()
    for _, case in ipairs({ { "TLSv1.2", 1, 0 }, { "TLSv1.2", 2, 2048 }, { "TLSv1.3", 1, 256 } }) do
      local version, records, more = table.unpack(case)
      local header = version == "TLSv1.3" and "\23\3\3" or "\22\3\3"
      assert.equal("want", (waiting(version, records):step(header .. (">I2"):pack(LONGEST + more))))
      local state, _, message = waiting(version, records):step(header .. (">I2"):pack(LONGEST + more + 1))
      assert.same({ nil, "handshake: a record is too long" }, { state, message })
    end
  end)

  it("waits for no message of more than 128 KiB", function()
    local state, _, message = waiting("TLSv1.2"):step("\22\3\3" .. (">s2"):pack("\4" .. (">I3"):pack(131073)))
    assert.same({ nil, "handshake: a handshake message is too long" }, { state, message })
  end)
end)

describe("a change_cipher_spec behind Finished of TLS 1.3", function()
  local ONE = "\20\3\3\0\1\1"

  local function select_failure(state, alert, _, code)
    return state, alert, code
  end

  it("is refused by the probe, where it still reads (RFC 8446, section 5)", function()
    local machine = duel.ask("probe", "TLSv1.3", {}, { tickets = true }).machine
    local state, alert, _, code = machine:step(ONE)
    assert.same({ nil, "protocol_error" }, { state, code })
    assert.is_true(#alert > 0 and machine:facts().reused)
  end)

  -- Since 3.2 its record layer takes a client's first records behind Finished for a part of the handshake still, and
  -- drops some 30.
  it("is refused by libssl, at once up to 3.1, after some since then", function()
    local machine = duel.ask("handshake", "TLSv1.3", {}, { tickets = true }).machine
    local state, alert, code, count = "established", nil, nil, 0
    while state == "established" and count < 40 do
      state, alert, code = select_failure(machine:step(ONE))
      count = count + 1
    end
    assert.same({ nil, "protocol_error" }, { state, code })
    assert.is_true(#alert > 0 and machine:facts().reused)
    assert.is_true(count == 1 or count > 30, count .. " records")
  end)
end)

describe("a probe that has its answer", function()
  it("is not talked out of it by what comes after", function()
    local machine = duel.ask("probe", "TLSv1.2", {}, { max_bytes = 4000 }).machine
    assert.same({ "established", "" }, { machine:step(("x"):rep(5000)) })
    assert.is_true(machine:facts().reused)
    local refused = duel.ask("probe", "TLSv1.2", { hello = function(hello) hello.session_id = "" end,
      messages = function(list) list[1] = scripted.message(11, "\0\0\0") end }, { max_bytes = 4000 })
    assert.equal("refused", refused.verdict)
    assert.same({ "refused", "" }, { refused.machine:step(("x"):rep(5000)) })
  end)
end)

describe("a probe under a flood", function()
  -- Seconds that it takes to read these records.
  local function seconds(record, count)
    local machine = duel.ask("probe", "TLSv1.2", { flight = function(flight)
      for i = #flight, 2, -1 do
        flight[i] = nil
      end
    end }, { max_bytes = 1 << 20 }).machine
    local bytes, started = record:rep(count), os.clock()
    machine:step(bytes)
    return os.clock() - started
  end

  it("of tiny messages or records is done with a mebibyte in a moment", function()
    local hello_requests = "\22\3\3" .. (">s2"):pack(("\0"):rep(16384))
    assert.is_true(seconds(hello_requests, 60) < 1)
    assert.is_true(seconds("\21\3\3\0\2\1\112", 140000) < 1)
  end)
end)
