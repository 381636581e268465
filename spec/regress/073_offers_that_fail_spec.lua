-- A server that fails when a session is offered, and never else, was said to be in order: the failures were errors, and
-- the engine's repeat of an attempt hid some of them. And a server that answered nobody for a moment was said to fail
-- offers, as full handshakes were made before and behind that: only those tell that are made beside them.

local contrast = require "resum.analysis.contrast"
local engine_choice = require "resum.connection.engine_choice"
local expectation = require "resum.cli.expectation"
local listener = require "spec.support.listener"
local resum = require "resum"
local text = require "resum.report.text"
local wire = require "spec.support.wire"

local ALERT = "\21\3\3\0\2\2\80" -- internal_error

-- Does this ClientHello offer a session?
local function offers(bytes)
  local hello = wire.client_hello(bytes:sub(6))
  local ticket = hello.extensions[wire.EXTENSION.session_ticket] or ""
  local names_version = hello.extensions[43] ~= nil -- where TLS 1.3 is offered, the ID is for middleboxes
  return #ticket > 0 or hello.extensions[41] ~= nil or (#hello.session_id > 0 and not names_version)
end

-- Fails one in `each` of the connections that offer a session, as `how` says.
local function start(each, how)
  local met = 0
  return listener.start({}, {
    bytes = function(link, bytes)
      if link.state ~= "want" or link.seen or bytes:byte() ~= 22 then
        return false
      end
      link.seen = true
      met = met + (offers(bytes) and 1 or 0)
      if not offers(bytes) or met % each ~= 0 then
        return false
      end
      link.send(how == "alert" and ALERT or "")
      link.drop(how == "alert" and "fin" or how)
      return true
    end,
  })
end

local function scan(server, options)
  local result = assert(resum.scan(server.address, options))
  server.close()
  return result, result.addresses[1]
end

describe("offers that fail where full handshakes do not", function()
  for _, engine in ipairs({ "handshake", "probe" }) do
    for _, how in ipairs({ "rst", "fin", "alert" }) do
      it(("are no accident: one in three, %s, engine %s"):format(how, engine), function()
        local result, entry = scan(start(3, how), { engine = engine })
        for _, name in ipairs({ "session_id", "ticket", "psk" }) do
          local judged = entry.support[name]
          assert.equal("partially_supported", judged.verdict, name)
          if judged.reason ~= "alert_on_resumption" then
            assert.equal("fails_on_resumption", judged.reason, name)
            assert.equal(0, judged.failures.full.failed)
            assert.is_true(judged.failures.offers.failed > 0 and judged.failures.offers.failed <= judged.errors)
          end
        end
        assert.is_false(expectation.check(expectation.parse("ticket=supported"), result))
      end)
    end
  end

  it("are a verdict where all do, in silence, too", function()
    local _, entry = scan(start(1, "stall"), { mechanisms = { "ticket" }, timeout = 0.3 })
    assert.same({ "not_supported", "fails_on_resumption", 0 },
      { entry.support.ticket.verdict, entry.support.ticket.reason, entry.support.ticket.resumed })
    local words = "Connections that offer a ticket fail where others do not (8 of 8 failed; "
      .. "of the full handshakes of the same time 0 of 8)"
    assert.is_truthy(text.address(entry):gsub("%s+", " "):find(words, 1, true))
  end)
end)

