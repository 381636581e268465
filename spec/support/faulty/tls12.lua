--- TLS 1.2 of the faulty server (RFC 5246, 5077, 7627), with ECDHE on X25519 and one certificate. What is wrong with
-- it, faults say: each is one condition here, beside what a server in order does. It must not know who asks.

local connections = require "spec.support.faulty.connection"
local keys = require "spec.support.keys"
local wire = require "spec.support.wire"

local uv = require "luv"

local M = {}

local VERSION = 0x0303
local X25519, NAMED_CURVE = 29, 3
local SUITES = { [0xc02b] = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
  [0xc02c] = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", [0xc02f] = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
  [0xc030] = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384" }
local ORDER = { 0xc02b, 0xc02c } -- those that fit the certificate
local EXTENSION = wire.EXTENSION
local STATUS_REQUEST = 5
local RENEGOTIATION_INFO, EXTENDED = 0xff01, EXTENSION.extended_master_secret
local ECDSA_SECP256R1_SHA256 = 0x0403
local ID, LIFETIME = 32, 7200

local Handshake = {}
Handshake.__index = Handshake

local function message(kind, body)
  return string.char(kind) .. (">s3"):pack(body)
end

local function offers(hello, cipher)
  for at = 1, #hello.ciphers - 1, 2 do
    if (">I2"):unpack(hello.ciphers, at) == cipher then
      return true
    end
  end
  return false
end

function Handshake:put(bytes)
  self.messages[#self.messages + 1] = bytes
  self.connection:send(connections.HANDSHAKE, bytes)
end

function Handshake:transcript()
  return keys.transcript_hash(self.hash, self.messages)
end

function Handshake:use(cipher)
  self.cipher, self.hash = cipher, keys.suite(SUITES[cipher], "TLSv1.2").hash
end

-- Both directions (RFC 5246, section 6.3).
function Handshake:protections()
  local suite = keys.suite(SUITES[self.cipher], "TLSv1.2")
  local block = keys.prf(self.hash, self.secret, "key expansion", self.random .. self.hello.random,
    2 * (suite.key_length + suite.iv_length))
  local iv = 2 * suite.key_length
  local function side(number)
    return keys.protection { version = "TLSv1.2", cipher = SUITES[self.cipher],
      key = block:sub((number - 1) * suite.key_length + 1, number * suite.key_length),
      iv = block:sub(iv + (number - 1) * suite.iv_length + 1, iv + number * suite.iv_length) }
  end
  return side(1), side(2)
end

function Handshake:finished(label)
  return message(20, keys.prf(self.hash, self.secret, label, self:transcript(), 12))
end

function Handshake:send_finished()
  self.connection:send(connections.CHANGE_CIPHER_SPEC, "\1")
  local writing
  self.connection.next_reading, writing = self:protections()
  self.connection.writing = writing
  self:put(self:finished("server finished"))
end

function Handshake:await_finished()
  if not self.connection.next_reading then
    self.connection.next_reading = (self:protections())
  end
  local expected = self:finished("client finished")
  local finished = self.connection:message()
  if finished ~= expected then
    self.connection:alert(51)
  end
  self.messages[#self.messages + 1] = finished
end

-- Sessions --------------------------------------------------------------------------------------------------------

function Handshake:session()
  return { version = VERSION, cipher = self.cipher, secret = self.secret, ems = self.ems, issued_ms = uv.now(),
    server_name = self.server_name }
end

-- May this one resume (RFC 5246, section 7.4.1.2; RFC 7627, section 5.3)?
function Handshake:fits(session)
  local faults = self.faults
  if session.version ~= VERSION then
    if not faults.new_as_old or #session.secret ~= 48 then
      return false
    end
    session.cipher, session.ems = 0xc030, self.offers_ems -- what is left of it is the secret
  end
  if session.ems and not self.offers_ems and not faults.ems_lost then
    self.connection:alert(40)
  elseif not session.ems and self.offers_ems and not faults.ems_gained then
    return false
  end
  return session.server_name == self.server_name and (offers(self.hello, session.cipher) or faults.other_cipher)
end

-- The session that is offered and may resume.
function Handshake:find()
  local ticket = self.hello.extensions[EXTENSION.session_ticket]
  if ticket and ticket ~= "" then
    local session, why = self.server.tickets:unseal(ticket)
    if not session and (why or self.faults.unknown_alert) then
      self.connection:alert(why == "padding" and 20 or why and 50 or 47)
    elseif not session and self.faults.unknown_end then
      self.connection:leave()
    end
    return session and self:fits(session) and session or nil
  end
  local session = self.server.ids[self.hello.session_id]
  return session and self:fits(session) and session or nil
end

-- Hellos ----------------------------------------------------------------------------------------------------------

function Handshake:extensions(resumes)
  local parts = { (">I2 s2"):pack(RENEGOTIATION_INFO, "\0") }
  if self.ems then
    parts[#parts + 1] = (">I2 s2"):pack(EXTENDED, "")
  end
  if self.issues then
    parts[#parts + 1] = (">I2 s2"):pack(EXTENSION.session_ticket, "")
  end
  if resumes and self.faults.server_name_repeated and self.hello.extensions[EXTENSION.server_name] then
    parts[#parts + 1] = (">I2 s2"):pack(EXTENSION.server_name, "")
  end
  if resumes and self.faults.status_repeated and self.hello.extensions[STATUS_REQUEST] then
    parts[#parts + 1] = (">I2 s2"):pack(STATUS_REQUEST, "")
  end
  return (">s2"):pack(table.concat(parts))
end

function Handshake:send_hello(session_id, resumes)
  self.random = uv.random(32)
  self:put(message(2, (">I2"):pack(VERSION) .. self.random .. (">s1 I2 B"):pack(session_id, self.cipher, 0)
    .. self:extensions(resumes)))
end

-- An ID for a session in the cache.
function Handshake:new_id()
  self.server.count = self.server.count + 1
  if self.faults.predictable_id then
    return self.server.id_prefix .. (">I4"):pack(self.server.count)
  end
  return uv.random(ID)
end

-- What CVE-2016-9244 did: a short ID is echoed with what stands behind it in memory.
local function echo(self)
  local id = self.hello.session_id
  if self.faults.ticketbleed and #id > 0 and #id < ID then
    return id .. uv.random(ID - #id)
  end
  return id
end

-- Flights ---------------------------------------------------------------------------------------------------------

function Handshake:send_ticket()
  self:put(message(4, (">I4 s2"):pack(self.faults.lifetime and 30 * 86400 or LIFETIME,
    self.server.tickets:seal(self:session()))))
end

function Handshake:resume(session)
  self:use(session.cipher)
  self.secret, self.ems = session.secret, self.offers_ems and session.ems or self.offers_ems and self.faults.ems_gained
  self.issues = false
  self:send_hello(echo(self), true)
  self:send_finished()
  self:await_finished()
end

function Handshake:exchange()
  local private = self.faults.share and ("\9"):rep(32) or uv.random(32)
  local parameters = (">B I2 s1"):pack(NAMED_CURVE, X25519, keys.public(private))
  local identity = self.server.identity
  self:put(message(11, (">s3"):pack((">s3"):pack(identity.certificate_der))))
  self:put(message(12, parameters .. (">I2 s2"):pack(ECDSA_SECP256R1_SHA256,
    keys.sign(identity.key_pem, self.hello.random .. self.random .. parameters))))
  self:put(message(14, ""))
  local answer = self.connection:message()
  self.messages[#self.messages + 1] = answer
  local shared = keys.exchange("x25519", private, ((">s1"):unpack(answer, 5)))
  if self.ems then
    self.secret = keys.prf(self.hash, shared, "extended master secret", self:transcript(), 48)
  else
    self.secret = keys.prf(self.hash, shared, "master secret", self.hello.random .. self.random, 48)
  end
end

function Handshake:full()
  local wanted
  for i = #ORDER, 1, -1 do
    wanted = offers(self.hello, ORDER[i]) and ORDER[i] or wanted
  end
  if not wanted then
    self.connection:alert(40)
  end
  self:use(wanted)
  self.ems = self.offers_ems
  self.issues = self.hello.extensions[EXTENSION.session_ticket] ~= nil and not self.faults.no_tickets
  local id = not self.issues and self:new_id() or ""
  self:send_hello(id)
  self:exchange()
  self:await_finished()
  if id ~= "" then
    self.server.ids[id] = self:session()
  end
  if self.issues then
    self:send_ticket()
  end
  self:send_finished()
end

--- An abbreviated handshake under a master secret of zeros (CVE-2026-34873).
-- @tparam table server, table connection, table hello, string bytes as of M.serve
-- @treturn boolean true
function M.resume_zeros(server, connection, hello, bytes)
  local one = setmetatable({ server = server, faults = {}, connection = connection, hello = hello,
    messages = { bytes }, offers_ems = hello.extensions[EXTENDED] ~= nil }, Handshake)
  for cipher in pairs(SUITES) do
    if offers(hello, cipher) then
      one:resume({ version = VERSION, cipher = cipher, secret = ("\0"):rep(48), ems = one.offers_ems })
      server.answer(connection)
      return true
    end
  end
  connection:alert(40)
end

--- Serves a connection whose ClientHello has come.
-- @tparam table server faults, tickets, identity, ids, count, id_prefix, answer (see spec.support.faulty)
-- @tparam table connection
-- @tparam table hello as wire reads it
-- @tparam string bytes the ClientHello
function M.serve(server, connection, hello, bytes)
  local name = hello.extensions[EXTENSION.server_name]
  local one = setmetatable({ server = server, faults = server.faults, connection = connection, hello = hello,
    messages = { bytes }, offers_ems = hello.extensions[EXTENDED] ~= nil and not server.faults.no_ems,
    server_name = name and name:sub(6) or "" }, Handshake)
  local session = one:find()
  if session then
    one:resume(session)
  else
    one:full()
  end
  server.answer(connection)
end

return M
