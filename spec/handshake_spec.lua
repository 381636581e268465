--- resum.handshake against a libssl server in memory: every mechanism in every version, whatever the chunking.
-- What the facts say in detail is transcript_spec.lua's business; hostile peers are in handshake_hostile_spec.lua.

local core = require "resum.core"
local memory = require "spec.support.memory"
local pair = require "spec.support.pair"

local OLD_VERSIONS = { "TLSv1.0", "TLSv1.1", "TLSv1.2" }

local MECHANISMS = {
  { name = "a session id", versions = OLD_VERSIONS, server = { tickets = false } },
  { name = "a ticket", versions = OLD_VERSIONS, server = {} },
  { name = "a stateless PSK", versions = { "TLSv1.3" }, server = {} },
  { name = "a stateful PSK", versions = { "TLSv1.3" }, server = { tickets = false } },
}

local CHUNKS = {
  { name = "in whole flights" },
  { name = "in halves", chunk = "halves" },
  { name = "by byte", chunk = "byte" },
  { name = "by 7 bytes", chunk = 7 },
  { name = "by 1000 bytes", chunk = 1000 },
}

local function options_of(mechanism, version, identity)
  local options = { identity = identity, min_version = version, max_version = version }
  for name, value in pairs(mechanism.server) do
    options[name] = value
  end
  return options
end

-- What both sides must agree on.
local function outline(visit)
  local ours, theirs = visit.facts, visit.server_facts
  return {
    states = { visit.result.client, visit.result.server },
    ended = { visit.ended.client, visit.ended.server },
    ours = { ours.version, ours.cipher, ours.reused, ours.certificate },
    theirs = { theirs.version, theirs.cipher, theirs.reused, not theirs.reused },
  }
end

local function expected(visit, version, reused)
  local agreed = { version, visit.server_facts.cipher, reused, not reused }
  return {
    states = { "established", "established" }, ended = { "closed", "closed" }, ours = agreed, theirs = agreed,
  }
end

-- A full handshake, then two resumptions with the session of the one before.
local function check(mechanism, version, identity, chunk)
  local server = memory.server(options_of(mechanism, version, identity))
  local session
  for round = 1, 3 do
    local visit = memory.visit(server, { session = session, chunk = chunk })
    assert.same(expected(visit, version, round > 1), outline(visit))
    assert.is_not_nil(visit.session)
    session = visit.session
  end
end

