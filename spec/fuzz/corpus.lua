-- Makes what the fuzz targets start from, under build/fuzz: sessions, and real handshakes cut to each target's inputs
-- (the bytes that choose stand first; see the head of each target). Run by `make fuzz`, with the specs' servers.

local core = require "resum.core"
local fixed_random = require "spec.support.fixed_random"
local keys = require "spec.support.keys"
local memory = require "spec.support.memory"
local pair = require "spec.support.pair"
local pki = require "spec.support.pki"
local process = require "spec.support.process"

local ROOT = "build/fuzz/"
local TICKET_KEYS = ("k"):rep(80)
local TLS12, TLS13 = "TLSv1.2", "TLSv1.3"
local FIXED = ("r"):rep(32)

local counts = {}

local function write(path, bytes)
  local file = assert(io.open(path, "wb"))
  assert(file:write(bytes))
  assert(file:close())
end

local function seed(target, ...)
  counts[target] = (counts[target] or 0) + 1
  write(("%scorpus/%s/seed-%03d"):format(ROOT, target, counts[target]), table.concat { ... })
end

-- --- the sessions: of servers that every run below can ask again ---

local OLD = { max_version = TLS12, min_version = TLS12, ticket_keys = TICKET_KEYS }
-- with anti-replay, libssl's tickets are of use to the server only that issued them
local NEW = { min_version = TLS13, ticket_keys = TICKET_KEYS, max_early_data = 1000, anti_replay = false }

local function merged(options, more)
  local all = {}
  for _, from in ipairs { options, more } do
    for name, value in pairs(from) do
      all[name] = value
    end
  end
  return all
end

local id_server = memory.server(merged(OLD, { tickets = false, ciphers = "ECDHE-ECDSA-AES128-SHA" }))
local SESSIONS = {
  id12 = memory.visit(id_server, { context = { max_version = TLS12 } }).session,
  ticket12 = memory.visit(memory.server(OLD), { context = { max_version = TLS12 } }).session,
  psk13 = memory.visit(memory.server(NEW), { context = { min_version = TLS13 } }).session,
}

local function write_sessions()
  for name, session in pairs(SESSIONS) do
    write(ROOT .. "sessions/" .. name .. ".der", session:der())
    for _, searches in ipairs { 0, 6 } do -- what takes long as well, or 20 s may not come to it
      seed("session", string.char(searches), session:der())
      seed("session", string.char(searches + 1), session:pem())
    end
  end
end

-- --- probe: what a server says to the very probe that the target starts, in the clear ---

local RECORD = { handshake = 22, change_cipher_spec = 20, alert = 21, application_data = 23 }

local function record(content, bytes)
  return string.char(content) .. "\3\3" .. (">s2"):pack(bytes)
end

