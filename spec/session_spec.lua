--- resum.session: fields, DER and PEM, copies, and that its secrets leave it through der() and pem() only.

local core = require "resum.core"
local hex = require "spec.support.hex"
local memory = require "spec.support.memory"
local pki = require "spec.support.pki"
local process = require "spec.support.process"
local random = require "spec.support.random"

local SEED = 20261125
local MUTATIONS = 1000

local KINDS = {
  { name = "a session id", server = { max_version = "TLSv1.2", tickets = false }, text = "session id of 32 bytes" },
  { name = "a ticket", server = { max_version = "TLSv1.2", identity = "rsa" }, text = "ticket of %d bytes" },
  { name = "a ticket of TLS 1.0", server = { max_version = "TLSv1.0" }, text = "ticket of %d bytes" },
  { name = "a stateless PSK", server = { max_early_data = 1234 }, text = "ticket of %d bytes" },
  { name = "a stateful PSK", server = { tickets = false }, text = "ticket of %d bytes" },
}

local OFFER = { server_name = "www.example.test", context = { alpn = { "h2", "http/1.1" } } }

local function visit_of(kind)
  local server = { alpn = { "http/1.1" } }
  for name, value in pairs(kind.server) do
    server[name] = value
  end
  server = memory.server(server)
  return memory.visit(server, OFFER), server
end

local function resumes(server, session)
  local visit = memory.visit(server, { session = session, server_name = OFFER.server_name, context = OFFER.context })
  return visit.facts.reused
end

-- The element at the start of DER: tag, content, the rest (X.690, definite lengths).
local function der_element(bytes)
  local tag, length, position = (">BB"):unpack(bytes)
  if length >= 0x80 then
    length, position = (">I" .. (length & 0x7f)):unpack(bytes, position)
  end
  return tag, bytes:sub(position, position + length - 1), bytes:sub(position + length)
end

-- SSL_SESSION_ASN1: version, protocol, cipher, session id, master secret (in TLS 1.3 the PSK), …
local function secret_of(session)
  local _, rest = der_element(session:der())
  local content
  for _ = 1, 5 do
    _, content, rest = der_element(rest)
  end
  return content
end

-- Does the secret stand anywhere in a value, raw or as hex?
local function betrays(value, secret)
  if type(value) == "table" then
    for key, content in pairs(value) do
      if betrays(key, secret) or betrays(content, secret) then
        return true
      end
    end
    return false
  end
  local text = tostring(value)
  return text:find(secret, 1, true) ~= nil or text:lower():find(hex.digits(secret), 1, true) ~= nil
end

