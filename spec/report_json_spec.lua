local cjson = require "cjson"
local json = require "resum.report.json"

local SECRET = "0123456789abcdef0123456789abcdef0123456789abcdef"
local TICKET = ("k"):rep(16) .. ("t"):rep(160)

local function record(more)
  local r = {
    mechanism = "ticket", design = "fixed", engine = "handshake", address = "192.0.2.1", outcome = "resumed",
    reused = true, version = "TLSv1.2", cipher = "TLS_AES_128_GCM_SHA256",
    timing = { connect_s = 0.00112345678, handshake_s = 0.002, total_s = 0.003 },
    sessions = { setmetatable({}, { __tostring = function() return SECRET end }) },
    master_secret = SECRET,
    facts = {
      session_id_sent = "\1\2", session_id = "", reused = true, certificate = false, cipher_id = 0x1301,
      master_secret = SECRET,
      tickets = { { ticket = TICKET, lifetime_s = 300, age_add = 1, nonce_length = 8 } },
      alerts = { { from = "server", level = "warning", description = "close_notify", code = 0 } },
    },
  }
  for name, value in pairs(more or {}) do
    r[name] = value
  end
  return r
end

local function result()
  return {
    target = { text = "a.example", host = "a.example", port = 443, sni = "a.example" },
    status = "completed",
    elapsed_s = 1.5,
    addresses = { {
      address = "192.0.2.1",
      status = "completed",
      control = record(),
      support = { ticket = {
        verdict = "supported", version = "TLSv1.2", attempted = 1, resumed = 1, refused = 0, errors = 0,
        error_kinds = {}, designs = { fixed = { attempted = 1, resumed = 1, refused = 0, errors = 0 } },
        lifetime_hint_s = 300, ticket_length = #TICKET, attempts = { record() },
      } },
      rate = { psk = {
        verdict = "not_supported", reason = "not_issued", attempted = 0, resumed = 0, refused = 0, errors = 0,
        error_kinds = {}, confidence = 0.95, design = "fixed", seeds = 0, concurrency = 10, sequence = {},
      } },
    } },
  }
end

local ABOUT = { version = "9.9.9", started_at = "2001-02-03T04:05:06Z", elapsed_s = 2 }

describe("the JSON report", function()
  it("tells how the target was reached, what stopped us, and what the server wants of a client", function()
    local one = result()
    one.target.starttls, one.target.xmpp_to, one.target.proxy = "xmpp", "b.example", "socks5h://proxy.example:1080"
    one.addresses[1].resolved_by, one.addresses[1].client_certificate = "proxy", "optional"
    one.error = { message = "starttls xmpp: STARTTLS not offered", code = "no_starttls", stage = "starttls" }
    local written = cjson.decode(json.line(one))
    assert.same({ text = "a.example", host = "a.example", port = 443, sni = "a.example", starttls = "xmpp",
      xmpp_to = "b.example", proxy = "socks5h://proxy.example:1080" }, written.target)
    assert.same({ "proxy", "optional" }, { written.addresses[1].resolved_by, written.addresses[1].client_certificate })
    assert.same(one.error, written.error)
  end)

  it("of a run has the fields of schema 1", function()
    local run = cjson.decode(json.run(ABOUT, { result() }))
    assert.same({ "9.9.9", 1, "2001-02-03T04:05:06Z", 2, 1 },
      { run.resum, run.schema, run.started_at, run.elapsed_s, #run.targets })
    local one = run.targets[1]
    assert.same({ text = "a.example", host = "a.example", port = 443, sni = "a.example" }, one.target)
    assert.equal("completed", one.status)
    local ticket = one.addresses[1].support.ticket
    local attempts = ticket.attempts
    ticket.attempts = nil
    assert.same({
      verdict = "supported", version = "TLSv1.2", attempted = 1, resumed = 1, refused = 0, errors = 0,
      error_kinds = {}, designs = { fixed = { attempted = 1, resumed = 1, refused = 0, errors = 0 } },
      lifetime_hint_s = 300, ticket_length = 176,
    }, ticket)
    assert.same({
      mechanism = "ticket", design = "fixed", engine = "handshake", address = "192.0.2.1", outcome = "resumed",
      reused = true, version = "TLSv1.2", cipher = "TLS_AES_128_GCM_SHA256",
      timing = { connect_s = 0.001123, handshake_s = 0.002, total_s = 0.003 },
      facts = {
        session_id_sent = "0102", session_id = "", certificate = false, cipher_id = 0x1301,
        tickets = { { length = 176, key_name = ("6b"):rep(16), lifetime_s = 300, age_add = 1, nonce_length = 8 } },
        alerts = { { from = "server", level = "warning", description = "close_notify", code = 0 } },
      },
    }, attempts[1])
  end)

  it("of a target is one line, the same object as in the run", function()
    local line = json.line(result())
    assert.is_nil(line:find("\n", 1, true))
    assert.same(cjson.decode(json.run(ABOUT, { result() })).targets[1], cjson.decode(line))
  end)

  it("keeps empty lists lists", function()
    local line = json.line(result())
    assert.is_truthy(line:find('"sequence":[]', 1, true))
    assert.is_truthy(json.run(ABOUT, {}):find('"targets":[]', 1, true))
  end)

  it("takes nothing that a server says for an empty list", function()
    for _, said in ipairs({ "\\u0001", '"\\u0001"', "\1", '\\"\1' }) do
      local r = result()
      r.addresses[1].control.error = { message = said, code = "x" }
      assert.equal((said:gsub("\1", "\\x01")), cjson.decode(json.line(r)).addresses[1].control.error.message)
    end
  end)

  it("holds no secret and no ticket, whatever a record carries", function()
    local line = json.line(result())
    assert.is_nil(line:find(SECRET, 1, true))
    assert.is_nil(line:find("master", 1, true))
    assert.is_nil(line:find("tttt", 1, true))
    assert.is_nil(line:find(("74"):rep(4), 1, true))
  end)

  it("is plain ASCII whatever a server sent", function()
    local r = result()
    r.addresses[1].support.ticket.attempts[1] =
      record({ outcome = "protocol_error", error = { message = 'it said "\27[2J\255\1"', code = "not_tls" } })
    local line = json.line(r)
    assert.is_nil(line:find("[^\32-\126]"))
    assert.equal('it said "\\x1b[2J\\xff\\x01"',
      cjson.decode(line).addresses[1].support.ticket.attempts[1].error.message)
  end)

  it("names no key of a ticket that is only the name of a cache entry", function()
    local r = result()
    r.addresses[1].control.facts.tickets[1].ticket = ("s"):rep(32)
    assert.same({ length = 32, lifetime_s = 300, age_add = 1, nonce_length = 8 },
      cjson.decode(json.line(r)).addresses[1].control.facts.tickets[1])
  end)
end)
