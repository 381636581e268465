--- unknown-ticket: servers that give a client with an unknown ticket a full handshake, and servers at which it fails.

local audit = require "spec.support.audit"
local hello_hook = require "spec.support.hello_hook"
local listener = require "spec.support.listener"
local memory = require "spec.support.memory"
local unknown_ticket = require "resum.audit.checks.unknown_ticket"

local NAME = ("N"):rep(16) -- of the server's ticket key
local DECODE_ERROR = 50

-- Answers unknown tickets as `answer` says, and leaves the rest to libssl.
local function start(answer, options)
  local all = { ticket_keys = NAME .. ("k"):rep(64) }
  for name, value in pairs(options or {}) do
    all[name] = value
  end
  return listener.start(all, { bytes = hello_hook.new(function(hello, link)
    local ticket = hello_hook.ticket_of(hello)
    if ticket and answer then
      return answer(ticket, link)
    end
  end) })
end

local function alert_if(test)
  return function(ticket)
    return test(ticket) and hello_hook.alert(DECODE_ERROR) or nil
  end
end

local function case(name, outcome, more)
  local one = { mechanism = "psk", name = name, outcome = outcome, answer = outcome, seen = 2 }
  for field, value in pairs(more or {}) do
    one[field] = value
  end
  return one
end

local function words(cases)
  return audit.words(unknown_ticket.decide(cases))
end

