--- id-entropy and hello-size: what IDs and tickets show without a further connection.

local audit = require "spec.support.audit"
local core = require "resum.core"
local duel = require "spec.support.duel"
local evidences = require "resum.audit.evidence"
local fixtures = require "spec.support.evidence"
local hello_size = require "resum.audit.checks.hello_size"
local id_entropy = require "resum.audit.checks.id_entropy"
local listener = require "spec.support.listener"
local random = require "resum.util.random"

local function ids(count, make)
  random.seed(7)
  local list = {}
  for i = 1, count do
    list[i] = make(i)
  end
  return list
end

local function words(list)
  local found = id_entropy.decide(list)
  return audit.words({ found }), found.evidence
end

describe("id-entropy", function()
  it("is good where IDs are random, in a hundred runs", function()
    random.seed(1)
    for _ = 1, 100 do
      local list = {}
      for i = 1, 64 do
        list[i] = random.bytes(32)
      end
      local said, evidence = words(list)
      assert.same({ "good - random", 256, 0 }, { said, evidence.bits, evidence.regular_bytes })
    end
  end)

  it("finds IDs of a counter, a clock, few bytes, or with little in them", function()
    for name, make in pairs({
      counter = function(i) return ("\0"):rep(28) .. (">I4"):pack(i) end,
      little_endian = function(i) return ("<I4"):pack(1000 + 77 * i) .. ("\0"):rep(28) end,
      clock = function(i) return (">I8"):pack(1795906365000 + 13 * i) .. random.bytes(4) .. ("\0"):rep(20) end,
      side_by_side = function(i) return (">I8"):pack(2 * i - (i % 16 == 0 and 3 or 0)) .. random.bytes(7) end,
      short = function() return random.bytes(7) end,
      digits = function() return ("%08d%04d"):format(random.integer(99999999), random.integer(9999)) end,
    }) do
      assert.equal("bad high predictable", (words(ids(64, make))), name)
    end
  end)

  it("tells of a prefix where 64 bits are left", function()
    local said, evidence = words(ids(64, function() return "server-7" .. random.bytes(24) end))
    assert.same({ "info - prefix", 192, 8 }, { said, evidence.bits, evidence.regular_bytes })
    assert.equal("info - prefix", (words(ids(64, function(i) return (">I4"):pack(i) .. random.bytes(8) end))))
    assert.equal("bad high predictable", (words(ids(64, function(i) return (">I4"):pack(i) .. random.bytes(7) end))))
  end)

  it("finds IDs that come twice", function()
    local list = ids(64, function() return random.bytes(32) end)
    list[50] = list[10]
    local said, evidence = words(list)
    assert.same({ "bad high repeated", 2 }, { said, evidence.equal })
  end)

  it("needs 64 of them", function()
    assert.equal("not_applicable - too_few_ids", (words(ids(63, function(i) return (">I4"):pack(i) end))))
    assert.equal("bad high predictable", (words(ids(64, function(i) return (">I4"):pack(i) end))))
  end)

  it("looks at those of full handshakes of TLS 1.2 only", function()
    random.seed(3)
    local evidence = evidences.new()
    local function note(count, more, facts)
      for i = 1, count do
        local record = fixtures.record("session_id", {}, more)
        record.facts.session_id = (">I8"):pack(i) .. random.bytes(24)
        for name, value in pairs(facts or {}) do
          record.facts[name] = value
        end
        evidence:note(record)
      end
    end
    note(64, { outcome = "resumed" }, { session_id = "the same" })
    note(64, { version = "TLSv1.3" })
    note(64, { outcome = "alert" })
    note(64, {}, { session_id = "" })
    local function reason()
      return id_entropy.run({ evidence = evidence, options = {} })[1].reason
    end
    assert.equal("too_few_ids", reason())
    note(64)
    assert.equal("prefix", reason())
  end)

  it("makes the handshakes that are missing where it is asked for by name", function()
    local server = listener.start({ max_version = "TLSv1.2" })
    finally(server.close)
    local more = { seeds = 2, seed_mechanism = "session_id", options = { audit_checks = { "id_entropy" } } }
    local found, context = audit.run(id_entropy, server.port, more)
    assert.equal("good - random", audit.words(found))
    assert.equal(62, context:made())
    more.options = {}
    found, context = audit.run(id_entropy, server.port, more)
    assert.equal("not_applicable - too_few_ids", audit.words(found))
    assert.equal(0, context:made())
  end)
end)

local function evidence_with(length, version)
  local mechanism = version == "TLSv1.2" and "ticket" or "psk"
  return fixtures.of(2, function()
    local ticket = random.bytes(length)
    return { ticket = ticket, session = duel.session(ticket, version) }
  end, mechanism)
end

describe("hello-size", function()
  it("measures the ClientHello that offers the ticket", function()
    local small, large = duel.session(("t"):rep(200)), duel.session(("t"):rep(1200))
    assert.equal(1000, hello_size.length_of(large) - hello_size.length_of(small))
    local _, bytes = assert(core.probe({ session = small })):step()
    assert.equal(#bytes - 5, hello_size.length_of(small))
  end)

  it("compares it with a packet, without and with a hybrid key share", function()
    for _, case in ipairs({ { 220, "fits" }, { 221, "too_long_with_hybrid" }, { 1440, "too_long_with_hybrid" },
      { 1441, "too_long" } }) do
      assert.equal(case[2], hello_size.decide(case[1], 1, "psk").reason)
    end
    assert.equal("fits", hello_size.decide(1440, 1, "ticket").reason)
    assert.equal("too_long", hello_size.decide(1441, 1, "ticket").reason)
  end)

  it("tells of the tickets that were seen", function()
    assert.equal("info - too_long_with_hybrid", audit.words(hello_size.run(evidence_with(208))))
    assert.equal("info - too_long", audit.words(hello_size.run(evidence_with(1300))))
    assert.equal("info - fits", audit.words(hello_size.run(evidence_with(208, "TLSv1.2"))))
    assert.equal("not_applicable - no_tickets", audit.words(hello_size.run(evidences.new())))
  end)
end)
