-- With the fewest connections chosen, and one slow server, a mechanism met one server only for a while, in the end:
-- the keys of the others were said to be gone, though other mechanisms' offers met them later. The same balancer was
-- said to be round-robin, two servers in turns to be "at least 3", and a server that came to have changed all keys.

local explanation = require "resum.analysis.pool.explanations.rotated"
local pool = require "resum.analysis.pool"
local reader = require "resum.analysis.pool.evidence"
local words = require "resum.analysis.pool_words"

local function new_journal()
  local journal = { entries = {} }
  -- A connection of a mechanism to a server, which offers nothing, or what an earlier one brought.
  function journal.add(mechanism, server, from, outcome)
    local order = #journal.entries + 1
    journal.entries[order] = { order = order, mechanism = mechanism, design = from and "fixed" or "seed",
      outcome = from and (outcome or "refused") or "full", from = from, started = 2 * order, ended = 2 * order + 1,
      awaited = true, issued = true, sessions = 1, ticket = ("server%d"):format(server) .. ("k"):rep(9),
      ticket_length = 192, lifetime_s = 300 }
    return order
  end
  return journal
end

-- Two servers; then one of them is met only, by full handshakes for tickets.
local function one_is_left()
  local journal = new_journal()
  local first
  for i = 1, 30 do
    local order = journal.add("ticket", i % 2 + 1)
    first = first or order
    journal.add("ticket", (i + 1) % 2 + 1, order)
  end
  local psk = journal.add("psk", 1)
  for _ = 1, 40 do
    journal.add("ticket", 1)
  end
  return journal, psk
end

local function candidates(journal)
  return #explanation.fit(reader.read(journal.entries).ticket)
end

describe("a ticket key that one mechanism meets no more", function()
  it("may be gone", function()
    assert.is_true(candidates((one_is_left())) > 0)
  end)

  it("is not where another mechanism's offer meets it later", function()
    local journal, psk = one_is_left()
    journal.add("psk", 2, psk)
    assert.equal(0, candidates(journal))
  end)

  it("is not shown by who resumes its sessions, and may have it to accept only", function()
    local journal = one_is_left()
    local entries = journal.entries
    journal.add("psk", 2, 61, "resumed")
    entries[#entries].ticket, entries[#entries].sessions, entries[#entries].issued = nil, nil, nil
    assert.is_true(candidates(journal) > 0)
  end)
end)

describe("servers in turns", function()
  -- Session IDs without names, of servers in turns; `wrong` of the offers at home are refused.
  local function ids(servers, wrong)
    local entries, homes = {}, {}
    local function add(fields)
      local order = #entries + 1
      fields.order, fields.started, fields.ended = order, 2 * order, 2 * order + 1
      fields.mechanism = fields.mechanism or "session_id"
      entries[order] = fields
      return order
    end
    for i = 1, 24 do
      homes[i] = add({ design = "seed", outcome = "full", issued = true, sessions = 1,
        session_id = ("%03d"):format(i * 37):rep(11):sub(1, 32) })
    end
    local psk = add({ mechanism = "psk", design = "seed", outcome = "full" })
    for _ = 1, 40 do -- what resumes in another way
      add({ mechanism = "psk", design = "fixed", outcome = "resumed", from = psk })
    end
    local seed = 7
    for i = 1, 180 do
      seed = (seed * 48271) % 2147483647
      local from = homes[seed % 24 + 1]
      local at_home = (#entries + 1 - from) % servers == 0
      add({ design = "fixed", from = from, outcome = at_home and i % wrong > 0 and "resumed" or "refused" })
    end
    return pool.analyse(entries, { mechanisms = { "psk", "session_id" } }).mechanisms.session_id
  end

  it("are no more than turns", function()
    for servers = 2, 4 do
      for _, wrong in ipairs({ 1000, 4 }) do -- where some are refused at home it looks like more of them
        local result = ids(servers, wrong)
        assert.equal(servers, result.routing_evidence.period)
        assert.same({ servers, servers }, { result.groups, result.groups_interval[1] })
      end
    end
  end)
end)

describe("what is said", function()
  local function said(fields)
    fields.findings = {}
    local headline, evidence = words.of(fields)
    return headline, table.concat(evidence, " ")
  end

  it("of turns without a period leaves it open whether it is the fewest connections", function()
    assert.truthy(select(2, said({ verdict = "nothing_shared", routing = "round_robin" }))
      :find("takes turns, or chooses the server with the fewest connections.", 1, true))
    assert.truthy(select(2, said({ verdict = "nothing_shared", routing = "round_robin", groups = 2,
      routing_evidence = { period = 2 } })):find("is round-robin over 2 servers.", 1, true))
    assert.truthy(select(2, said({ verdict = "nothing_shared", routing = "round_robin", groups = 2,
      routing_evidence = { period = 8 } })):find("is round-robin: it starts over after every 8 connections.", 1, true))
  end)

  it("of servers that changed, or came, is not said of all", function()
    assert.equal("Some servers came, were restarted or got another ticket key while the scan ran: they do not accept "
      .. "the others' sessions.", (said({ verdict = "rotated", scope = "some" })))
    assert.equal("Ticket keys changed, or a server restarted, while the scan ran: earlier sessions are no longer "
      .. "accepted.", (said({ verdict = "rotated", scope = "all" })))
  end)
end)
