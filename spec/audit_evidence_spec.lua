--- What all connections have shown: which session holds a ticket's secret, which group of servers showed something, and
-- with what share; and the other ways to the servers of a target.

local duel = require "spec.support.duel"
local evidences = require "resum.audit.evidence"
local made = require "spec.support.evidence"
local reaches = require "resum.audit.reach"

local A, B = ("A"):rep(16), ("B"):rep(16) -- names of keys

-- A full handshake, or a resumed one, with a ticket under a key of this name.
local function record(mechanism, name, outcome)
  return made.record(mechanism, { made.ticket({ name = name }) }, { outcome = outcome })
end

describe("the evidence", function()
  it("joins each ticket and the session that holds its secret, whatever their order", function()
    local evidence = evidences.new()
    local first, second = duel.session("one"), duel.session("two")
    local tickets = {}
    for i, bytes in ipairs({ "two", "one", "two" }) do
      tickets[i] = made.ticket({ ticket = bytes })
    end
    evidence:note(made.record("psk", tickets, { sessions = { first, second } }))
    local seen = evidence:tickets_of("psk")
    assert.same({ second, first }, { seen[1].session, seen[2].session })
    assert.is_nil(seen[3].session) -- each once
    assert.same({}, evidence:tickets_of("ticket"))
  end)

  it("tells full handshakes, also those that were offered a session in vain, from resumed ones", function()
    local evidence = evidences.new()
    for _, outcome in ipairs({ "full", "refused", "resumed" }) do
      evidence:note(record("psk", A, outcome))
    end
    local tickets = evidence:tickets_of("psk")
    assert.same({ true, true, false }, { tickets[1].is_full, tickets[2].is_full, tickets[3].is_full })
  end)

  it("names the one group that showed something, and its share; of all together the share alone", function()
    local evidence = evidences.new()
    for _, name in ipairs({ A, A, A, B }) do
      evidence:note(record("ticket", name))
    end
    assert.same({ "B", 0.25 }, { evidence:group_of({ 4 }) })
    assert.same({ "A", 0.75 }, { evidence:group_of({ 1, 3 }) })
    local group, share = evidence:group_of({ 2, 4 })
    assert.same({ nil, 1 }, { group, share })
  end)

  it("has groups of each mechanism by itself, and takes shares of members from full handshakes", function()
    local evidence = evidences.new()
    for _, name in ipairs({ A, B, A, B }) do
      evidence:note(record("ticket", name))
    end
    for _, outcome in ipairs({ "full", "resumed", "resumed" }) do
      evidence:note(record("psk", A, outcome))
    end
    assert.same({ { letter = "A", share = 0.5, count = 2 }, { letter = "B", share = 0.5, count = 2 } },
      evidence:members("ticket"))
    evidence:note(record("ticket", A, "resumed"))
    assert.equal(0.5, evidence:members("ticket")[1].share)
    assert.equal(1, #evidence:members("psk"))
    local group, share = evidence:group_of({ 5 })
    assert.same({ nil, 1 }, { group, share })
  end)

  it("counts each place of strict turns once, however often it was met", function()
    local evidence = evidences.new()
    evidence.turns = { period = 3, at = {} }
    for i, at in ipairs({ 1, 2, 3, 5, 6, 8, 9, 4 }) do -- the second and the third were met three times
      evidence:note(record("ticket", at % 3 == 1 and A or B))
      evidence.turns.at[i] = at
    end
    local list = evidence:members("ticket")
    assert.equal(2, #list)
    assert.near(1 / 3, list[1].share, 1e-9)
    assert.near(1 / 3, select(2, evidence:group_of({ 1 })), 1e-9)
  end)

  it("keeps a bounded number of tickets", function()
    local evidence = evidences.new()
    local many = {}
    for i = 1, 8200 do
      many[i] = { ticket = ("%016d"):format(i):rep(2), lifetime_s = 1 }
    end
    evidence:note(made.record("ticket", many))
    assert.equal(8192, #evidence.tickets)
  end)
end)

describe("the reach of an audit", function()
  local ENDPOINT = { address = "192.0.2.1", port = 443, server_name = "a.example", name = "a.example" }

  local function reach(found, more)
    local options = { host = {}, contexts = {} }
    for name, value in pairs(more or {}) do
      options[name] = value
    end
    return reaches.new({ addresses = function() return found end }, ENDPOINT, options,
      { "192.0.2.1", "192.0.2.2", "192.0.2.3" })
  end

  it("meets another name at the target's address where the name has it, or none; else at its first", function()
    for _, case in ipairs({ { { "192.0.2.9", "192.0.2.1" }, "192.0.2.1" },
      { { "192.0.2.8", "192.0.2.9" }, "192.0.2.8" },
      { nil, "192.0.2.1" }, { { "192.0.2.8", resolved_by = "proxy" }, "192.0.2.1" } }) do
      local other = reach(case[1], { audit_names = { "b.example:8443" } }):others()[1]
      assert.same({ "b.example", 8443, case[2], "b.example:8443" },
        { other.host, other.port, other.address, other.name })
    end
    local other = reach({ "192.0.2.1" }, { audit_names = { "b.example.{192.0.2.7}" } }):others()[1]
    assert.same({ "b.example", 443, "192.0.2.7" }, { other.host, other.port, other.address })
  end)

  it("knows the next address of the name, and none where there is one only", function()
    local all = reach({})
    assert.same({ "192.0.2.2" }, all:addresses())
    all.endpoint = { address = "192.0.2.3" }
    assert.same({ "192.0.2.1" }, all:addresses())
    all.all_addresses = { "192.0.2.3" }
    assert.same({}, all:addresses())
  end)

  it("makes clients of another name, and of no certificate", function()
    local own = reach({}, { identity = "ours" })
    local other = own:client({ host = "b.example", address = "192.0.2.7", port = 8443 })
    assert.same({ "b.example", "192.0.2.7", 8443 }, { other.server_name, other.address, other.port })
    assert.is_nil(own:client({ host = "192.0.2.7" }).server_name)
    assert.equal("a.example", own:client().server_name)
    assert.equal("ours", own:client().identity)
    assert.is_not.equal("ours", own:client(nil, { anonymous = true }).identity)
    assert.equal("a.example", ENDPOINT.server_name)
  end)
end)
