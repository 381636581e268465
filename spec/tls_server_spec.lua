--- The in-memory server and the pair, on which the specs of both engines stand.

local memory = require "spec.support.memory"
local pair = require "spec.support.pair"

describe("the in-memory server", function()
  for _, case in ipairs {
    { name = "session ids", server = { max_version = "TLSv1.2", tickets = false }, resumes = true },
    { name = "RFC 5077 tickets", server = { max_version = "TLSv1.2" }, resumes = true },
    { name = "TLS 1.3 tickets", server = {}, resumes = true },
    { name = "stateful TLS 1.3 tickets", server = { tickets = false }, resumes = true },
    { name = "tickets that it renews", server = { max_version = "TLSv1.2", renew_tickets = true }, resumes = true },
    { name = "tickets that it does not accept", server = { accept_tickets = false }, resumes = false },
    { name = "session ids that it forgets", resumes = false,
      server = { max_version = "TLSv1.2", tickets = false, forgetful = true } },
  } do
    it((case.resumes and "resumes with " or "does not resume with ") .. case.name, function()
      local server = memory.server(case.server)
      local first = memory.visit(server)
      local second = memory.visit(server, { session = first.session })
      assert.same({ false, case.resumes }, { first.server_facts.reused, second.server_facts.reused })
      assert.same({ "closed", "closed" }, { second.ended.client, second.ended.server })
    end)
  end

  it("forgets a session whose connection was freed before it sent close_notify", function()
    local server = memory.server { max_version = "TLSv1.2", tickets = false }
    local first = memory.connect(server)
    assert.equal(1, server:cached())
    first.connection:close()
    assert.equal(0, server:cached())
    assert.is_false(memory.visit(server, { session = first.session }).server_facts.reused)
  end)

  it("keeps a session when it answered the client's close_notify", function()
    local server = memory.server { max_version = "TLSv1.2", tickets = false }
    local visit = memory.connect(server)
    pair.send(visit.client, visit.connection, visit.client:shutdown())
    assert.is_true(visit.connection:facts().got_close_notify)
    visit.connection:shutdown()
    visit.connection:close()
    assert.equal(1, server:cached())
  end)

  it("forgets everything when it is told to", function()
    local server = memory.server { max_version = "TLSv1.2", tickets = false }
    memory.visit(server)
    server:forget()
    assert.equal(0, server:cached())
  end)

  it("accepts the tickets of another server with the same keys, and of no other", function()
    local keys = ("k"):rep(80)
    local session = memory.visit(memory.server { ticket_keys = keys }).session
    local same = memory.visit(memory.server { ticket_keys = keys }, { session = session })
    local other = memory.visit(memory.server(), { session = session })
    assert.same({ true, false }, { same.server_facts.reused, other.server_facts.reused })
  end)

  it("issues one more ticket when it is told to", function()
    local server = memory.server { num_tickets = 0 }
    local visit = memory.connect(server)
    assert.is_nil(visit.session)
    visit.client:step(visit.connection:issue_ticket())
    assert.is_true(memory.visit(server, { session = visit.client:session() }).server_facts.reused)
  end)

  it("takes application data both ways", function()
    local visit = memory.connect(memory.server())
    pair.send(visit.client, visit.connection, visit.client:write("ping"))
    assert.equal("ping", visit.connection:read())
    visit.client:step(visit.connection:write("pong"))
    assert.equal("pong", visit.client:read())
  end)

  it("fails on bytes that are no TLS, and says why", function()
    local connection = memory.server():accept()
    local state, out, message = connection:step("GET / HTTP/1.1\r\n\r\n")
    assert.same({ "nil", "string", "http request" }, { type(state), type(out), message })
  end)

  it("refuses an option that it does not have, and a value that OpenSSL does not know", function()
    assert.has_error(function() memory.server { ticket = true } end)
    assert.has_error(function() memory.server { groups = "Q-256" } end)
    assert.has_error(function() memory.server { min_version = "TLSv1" } end)
  end)
end)

describe("the pair", function()
  for name, chunk in pairs { ["by byte"] = "byte", ["by seven bytes"] = 7, ["in halves"] = "halves" } do
    it("carries a handshake " .. name, function()
      local result = memory.connect(memory.server(), { chunk = chunk }).result
      assert.same({ "established", "established" }, { result.client, result.server })
    end)
  end

  it("lets a spec change what arrives", function()
    local result = memory.connect(memory.server(), {
      change = function(from, bytes) return from == "server" and "\21\3\3\0\2\2\40" or bytes end,
    }).result
    assert.same({ nil, "alert" }, { result.client, result.code })
  end)

  it("raises when the two do not come to rest", function()
    local endless = { step = function() return "want", "more" end }
    assert.has_error(function() pair.run(endless, endless, { rounds = 10 }) end,
      "pair: client and server do not come to rest")
  end)
end)