describe("a session", function()
  for _, kind in ipairs(KINDS) do
    describe("with " .. kind.name, function()
      local visit, server, session

      before_each(function()
        visit, server = visit_of(kind)
        session = visit.session
      end)

      it("has the fields that stood on the wire", function()
        local facts = visit.facts
        local ticket = facts.tickets[#facts.tickets] or {}
        local fields = session:fields()
        assert.is_true(math.abs(fields.time_s - os.time()) < 60)
        assert.same({
          version = facts.version, cipher = facts.cipher, ticket = ticket.ticket, lifetime_s = ticket.lifetime_s or 0,
          age_add = ticket.age_add or 0, max_early_data = ticket.max_early_data or 0, resumable = true,
          extended_master_secret = facts.extended_master_secret,
          alpn = "http/1.1", server_name = "www.example.test", id = fields.id,
          time_s = fields.time_s,
        }, fields)
        if not ticket.ticket then
          assert.equal(facts.session_id, fields.id)
        end
      end)

      it("says what it is, and no more", function()
        local text = kind.text:format(#(session:fields().ticket or ""))
        assert.equal(("resum.session (%s, %s)"):format(visit.facts.version, text), tostring(session))
      end)

      for _, form in ipairs { "der", "pem" } do
        it("is the same, and resumes, after a way through " .. form, function()
          local text = session[form](session)
          local again = assert(core.session { [form] = text })
          assert.equal(text, again[form](again))
          assert.same(session:fields(), again:fields())
          assert.is_true(resumes(server, again))
        end)
      end

      it("is read and written by openssl as PEM", function()
        local result = process.run { command = { "openssl", "sess_id", "-text" }, input = session:pem() }
        assert.equal(0, result.code, result.stderr)
        assert.matches("Session-ID: " .. hex.digits(session:fields().id):upper(), result.stdout, 1, true)
        assert.matches(hex.digits(secret_of(session)):upper(), result.stdout, 1, true)
        local pem = result.stdout:match("%-%-%-%-%-BEGIN.*")
        assert.equal(session:pem(), pem)
        assert.is_true(resumes(server, assert(core.session { pem = pem })))
      end)

      it("lets nobody see its secrets but through der and pem", function()
        local secret = secret_of(session)
        assert.is_true(#secret >= 32)
        assert.is_true(betrays({ { [1] = { "x" .. secret } } }, secret))
        for name, value in pairs {
          text = tostring(session), fields = session:fields(), facts = visit.client:facts(),
          transcript = visit.client:transcript(), handshake = tostring(visit.client),
        } do
          assert.is_false(betrays(value, secret), name)
        end
      end)

      it("has a copy that stands alone", function()
        local copy = session:copy()
        local before = session:der()
        session:close()
        collectgarbage()
        assert.equal(before, copy:der())
        assert.is_true(resumes(server, copy))
      end)

      it("outlives its handshake and its context", function()
        visit.client:close()
        visit = nil
        collectgarbage()
        assert.is_true(resumes(server, session))
      end)

      it("is refused when a byte of its DER is missing or one stands behind it", function()
        local der = session:der()
        for length = 0, #der - 1 do
          assert.same({ nil, "session: not the DER of a session", "invalid" },
            { core.session { der = der:sub(1, length) } })
        end
        assert.same({ nil, "session: not the DER of a session", "invalid" }, { core.session { der = der .. "\0" } })
      end)

      it("never crashes what reads or offers it, whatever its DER became", function()
        local garbage = random.new(SEED)
        local context = core.context()
        local der, taken = session:der(), 0
        for _ = 1, MUTATIONS do
          local mutated = core.session { der = garbage:mutate(der) }
          if mutated then
            taken = taken + 1
            assert.is_string(tostring(mutated))
            assert.is_table(mutated:fields())
            mutated:copy():pem()
            local client = core.handshake(context, { session = mutated })
            if client then
              client:step()
              client:facts()
            end
          end
        end
        assert.is_true(taken > MUTATIONS / 20, ("seed %d: only %d of %d were sessions"):format(SEED, taken, MUTATIONS))
      end)
    end)
  end

  it("keeps an age_add and a lifetime of 32 bits", function()
    local high = 0
    local server = memory.server { num_tickets = 16, lifetime_s = 0x7fffffff }
    for _ = 1, 4 do
      for _, ticket in ipairs(memory.visit(server).client:sessions()) do
        high = math.max(high, ticket:fields().age_add)
      end
    end
    assert.is_true(high > 0x7fffffff) -- 64 random numbers; that all are below 2^31 will not be seen
  end)

  describe("is not made from", function()
    for name, source in pairs {
      ["nothing as DER"] = { der = "" },
      ["garbage as DER"] = { der = "\48\3\1\1\255" },
      ["a huge length as DER"] = { der = "\48\132\255\255\255\255" },
      ["an endless length as DER"] = { der = "\48\128\0\0" },
      ["nothing as PEM"] = { pem = "" },
      ["text as PEM"] = { pem = "hello" },
      ["a broken PEM"] = { pem = "-----BEGIN SSL SESSION PARAMETERS-----\n!\n-----END SSL SESSION PARAMETERS-----\n" },
    } do
      it(name, function()
        local session, message, code = core.session(source)
        assert.same({ nil, "invalid" }, { session, code })
        assert.matches(source.der and "^session: not the DER" or "^session: not the PEM", message)
      end)
    end

    it("the PEM of something else", function()
      assert.same({ nil, "session: not the PEM of a session", "invalid" },
        { core.session { pem = pki.get("ecdsa").certificate_pem } })
    end)

    it("more bytes than a session has", function()
      assert.same({ nil, "session: too long", "invalid" }, { core.session { der = ("x"):rep(256 * 1024 + 1) } })
      assert.same({ nil, "session: too long", "invalid" }, { core.session { pem = ("x"):rep(512 * 1024 + 1) } })
    end)
  end)

  describe("raises an error for", function()
    for name, case in pairs {
      ["no source"] = { {}, "'der', 'pem', or 'version', 'cipher' and 'secret' expected" },
      ["two sources"] = { { der = "", pem = "" }, "one of 'der' and 'pem' expected" },
      ["a wrong type"] = { { der = 1 }, "option 'der': string expected, got number" },
      ["an unknown source"] = { { json = "" }, "unknown option 'json'" },
      ["a string"] = { "", "table expected, got string" },
    } do
      it(name, function()
        local ran, message = pcall(core.session, case[1])
        assert.same({ false, "(" .. case[2] .. ")" }, { ran, message:match("^bad argument #1 to '[^']*' (.*)$") })
      end)
    end
  end)

  it("is made of plain fields, and derived with others", function()
    local session = assert(core.session {
      version = "TLSv1.3", cipher = "TLS_AES_128_GCM_SHA256", secret = ("s"):rep(32), ticket = "ticket",
      age_add = 0xffffffff, lifetime_s = 7200, max_early_data = 16384, time_s = 1234567890, alpn = "h2",
      server_name = "a.example",
    })
    local expected = {
      version = "TLSv1.3", cipher = "TLS_AES_128_GCM_SHA256", id = "", ticket = "ticket", age_add = 0xffffffff,
      lifetime_s = 7200, max_early_data = 16384, time_s = 1234567890, alpn = "h2", server_name = "a.example",
      extended_master_secret = false, resumable = true,
    }
    assert.same(expected, session:fields())
    assert.same(expected, assert(core.session { der = session:der() }):fields())
    local derived = assert(session:derive { ticket = "another", server_name = "b.example" })
    expected.ticket, expected.server_name = "another", "b.example"
    assert.same(expected, derived:fields())
    assert.is_false(betrays(derived:fields(), ("s"):rep(32)))
    assert.same({ nil, "session: OpenSSL takes no session of these fields", "invalid" },
      { session:derive { cipher = 0x4242 } })
  end)

  it("may be issued after 2038, and up to the year 2514", function()
    local made = { version = "TLSv1.2", cipher = "TLS_RSA_WITH_AES_128_CBC_SHA", secret = ("s"):rep(48), ticket = "t",
      lifetime_s = 7200 }
    for _, time_s in ipairs { 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 4102444800, 0x3ffffffff } do
      made.time_s = time_s
      local session = assert(core.session(made))
      assert.equal(time_s, session:fields().time_s)
      assert.equal(time_s, assert(core.session { der = session:der() }):fields().time_s)
      assert.equal(time_s, assert(core.session { pem = session:pem() }):fields().time_s)
      assert.equal(time_s, session:derive { ticket = "u" }:fields().time_s)
    end
    made.time_s = 0x400000000
    assert.is_false((pcall(core.session, made)))
  end)

  it("derived from one of a server resumes there", function()
    for _, kind in ipairs(KINDS) do
      local visit, server = visit_of(kind)
      assert.is_true(resumes(server, assert(visit.session:derive { alpn = "http/1.1" })), kind.name)
    end
  end)
end)
