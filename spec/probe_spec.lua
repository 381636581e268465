-- The raw probe against libssl's server, in memory: every version, cipher, mechanism and chunking, and what a
-- refusal, a HelloRetryRequest or a wrong byte makes of it.

local core = require "resum.core"
local kdf = require "spec.support.keys"
local memory = require "spec.support.memory"
local pair = require "spec.support.pair"

local TLS12 = "TLSv1.2"
local TLS13 = "TLSv1.3"

-- A session of a server: from an ordinary full handshake.
local function session_of(server, version, offer)
  local context = { max_version = version, min_version = version }
  for name, value in pairs(offer or {}) do
    context[name] = value
  end
  local visit = memory.visit(server, { context = context })
  assert.equal("established", visit.result.client, visit.result.message)
  return assert(visit.session)
end

-- One probe from its first byte to rest.
local function probe(server, options, how)
  local machine = assert(core.probe(options))
  local connection = server:accept()
  local result = pair.run(machine, connection, how)
  local seen = {
    state = result.client, message = result.message, code = result.code, server = result.server,
    server_message = result.server_message, facts = machine:facts(), server_facts = connection:facts(),
    machine = machine, connection = connection, result = result,
  }
  return seen
end

local function assert_resumed(seen)
  assert.equal("established", seen.state, seen.message or seen.server_message)
  assert.is_true(seen.facts.reused)
  assert.equal("finished", seen.facts.proof)
  assert.is_false(seen.facts.certificate)
  assert.is_true(seen.server_facts.reused)
  local ended = pair.close(seen.machine, seen.connection)
  assert.same({ "closed", "closed" }, { ended.client == "established" and "closed" or ended.client, ended.server })
end

local function assert_refused(seen)
  assert.equal("refused", seen.state, seen.message)
  assert.is_false(seen.facts.reused)
  assert.is_nil(seen.facts.proof)
  assert.is_not_true(seen.server_facts.reused)
end

local CHUNKS = { false, "byte", "halves" } -- false: whole

-- A cipher in OpenSSL's words, in which version, on which identity.
local CIPHERS = {
  { "ECDHE-ECDSA-AES128-GCM-SHA256", TLS12 },
  { "ECDHE-ECDSA-AES256-GCM-SHA384", TLS12 },
  { "ECDHE-ECDSA-CHACHA20-POLY1305", TLS12 },
  { "ECDHE-ECDSA-AES128-CCM", TLS12 },
  { "ECDHE-ECDSA-AES256-CCM8", TLS12 },
  { "ECDHE-ECDSA-AES128-SHA", TLS12 },
  { "ECDHE-ECDSA-AES256-SHA", TLS12 },
  { "ECDHE-ECDSA-AES128-SHA256", TLS12 },
  { "ECDHE-ECDSA-AES256-SHA384", TLS12 },
  { "ECDHE-RSA-AES128-GCM-SHA256", TLS12, "rsa" },
  { "AES128-GCM-SHA256", TLS12, "rsa" },
  { "AES256-SHA256", TLS12, "rsa" },
  { "AES128-CCM8", TLS12, "rsa" },
  { "DHE-RSA-AES256-GCM-SHA384", TLS12, "rsa" },
  { "ECDHE-ECDSA-AES128-SHA", "TLSv1.1" },
  { "ECDHE-ECDSA-AES256-SHA", "TLSv1.0" },
  { "AES128-SHA", "TLSv1.0", "rsa" },
  { "TLS_AES_128_GCM_SHA256", TLS13 },
  { "TLS_AES_256_GCM_SHA384", TLS13 },
  { "TLS_CHACHA20_POLY1305_SHA256", TLS13 },
  { "TLS_AES_128_CCM_SHA256", TLS13 },
  { "TLS_AES_128_CCM_8_SHA256", TLS13 },
}