-- The server's messages as records; protected ones as the target opens them.
local function in_the_clear(transcript, is_new)
  local out, protected = {}, false
  for _, entry in ipairs(transcript) do
    if entry.from == "server" and #entry.bytes > 0 then
      local content = RECORD[entry.type] or RECORD.handshake
      local inner = protected and is_new and content ~= RECORD.change_cipher_spec
      out[#out + 1] = inner and record(RECORD.application_data, entry.bytes .. string.char(content))
        or record(content, entry.bytes)
      protected = protected or entry.type == "server_hello"
    end
  end
  return table.concat(out)
end

-- Bits of the first byte of probe.c's inputs.
local KIND = { id12 = 0, ticket12 = 1, psk13 = 2 }
local WANTS_TICKETS, EARLY_DATA, NO_SESSION_ID = 4, 16, 32

local outcomes = {} -- of the probes

local function probe_seed(name, server, bits)
  bits = bits or 0
  local machine = assert(core.probe { session = SESSIONS[name], random = FIXED, max_bytes = 1 << 16,
    session_id = name ~= "id12" and (bits & NO_SESSION_ID ~= 0 and "" or FIXED) or nil,
    tickets = bits & WANTS_TICKETS ~= 0, early_data = bits & EARLY_DATA ~= 0 and "early" or nil, ticket_age_s = 0 })
  local state = pair.run(machine, server:accept()).client
  outcomes[state or "failed"] = (outcomes[state or "failed"] or 0) + 1
  seed("probe", string.char(KIND[name] | bits), "\0", in_the_clear(machine:transcript(), name == "psk13"))
end

local function probe_seeds()
  probe_seed("id12", id_server)
  probe_seed("id12", memory.server(OLD))
  for _, more in ipairs { {}, { renew_tickets = true }, { ticket_keys = ("x"):rep(80) }, { tickets = false } } do
    probe_seed("ticket12", memory.server(merged(OLD, more)))
    probe_seed("ticket12", memory.server(merged(OLD, more)), NO_SESSION_ID)
  end
  for _, more in ipairs { {}, { groups = "P-256" }, { groups = "P-384" }, { ticket_keys = ("x"):rep(80) },
    { max_version = TLS12, min_version = TLS12 } } do
    for _, bits in ipairs { 0, WANTS_TICKETS, EARLY_DATA, WANTS_TICKETS | EARLY_DATA | NO_SESSION_ID } do
      probe_seed("psk13", memory.server(merged(NEW, more)), bits)
    end
  end
end

-- --- handshake: with fixed random bytes the same ClientHello comes again, and the same keys ---

local function handshake_seed(choice, context, session, server)
  local client = core.handshake(core.context(context), { session = session, max_bytes = 1 << 16 })
  local connection = server:accept()
  local result = pair.run({ step = function(_, bytes)
    fixed_random.restart()
    return client:step(bytes)
  end }, connection)
  seed("handshake", string.char(choice), "\0", result.server_sent, connection:write("application data"),
    connection:shutdown())
end

local function handshake_seeds()
  for i, version in ipairs { TLS12, TLS13 } do
    local context = { min_version = version, max_version = version }
    for _, more in ipairs { {}, { request_certificate = true }, { groups = "P-256" }, { alpn = { "h2" } },
      { identity = "rsa" } } do
      handshake_seed(i - 1, context, nil, memory.server(merged({ ticket_keys = TICKET_KEYS }, more)))
    end
  end
  local context = { min_version = TLS12, max_version = TLS12 }
  handshake_seed(2, context, SESSIONS.id12, id_server)
  handshake_seed(4, context, SESSIONS.ticket12, memory.server(OLD))
  handshake_seed(4, context, SESSIONS.ticket12, memory.server(merged(OLD, { renew_tickets = true })))
end

-- --- messages and records ---

local function message_seeds()
  for _, options in ipairs { OLD, NEW, { groups = "P-521" } } do
    local visit = memory.visit(memory.server(options))
    local hello
    local all = {}
    for _, entry in ipairs(visit.client:transcript()) do
      local kind = (entry.from == "server" and 1 or 0) | (entry.type == "alert" and 2 or 0)
      all[#all + 1] = string.char(kind) .. (">s2"):pack(entry.bytes)
      if entry.type ~= "alert" and #entry.bytes > 0 then
        seed("messages", "\0", entry.bytes)
        seed("messages", "\1", entry.bytes:sub(5))
        hello = hello or entry.bytes:sub(5)
        if entry.from == "server" then
          seed("messages", "\2", (">s2"):pack(hello), entry.bytes:sub(5))
        end
      end
    end
    seed("messages", "\3", table.concat(all))
    seed("messages", "\0", visit.result.server_sent)
    seed("messages", "\0", visit.result.client_sent)
  end
end

-- In the order of record.c's suites.
local SUITES = { 0x002f, 0x003d, 0xc028, 0xc02f, 0xc030, 0xcca8, 0xc09c, 0xc0a3, 0x1301, 0x1302, 0x1303, 0x1304,
  0x1305 }
local WAYS = { [0] = TLS12, "TLSv1.1", TLS12, TLS12 }

local function record_seeds()
  for i, cipher in ipairs(SUITES) do
    local is_cbc = i <= 3
    for way = 0, is_cbc and 6 or 0, 2 do
      local version = cipher >> 8 == 0x13 and TLS13 or is_cbc and way & 2 == 0 and "TLSv1.0" or WAYS[way & 3]
      local suite = keys.suite(cipher, version)
      local writing = keys.protection { version = version, cipher = cipher, encrypt_then_mac = is_cbc and way & 4 ~= 0,
        key = ("k"):rep(suite.key_length), iv = ("i"):rep(suite.iv_length), mac_key = ("m"):rep(suite.mac_key_length) }
      for _, plain in ipairs { "p", ("p"):rep(100) } do
        seed("record", string.char(i - 1, way, 22), writing:seal(22, plain):sub(6))
        seed("record", string.char(i - 1, way | 8, 22), plain)
      end
    end
  end
end

-- --- certificates and keys, in every form that is read ---

-- Bits of the first byte of identity.c's inputs; the form p12 is named by 2.
local KEY_APART, PASSPHRASE, NAMES_FORM, FORM_P12 = 1, 2, 4, 0x20
local FEW = { "-iter", "2" } -- a key derivation of a moment

local function openssl(...)
  local path = process.temporary_directory() .. "/out"
  local command = table.move({ ... }, 1, select("#", ...), 2, { "openssl" })
  table.move({ "-out", path }, 1, 2, #command + 1, command)
  local result = process.run { command = command, seconds = 60 }
  assert(result.code == 0, result.stderr)
  local bytes = process.read_file(path)
  process.remove(path:match("^(.+)/"))
  return bytes
end

local function keys_of(client)
  local function encrypted(...)
    return openssl("pkcs8", "-topk8", "-in", client.key, "-passout", "pass:secret", FEW[1], FEW[2], ...)
  end
  return { client.key_pem, openssl("pkey", "-in", client.key, "-outform", "DER"), encrypted("-outform", "PEM"),
    encrypted("-outform", "DER") }
end

local function bags_of(client, ca)
  local function bag(...)
    return openssl("pkcs12", "-export", "-in", client.certificate, "-inkey", client.key, "-certfile", ca.certificate,
      FEW[1], FEW[2], ...)
  end
  return { bag("-passout", "pass:secret"), bag("-passout", "pass:"), bag("-legacy", "-passout", "pass:secret") }
end

local function identity_seeds()
  local client, ca = pki.get("client"), pki.get("ca")
  local private, bags = keys_of(client), bags_of(client, ca)
  private[#private + 1] = bags[1]
  bags[#bags + 1] = client.certificate_pem .. client.key_pem
  for _, certificate in ipairs { client.certificate_pem, client.certificate_pem .. ca.certificate_pem,
    openssl("x509", "-in", client.certificate, "-outform", "DER") } do
    for _, bytes in ipairs(private) do
      for _, choice in ipairs { KEY_APART, KEY_APART | PASSPHRASE, KEY_APART | NAMES_FORM } do
        seed("identity", string.char(choice), (">s2"):pack(certificate), bytes)
      end
    end
  end
  for _, bytes in ipairs(bags) do
    for _, choice in ipairs { 0, PASSPHRASE, NAMES_FORM | FORM_P12 } do
      seed("identity", string.char(choice), (">s2"):pack(bytes))
    end
  end
end

write_sessions()
identity_seeds()
message_seeds()
record_seeds()
probe_seeds()
fixed_random.start()
handshake_seeds()
assert(outcomes.established == 17 and outcomes.refused == 9, "the probe's seeds are not what they should be")
for target, count in pairs(counts) do
  print(("fuzz: %d seeds for %s"):format(count, target))
end
