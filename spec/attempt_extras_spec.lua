--- What an attempt takes beside a session: another name, an offer of its own, a request; and the answer to that.

local clients = require "resum.connection.client"
local core = require "resum.core"
local memory = require "spec.support.memory"
local responses = require "resum.connection.response"
local script = require "spec.support.script"
local words = require "resum.transport.words"

local PAGE = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 50\r\n\r\n"
  .. "<html><title>The\n page</title>" .. ("x"):rep(20)

-- A client of a server in this process, which answers what it hears inside TLS.
local function client_of(options, answer)
  local host = script.host({}, {
    tls_server = memory.server(options or {}),
    on_data = answer and function(connection)
      return connection:write(answer)
    end,
  })
  return clients.new_client({ address = "192.0.2.1", port = 443, server_name = "a.example" }, { host = host }), host
end

local function hello_of(record)
  for _, message in ipairs(record.transcript) do
    if message.type == "client_hello" then
      return message.bytes
    end
  end
end

describe("an attempt", function()
  for _, engine in ipairs({ "handshake", "probe" }) do
    it("sends another name, or none, on the engine " .. engine, function()
      local client = client_of({ max_version = "TLSv1.2" })
      local session = client:attempt({ mechanism = "ticket", want_tickets = true }).sessions[1]
      local before = client.connections
      for _, case in ipairs({ { "b.example", "b.example" }, { false, nil }, { nil, "a.example" } }) do
        local record = client:attempt({ mechanism = "ticket", session = session, engine = engine, transcript = true,
          server_name = case[1], compare = false })
        assert.equal(case[2] ~= nil, hello_of(record):find(case[2] or "a.example", 1, true) ~= nil)
        assert.equal("resumed", record.outcome)
      end
      assert.equal(before + 3, client.connections) -- no engine was compared with the other
    end)
  end

  it("gives the probe an offer of its own, and asks no other engine where that fails", function()
    local client = client_of({ min_version = "TLSv1.3" })
    local session = client:attempt({ mechanism = "psk", want_tickets = true }).sessions[1]
    local before = client.connections
    local record = client:attempt({ mechanism = "psk", session = session, engine = "probe",
      offer = { alter_binder = true } })
    assert.equal("alert", record.outcome)
    record = client:attempt({ mechanism = "psk", session = session, engine = "probe", offer = {} })
    assert.equal("resumed", record.outcome)
    assert.equal(before + 2, client.connections)
  end)

  it("says a request inside TLS, and tells of the answer what can be compared, never the body", function()
    for _, version in ipairs({ "TLSv1.2", "TLSv1.3" }) do
      local client, host = client_of({ max_version = version }, PAGE)
      local mechanism = version == "TLSv1.3" and "psk" or "ticket"
      local record = client:attempt({ mechanism = mechanism, request = "GET / HTTP/1.1\r\n\r\n", want_tickets = true })
      assert.equal("full", record.outcome)
      assert.same({ status = 200, title = "The page", length = 50, sha256 = core.sha256(PAGE:sub(-50)) },
        record.response)
      assert.equal("GET / HTTP/1.1\r\n\r\n", host.streams[1].heard)
      assert.is_true(#record.sessions > 0)
      local again = client:attempt({ mechanism = mechanism, session = record.sessions[1], request = "GET\r\n\r\n" })
      assert.same({ "resumed", 200 }, { again.outcome, again.response.status })
    end
  end)

  it("hears on the probe what is answered to early data, under a key share that keeps it secret", function()
    local client, host = client_of({ max_early_data = 1000, min_version = "TLSv1.3", anti_replay = false }, PAGE)
    local session = client:attempt({ mechanism = "psk", want_tickets = true }).sessions[1]
    local record = client:attempt({ mechanism = "psk", session = session, engine = "probe", request = "",
      offer = { early_data = "GET / HTTP/1.1\r\n\r\n", data = true, obfuscated_ticket_age = nil } })
    assert.same({ "resumed", true, "random" }, { record.outcome, record.facts.early_data, record.facts.key_share })
    record = client:attempt({ mechanism = "psk", session = session, engine = "probe", request = "GET\r\n\r\n",
      offer = { data = true } })
    assert.same({ "resumed", 200, "The page" }, { record.outcome, record.response.status, record.response.title })
    assert.equal("GET\r\n\r\n", host.streams[3].heard)
    assert.error_matches(function()
      core.probe({ session = session, data = true, key_share = "base_point" })
    end, "keeps nothing secret")
    local probe = core.probe({ session = session })
    assert.same({ "", nil }, { probe:read(), (probe:write("x")) })
  end)

  it("has no response where none came", function()
    local client = client_of({}, nil)
    local record = client:attempt({ mechanism = "control", request = "GET / HTTP/1.1\r\n\r\n" })
    assert.same({ "full", nil }, { record.outcome, record.response })
  end)

  it("takes these where they can have an effect only", function()
    local client = client_of()
    assert.error_matches(function() client:attempt({ mechanism = "psk", offer = {} }) end, "only the engine probe")
    assert.error_matches(function() client:attempt({ mechanism = "psk", server_name = true }) end, "a name, or false")
  end)
end)

describe("a response", function()
  local function read(...)
    local response = responses.new()
    for _, bytes in ipairs({ ... }) do
      response:add(bytes)
    end
    return response:fields(), response:is_complete()
  end

  it("is complete where its length or its coding says so", function()
    local _, complete = read(PAGE)
    assert.is_true(complete)
    _, complete = read(PAGE:sub(1, -2))
    assert.is_false(complete)
    _, complete = read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "0\r\n\r\n")
    assert.is_true(complete)
    _, complete = read("HTTP/1.0 200 OK\r\n\r\nall that comes until the end")
    assert.is_false(complete)
  end)

  it("of other protocols ends with a line that says no more follows", function()
    for text, wanted in pairs({ ["250-mail.example\r\n"] = false, ["250-mail.example\r\n250 HELP\r\n"] = true,
      ["* ID NIL\r\n"] = false, ["* ID NIL\r\nr4 OK\r\n"] = true, ["+OK"] = false, ["HTTP/1.1 200 OK\r\n"] = false,
      [""] = false }) do
      local _, complete = read(text)
      assert.equal(wanted, complete, text)
    end
    assert.same({ length = 8, sha256 = core.sha256("250 OK\r\n") }, (read("250 OK\r\n")))
    assert.is_nil((read("")))
  end)

  it("tells where it leads to, in few bytes", function()
    local fields = read("HTTP/1.1 302 Found\nlocation:  https://b.example/" .. ("x"):rep(1000) .. "\n\n")
    assert.equal(302, fields.status)
    assert.equal("https://b.example/", fields.location:sub(1, 18))
    assert.is_true(#fields.location <= 120)
  end)

  it("is read up to 64 KiB", function()
    local fields, complete = read("HTTP/1.1 200 OK\r\n\r\n", ("x"):rep(70000), ("y"):rep(70000))
    assert.same({ true, true, 65536 - 19 }, { complete, fields.is_cut, fields.length })
    assert.equal(core.sha256(("x"):rep(65536 - 19)), fields.sha256)
  end)
end)

describe("who_are_you", function()
  it("is a GET for the host, and what else protocols have", function()
    assert.equal("GET /x HTTP/1.1\r\nHost: b.example\r\nUser-Agent: resum\r\nConnection: close\r\n\r\n",
      words.who_are_you({ port = 443 }, "b.example", "/x"))
    assert.equal("EHLO resum.invalid\r\n", words.who_are_you({ port = 465 }, "b.example"))
    assert.equal("r4 ID NIL\r\n", words.who_are_you({ port = 993 }, "b.example"))
    assert.equal("CAPA\r\n", words.who_are_you({ port = 995 }, "b.example"))
  end)
end)

describe("core.sha256", function()
  it("is SHA-256", function() -- FIPS 180-4's example
    local hex = require "spec.support.hex"
    assert.equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", hex.digits(core.sha256("abc")))
    assert.has_error(function() core.sha256() end)
  end)
end)
