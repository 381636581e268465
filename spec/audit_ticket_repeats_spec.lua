--- Tickets that repeat what must be fresh: each fault beside the server in order.

local core = require "resum.core"
local evidences = require "spec.support.evidence"
local ticket_repeats = require "resum.audit.checks.ticket_repeats"

local function findings(evidence)
  local list = {}
  for i, found in ipairs(ticket_repeats.run(evidence)) do
    list[i] = found
    assert.is_truthy(ticket_repeats.reasons[found.reason] or found.reason == "too_few_tickets")
  end
  return list
end

local function reasons(evidence)
  local names = {}
  for i, found in ipairs(findings(evidence)) do
    names[i] = ("%s %s %s"):format(found.verdict, found.severity or "-", found.reason)
  end
  return table.concat(names, ", ")
end

-- In a handshake where i is odd, of 0x7fffffff and so on: a value that all tickets have.
local function always(fields)
  return function()
    return fields
  end
end

describe("the check ticket-repeats", function()
  it("finds nothing in tickets that are fresh, and says of how many", function()
    local found = findings(evidences.of(4))
    assert.equal("good - fresh", reasons(evidences.of(4)))
    assert.equal(8, found[1].evidence.tickets)
  end)

  it("calls no tickets fresh of which it saw fewer than eight", function()
    assert.equal("inconclusive - too_few_tickets", reasons(evidences.of(3)))
    assert.equal("not_applicable - no_tickets", reasons(evidences.of(0)))
  end)

  it("finds tickets that are equal, and does not count them as repeating all else", function()
    assert.equal("bad medium equal_tickets", reasons(evidences.of(4, function(_, j)
      return { ticket = ("t"):rep(32), age_add = 7, nonce = tostring(j) }
    end)))
  end)

  local function with_secret(secret, ticket)
    return { ticket = ticket, session = core.session { version = "TLSv1.3", cipher = "TLS_AES_128_GCM_SHA256",
      secret = secret, ticket = ticket } }
  end

  local function xor(a, b)
    local bytes = {}
    for i = 1, #a do
      bytes[i] = string.char(a:byte(i) ~ b:byte(i))
    end
    return table.concat(bytes)
  end

  it("finds two tickets under one keystream, unless the secret stands there in clear", function()
    local stream = evidences.fresh(32)
    local function encrypted(with)
      return function()
        local secret = evidences.fresh(32)
        return with_secret(secret, evidences.fresh(32) .. xor(secret, with or evidences.fresh(32)))
      end
    end
    assert.equal("bad high keystream", reasons(evidences.of(4, encrypted(stream))))
    assert.equal("good - fresh", reasons(evidences.of(4, encrypted())))
    assert.equal("good - fresh", reasons(evidences.of(4, encrypted(("\0"):rep(32))))) -- ticket-content's business
  end)

  it("finds one secret for the sessions of different connections, not of one", function()
    local secret = evidences.fresh(32)
    assert.equal("bad critical same_secret", reasons(evidences.of(4, function()
      return with_secret(secret, evidences.fresh(100))
    end)))
    local own = {}
    assert.equal("good - fresh", reasons(evidences.of(4, function(i)
      own[i] = own[i] or evidences.fresh(32)
      return with_secret(own[i], evidences.fresh(100))
    end)))
  end)

  it("finds an IV that changes and comes back, not one that never changes", function()
    local iv = evidences.fresh(16)
    assert.equal("bad medium equal_iv", reasons(evidences.of(4, function(i)
      return { iv = i > 2 and iv or nil }
    end)))
    assert.equal("good - fresh", reasons(evidences.of(4, always({ iv = iv }))))
  end)

  it("compares IVs under one key's name only", function()
    local iv = evidences.fresh(16)
    assert.equal("good - fresh", reasons(evidences.of(4, function(i)
      return { iv = i > 3 and iv or nil, name = ("%016d"):format(i) }
    end, "ticket")))
  end)

  it("finds a constant ticket_age_add", function()
    assert.equal("bad low equal_age_add", reasons(evidences.of(4, always({ age_add = 0 }))))
  end)

  it("takes one pair for chance where there are many tickets, and three for none", function()
    local function equal(count)
      return function(i, j)
        local number = 2 * (i - 1) + j
        return { age_add = number <= count and 4711 or 100000 + number }
      end
    end
    assert.equal("bad low equal_age_add", reasons(evidences.of(45, equal(2))))
    assert.equal("good - fresh", reasons(evidences.of(46, equal(2))))
    assert.equal("bad low equal_age_add", reasons(evidences.of(46, equal(3))))
  end)

  it("finds one nonce for two tickets of a connection, not the same nonces on each", function()
    assert.equal("bad low equal_nonce", reasons(evidences.of(4, always({ nonce = "\0" }))))
    assert.equal("good - fresh", reasons(evidences.of(4, function(_, j)
      return { nonce = string.char(j) }
    end)))
  end)

  it("finds what tickets promise beyond their bounds", function()
    assert.equal("good - fresh", reasons(evidences.of(4, always({ lifetime_s = 604800 }))))
    assert.equal("bad low long_lifetime", reasons(evidences.of(4, always({ lifetime_s = 604801 }))))
    assert.equal("good - fresh", reasons(evidences.of(4, always({ lifetime_s = 2147483647 }), "ticket"))) -- a hint
    assert.equal("bad low unbounded_early_data", reasons(evidences.of(4, always({ max_early_data = 0xffffffff }))))
    assert.equal("good - fresh", reasons(evidences.of(4, always({ max_early_data = 0xfffffffe }))))
  end)

  it("tells of the flag for other names, and of no other", function()
    local function flags(body)
      return always({ extensions = { { type = 62, body = body } } })
    end
    assert.equal("info - across_names", reasons(evidences.of(4, flags("\2\0\1"))))
    for _, other in ipairs({ "\2\1\0", "\1\1", "", "\2\0", "\3\0\1" }) do
      assert.equal("good - fresh", reasons(evidences.of(4, flags(other))))
    end
  end)

  it("names the group of the server that does it, and its share", function()
    local found = findings(evidences.of(12, function(i)
      return { name = (("ABC"):sub(i % 3 + 1, i % 3 + 1)):rep(16), age_add = i % 3 == 1 and 1 or nil }
    end))
    assert.equal("equal_age_add", found[1].reason)
    assert.equal("A", found[1].group)
    assert.equal(1 / 3, found[1].share)
  end)
end)
