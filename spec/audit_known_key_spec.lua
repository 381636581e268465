--- Tickets whose key everybody knows, and tickets that can be read without one: libssl's own servers with key files
-- that are bad, and with one that is good; and tickets made by hand.

local core = require "resum.core"
local evidences = require "spec.support.evidence"
local finding = require "resum.audit.finding"
local known_key = require "resum.audit.checks.known_key"
local known_keys = require "resum.audit.tickets.known_keys"
local memory = require "spec.support.memory"
local ticket_bytes = require "resum.audit.tickets.bytes"
local ticket_content = require "resum.audit.checks.ticket_content"

local CIPHER = "TLS_AES_128_GCM_SHA256"

-- Evidence of so many visits to a server of libssl's.
local function visits(options, count)
  local evidence = require("resum.audit.evidence").new()
  local server = memory.server(options)
  for _ = 1, count or 4 do
    local seen = memory.connect(server)
    local tickets = {}
    for i, one in ipairs(seen.facts.tickets) do
      tickets[i] = one
    end
    evidence:note({ mechanism = "ticket", outcome = "full", engine = "handshake", version = seen.facts.version,
      cipher = seen.facts.cipher, sessions = seen.client:sessions(), facts = seen.facts, timing = {} })
    assert(#tickets > 0)
  end
  return evidence
end

local function words(check, evidence)
  local list = {}
  for i, found in ipairs(check.run(evidence)) do
    local one = finding.make(check, found) -- as the reports get it
    list[i] = ("%s %s %s"):format(one.verdict, one.severity, one.reason)
  end
  return table.concat(list, ", ")
end

local ZEROS, RANDOM = ("\0"):rep(80), evidences.fresh(80)

-- Tickets with a session whose secret each knows.
local function with_secrets(count, make)
  return evidences.of(count, function(i, j)
    local secret = evidences.fresh(32)
    local ticket = make(secret, i, j)
    return { ticket = ticket, session = core.session { version = "TLSv1.3", cipher = CIPHER, secret = secret,
      ticket = ticket } }
  end)
end

describe("the check known-key", function()
  for _, version in ipairs({ "TLSv1.2", "TLSv1.3" }) do
    it("finds a key file of zeros in " .. version .. ", and none in one of random bytes", function()
      local options = { min_version = version, max_version = version }
      options.ticket_keys = ZEROS
      assert.equal("bad critical known_key", words(known_key, visits(options)))
      options.ticket_keys = RANDOM
      assert.equal("info info none_known", words(known_key, visits(options)))
      options.ticket_keys = nil
      assert.equal("info info none_known", words(known_key, visits(options)))
    end)
  end

  it("finds an HMAC key that is known, beside an AES key that is not", function()
    assert.equal("bad high known_mac_key",
      words(known_key, visits({ ticket_keys = RANDOM:sub(1, 16) .. ("\0"):rep(32) .. RANDOM:sub(49) })))
  end)

  it("finds a key file that counts from zero", function()
    local counting = {}
    for i = 0, 79 do
      counting[#counting + 1] = string.char(i)
    end
    local found = known_key.run(visits({ ticket_keys = table.concat(counting) }))[1]
    assert.same({ "known_key", "counting from 0x30" }, { found.reason, found.evidence.key })
  end)

  it("says where the secret stands, and what opened it", function()
    local evidence = known_key.run(visits({ ticket_keys = ZEROS, max_version = "TLSv1.2" }))[1].evidence
    assert.same({ "zeros", "AES-256-CBC", 16, 32, 17, 4, 4 }, { evidence.key, evidence.cipher, evidence.iv_offset,
      evidence.ciphertext_offset, evidence.secret_offset, evidence.opened, evidence.tickets })
  end)

  it("names the group of the one server of three that has the known key", function()
    local all = require("resum.audit.evidence").new()
    local servers = {}
    for i, keys in ipairs({ ZEROS, RANDOM, evidences.fresh(80) }) do
      servers[i] = memory.server({ ticket_keys = keys, max_version = "TLSv1.2" })
    end
    for i = 0, 8 do
      local seen = memory.connect(servers[i % 3 + 1])
      all:note({ mechanism = "ticket", outcome = "full", engine = "handshake", version = "TLSv1.2", timing = {},
        sessions = seen.client:sessions(), facts = seen.facts })
    end
    local found = known_key.run(all)
    assert.equal(1, #found)
    assert.same({ "known_key", "A", 1 / 3, 3 }, { found[1].reason, found[1].group, found[1].share,
      found[1].evidence.opened })
  end)

  it("has each key once, of 16 bytes at least, under a name of its own", function()
    local names, bytes = {}, {}
    for _, one in ipairs(known_keys.list) do
      assert.is_nil(names[one[1]])
      assert.is_nil(bytes[one[2]], one[1])
      assert.is_true(#one[2] >= 16)
      names[one[1]], bytes[one[2]] = true, true
    end
  end)

  it("has nothing to try where no tickets are issued", function()
    assert.equal("not_applicable info no_tickets", words(known_key, evidences.of(0)))
    assert.equal("inconclusive info too_few_tickets", words(known_key, evidences.of(2)))
  end)
end)

describe("the check ticket-content", function()
  it("finds nothing in what libssl issues", function()
    assert.equal("good info nothing_readable", words(ticket_content, visits({})))
    assert.equal("good info nothing_readable", words(ticket_content, visits({ tickets = false })))
    assert.equal("not_applicable info no_tickets", words(ticket_content, evidences.of(0)))
  end)

  it("finds the secret in clear, which known-key leaves to it", function()
    local evidence = with_secrets(2, function(secret)
      return evidences.fresh(32) .. secret .. evidences.fresh(12)
    end)
    assert.equal("bad critical secret", words(ticket_content, evidence))
    assert.equal(32, ticket_content.run(evidence)[1].evidence.offset)
    assert.equal("not_applicable info readable", words(known_key, evidence))
  end)

  it("finds text behind the key's name, longer than chance makes it", function()
    local function named(text)
      return evidences.of(4, function()
        return { ticket = "a name of letters!"  .. "\0" .. evidences.fresh(100) .. "\1" .. text .. "\1" }
      end)
    end
    assert.equal("bad medium text", words(ticket_content, named("alice@example.com, 2026")))
    assert.equal("good info nothing_readable", words(ticket_content, named("alice@example")))
  end)

  it("asks for longer text where more was searched: below one in a million", function()
    for _, bytes in ipairs({ 200, 10000, 1000000 }) do
      local run = ticket_bytes.least_run(bytes)
      assert.is_true(run == 16 or bytes * (161 / 256) * (95 / 256) ^ run <= 1e-6)
      assert.is_true(run >= 16 and run < 30)
    end
    assert.is_true(ticket_bytes.least_run(200) >= 19)
    assert.is_true(ticket_bytes.least_run(1000000) > ticket_bytes.least_run(10000))
  end)

  it("finds a certificate", function()
    local der = "0\x82\3\1" .. "0\x82\1\xe9" .. evidences.fresh(40) .. "\x06\x03\x55\x04\3" .. evidences.fresh(90)
    local function with(part)
      return evidences.of(4, function()
        return { ticket = evidences.fresh(50) .. part }
      end)
    end
    assert.equal("bad medium certificate", words(ticket_content, with(der)))
    assert.equal("good info nothing_readable", words(ticket_content, with("0\x82\3\1" .. evidences.fresh(90))))
    assert.equal("good info nothing_readable", words(ticket_content, with("0\x82\3\1" .. "0\x82\1\xe9"
      .. evidences.fresh(90)))) -- lengths without the attribute of a name
  end)

  local function address(low)
    return ("<I8"):pack(0x7f3a5c000000 + low)
  end

  it("finds two addresses in every ticket, or one that changes; not one that never does", function()
    local function of(make)
      return words(ticket_content, evidences.of(2, function(i, j)
        return { name = make(2 * i + j) }
      end))
    end
    assert.equal("bad high addresses", of(function() return address(0xdf420) .. address(0xc88af0) end))
    assert.equal("bad high addresses", of(function(n) return address(n * 4096) .. ("x"):rep(8) end))
    assert.equal("good info nothing_readable", of(function() return address(0xdf420) .. ("x"):rep(8) end))
    assert.equal("good info nothing_readable", of(function(n)
      return (n % 2 == 1 and ("y"):rep(8) or address(1)) .. ("x"):rep(8)
    end))
  end)

  it("lets addresses name no servers", function()
    local evidence = evidences.of(6, function(i)
      return { name = address(i * 4096) .. address(i * 512) }
    end)
    local group = evidence:group_of({ 1 })
    assert.is_nil(group)
  end)
end)
