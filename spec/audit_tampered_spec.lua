--- Tickets with altered bytes: by what a server answers at each offset; and libssl, which takes none.

local evidences = require "spec.support.evidence"
local finding = require "resum.audit.finding"
local listener = require "spec.support.listener"
local resum = require "resum"
local tampered = require "resum.audit.checks.tampered"

-- A server that answers by a rule: rule(offset, number of the session) -> "resumed", "refused", an alert's code, a
-- violation that shows another secret, or anything else as an outcome. Its tickets have a name of 16 bytes, and 4 more
-- at the end, that never change.
local function found(rule, length)
  local evidence = evidences.of(2, function()
    return { ticket = ("N"):rep(16) .. evidences.fresh(length or 100) .. "tail" }
  end)
  local original, number = evidence.tickets[1].ticket, 0
  local context = { evidence = evidence, controls = 0, offers = 0, client = { expired = function() return false end } }
  function context.resuming() return { "session_id", "psk" } end
  function context.keep() end
  function context.stay_sure() context.controls = context.controls + 1 end
  function context.session()
    number = number + 1
    local own = number
    return { fields = function() return { ticket = original } end, derive = function(_, fields)
      return { ticket = fields.ticket, number = own }
    end }
  end
  function context.attempt(_, options)
    if options.session.derive then
      return { outcome = "resumed" } -- it is offered as it is
    end
    context.offers = context.offers + 1
    local ticket = options.session.ticket
    for offset = 0, #original - 1 do
      if ticket:byte(offset + 1) ~= original:byte(offset + 1) then
        assert.equal(1, ticket:byte(offset + 1) ~ original:byte(offset + 1))
        local answer = rule(offset, options.session.number)
        if answer == "record_mac" or answer == "finished" then
          return { outcome = "protocol_error", facts = { violation = answer, certificate = false } }
        elseif type(answer) == "number" then
          return { outcome = "alert", facts = { alerts = { { from = "server", code = answer } } } }
        end
        return { outcome = answer }
      end
    end
    error("nothing was altered")
  end
  local words, first = {}, nil
  for i, one in ipairs(tampered.run(context)) do
    one = finding.make(tampered, one)
    words[i], first = ("%s %s %s"):format(one.verdict, one.severity, one.reason), first or one
  end
  return table.concat(words, ", "), context, first
end

local function always(answer)
  return function() return answer end
end

describe("the check tampered", function()
  it("finds nothing where every altered ticket leads to a full handshake, or to one alert", function()
    local said, context = found(always("refused"))
    assert.equal("good info authenticated", said)
    assert.same({ 120, 3 }, { context.offers, context.controls })
    assert.equal("good info authenticated", (found(always(51))))
  end)

  it("finds what resumes, graver where tickets differ, and wants it from another session too", function()
    local function at(place, once)
      return function(offset, number)
        return offset == place and not (once and number > 1) and "resumed" or "refused"
      end
    end
    assert.equal("bad critical unauthenticated", (found(at(60))))
    assert.equal("bad low malleable", (found(at(3))))
    assert.equal("bad low malleable", (found(at(119))))
    assert.equal("inconclusive info connection_failed", (found(at(60, true))))
  end)

  it("finds alerts at some offsets only, but not where only a key's name makes the difference", function()
    assert.equal("bad medium decrypted_first", (found(function(offset)
      return offset > 40 and offset < 60 and 51 or "refused"
    end)))
    assert.equal("good info authenticated", (found(function(offset)
      return offset >= 16 and offset < 116 and 51 or "refused"
    end)))
    assert.equal("good info authenticated", (found(function(offset)
      return offset > 40 and 70 or "refused" -- protocol_version: about nothing in the ticket
    end)))
  end)

  it("makes nothing of servers that take turns, of which one has an alert for whatever was altered", function()
    local turn = 0
    assert.equal("inconclusive info mixed_answers", (found(function(offset)
      turn = turn + 1
      return offset >= 16 and offset < 116 and turn % 2 == 0 and 51 or "refused" -- the name is unknown to both
    end)))
  end)

  it("counts what was answered only", function()
    local _, _, first = found(function(offset) return offset % 10 == 0 and "timeout" or "refused" end)
    assert.equal(120 - 12, first.evidence.offsets)
  end)

  it("divides the offsets among groups of servers", function()
    assert.equal(85, #tampered.offsets(1000, 3))
    assert.equal(40, #tampered.offsets(40, 3))
  end)

  it("takes a resumption under another secret for one: the ticket was read and not authenticated", function()
    for _, violation in ipairs({ "record_mac", "finished" }) do
      assert.equal("bad critical unauthenticated", (found(function(offset)
        return offset >= 40 and offset < 88 and violation or "refused"
      end)))
    end
  end)

  it("gives up where nothing is answered, and then knows nothing", function()
    local said, context = found(always("timeout"))
    assert.equal("inconclusive info connection_failed", said)
    assert.equal(5, context.offers)
    said, context = found(function(offset) return offset < 40 and "refused" or "closed" end)
    assert.equal("inconclusive info connection_failed", said)
    assert.equal(45, context.offers)
  end)

  it("leaves names of a cache alone", function()
    assert.equal("not_applicable info names_only", (found(always("refused"), 32 - 20)))
    assert.equal("good info authenticated", (found(always("refused"), 33 - 20)))
  end)

  it("alters not more than 256 bytes, the first and the last among them", function()
    for _, length in ipairs({ 1, 65, 256, 257, 1117, 65535 }) do
      local list = tampered.offsets(length)
      assert.equal(math.min(256, length), #list)
      assert.same({ 0, length - 1 }, { list[1], list[#list] })
      for i = 2, #list do
        assert.is_true(list[i] > list[i - 1])
      end
    end
    assert.equal("ab\x62d", tampered.alter("abcd", 2))
  end)

  it("finds nothing at libssl, within its number of connections", function()
    local server = listener.start({})
    local options = { audit_checks = { "tampered" }, intrusive = true, mechanisms = { "ticket", "psk" }, retries = 0 }
    local before = resum.scan(server.address, { mechanisms = options.mechanisms, retries = 0 }) and server.accepted
    local list = resum.audit(server.address, options).addresses[1].audit
    assert.same({ "good", "authenticated" }, { list[1].verdict, list[1].reason })
    assert.is_true(list[1].evidence.offsets > 300)
    assert.is_true(server.accepted - 2 * before <= tampered.connections(options) + 1)
    server.close()
  end)
end)
