--- Early data that is taken once, again and again, or not at all: libssl with and without its protection against
-- replay; and what the counts come to.

local audits = require "spec.support.audit"
local early_data = require "resum.audit.checks.early_data"
local evidences = require "resum.audit.evidence"
local faulty = require "spec.support.faulty"
local finding = require "resum.audit.finding"
local listener = require "spec.support.listener"
local resum = require "resum"

local function words(list)
  local all = {}
  for i, one in ipairs(list) do
    all[i] = ("%s %s %s"):format(one.verdict, one.severity, one.reason)
  end
  return table.concat(all, ", ")
end

local function audit(options, more, status)
  local function respond(link)
    link.finish(link.connection:write(("HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n"):format(status or "200 OK")))
  end
  local server = listener.start(options, { data = function(link)
    if link.connection:facts().finished then -- else it was early data, which is answered once that is so
      respond(link)
    end
  end, established = function(link, bytes)
    link.send(bytes)
    if link.connection:facts().early_data == "accepted" then
      respond(link)
    end
  end })
  local all = { audit_checks = { "early-data" }, mechanisms = { "psk" }, intrusive = true, retries = 0 }
  for name, value in pairs(more or {}) do
    all[name] = value
  end
  local before = resum.scan(server.address, { mechanisms = { "psk" }, retries = 0 }) and server.accepted
  local list = assert(resum.audit(server.address, all)).addresses[1].audit
  local made = server.accepted - 2 * before
  server.close()
  return words(list), list, made
end

describe("the check early-data", function()
  it("finds a server that takes the same bytes every time, twice in a row", function()
    for _ = 1, 2 do
      local said, list, made = audit({ max_early_data = 16384, anti_replay = false })
      assert.equal("bad high replayed", said)
      assert.same({ accepted = 5, sent = 5, answer = "HTTP 200" }, list[1].evidence)
      assert.is_true(made <= 18 + 1, made)
    end
  end)

  it("calls it less where the server says that it is too early", function()
    assert.equal("bad medium replayed", (audit({ max_early_data = 16384, anti_replay = false }, nil, "425 Too Early")))
  end)

  it("finds nothing at one that takes them once", function()
    local said, list = audit({ max_early_data = 16384 })
    assert.equal("info info accepted_once", said)
    assert.equal(1, list[1].evidence.accepted)
  end)

  it("does not repeat them unless it was asked to", function()
    local said, _, made = audit({ max_early_data = 16384, anti_replay = false }, { intrusive = false })
    assert.equal("info info accepted", said)
    assert.is_true(made <= 12 + 1, made)
  end)

  it("has nothing to ask where tickets allow none, or do not resume", function()
    assert.equal("not_applicable info not_allowed", (audit({})))
    assert.equal("not_applicable info does_not_resume", (audit({ max_early_data = 100, accept_tickets = false,
      anti_replay = false })))
  end)
end)

-- A server that takes early data by a rule: rule(offer, number of the offer) -> taken, or nil for a failure.
local function context_of(rule, fields)
  local context = { options = { intrusive = true, retries = 0 }, hear_out = audits.hear_out,
    host = { now = function() return 0 end }, offers = 0, evidence = evidences.new() }
  context.client = { address = "192.0.2.1", server_name = fields and fields.name,
    dialer = { who_are_you = function() return "GET / HTTP/1.1\r\n\r\n" end } }
  function context.resumes()
    return true
  end
  function context.session()
    return { fields = function()
      return { max_early_data = fields and fields.allowed or 1000, age_add = 5, time_s = 0,
        alpn = fields and fields.alpn }
    end }
  end
  function context.spare_session()
    return context.session()
  end
  function context.session_offering(_, mechanism, more)
    assert.same({ "psk", { alpn = { "http/1.1" } } }, { mechanism, more })
    return context.session()
  end
  function context:attempt(options)
    self.offers = self.offers + 1
    local taken = rule(options.offer, self.offers)
    if taken == nil or type(taken) == "string" and taken ~= "without an answer" then
      return { outcome = taken or "timeout", facts = {} }
    end
    return { outcome = "resumed", facts = { early_data = taken == true or taken == "without an answer" },
      response = taken ~= "without an answer" and { status = 200 } or nil }
  end
  return context
end

local function found(rule, fields)
  local list = {}
  for i, one in ipairs(early_data.run(context_of(rule, fields))) do
    list[i] = finding.make(early_data, one)
  end
  return words(list), list
end

