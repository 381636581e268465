--- The in-memory server and the pair, on which the specs of both engines stand.

local core = require "resum.core"
local pair = require "spec.support.pair"
local pki = require "spec.support.pki"
local tls_server = require "spec.support.tls_server"

local function new_server(options)
  local identity = pki.get("ecdsa")
  local all = { certificate = identity.certificate_pem, private_key = identity.key_pem }
  for name, value in pairs(options) do
    all[name] = value
  end
  return tls_server.new(all)
end

local function new_client(session, options)
  return assert(core.handshake(core.context(options), { session = session }))
end

-- A connection from the first byte to the orderly end; returns the session it gave and the server's facts.
local function connect(server, session, options)
  local client, connection = new_client(session, options), server:accept()
  pair.run(client, connection)
  local facts = connection:facts()
  local ended = pair.close(client, connection)
  assert.same({ "closed", "closed" }, { ended.client, ended.server })
  return client:session(), facts
end

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
      local server = new_server(case.server)
      local session, first = connect(server)
      local _, second = connect(server, session)
      assert.same({ false, case.resumes }, { first.reused, second.reused })
    end)
  end

  it("forgets a session whose connection was freed before it sent close_notify", function()
    local server = new_server { max_version = "TLSv1.2", tickets = false }
    local client, connection = new_client(), server:accept()
    pair.run(client, connection)
    assert.equal(1, server:cached())
    connection:close()
    assert.equal(0, server:cached())
    local _, facts = connect(server, client:session())
    assert.is_false(facts.reused)
  end)

  it("keeps a session when it answered the client's close_notify", function()
    local server = new_server { max_version = "TLSv1.2", tickets = false }
    local client, connection = new_client(), server:accept()
    pair.run(client, connection)
    pair.send(client, connection, client:shutdown())
    assert.is_true(connection:facts().got_close_notify)
    connection:shutdown()
    connection:close()
    assert.equal(1, server:cached())
  end)

  it("forgets everything when it is told to", function()
    local server = new_server { max_version = "TLSv1.2", tickets = false }
    connect(server)
    server:forget()
    assert.equal(0, server:cached())
  end)

  it("accepts the tickets of another server with the same keys, and of no other", function()
    local keys = ("k"):rep(80)
    local session = connect(new_server { ticket_keys = keys })
    local _, same = connect(new_server { ticket_keys = keys }, session)
    local _, other = connect(new_server {}, session)
    assert.same({ true, false }, { same.reused, other.reused })
  end)

  it("issues one more ticket when it is told to", function()
    local server = new_server { num_tickets = 0 }
    local client, connection = new_client(), server:accept()
    pair.run(client, connection)
    assert.is_nil(client:session())
    client:step(connection:issue_ticket())
    local _, facts = connect(server, client:session())
    assert.is_true(facts.reused)
  end)

  it("takes application data both ways", function()
    local client, connection = new_client(), new_server({}):accept()
    pair.run(client, connection)
    pair.send(client, connection, client:write("ping"))
    assert.equal("ping", connection:read())
    client:step(connection:write("pong"))
    assert.equal("pong", client:read())
  end)

  it("fails on bytes that are no TLS, and says why", function()
    local connection = new_server({}):accept()
    local state, out, message = connection:step("GET / HTTP/1.1\r\n\r\n")
    assert.same({ "nil", "string", "http request" }, { type(state), type(out), message })
  end)

  it("refuses an option that it does not have, and a value that OpenSSL does not know", function()
    assert.has_error(function() new_server { ticket = true } end)
    assert.has_error(function() new_server { groups = "Q-256" } end)
    assert.has_error(function() new_server { min_version = "TLSv1" } end)
  end)
end)

describe("the pair", function()
  for name, chunk in pairs { ["by byte"] = "byte", ["by seven bytes"] = 7, ["in halves"] = "halves" } do
    it("carries a handshake " .. name, function()
      local client, connection = new_client(), new_server({}):accept()
      local result = pair.run(client, connection, { chunk = chunk })
      assert.same({ "established", "established" }, { result.client, result.server })
    end)
  end

  it("lets a spec change what arrives", function()
    local client, connection = new_client(), new_server({}):accept()
    local result = pair.run(client, connection, {
      change = function(from, bytes) return from == "server" and "\21\3\3\0\2\2\40" or bytes end,
    })
    assert.same({ nil, "alert" }, { result.client, result.code })
  end)

  it("raises when the two do not come to rest", function()
    local endless = { step = function() return "want", "more" end }
    assert.has_error(function() pair.run(endless, endless, { rounds = 10 }) end,
      "pair: client and server do not come to rest")
  end)
end)
