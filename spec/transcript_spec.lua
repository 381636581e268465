--- The facts and the transcript of a handshake: what resum says stood on the wire, stood on the wire.
-- Expectations are read from the messages' bytes by spec.support.wire, and compared with what the server's libssl says.

local core = require "resum.core"
local hex = require "spec.support.hex"
local memory = require "spec.support.memory"
local pair = require "spec.support.pair"
local pki = require "spec.support.pki"
local process = require "spec.support.process"
local wire = require "spec.support.wire"

local EXTENSION = wire.EXTENSION
local ALERTS = { [0] = "close_notify", [70] = "protocol_version" }

-- --- the facts that the messages' bytes give, one function a message ---

local read = { client = {}, server = {} }

function read.client.client_hello(facts, bytes)
  local hello = wire.client_hello(bytes)
  local ticket = hello.extensions[EXTENSION.session_ticket]
  facts.session_id_sent = hello.session_id
  facts.ticket_offered = ticket ~= nil
  facts.ticket_length_sent = #(ticket or "")
  facts.psk_identities_sent = wire.psk_identities(hello.extensions[EXTENSION.pre_shared_key])
end

function read.server.hello_retry_request(facts, bytes)
  assert.is_true(wire.server_hello(bytes).retry)
  facts.hello_retry = true
end

local function add_extensions(facts, bytes)
  for _, kind in ipairs(wire.extension_order(bytes)) do
    table.insert(facts.extensions, kind)
  end
end

function read.server.server_hello(facts, bytes)
  local hello = wire.server_hello(bytes)
  local extensions = hello.extensions
  local share, identity = extensions[EXTENSION.key_share], extensions[EXTENSION.pre_shared_key]
  facts.version, facts.version_number = wire.VERSION[hello.version], hello.version
  facts.cipher_id, facts.session_id = hello.cipher, hello.session_id
  facts.extended_master_secret = extensions[EXTENSION.extended_master_secret] ~= nil
  facts.encrypt_then_mac = extensions[EXTENSION.encrypt_then_mac] ~= nil
  facts.session_ticket = extensions[EXTENSION.session_ticket] ~= nil
  facts.server_key_share = share ~= nil
  facts.server_share = share and share:sub(5) -- behind the group and a length
  facts.group = share and wire.GROUP[(">I2"):unpack(share)]
  facts.selected_identity = identity and (">I2"):unpack(identity)
  facts.alpn = wire.alpn(extensions[EXTENSION.alpn])
  add_extensions(facts, bytes)
end

function read.server.encrypted_extensions(facts, bytes)
  local extensions = wire.encrypted_extensions(bytes)
  facts.early_data = extensions[EXTENSION.early_data] ~= nil
  facts.alpn = wire.alpn(extensions[EXTENSION.alpn])
  add_extensions(facts, bytes)
end

function read.server.server_key_exchange(facts, bytes)
  if facts.cipher_id == 0x009e then -- DHE_RSA_WITH_AES_128_GCM_SHA256
    facts.server_share = wire.key_exchange_dhe(bytes)
    return
  end
  local curve, share = wire.key_exchange_curve(bytes)
  facts.group, facts.server_share = wire.GROUP[curve], share
end

-- What openssl calls a certificate: serial and SHA-256, as bytes. Asked once for each.
local names = {}

local MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"