describe("early-data, by what a server takes,", function()
  local function once(offer, number)
    return not offer.random and not offer.obfuscated_ticket_age and not offer.alpn and number == 1
  end

  it("counts what was rejected, and never calls it off", function()
    local said, list = found(function() return false end)
    assert.equal("info info rejected", said)
    assert.same({ sent = 3, rejected = 3 }, list[1].evidence)
    said, list = found(function(_, number)
      if number < 3 then
        return false
      end
    end)
    assert.equal("info info rejected", said)
    assert.same({ sent = 3, rejected = 2 }, list[1].evidence)
  end)

  it("makes nothing of failures", function()
    assert.equal("inconclusive info connection_failed", (found(function() return nil end)))
    assert.equal("inconclusive info connection_failed", (found(function(offer, number)
      return (number == 1 or nil) and once(offer, number)
    end)))
  end)

  it("finds an age that is not checked, and wants it twice", function()
    local function loose(times)
      local met = 0
      return function(offer, number)
        if offer.obfuscated_ticket_age and not offer.random then
          met = met + 1
          return met <= times
        end
        return once(offer, number)
      end
    end
    assert.equal("info info accepted_once, bad low age_not_checked", (found(loose(2))))
    assert.equal("info info accepted_once, inconclusive info mixed_answers", (found(loose(1))))
  end)

  it("finds another name, of which RFC 9846 says nothing, and asks only where there is one", function()
    local function any(offer, number)
      return offer.server_name ~= nil or once(offer, number)
    end
    assert.equal("info info accepted_once, info info other_name", (found(any, { name = "a.example" })))
    assert.equal("info info accepted_once", (found(any)))
  end)

  it("finds more bytes than the ticket allows where their request is answered, twice", function()
    local lengths, answer = {}, true
    local function long(offer, number)
      if offer.early_data and #offer.early_data > 1000 then
        lengths[#lengths + 1] = #offer.early_data
        assert.is_truthy(offer.early_data:find("^GET / HTTP/1.1\r\n.*[^\n]\r\n\r\n$"))
        return answer
      end
      return once(offer, number)
    end
    local said, list = found(long)
    assert.equal("info info accepted_once, info info more_than_allowed", said)
    assert.same({ sent = 2024, allowed = 1000 }, list[2].evidence)
    assert.same({ 2024, 2024 }, lengths)
    for _, allowed in ipairs({ 0xffffffff, 65536 - 1023 }) do -- what a server allows may be more than there is memory
      assert.equal("info info accepted_once", (found(long, { allowed = allowed })))
    end
    assert.equal(2, #lengths)
    assert.equal("info info accepted_once, info info more_than_allowed", (found(long, { allowed = 65536 - 1024 })))
    for _, other in ipairs({ "without an answer", false }) do
      answer = other
      assert.equal("info info accepted_once", (found(long)))
    end
  end)

  it("leaves a question open where its connection is lost, and takes an alert, or its end each time, for an answer",
    function()
    for _, case in ipairs({ { nil, "inconclusive" }, { "reset" }, { "alert" } }) do
      local said, list = found(function(offer, number)
        if offer.obfuscated_ticket_age and not offer.random then
          return case[1]
        end
        return once(offer, number)
      end)
      local wanted = case[2] and ", inconclusive info connection_failed" or ""
      assert.equal("info info accepted_once" .. wanted, said)
      assert.equal(case[2] and "under a wrong age" or nil, list[2] and list[2].evidence.question)
    end
    local ends = 0
    assert.equal("info info accepted_once, bad low age_not_checked", (found(function(offer, number)
      if offer.obfuscated_ticket_age and not offer.random then
        ends = ends + 1
        return ends % 4 == 0 or "reset" -- three ends say nothing yet
      end
      return once(offer, number)
    end)))
  end)

  it("finds the one of three servers that does not look at a ticket's age, and its share", function()
    local first = faulty.new({})
    local pool = faulty.listen({ first, faulty.new({ "age" }), faulty.new({}) })
    finally(pool.close)
    local met = 0
    for _ = 1, 8 do -- by chance its sessions are never met
      for _, one in ipairs(resum.audit(pool.address, { audit_checks = { "early-data" } }).addresses[1].audit) do
        assert.is_true(one.verdict ~= "bad" or one.reason == "age_not_checked", one.reason)
        if one.verdict == "bad" then
          met = met + 1
          assert.is_string(one.group)
          assert.is_true(one.share > 0 and one.share < 1, one.share)
        end
      end
      if met > 0 then
        break
      end
    end
    assert.is_true(met > 0)
    assert.same({}, pool.errors())
  end)

  it("finds another application protocol only where the server agrees to one", function()
    local function any(offer, number)
      return offer.alpn ~= nil or once(offer, number)
    end
    assert.equal("info info accepted_once, bad medium other_protocol", (found(any, { alpn = "h2" })))
    assert.equal("info info accepted_once", (found(any)))
  end)

  it("does not call several servers one", function()
    local sends = 0
    assert.equal("inconclusive info replayed_sometimes", (found(function(offer, number)
      if offer.random then
        sends = sends + 1
        return sends <= 2
      end
      return once(offer, number)
    end)))
  end)

  it("sends the same bytes: one random, one session ID, one age, the base point", function()
    local seen = {}
    found(function(offer, number)
      if offer.random then
        seen[#seen + 1] = table.concat({ offer.random, offer.session_id, offer.key_share, offer.obfuscated_ticket_age,
          offer.early_data }, " ")
      end
      return once(offer, number)
    end)
    assert.equal(early_data.SENDS, #seen)
    for i = 2, #seen do
      assert.equal(seen[1], seen[i])
    end
  end)
end)