describe("the rate where offers fail and full handshakes do not", function()
  for _, engine in ipairs({ "handshake", "probe" }) do
    it("counts those that failed, and gives the share of those that were answered: engine " .. engine, function()
      local server = start(3, "rst")
      local result = assert(resum.run(server.address, { rate = true, balancer = false, engine = engine,
        mechanisms = { "ticket" } }))
      server.close()
      local entry = result.addresses[1]
      local rate = entry.rate.ticket
      assert.same({ "partially_supported", "fails_on_resumption", 1 }, { rate.verdict, rate.reason,
        rate.rate_of_answered })
      assert.equal(rate.resumed / 100, rate.rate)
      assert.is_true(rate.interval[1] < 2 / 3 and 2 / 3 < rate.interval[2], "rate " .. rate.rate)
      assert.equal(0, rate.failures.full.failed)
      local words = ("%d of 100 resumed (of %d that were answered)"):format(rate.resumed, rate.resumed)
      assert.is_truthy(text.address(entry):find(words, 1, true))
      assert.is_false(expectation.check(expectation.parse("ticket>=95%"), result))
      assert.is_nil(text.address(entry):find("too many for the server", 1, true))
    end)
  end

  it("is zero where all fail", function()
    local server = start(1, "rst")
    local result = assert(resum.run(server.address, { rate = true, balancer = false, mechanisms = { "ticket" } }))
    server.close()
    local rate = result.addresses[1].rate.ticket
    assert.same({ "not_supported", "fails_on_resumption", 0 }, { rate.verdict, rate.reason, rate.rate })
  end)

  it("leaves accidents out, also those of full handshakes", function()
    local met = 0
    local server = listener.start({}, {
      bytes = function(link, bytes)
        if link.state ~= "want" or link.seen or bytes:byte() ~= 22 then
          return false
        end
        link.seen, met = true, met + 1
        if met % 4 == 0 then
          link.drop("rst")
        end
        return met % 4 == 0
      end,
    })
    local result = assert(resum.run(server.address, { rate = true, balancer = false, mechanisms = { "ticket" } }))
    server.close()
    local rate = result.addresses[1].rate.ticket
    assert.same({ "supported", 1 }, { rate.verdict, rate.rate })
    assert.is_nil(rate.failures)
    assert.is_true(rate.errors > 10)
  end)
end)

describe("failures of offers and of full handshakes", function()
  local function records(good, bad, outcome, stage)
    local list = {}
    for i = 1, good + bad do
      list[i] = i <= good and { outcome = outcome } or { outcome = "reset", error = { stage = stage or "handshake" } }
    end
    return list
  end

  -- Of so many offers and full handshakes of a mechanism, so many failed.
  local function beside(count, offers_bad, full_bad)
    return { offers = records(count - offers_bad, offers_bad, "resumed"),
      full = records(count - full_bad, full_bad, "full") }
  end

  local function told(...)
    return contrast.offers_fail({ ticket = beside(...) }).ticket
  end

  it("are told apart where the shares differ by more than chance, and only there", function()
    assert.is_true(told(8, 8, 0))
    assert.is_false(told(7, 7, 0), "1 in 3,432: a scan compares 21 times")
    assert.is_true(told(48, 13, 0))
    assert.is_false(told(48, 12, 0))
    assert.is_false(told(48, 13, 4))
    assert.is_false(told(48, 0, 13), "where full handshakes fail more, it is not the offer")
  end)

  it("are those of handshakes, and not of who was not let in", function()
    local unmade = records(0, 20, "resumed", "connect")
    assert.is_false(contrast.offers_fail({ ticket = { offers = unmade, full = records(20, 0, "full") } }).ticket)
  end)

  it("are judged together where the mechanisms do not differ", function()
    local small = beside(48, 5, 0)
    assert.is_false(told(48, 5, 0))
    assert.same({ session_id = true, ticket = true, psk = true },
      contrast.offers_fail({ session_id = small, ticket = small, psk = small }))
    assert.same({ session_id = true, ticket = true, psk = false },
      contrast.offers_fail({ session_id = beside(48, 9, 0), ticket = beside(48, 7, 0), psk = beside(48, 0, 0) }),
      "offers of one do not fail")
    assert.same({ session_id = true, ticket = false, psk = false },
      contrast.offers_fail({ session_id = beside(48, 24, 0), ticket = beside(48, 4, 1), psk = beside(48, 4, 1) }),
      "only one's differ")
    assert.same({ session_id = true, ticket = true, psk = false },
      contrast.offers_fail({ session_id = beside(88, 9, 0), ticket = beside(88, 9, 0), psk = beside(88, 3, 1) }),
      "one's fail half as often: what the others show is not told of it")
    assert.same({ session_id = true, ticket = true },
      contrast.offers_fail({ session_id = beside(48, 9, 0), ticket = beside(48, 7, 0) }),
      "one's fail a little less often than all together, and alike")
    assert.same({ ticket = false, psk = true },
      contrast.offers_fail({ ticket = beside(88, 26, 14), psk = beside(88, 44, 0) }),
      "one's fail more than half as often, and yet differ")
  end)

  it("are no contrast where full handshakes of each mechanism fail as well, and the mechanisms differ", function()
    assert.same({ ticket = false, psk = false },
      contrast.offers_fail({ ticket = beside(48, 1, 1), psk = beside(88, 60, 58) }))
  end)
end)

