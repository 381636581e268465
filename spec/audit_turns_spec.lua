--- Servers with keys of their own that take strict turns: their number is found out, a session waits for the turn of
-- the server that made it, and what one of them does is found with its share. Where no session ever meets its server,
-- nothing is called good.

local contexts = require "resum.audit.context"
local evidences = require "spec.support.evidence"
local faulty = require "spec.support.faulty"
local poll = require "resum.audit.poll"
local resum = require "resum"
local turns = require "resum.audit.turns"

-- A context of servers that are chosen by a rule: choose(number of the connection) -> which server. A session resumes
-- at the one that made it.
local function context_of(choose, share)
  local client = { connections = 0, address = "192.0.2.1", port = 443, host = { now = function() return 0 end },
    cancelled = function() return false end, expired = function() return false end, offered = {} }
  function client.attempt(_, options)
    client.connections = client.connections + 1
    local own = choose(client.connections)
    local offered = options.session
    local record = { outcome = offered and (offered.server == own and "resumed" or "refused") or "full",
      mechanism = options.mechanism, sessions = {}, facts = { tickets = { { ticket = "t", lifetime_s = 100 } } } }
    if offered then
      client.offered[#client.offered + 1] = record.outcome
    else
      record.sessions[1] = { server = own, fields = function() return {} end }
    end
    return record
  end
  local entry = { support = { psk = { resumed = 1, refused = math.floor(1 / share) - 1, attempted = 1 } } }
  return contexts.new({ client = client, options = { retries = 0, mechanisms = { "psk" } }, entry = entry,
    evidence = evidences.of(0) }, turns.CONNECTIONS)
end

local function in_turns_of(period)
  return function(number)
    return number % period
  end
end

local function find(context)
  local fine, raised = pcall(turns.find, context)
  assert(fine or contexts.stopped(raised), raised)
  return context.turns
end

describe("strict turns", function()
  for period = 2, turns.MOST_PERIOD do
    it(("are found out where servers take them: %d"):format(period), function()
      local context = context_of(in_turns_of(period), 1 / period)
      assert.equal(period, find(context).period)
      assert.is_false(context.turns.unmet)
      assert.is_true(context:made() <= turns.CONNECTIONS, context:made())
    end)
  end

  it("are not found where turns are longer, and then no session has met its server", function()
    for _, period in ipairs({ turns.MOST_PERIOD + 1, 11, 13 }) do
      local found = find(context_of(in_turns_of(period), 1 / period))
      assert.is_nil(found.period)
      assert.is_true(found.unmet)
    end
  end)

  it("are taken for none where servers take turns at random, but once in 1,000 times", function()
    for _, servers in ipairs({ 2, 3 }) do
      local found = 0
      for _ = 1, 2000 do
        local context = context_of(function() return math.random(servers) end, 1 / servers)
        found = found + (find(context).period and 1 or 0)
      end
      assert.is_true(found <= 9, found) -- of 2 that are to be expected: more with 5 in 100,000
    end
  end)

  it("are not looked for where all sessions resume", function()
    local context = context_of(in_turns_of(1), 1)
    assert.is_nil(find(context).period)
    assert.equal(0, context:made())
  end)

  it("are waited for by what is offered, altered or not, and by nothing else", function()
    local context = context_of(in_turns_of(5), 1 / 5)
    find(context)
    context.budget = math.huge
    local client = context.client
    local session = context:session("psk")
    client.offered = {}
    assert.equal("resumed", context:attempt({ mechanism = "psk", session = session }).outcome)
    context:attempt({ mechanism = "psk" })
    local altered = { server = session.server }
    assert.equal("resumed", context:attempt({ mechanism = "psk", session = altered, origin = session }).outcome)
    context:attempt({ mechanism = "psk" })
    context:on_behalf_of(session, function()
      assert.equal("resumed", context:attempt({ mechanism = "psk", session = altered }).outcome)
    end)
    assert.equal(3, #client.offered) -- the others in between have offered nothing
    local before = context:made()
    context:attempt({ mechanism = "psk", session = altered, origin = false })
    assert.equal(before + 1, context:made())
  end)
end)

describe("a question to servers in strict turns", function()
  local function ask(period, question)
    local context = context_of(in_turns_of(period), 1 / period)
    find(context)
    context.budget = poll.CONNECTIONS + context:made()
    return poll.ask(context, "psk", function(session)
      local outcome = context:attempt({ mechanism = "psk", session = session, altered = true }).outcome
      return question(session, outcome)
    end)
  end

  it("comes to each of them twice", function()
    for period = 2, turns.MOST_PERIOD do
      local met = {}
      local answer, where = ask(period, function(session, outcome)
        met[session.server] = outcome == "resumed"
        return false
      end)
      assert.is_false(answer)
      assert.equal(2 * period, where.asked)
      for server = 0, period - 1 do
        assert.is_true(met[server])
      end
    end
  end)

  it("finds the one that does otherwise, with its share", function()
    for _, period in ipairs({ 2, 3, 8 }) do
      local answer, where = ask(period, function(session, outcome)
        return outcome == "resumed" and session.server == 1
      end)
      assert.is_true(answer)
      assert.near(1 / period, where.share, 0.15)
    end
  end)

  it("is not answered by strangers where one connection came in between that nobody counted", function()
    for _, after in ipairs({ 0, 1, 3, 4 }) do
      local from
      local context = context_of(function(number)
        return (number + (from and number > from and 1 or 0)) % 3
      end, 1 / 3)
      find(context)
      context.budget = math.huge
      from = context:made() + after
      local answer = poll.ask(context, "psk", function(session)
        local outcome = context:attempt({ mechanism = "psk", session = session, altered = true }).outcome
        return outcome == "resumed" and session.server == 1
      end)
      assert.is_not_false(answer, after)
    end
  end)

  it("says nothing where a session that is offered as it is does not resume any more", function()
    local broken = false
    local context = context_of(function(number)
      return broken and -number or number % 3
    end, 1 / 3)
    find(context)
    context.budget = math.huge
    broken = true
    local answer, where = poll.ask(context, "psk", function(session)
      context:attempt({ mechanism = "psk", session = session })
      return false
    end)
    assert.is_nil(answer)
    assert.equal("not_met", where.why)
  end)
end)

describe("a question to servers that take turns at random", function()
  local function ask(servers)
    local context = context_of(function() return math.random(servers) end, 1 / servers)
    context.budget = math.huge
    return poll.ask(context, "psk", function(session)
      return context:attempt({ mechanism = "psk", session = session }).outcome == "unheard of"
    end)
  end

  it("is not answered where one is met too seldom", function()
    assert.is_false((ask(2)))
    local answer, where = ask(10)
    assert.is_nil(answer)
    assert.equal("not_met", where.why)
  end)
end)

-- Fault, check, reason.
local FAULTS = {
  { "ems_lost", "ems", "loses" },
  { "unauthenticated", "tampered", "unauthenticated" },
  { "without_exchange", "forward-secrecy", "without_exchange" },
  { "prefers_none", "forward-secrecy", "prefers_none" },
  { "unchecked_binder", "binder", "not_checked" },
  { "missing_binder", "binder", "no_binder" },
  { "no_modes", "binder", "resumes_without_modes" },
  { "misplaced_psk", "binder", "resumes_misplaced" },
  { "zero_secret", "zero-secret", "zero_secret" },
  { "replay", "early-data", "replayed" },
  { "age", "early-data", "age_not_checked" },
  { "early_other_protocol", "early-data", "other_protocol" },
  { "ticketbleed", "ticketbleed", "leaks" },
  { "ems_gained", "ems", "gains" },
  { "other_cipher", "resume-rules", "other_cipher" },
  { "other_hash", "resume-rules", "other_hash" },
  { "kept_protocol", "resume-rules", "other_protocol" },
  { "unknown_alert", "unknown-ticket", "fails" },
}

-- The findings of a pool of so many, the second of which has a fault.
local function audit(count, fault, checks)
  local list = {}
  for i = 1, count do
    list[i] = faulty.new(i == 2 and { fault } or {})
  end
  local pool = faulty.listen(list, "strict")
  local result = assert(resum.audit(pool.address, { audit_checks = checks, intrusive = true, sni = "a.example" }))
  pool.close()
  assert.same({}, pool.errors())
  return result.addresses[1].audit
end

describe("a fault of one of three in strict turns", function()
  for i, case in ipairs(FAULTS) do
    it(("is found with the share of that one: %s%s"):format(case[1], i == 1 and "" or " #heavy"), function()
      local share, told = -1, {}
      for n, one in ipairs(audit(3, case[1], { case[2] })) do
        share, told[n] = one.reason == case[3] and (one.share or 1) or share, ("%s %s"):format(one.id, one.reason)
      end
      assert.near(1 / 3, share, 0.01, table.concat(told, ", "))
    end)
  end

  it("is not found where there is none, and what is good is called good", function()
    for _, one in ipairs(audit(3, nil, { "ems", "resume-rules", "binder", "zero-secret", "forward-secrecy",
      "ticketbleed" })) do
      assert.is_true(one.verdict == "good" or one.reason == "by_ticket_key", one.id .. " " .. one.reason)
    end
  end)
end)

-- What is asked of the server that made a session, and answered by others as well.
local OF_ITS_OWN = { "single-use", "early-data", "forward-secrecy", "ems", "resume-rules", "sni-rules", "zero-secret",
  "binder", "tampered", "padding-oracle", "pq-resumption" }

describe("where no session ever meets its server", function()
  it("no check calls anything good, or tells what is done with sessions", function()
    local ids = {}
    for _, one in ipairs(audit(turns.MOST_PERIOD + 1, nil, OF_ITS_OWN)) do
      local is_of_both = one.reason == "by_ticket_key"
      assert.is_true(is_of_both or one.verdict == "inconclusive", ("%s %s %s"):format(one.id, one.verdict, one.reason))
      ids[one.id] = true
    end
    for _, id in ipairs(OF_ITS_OWN) do
      assert.is_true(ids[id], id)
    end
  end)
end)