describe("a handshake", function()
  for _, mechanism in ipairs(MECHANISMS) do
    for _, version in ipairs(mechanism.versions) do
      for _, identity in ipairs { "rsa", "ecdsa" } do
        for _, case in ipairs(CHUNKS) do
          it(("of %s resumes with %s, %s, %s"):format(version, mechanism.name, identity, case.name), function()
            check(mechanism, version, identity, case.chunk)
          end)
        end
      end
    end
  end

  it("resumes as often as the same session object is offered, because what is offered is a copy", function()
    for _, options in ipairs { { max_version = "TLSv1.2", tickets = false }, { max_version = "TLSv1.2" }, {} } do
      local server = memory.server(options)
      local session = memory.visit(server).session
      local before = session:der()
      for _ = 1, 3 do
        assert.is_true(memory.visit(server, { session = session }).facts.reused)
      end
      assert.equal(before, session:der())
    end
  end)

  it("runs two connections with the same session at once", function()
    local server = memory.server()
    local session = memory.visit(server).session
    local a, b = memory.client { session = session }, memory.client { session = session }
    local first_a, first_b = select(2, a:step()), select(2, b:step())
    pair.run(b, server:accept(), { first = first_b })
    pair.run(a, server:accept(), { first = first_a })
    assert.same({ true, true }, { a:facts().reused, b:facts().reused })
  end)

  it("lives on when its context is closed and collected", function()
    local closed, collected = core.context(), setmetatable({ core.context() }, { __mode = "v" })
    local a, b = core.handshake(closed), core.handshake(collected[1])
    closed:close()
    collectgarbage()
    assert.is_nil(collected[1])
    for _, client in ipairs { a, b } do
      assert.equal("established", pair.run(client, memory.server():accept()).client)
    end
  end)

  it("falls back to a full handshake when the server refuses the session", function()
    for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
      local session = memory.visit(memory.server { max_version = version }).session
      local visit = memory.visit(memory.server { max_version = version }, { session = session })
      assert.same({ false, true }, { visit.facts.reused, visit.facts.certificate })
    end
  end)

  it("tells the server the name it was given, and none when it was given none", function()
    for _, name in ipairs { "www.example.test", false } do
      local visit = memory.connect(memory.server(), { server_name = name or nil })
      assert.equal(name or nil, visit.server_facts.server_name)
    end
  end)

  it("refuses a server name that SNI cannot carry, with a message and a code", function()
    for _, name in ipairs { "", ("a"):rep(256) } do
      local client, message, code = core.handshake(core.context(), { server_name = name })
      assert.same({ nil, "handshake: ssl3 ext invalid servername", "openssl" }, { client, message, code })
    end
  end)

  describe("of TLS 1.3", function()
    for _, count in ipairs { 0, 1, 2, 5 } do
      it(("gives %d sessions when the server issues %d tickets, and each resumes"):format(count, count), function()
        local server = memory.server { num_tickets = count }
        local visit = memory.visit(server)
        local sessions = visit.client:sessions()
        assert.same({ count, count }, { #sessions, #visit.facts.tickets })
        for i, session in ipairs(sessions) do
          assert.equal(visit.facts.tickets[i].ticket, session:fields().ticket)
          assert.is_true(memory.visit(server, { session = session }).facts.reused)
        end
      end)
    end

    it("keeps at most 64 sessions of a server that issues more", function()
      local visit = memory.connect(memory.server { num_tickets = 70 })
      assert.equal(64, #visit.client:sessions())
    end)

    it("gives the session of a ticket that comes after the handshake", function()
      local server = memory.server { num_tickets = 0 }
      local visit = memory.connect(server)
      assert.is_nil(visit.session)
      assert.same({ "established", "" }, { visit.client:step(visit.connection:issue_ticket()) })
      assert.is_true(memory.visit(server, { session = visit.client:session() }).facts.reused)
    end)
  end)

  describe("up to TLS 1.2", function()
    it("gives one session, and none when the server issued nothing", function()
      local issued = memory.visit(memory.server { max_version = "TLSv1.2" })
      local nothing = memory.visit(memory.server { max_version = "TLSv1.2", tickets = false, cache = false })
      assert.same({ 1, 0 }, { #issued.client:sessions(), #nothing.client:sessions() })
      assert.is_nil(nothing.session)
    end)

    it("resumes and takes the new ticket when the server renews it", function()
      local server = memory.server { max_version = "TLSv1.2", renew_tickets = true }
      local session = memory.visit(server).session
      for _ = 1, 3 do
        local visit = memory.visit(server, { session = session })
        assert.is_true(visit.facts.reused)
        assert.equal(1, #visit.facts.tickets)
        assert.are_not.equal(session:fields().ticket, visit.session:fields().ticket)
        assert.equal(visit.facts.tickets[1].ticket, visit.session:fields().ticket)
        session = visit.session
      end
    end)
  end)

  it("carries application data both ways, in any size", function()
    local visit = memory.connect(memory.server())
    for _, length in ipairs { 0, 1, 16384, 16385, 60000 } do
      local bytes = ("x"):rep(length)
      pair.send(visit.client, visit.connection, visit.client:write(bytes))
      visit.client:step(visit.connection:write(bytes))
      assert.same({ #bytes, #bytes }, { #visit.connection:read(), #visit.client:read() })
    end
  end)

  it("keeps at most 64 KiB of application data that nobody reads", function()
    local visit = memory.connect(memory.server())
    visit.client:step(visit.connection:write(("x"):rep(100000)))
    assert.equal(65536, #visit.client:read())
    assert.equal("", visit.client:read())
  end)

  it("writes nothing before it is established and after shutdown", function()
    local client = memory.client()
    assert.same({ nil, "write: the connection is not established", "state" }, { client:write("early") })
    local visit = memory.connect(memory.server())
    assert.are_not.equal("", visit.client:shutdown())
    assert.same({ nil, "write: the connection is not established", "state" }, { visit.client:write("late") })
  end)

  it("says close_notify once, and not before it is established", function()
    local client = memory.client()
    client:step()
    assert.equal("", client:shutdown())
    local visit = memory.connect(memory.server())
    assert.is_true(#visit.client:shutdown() > 0)
    assert.equal("", visit.client:shutdown())
  end)

  it("is closed by the server's close_notify, and answers it", function()
    local visit = memory.connect(memory.server())
    assert.same({ "closed", "" }, { visit.client:step(visit.connection:shutdown()) })
    assert.same({ "closed", "" }, { visit.client:eof() })
    pair.send(visit.client, visit.connection, visit.client:shutdown())
    assert.is_true(visit.connection:facts().got_close_notify)
  end)
end)