describe("a server that answers nobody for a moment", function()
  -- Drops all connections while `during` says so: it gets how many offers there were.
  local function pause(from, count)
    local offered, dropped = 0, 0
    local server = listener.start({}, {
      bytes = function(link, bytes)
        if link.state ~= "want" or link.seen or bytes:byte() ~= 22 then
          return false
        end
        link.seen = true
        offered = offered + (offers(bytes) and 1 or 0)
        if offered <= from or dropped == count then
          return false
        end
        dropped = dropped + 1
        link.drop("rst")
        return true
      end,
    })
    return server
  end

  it("does not fail offers, although no full handshake failed", function()
    local _, entry = scan(pause(1, 10), { mechanisms = { "ticket" } }) -- after four, each comes alone
    local ticket = entry.support.ticket
    assert.same({ "supported", nil }, { ticket.verdict, ticket.reason })
    assert.is_nil(ticket.failures)
    assert.is_true(ticket.errors > 0)
  end)

  it("does not fail them in the rate or the pool either", function()
    local server = pause(20, 30)
    local result = assert(resum.run(server.address, { rate = true, support = false, mechanisms = { "ticket" } }))
    server.close()
    local entry = result.addresses[1]
    assert.same({ "supported", 1 }, { entry.rate.ticket.verdict, entry.rate.ticket.rate })
    assert.is_nil(entry.rate.ticket.failures)
    assert.is_true(entry.rate.ticket.errors > 20)
    assert.are_not.equal("fails_on_resumption", entry.balancer.verdict)
    for _, finding in ipairs(entry.balancer.findings) do
      assert.are_not.equal("fails_on_resumption", finding.code)
    end
  end)
end)

describe("the first probe of all that is dropped", function()
  it("counts, where libssl is dropped as well at times, or the probe gets through", function()
    local function outcome_of(script)
      local number = 0
      local function connect(_, _, engine)
        number = number + 1
        local outcome = script[number]
        return { engine = engine, outcome = outcome, facts = {}, error = { message = "", code = outcome } }
      end
      local client = { engines = {}, cancelled = function() return false end, key_share = "random" }
      local record = engine_choice.attempt(client, { mechanism = "psk", session = {}, engine = "probe" }, connect)
      return record.outcome, engine_choice.moved(client, "psk") ~= nil
    end
    assert.same({ "reset", false }, { outcome_of({ "reset", "reset" }) })
    assert.same({ "reset", false }, { outcome_of({ "reset", "resumed", "resumed" }) })
    assert.same({ "timeout", false }, { outcome_of({ "timeout", "resumed", "timeout", "resumed", "refused" }) })
    assert.same({ "resumed", true },
      { outcome_of({ "closed", "resumed", "closed", "resumed", "closed", "resumed", "closed", "resumed", "closed",
        "resumed", "closed", "resumed", "closed" }) })
    assert.same({ "closed", false }, -- half of the offers are dropped, whoever makes them
      { outcome_of({ "closed", "resumed", "closed", "resumed", "closed", "resumed", "closed", "closed" }) })
  end)
end)