describe("unknown-ticket", function()
  it("is good where every unknown ticket gets a full handshake", function()
    assert.equal("good - full_handshake", words({ case("another key name", "refused"), case("ten bytes", "refused") }))
  end)

  it("is bad where one fails again and again, and grave unless its length is odd", function()
    assert.equal("bad high fails", words({ case("random bytes", "alert", { confirmed = true }) }))
    assert.equal("bad low fails_on_odd_lengths", words({ case("ten bytes", "closed", { confirmed = true, odd = true }),
      case("random bytes", "refused") }))
    assert.equal("bad high fails", words({ case("ten bytes", "closed", { confirmed = true, odd = true }),
      case("random bytes", "timeout", { confirmed = true }), case("three times as long", "resumed") }))
  end)

  it("is neither where a failure did not come again", function()
    assert.equal("inconclusive - connection_failed",
      words({ case("random bytes", "reset"), case("ten bytes", "refused") }))
  end)

  it("tells of tickets that resume although they were altered", function()
    assert.equal("info - trailing_bytes", words({ case("three times as long", "resumed") }))
    assert.equal("info - altered_name", words({ case("another key name", "resumed") }))
  end)

  it("sees a failure again before it believes it: an alert once, a lost connection four times", function()
    assert.same({ alert = 1, other = 4 }, unknown_ticket.AGAIN)
  end)

  it("reads what RFC 5077 wants of a handshake", function()
    local function connection(outcome, facts)
      facts.tickets, facts.session_id_sent = facts.tickets or {}, facts.session_id_sent or ""
      return { version = "TLSv1.2", outcome = outcome, engine = "handshake", facts = facts }
    end
    local ticket = { ticket = "t" }
    local function read(...)
      return audit.words(unknown_ticket.read_handshakes({ ... }))
    end
    local silent, sudden = connection("full", { session_ticket = true }), connection("full", { tickets = { ticket } })
    local good = connection("full", { session_ticket = true, tickets = { ticket } })
    assert.equal("", read(good, good, connection("full", {}), silent))
    assert.equal("bad low not_announced", read(good, silent, silent))
    assert.equal("bad low not_announced", read(good, sudden, sudden))
    local function resumed(id)
      return connection("resumed", { session_id_sent = "ours", session_id = id, ticket_length_sent = 200 })
    end
    assert.equal("", read(resumed("ours"), resumed("ours")))
    assert.equal("bad low id_not_echoed", read(resumed(""), resumed("other")))
  end)

  for _, one in ipairs({
    { "good - full_handshake", nil },
    { "bad high fails, bad high fails", alert_if(function(ticket) return ticket:sub(1, 16) ~= NAME end) },
    { "bad low fails_on_odd_lengths, bad low fails_on_odd_lengths", alert_if(function(ticket)
      return #ticket < 32
    end) },
    -- What has a known name and is cut is no ticket that a change of keys leaves behind: NSS answers so.
    { "bad low fails_on_odd_lengths, bad low fails_on_odd_lengths", alert_if(function(ticket)
      return ticket:sub(1, 16) == NAME and #ticket % 16 == 15
    end) },
  }) do
    it(("asks a server: %s"):format(one[1]), function()
      local server = start(one[2])
      finally(server.close)
      local found, context = audit.run(unknown_ticket, server.port)
      assert.equal(one[1], audit.words(found))
      assert.equal(context:made(), server.accepted)
    end)
  end

  it("makes 17 connections to a server in order, and none where nothing resumes", function()
    local server = start(nil)
    finally(server.close)
    assert.equal(17, select(2, audit.run(unknown_ticket, server.port)):made())
    local found, context = audit.run(unknown_ticket, server.port, { resuming = {} })
    assert.equal("not_applicable - does_not_resume", audit.words(found))
    assert.equal(0, context:made())
    found, context = audit.run(unknown_ticket, server.port, { resuming = { "session_id" } })
    assert.equal("good - full_handshake", audit.words(found))
    assert.same({ 1, 3 }, { found[1].evidence.cases, context:made() })
  end)

  it("finds a server that fails on a session ID it does not know", function()
    local refuses
    local server = listener.start({ max_version = "TLSv1.2", tickets = false }, { bytes = hello_hook.new(function()
      return refuses and "drop" or nil
    end) })
    finally(server.close)
    local context = audit.context(unknown_ticket, server.port, { resuming = { "session_id" } })
    local attempt = context.client.attempt
    function context.client.attempt(client, options)
      local session = options.session
      refuses = session ~= nil and session ~= context.evidence.id_session
      return attempt(client, options)
    end
    context:session("session_id")
    assert.equal("bad high fails", audit.words(unknown_ticket.run(context)))
  end)

  it("asks nothing where the very session does not resume", function()
    local server = start(nil, { accept_tickets = false })
    finally(server.close)
    assert.equal("not_applicable - does_not_resume", audit.words((audit.run(unknown_ticket, server.port,
      { resuming = { "ticket", "psk" } }))))
    assert.equal("inconclusive - connection_failed", audit.words((audit.run(unknown_ticket, server.port))))
  end)

  it("finds a server that hangs up on unknown tickets, and never calls one so that drops connections", function()
    local server = start(function(ticket)
      return ticket:sub(1, 16) ~= NAME and "drop" or nil
    end, { min_version = "TLSv1.3" })
    finally(server.close)
    local found = audit.run(unknown_ticket, server.port, { resuming = { "psk" } })
    assert.equal("bad high fails", audit.words(found))
    assert.same({ "closed", 5 }, { found[1].evidence.answer, found[1].evidence.connections })
    local dropping = start(function(_, link)
      return link.number % 5 == 0 and "drop" or nil
    end)
    finally(dropping.close)
    assert.equal("good - full_handshake", audit.words((audit.run(unknown_ticket, dropping.port))))
    local losing = start(function(_, link)
      return link.number % 7 < 3 and "drop" or nil
    end)
    finally(losing.close)
    local said = audit.words((audit.run(unknown_ticket, losing.port)))
    assert.is_nil(said:find("bad", 1, true), said)
  end)

  -- Three servers in turn, one of which answers tickets that are not its own with an alert.
  local function pool(keys)
    local members = {}
    for i = 1, 3 do
      members[i] = memory.server({ ticket_keys = keys[i] .. ("k"):rep(64), cache = false })
    end
    return listener.start({}, {
      accepted = function(link)
        link.member = (link.number - 1) % 3 + 1
        link.connection = members[link.member]:accept()
      end,
      bytes = hello_hook.new(function(hello, link)
        local ticket = hello_hook.ticket_of(hello)
        local is_known = not ticket or ticket:sub(1, 16) == keys[link.member]
        return link.member == 2 and not is_known and hello_hook.alert(DECODE_ERROR) or nil
      end),
    })
  end

  it("finds one member of three, and its share of the connections", function()
    local server = pool({ ("A"):rep(16), ("B"):rep(16), ("C"):rep(16) })
    finally(server.close)
    local found, context = audit.run(unknown_ticket, server.port, { seeds = 9, resuming = { "psk" } })
    assert.equal("bad high fails", audit.words(found))
    assert.equal("B", found[1].group)
    assert.is_true(math.abs(found[1].share - 1 / 3) < 0.1, found[1].share)
    assert.is_true(context:made() < 40)
  end)

  it("finds one member of three that share their keys, and how often it was met", function()
    local server = pool({ NAME, NAME, NAME })
    finally(server.close)
    local found = audit.run(unknown_ticket, server.port, { seeds = 9, resuming = { "psk" } })
    assert.equal("bad high fails", audit.words(found))
    assert.is_true(found[1].share > 0.1 and found[1].share < 0.7, found[1].share)
  end)

  it("does not believe a failure where plain handshakes fail as well", function()
    local server = listener.start({ ticket_keys = NAME .. ("k"):rep(64) }, { bytes = hello_hook.new(function(_, link)
      return link.number > 3 and "drop" or nil
    end) })
    finally(server.close)
    assert.equal("inconclusive - connection_failed", audit.words((audit.run(unknown_ticket, server.port))))
  end)
end)