-- "Nov  8 01:02:03 2036 GMT" -> "361108010203Z", as it stands in certificates until 2049
local function utc_time(words)
  local month, day, hour, minute, second, year = words:match("^(%a+) +(%d+) (%d+):(%d+):(%d+) %d%d(%d%d) GMT$")
  return ("%s%02d%02d%s%s%sZ"):format(year, (MONTHS:find(month) + 2) // 3, day, hour, minute, second)
end

local function names_of(der)
  if not names[der] then
    local path = process.temporary_directory() .. "/leaf.der"
    process.write_file(path, der)
    local said = process.run { command = {
      "openssl", "x509", "-inform", "der", "-in", path, "-noout", "-serial", "-fingerprint", "-sha256",
      "-enddate",
    } }.stdout
    names[der] = { serial = hex.bytes(said:match("serial=(%x+)")),
      sha256 = hex.bytes((said:match("Fingerprint=([%x:]+)"):gsub(":", ""))),
      not_after = utc_time(said:match("notAfter=([^\n]+)")) }
  end
  return names[der]
end

function read.server.certificate(facts, bytes)
  facts.certificate = true
  local leaf = names_of(wire.leaf(bytes, facts.version_number))
  facts.leaf_serial, facts.leaf_sha256, facts.leaf_not_after = leaf.serial, leaf.sha256, leaf.not_after
end

function read.server.certificate_request(facts)
  facts.certificate_request = true
end

function read.server.new_session_ticket(facts, bytes)
  local ticket = wire.new_session_ticket(bytes, facts.version_number)
  local early = ticket.extensions and ticket.extensions[EXTENSION.early_data]
  local extensions = ticket.extensions and { early and { type = EXTENSION.early_data, body = early } }
  table.insert(facts.tickets, {
    ticket = ticket.ticket, lifetime_s = ticket.lifetime_s, age_add = ticket.age_add,
    nonce = ticket.nonce, nonce_length = ticket.nonce and #ticket.nonce, extensions = extensions,
    max_early_data = early and (">I4"):unpack(early),
  })
end

local function read_alert(facts, from, bytes)
  local level, code = bytes:byte(1, 2)
  table.insert(facts.alerts, {
    from = from, level = level == 2 and "fatal" or "warning", code = code, description = ALERTS[code],
  })
end

local function facts_of(transcript)
  local facts = { certificate = false, certificate_request = false, hello_retry = false, tickets = {}, alerts = {},
    extensions = {} }
  for _, message in ipairs(transcript) do
    local reader = read[message.from][message.type]
    if message.type == "alert" then
      read_alert(facts, message.from, message.bytes)
    elseif reader then
      reader(facts, message.bytes)
    end
  end
  facts.version_number = nil
  return facts
end

-- What stands in the facts beside the messages' content.
local function without_judgement(facts)
  local rest = {}
  for name, value in pairs(facts) do
    rest[name] = value
  end
  rest.cipher, rest.reused, rest.finished, rest.bytes_in, rest.bytes_out = nil, nil, nil, nil, nil
  return rest
end

local function types_of(transcript, from)
  local types = {}
  for _, message in ipairs(transcript) do
    if message.from == from then
      types[#types + 1] = message.type
    end
  end
  return table.concat(types, " ")
end

-- --- the connections that are looked at ---

local VERSIONS = {
  ["TLSv1.0"] = { min_version = "TLSv1.0", max_version = "TLSv1.0" },
  ["TLSv1.1"] = { min_version = "TLSv1.1", max_version = "TLSv1.1" },
  ["TLSv1.2"] = { min_version = "TLSv1.2", max_version = "TLSv1.2" },
  ["TLSv1.3"] = { min_version = "TLSv1.3", max_version = "TLSv1.3" },
}

local function server_of(version, options)
  local all = {}
  for _, from in ipairs { VERSIONS[version], options or {} } do
    for name, value in pairs(from) do
      all[name] = value
    end
  end
  return memory.server(all)
end

local OLD, ALL = { "TLSv1.0", "TLSv1.1", "TLSv1.2" }, { "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3" }
local NEW, BOTH = { "TLSv1.3" }, { "TLSv1.2", "TLSv1.3" }

-- said: facts of the full handshake that the case is about, so that the case can't miss its subject.
local CASES = {
  { name = "with nothing special", versions = ALL, said = { hello_retry = false, certificate_request = false } },
  { name = "with an RSA certificate", versions = ALL, server = { identity = "rsa" } },
  { name = "without the client's ticket extension", versions = OLD, client = { tickets = false },
    said = { ticket_offered = false, session_ticket = false } },
  { name = "without the server's tickets", versions = OLD, server = { tickets = false },
    said = { ticket_offered = true, session_ticket = false } },
  { name = "without any session", versions = OLD, server = { tickets = false, cache = false },
    said = { session_id = "" } },
  { name = "without the server's extended master secret", versions = OLD, server = { extended_master_secret = false },
    said = { extended_master_secret = false } },
  { name = "with encrypt-then-MAC", versions = OLD, client = { ciphers = "ECDHE-ECDSA-AES128-SHA" },
    said = { encrypt_then_mac = true, extended_master_secret = true } },
  { name = "without encrypt-then-MAC", versions = OLD, client = { ciphers = "ECDHE-ECDSA-AES128-SHA" },
    server = { encrypt_then_mac = false }, said = { encrypt_then_mac = false } },
  { name = "with RSA key exchange", versions = OLD, client = { ciphers = "AES128-SHA" }, server = { identity = "rsa" },
    said = { group = nil } },
  { name = "with Diffie-Hellman over a finite field", versions = { "TLSv1.2" },
    client = { ciphers = "DHE-RSA-AES128-GCM-SHA256" }, server = { identity = "rsa", dh_group = "ffdhe2048" },
    said = { group = nil, cipher_id = 0x009e } },
  { name = "with the group P-384", versions = OLD, server = { groups = "P-384" }, said = { group = "secp384r1" } },
  { name = "with a HelloRetryRequest", versions = NEW, server = { groups = "P-521" },
    said = { group = "secp521r1", hello_retry = true } },
  { name = "with ALPN", versions = BOTH, client = { alpn = { "h2", "http/1.1" } }, server = { alpn = { "http/1.1" } },
    said = { alpn = "http/1.1" } },
  { name = "with ALPN that the server ignores", versions = BOTH, client = { alpn = { "h2" } },
    server = { alpn = { "http/1.1" } }, said = { alpn = nil } },
  { name = "with a client certificate", versions = ALL, with_certificate = true,
    server = { request_certificate = true }, said = { certificate_request = true } },
  { name = "with a client certificate that is missing", versions = ALL, server = { request_certificate = true },
    said = { certificate_request = true } },
  { name = "with tickets that are renewed", versions = OLD, server = { renew_tickets = true },
    said = { session_ticket = true } },
  { name = "with many tickets", versions = NEW, server = { num_tickets = 5 } },
  { name = "without a ticket", versions = NEW, server = { num_tickets = 0 }, said = { tickets = {} } },
  { name = "with stateful tickets", versions = NEW, server = { tickets = false } },
  { name = "with early data allowed", versions = NEW, server = { max_early_data = 4321 },
    said = { early_data = false } },
  { name = "with an odd lifetime", versions = ALL, server = { lifetime_s = 12345 } },
  { name = "with AES-256", versions = NEW, server = { ciphersuites = "TLS_AES_256_GCM_SHA384" },
    said = { cipher_id = 0x1302, cipher = "TLS_AES_256_GCM_SHA384" } },
}

local function client_options(case)
  local options = {}
  for name, value in pairs(case.client or {}) do
    options[name] = value
  end
  if case.with_certificate then
    local identity = pki.get("client")
    options.certificate, options.private_key = identity.certificate_pem, identity.key_pem
  end
  return options
end

local function check_against_wire(client)
  assert.same(facts_of(client:transcript()), without_judgement(client:facts()))
end

-- libssl's server remembers a resumed session's group and ALPN; the wire does not say the group again up to TLS 1.2.
local function check_against_server(visit)
  local ours, theirs = visit.facts, visit.server_facts
  assert.same({ theirs.version, theirs.cipher, theirs.finished, theirs.reused, theirs.alpn },
    { ours.version, ours.cipher, ours.finished, ours.reused, ours.alpn })
  if ours.group then
    assert.equal(theirs.group, ours.group)
  end
  if ours.version ~= "TLSv1.3" then
    assert.equal(theirs.extended_master_secret, ours.extended_master_secret)
  end
end

-- One connection, looked at when it is established, and again at its end, when the alerts have come.
local function look_at(server, options)
  local visit = memory.connect(server, options)
  check_against_wire(visit.client)
  check_against_server(visit)
  assert.same({ #visit.result.server_sent, #visit.result.client_sent },
    { visit.facts.bytes_in, visit.facts.bytes_out })
  pair.close(visit.client, visit.connection)
  check_against_wire(visit.client)
  assert.same({ "client", "server" }, { visit.client:facts().alerts[1].from, visit.client:facts().alerts[2].from })
  return visit
end

describe("the facts of a handshake", function()
  for _, case in ipairs(CASES) do
    for _, version in ipairs(case.versions) do
      it(("of %s %s say what stood on the wire, in full and resumed"):format(version, case.name), function()
        local server = server_of(version, case.server)
        local context = assert(core.context(client_options(case)))
        local full = look_at(server, { context = context })
        for name in pairs(case.said or {}) do
          assert.same(case.said[name], full.facts[name])
        end
        local resumed = look_at(server, { context = context, session = full.session })
        assert.same({ version, version }, { full.facts.version, resumed.facts.version })
        assert.equal(full.session ~= nil, resumed.facts.reused)
        assert.equal(case.with_certificate == true, full.server_facts.peer_certificate)
      end)
    end
  end

  it("hold the alert with which the server refused, and nothing that did not come", function()
    local visit = memory.connect(server_of("TLSv1.3"), { context = { max_version = "TLSv1.2" } })
    check_against_wire(visit.client)
    assert.same({
      result = { code = "alert", message = "handshake: the server sent the alert protocol_version (70)" },
      alerts = { { from = "server", level = "fatal", description = "protocol_version", code = 70 } },
    }, {
      result = { client = visit.result.client, code = visit.result.code, message = visit.result.message },
      alerts = visit.facts.alerts, version = visit.facts.version, cipher = visit.facts.cipher,
      group = visit.facts.group, session_id = visit.facts.session_id,
    })
  end)

  it("hold the alert with which the client refused", function()
    local visit = memory.connect(server_of("TLSv1.2"), { context = { min_version = "TLSv1.3" } })
    assert.same({ "alert", "server" }, { visit.result.code, visit.facts.alerts[1].from })
    -- a server that answers in the wrong version
    local old = memory.connect(server_of("TLSv1.2"))
    local client = memory.client { context = { min_version = "TLSv1.3" } }
    client:step()
    local state, alert, _, code = client:step(old.result.server_sent)
    assert.same({ nil, "protocol_error" }, { state, code })
    assert.same({ from = "client", level = "fatal", description = "protocol_version", code = 70 },
      client:facts().alerts[1])
    assert.same("\2\70", wire.records(alert)[1].bytes)
    assert.equal("TLSv1.2", client:facts().version)
    check_against_wire(client)
  end)

  it("hold the ticket and the PSK that were offered, also when the server refuses them", function()
    for version, offered in pairs { ["TLSv1.2"] = "ticket_length_sent", ["TLSv1.3"] = "psk_identities_sent" } do
      local session = memory.visit(server_of(version)).session
      local visit = look_at(server_of(version), { session = session })
      assert.same({ false, version == "TLSv1.2" and #session:fields().ticket or 1 },
        { visit.facts.reused, visit.facts[offered] })
    end
  end)
end)

describe("the transcript", function()
  it("names the messages of both sides in their order", function()
    local old = memory.visit(server_of("TLSv1.2")).client:transcript()
    assert.equal("client_hello client_key_exchange finished alert", types_of(old, "client"))
    assert.equal("server_hello certificate server_key_exchange server_hello_done new_session_ticket "
      .. "finished alert", types_of(old, "server"))
    local new = memory.visit(server_of("TLSv1.3", { groups = "P-384" })).client:transcript()
    assert.equal("client_hello client_hello finished alert", types_of(new, "client"))
    assert.equal("hello_retry_request server_hello encrypted_extensions certificate "
      .. "certificate_verify finished new_session_ticket new_session_ticket alert", types_of(new, "server"))
  end)

  it("holds the very bytes that travelled in the clear", function()
    for _, version in ipairs(OLD) do
      local visit = memory.connect(server_of(version))
      local kept = { client = {}, server = {} }
      for _, message in ipairs(visit.client:transcript()) do
        table.insert(kept[message.from], message.bytes)
      end
      for from, list in pairs(kept) do
        local sent = wire.clear_messages(visit.result[from .. "_sent"])
        assert.is_true(#sent >= 2)
        assert.same(sent, table.move(list, 1, #sent, 1, {}))
      end
    end
  end)

  it("is empty before the first step", function()
    local client = memory.client()
    assert.same({}, client:transcript())
    assert.same({ certificate = false, certificate_request = false, hello_retry = false, tickets = {}, alerts = {},
      extensions = {}, reused = false, finished = false, bytes_in = 0, bytes_out = 0 }, client:facts())
  end)

  it("is a table of its own each time", function()
    local client = memory.visit(server_of("TLSv1.3")).client
    local first = client:transcript()
    first[1].type = "changed"
    client:facts().tickets[1].ticket = "changed"
    assert.equal("client_hello", client:transcript()[1].type)
    assert.are_not.equal("changed", client:facts().tickets[1].ticket)
  end)
end)