describe("a probe resumes", function()
  for _, case in ipairs(CIPHERS) do
    local cipher, version, identity = case[1], case[2], case[3]
    local is_new = version == TLS13
    local list = is_new and "ciphersuites" or "ciphers"
    for _, tickets in ipairs(is_new and { true, false } or { true, false }) do
      local how = (is_new and (tickets and "stateless" or "stateful")) or (tickets and "by ticket" or "by session id")
      it(("%s, %s, %s, in any chunking"):format(version, cipher, how), function()
        local server = memory.server({ identity = identity, max_version = version, min_version = version,
          [list] = cipher, tickets = tickets })
        local session = session_of(server, version, { [list] = cipher })
        for _, chunk in ipairs(CHUNKS) do
          assert_resumed(probe(server, { session = session }, { chunk = chunk or nil }))
        end
      end)
    end
  end
end)

describe("a probe of TLS 1.2", function()
  for _, ems in ipairs({ true, false }) do
    for _, etm in ipairs({ true, false }) do
      it(("resumes with extended master secret %s and encrypt-then-MAC %s"):format(ems, etm), function()
        local server = memory.server({ max_version = TLS12, ciphers = "ECDHE-ECDSA-AES128-SHA",
          extended_master_secret = ems, encrypt_then_mac = etm })
        local session = session_of(server, TLS12)
        assert.equal(ems, session:fields().extended_master_secret)
        local seen = probe(server, { session = session })
        assert_resumed(seen)
        assert.same({ ems, etm }, { seen.facts.extended_master_secret, seen.facts.encrypt_then_mac })
      end)
    end
  end

  it("takes a renewed ticket, and can offer that one next", function()
    local server = memory.server({ max_version = TLS12, renew_tickets = true })
    local session = session_of(server, TLS12)
    local seen = probe(server, { session = session })
    assert.equal(1, #seen.facts.tickets)
    local renewed = seen.machine:sessions()
    assert.equal(1, #renewed)
    assert.equal(seen.facts.tickets[1].ticket, renewed[1]:fields().ticket)
    assert.not_equal(session:fields().ticket, renewed[1]:fields().ticket)
    assert_resumed(seen)
    assert_resumed(probe(server, { session = renewed[1] }))
    local visit = memory.visit(server, { context = { max_version = TLS12 }, session = renewed[1] })
    assert.is_true(visit.facts.reused) -- libssl takes it, too
  end)

  it("is refused by a server that doesn't know the session, and says goodbye", function()
    for _, tickets in ipairs({ true, false }) do
      local session = session_of(memory.server({ max_version = TLS12, tickets = tickets }), TLS12)
      local seen = probe(memory.server({ max_version = TLS12, tickets = tickets }), { session = session })
      assert_refused(seen)
      assert.same({ "user_canceled", "close_notify" },
        { seen.facts.alerts[1].description, seen.facts.alerts[2].description })
      assert.is_true(seen.facts.certificate)
    end
  end)

  it("is refused by a server that speaks an older version by now", function()
    local keys = ("k"):rep(80)
    local session = session_of(memory.server({ max_version = TLS12, ticket_keys = keys }), TLS12)
    local seen = probe(memory.server({ max_version = "TLSv1.1", ticket_keys = keys,
      ciphers = "ECDHE-ECDSA-AES128-SHA" }), { session = session })
    assert_refused(seen)
    assert.equal("TLSv1.1", seen.facts.version)
  end)

  it("decides at the ServerHello when told to, and says which proof it has", function()
    local server = memory.server({ max_version = TLS12 })
    local seen = probe(server, { session = session_of(server, TLS12), proof = "hello" })
    assert.same({ "established", true, "hello", "" },
      { seen.state, seen.facts.reused, seen.facts.proof, seen.machine:shutdown() })
    local stranger = probe(memory.server({ max_version = TLS12 }),
      { session = session_of(server, TLS12), proof = "hello" })
    assert_refused(stranger)
  end)

  it("leaves a stateful session good for the next one", function()
    local server = memory.server({ max_version = TLS12, tickets = false })
    local session = session_of(server, TLS12)
    for _ = 1, 3 do
      assert_resumed(probe(server, { session = session }))
    end
  end)

  it("offers no session ticket for a session id, and a random id for a ticket", function()
    local server = memory.server({ max_version = TLS12, tickets = false })
    local session = session_of(server, TLS12)
    local seen = probe(server, { session = session })
    assert.same({ false, session:fields().id }, { seen.facts.ticket_offered, seen.facts.session_id_sent })
    local by_ticket = memory.server({ max_version = TLS12 })
    session = session_of(by_ticket, TLS12)
    local first = probe(by_ticket, { session = session })
    assert.equal(32, #first.facts.session_id_sent)
    assert.not_equal(session:fields().id, first.facts.session_id_sent) -- that one libssl made up
    assert.equal(first.facts.session_id_sent, first.facts.session_id)
  end)
end)

describe("a probe of TLS 1.3", function()
  local function server_and_session(options, offer)
    local all = { min_version = TLS13 }
    for name, value in pairs(options or {}) do
      all[name] = value
    end
    local server = memory.server(all)
    return server, session_of(server, TLS13, offer)
  end

  it("shows the base point unless told otherwise", function()
    local server, session = server_and_session()
    for _, kind in ipairs({ "base_point", "random" }) do
      local seen = probe(server, { session = session, key_share = kind })
      assert_resumed(seen)
      assert.same({ kind, "x25519" }, { seen.facts.key_share, seen.facts.group })
    end
  end)

  for _, group in ipairs({ "P-256", "P-384", "P-521" }) do
    it("follows a HelloRetryRequest to " .. group, function()
      local server, session = server_and_session({ groups = group })
      for _, chunk in ipairs({ false, "byte" }) do
        local seen = probe(server, { session = session }, { chunk = chunk or nil })
        assert_resumed(seen)
        assert.is_true(seen.facts.hello_retry)
      end
    end)
  end

  it("says that a group of a HelloRetryRequest is beyond it", function()
    local server, session = server_and_session({ groups = "X448" }, { groups = "X448" })
    local seen = probe(server, { session = session, groups = { "x25519", "x448" } })
    assert.same({ nil, "unsupported" }, { seen.state, seen.code })
  end)

  it("starts with the first group's key share", function()
    local server, session = server_and_session({ groups = "P-256" })
    local seen = probe(server, { session = session, groups = { "secp256r1" } })
    assert_resumed(seen)
    assert.same({ false, "random", "secp256r1" }, { seen.facts.hello_retry, seen.facts.key_share, seen.facts.group })
  end)

  it("resumes without a key exchange where the server allows it (psk_ke)", function()
    local server, session = server_and_session({ psk_ke = true })
    local seen = probe(server, { session = session, psk_modes = { "psk_ke" } })
    assert_resumed(seen)
    assert.is_false(seen.facts.server_key_share)
    local strict, strict_session = server_and_session()
    assert_refused(probe(strict, { session = strict_session, psk_modes = { "psk_ke" } }))
  end)

  it("reads tickets when asked to, which resume in both engines", function()
    local server, session = server_and_session({ num_tickets = 3 })
    local seen = probe(server, { session = session, tickets = true })
    local sessions = seen.machine:sessions()
    assert.is_true(#sessions >= 1)
    assert.equal(#sessions, #seen.facts.tickets)
    assert_resumed(seen)
    assert_resumed(probe(server, { session = sessions[1] }))
    local visit = memory.visit(server, { context = { min_version = TLS13 }, session = sessions[#sessions] })
    assert.is_true(visit.facts.reused)
    assert.same({}, probe(server, { session = session }).machine:sessions())
  end)

  it("offers several identities, and learns which one was selected", function()
    local keys = { ("a"):rep(80), ("b"):rep(80), ("c"):rep(80) }
    local servers, sessions = {}, {}
    for i, key in ipairs(keys) do
      servers[i], sessions[i] = server_and_session({ ticket_keys = key })
    end
    for i, server in ipairs(servers) do
      local seen = probe(server, { sessions = sessions, ticket_age_s = { 1, 2, 3 } })
      assert_resumed(seen)
      assert.same({ 3, i - 1 }, { seen.facts.psk_identities_sent, seen.facts.selected_identity })
    end
  end)

  it("sends one change_cipher_spec for middleboxes, and none without a session id", function()
    local function sent(seen)
      local count = 0
      for _, entry in ipairs(seen.machine:transcript()) do
        count = count + (entry.type == "change_cipher_spec" and entry.from == "client" and 1 or 0)
      end
      return count
    end
    local server, session = server_and_session({ groups = "P-256", max_early_data = 1000 })
    local stranger = memory.server({ min_version = TLS13, groups = "P-256:X25519" })
    for id, expected in pairs({ [""] = 0, [("i"):rep(32)] = 1 }) do
      for _, groups in ipairs({ { "secp256r1" }, { "x25519", "secp256r1" } }) do
        for _, early_data in ipairs({ false, "early" }) do
          local options = { session = session, session_id = id, groups = groups, early_data = early_data or nil }
          assert.equal(expected, sent(probe(server, options)))
          assert.equal(expected, sent(probe(stranger, options)))
        end
      end
    end
  end)

  it("is refused with an encrypted farewell", function()
    local _, session = server_and_session()
    local stranger = memory.server({ min_version = TLS13 })
    local seen = probe(stranger, { session = session })
    assert_refused(seen)
    assert.is_nil(seen.facts.selected_identity)
    assert.is_truthy(seen.server_facts.got_close_notify or seen.server_message, "the server could not read it")
    for _, alert in ipairs(seen.server_facts.alerts or {}) do
      assert.is_truthy(({ user_canceled = true, close_notify = true })[alert.description or alert])
    end
  end)

  it("is refused so that the server can read it, also behind early data and a HelloRetryRequest", function()
    local _, session = server_and_session({ max_early_data = 1000 })
    for _, options in ipairs({ { max_early_data = 1000 }, {}, { groups = "P-256" },
      { groups = "P-256", max_early_data = 1000 } }) do
      options.min_version = TLS13
      local seen = probe(memory.server(options), { session = session, early_data = "early data" })
      assert_refused(seen)
      assert.is_true(seen.server_facts.got_close_notify)
    end
  end)

  it("is refused after a HelloRetryRequest, too", function()
    local _, session = server_and_session({ groups = "P-256" })
    assert_refused(probe(memory.server({ min_version = TLS13, groups = "P-256" }), { session = session }))
  end)

  it("gets an alert for a binder that is wrong", function()
    local server, session = server_and_session()
    local seen = probe(server, { session = session, alter_binder = true })
    assert.same({ nil, "alert" }, { seen.state, seen.code })
    assert.is_truthy(seen.message:find("the server sent the alert", 1, true))
  end)

  it("gets it after a HelloRetryRequest, too", function()
    local server, session = server_and_session({ groups = "P-256" })
    assert.equal("established", probe(server, { session = session }).state)
    assert.equal("alert", probe(server, { session = session, alter_binder = true }).code)
  end)

  it("binds wherever the PSKs stand, and leaves a body of the caller's as it is", function()
    local session = assert(core.session({ version = TLS13, cipher = "TLS_AES_256_GCM_SHA384", secret = ("p"):rep(48),
      ticket = "ticket" }))
    local names = { "supported_versions", "supported_groups", "key_share", "psk_key_exchange_modes",
      "signature_algorithms" }
    local function hello_of(options)
      options.session, options.random, options.session_id, options.extensions = session, ("r"):rep(32), "", options[1]
      options[1] = nil
      local machine = assert(core.probe(options))
      return machine, select(2, machine:step())
    end
    -- without any PSK nothing else is written over, and the server answers in full
    local machine, hello = hello_of({ names })
    assert.equal(core.client_hello({ random = ("r"):rep(32), session_id = "", extensions = names,
      ciphers = core.parse(hello)[1].ciphers, key_shares = { { group = "x25519", share = "\9" .. ("\0"):rep(31) } } }),
      hello)
    assert.equal("refused", pair.run(machine, memory.server():accept(), { first = hello }).client)
    assert.equal(0, machine:facts().psk_identities_sent)
    -- a body of the caller's
    local last = { type = "pre_shared_key", body = ("b"):rep(80) }
    hello = select(2, hello_of({ { names[1], names[3], last } }))
    assert.equal(last.body, hello:sub(-80))
    -- not the last one, as it should be: the binder is over all that stands before it
    hello = select(2, hello_of({ { names[1], "pre_shared_key", { type = 0x4242, body = ("x"):rep(50) } } }))
    assert.equal(("x"):rep(50), hello:sub(-50))
    local early = kdf.extract("sha384", "", ("p"):rep(48))
    local key = kdf.expand_label("sha384", early, "res binder", kdf.digest("sha384", ""), 48)
    local cut = #hello - 54 - 51
    local binder = kdf.hmac("sha384", kdf.expand_label("sha384", key, "finished", "", 48),
      kdf.digest("sha384", hello:sub(6, cut)))
    assert.equal("\0\49\48" .. binder, hello:sub(cut + 1, cut + 51))
  end)

  it("sends early data, which the server takes once or not at all", function()
    local server, session = server_and_session({ max_early_data = 1000 })
    local seen = probe(server, { session = session, early_data = "early", ticket_age_s = 0 })
    assert_resumed(seen)
    assert.is_true(seen.facts.early_data)
    assert.equal("random", seen.facts.key_share)
    local again = probe(server, { session = session, early_data = "early", ticket_age_s = 0 })
    assert.is_not_true(again.facts.early_data)
  end)

  it("is refused by a server of an older version", function()
    local _, session = server_and_session()
    local seen = probe(memory.server({ max_version = TLS12 }), { session = session })
    assert.equal("alert", seen.code) -- protocol_version: it offered TLS 1.3 only
    assert.equal("protocol_version", seen.facts.alerts[1].description)
    local both = probe(memory.server({ max_version = TLS12 }), { session = session, versions = { TLS13, TLS12 },
      ciphers = { "TLS_AES_256_GCM_SHA384", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" } })
    assert_refused(both)
    assert.equal(TLS12, both.facts.version)
  end)
end)

describe("a probe", function()
  local function resuming()
    local server = memory.server({ max_version = TLS12 })
    return server, session_of(server, TLS12)
  end

  it("says closed when the stream ends in the middle, at every byte of the server's answer", function()
    for _, version in ipairs({ TLS12, TLS13 }) do
      local server = memory.server({ min_version = version, max_version = version })
      local session = session_of(server, version)
      local machine = assert(core.probe({ session = session }))
      local _, hello = machine:step()
      local _, answer = server:accept():step(hello)
      for length = 0, #answer - 1 do
        local other = assert(core.probe({ session = session, random = hello:sub(12, 43) }))
        other:step()
        local state = other:step(answer:sub(1, length))
        if state == "want" then
          local ended, _, message, code = other:eof()
          assert.same({ nil, "handshake: the server ended the connection in the middle", "closed" },
            { ended, message, code })
        end
      end
    end
  end)

  it("never calls a changed answer resumed", function()
    for _, version in ipairs({ TLS12, TLS13 }) do
      local server = memory.server({ min_version = version, max_version = version })
      local session = session_of(server, version)
      for place = 1, 600, 7 do
        local flight = 0
        local seen = probe(server, { session = session }, { change = function(from, bytes)
          flight = flight + (from == "server" and 1 or 0)
          if from ~= "server" or flight > 1 or place > #bytes then
            return bytes
          end
          return bytes:sub(1, place - 1) .. string.char(bytes:byte(place) ~ 0x41) .. bytes:sub(place + 1)
        end })
        if seen.state == "established" then
          -- only bytes that nothing depends on: the record's version, what came behind the Finished
          assert.is_true(seen.server_facts.reused)
        end
      end
    end
  end)

  it("takes no more than its bound", function()
    local server, session = resuming()
    local machine = assert(core.probe({ session = session, max_bytes = 20 }))
    local _, hello = machine:step()
    local _, answer = server:accept():step(hello)
    local state, _, _, code = machine:step(answer)
    assert.same({ nil, "too_much" }, { state, code })
    assert.same({ nil, "too_much" }, { machine:step(answer), (select(4, machine:step(""))) })
  end)

  it("takes no more than its bound in pieces, too", function()
    local server, session = resuming()
    local machine = assert(core.probe({ session = session, max_bytes = 20 }))
    local _, hello = machine:step()
    local _, answer = server:accept():step(hello)
    assert.equal("want", (machine:step(answer:sub(1, 15))))
    assert.same({ nil, "", "handshake: the server sent more than is taken in", "too_much" },
      { machine:step(answer:sub(16, 30)) })
  end)

  it("says what is no TLS", function()
    local _, session = resuming()
    local machine = assert(core.probe({ session = session }))
    machine:step()
    local state, out, message, code = machine:step("HTTP/1.1 400 Bad Request\r\n\r\n")
    assert.same({ nil, "", "handshake: the peer's bytes are not TLS", "protocol_error" }, { state, out, message, code })
  end)

  it("says that a session is beyond it", function()
    local session = assert(core.session({ version = TLS12, cipher = 0xc072, secret = ("s"):rep(48), ticket = "t" }))
    local machine, message, code = core.probe({ session = session })
    assert.same({ nil, "probe: the session's version or cipher suite is beyond the probe", "unsupported" },
      { machine, message, code })
  end)

  it("says so of a session of DTLS, too", function()
    local _, session = resuming()
    local der = session:der()
    local head, length, rest = (">c2 I2"):unpack(der)
    rest = der:sub(rest):gsub("^(\2\1\1)\2\2\3\3", "%1\2\3\0\xfe\xfd")
    local machine, message, code = core.probe({ session = assert(core.session({
      der = head .. (">I2"):pack(length + 1) .. rest })) })
    assert.is_nil(machine)
    assert.same({ "probe: the session's version or cipher suite is beyond the probe", "unsupported" },
      { message, code })
  end)

  it("says goodbye once, also where more came than is kept", function()
    local server = memory.server({ min_version = TLS13 })
    local seen = probe(server, { session = session_of(server, TLS13), tickets = true })
    for _ = 1, 300 do
      assert.equal("established", seen.machine:step(seen.connection:issue_ticket()))
    end
    assert.is_true(#seen.machine:sessions() > 200)
    assert.not_equal("", seen.machine:shutdown())
    assert.equal("", seen.machine:shutdown())
  end)

  it("takes 16 sessions, and no more", function()
    local server = memory.server({ min_version = TLS13 })
    local session, sessions = session_of(server, TLS13), {}
    for i = 1, 16 do
      sessions[i] = session
    end
    local seen = probe(server, { sessions = sessions })
    assert_resumed(seen)
    assert.equal(16, seen.facts.psk_identities_sent)
    sessions[17] = session
    assert.has_error(function() core.probe({ sessions = sessions }) end)
  end)

  it("takes no older session among several of TLS 1.3", function()
    local server = memory.server()
    local old, new = session_of(server, TLS12), session_of(server, TLS13)
    for _, sessions in ipairs({ { new, old }, { old, new } }) do
      local ran, message = pcall(core.probe, { sessions = sessions })
      assert.is_false(ran)
      assert.is_truthy(message:find("several sessions have to be TLS 1.3 ones", 1, true), message)
    end
  end)

  it("raises what is a mistake of the caller", function()
    local _, session = resuming()
    for problem, options in pairs({
      ["unknown option 'sesion'; did you mean 'session'?"] = { sesion = session },
      ["option 'session' or 'sessions' expected"] = {},
      ["option 'key_share': base_point or random expected"] = { session = session, key_share = "none" },
      ["option 'proof': finished or hello expected"] = { session = session, proof = "hope" },
      ["option 'session_id': 0 to 32 bytes expected"] = { session = session, session_id = ("x"):rep(33) },
      ["option 'ciphers': entry 1 is neither a known name nor a number"] = { session = session, ciphers = { "ROT13" } },
      ["several sessions have to be TLS 1.3 ones"] = { sessions = { session, session } },
      ["1 to 16 sessions expected"] = { sessions = {} },
    }) do
      local raised, message = pcall(core.probe, options)
      assert.is_false(raised)
      assert.is_truthy(message:find(problem, 1, true), message)
    end
  end)

  it("is a clear error once it is closed, and can be closed twice", function()
    local _, session = resuming()
    local machine = assert(core.probe({ session = session }))
    machine:close()
    machine:close()
    assert.equal("resum.probe (closed)", tostring(machine))
    for _, verb in ipairs({ "step", "eof", "shutdown", "sessions", "facts", "transcript" }) do
      local ran, message = pcall(machine[verb], machine)
      assert.is_false(ran)
      assert.is_truthy(message:find("the probe is closed", 1, true), message)
    end
  end)

  it("lives through collections between its steps", function()
    local server = resuming()
    local machine, connection = assert(core.probe({ session = session_of(server, TLS12) })), server:accept()
    collectgarbage()
    collectgarbage()
    assert.equal("established", pair.run(machine, connection, { chunk = 10, change = function(_, bytes)
      collectgarbage()
      return bytes
    end }).client)
  end)
end)
