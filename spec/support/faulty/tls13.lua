--- TLS 1.3 of the faulty server (RFC 9846), with one certificate and X25519. What is wrong with it, faults say: each is
-- one condition here, beside what a server in order does. It must not know who asks.

local connections = require "spec.support.faulty.connection"
local keys = require "spec.support.keys"
local tls12 = require "spec.support.faulty.tls12"
local wire = require "spec.support.wire"

local uv = require "luv"

local M = {}

local VERSION, OLD_VERSION = 0x0304, 0x0303
local X25519 = 29
local SUITES = { [0x1301] = "TLS_AES_128_GCM_SHA256", [0x1302] = "TLS_AES_256_GCM_SHA384" }
local ORDER = { 0x1301, 0x1302 }
local PSK_KE, PSK_DHE_KE = 0, 1
local EXTENSION = wire.EXTENSION
local SIGNED = (" "):rep(64) .. "TLS 1.3, server CertificateVerify\0"
local ECDSA_SECP256R1_SHA256 = 0x0403
local WINDOW_MS = 10000 -- of a ticket's age (RFC 9846, section 8.3)
local LIFETIME, LONG_LIFETIME, MAX_EARLY_DATA = 7200, 30 * 86400, 4096
local FLAGS, FLAG_BODY = 62, "\2\0\1" -- tls_flags with flag 8
local FULL_TICKETS, RESUMED_TICKETS = 2, 1

local FIXED_SHARE = ("\9"):rep(32)

local TOO_EARLY = "HTTP/1.0 425 Too Early\r\n\r\n"

local Handshake = {}
Handshake.__index = Handshake

local function message(kind, body)
  return string.char(kind) .. (">s3"):pack(body)
end

local function extensions(list)
  local parts = {}
  for i, one in ipairs(list) do
    parts[i] = (">I2 s2"):pack(one[1], one[2])
  end
  return (">s2"):pack(table.concat(parts))
end

-- What comes in pairs of bytes.
local function has_number(bytes, number)
  for at = 1, #bytes - 1, 2 do
    if (">I2"):unpack(bytes, at) == number then
      return true
    end
  end
  return false
end

function Handshake:transcript()
  return keys.transcript_hash(self.hash, self.messages)
end

function Handshake:expand(secret, label, context, length)
  return keys.expand_label(self.hash, secret, label, context or "", length or #secret)
end

function Handshake:protection(secret)
  local suite = keys.suite(SUITES[self.cipher], "TLSv1.3")
  return keys.protection { version = "TLSv1.3", cipher = SUITES[self.cipher], iv = self:expand(secret, "iv", "", 12),
    key = self:expand(secret, "key", "", suite.key_length) }
end

function Handshake:put(bytes)
  self.messages[#self.messages + 1] = bytes
  self.connection:send(connections.HANDSHAKE, bytes)
end

function Handshake:finished(secret)
  return message(20, keys.hmac(self.hash, self:expand(secret, "finished"), self:transcript()))
end

-- The client's hello ----------------------------------------------------------------------------------------------

local function share_of(hello)
  local body = hello.extensions[EXTENSION.key_share]
  local list, at = body and (">s2"):unpack(body) or "", 1
  while at <= #list do
    local group, share
    group, share, at = (">I2 s2"):unpack(list, at)
    if group == X25519 then
      return share
    end
  end
end

local function modes_of(hello)
  local body, modes = hello.extensions[EXTENSION.psk_key_exchange_modes], {}
  for _, mode in ipairs({ (body or "\0"):byte(2, -1) }) do
    modes[mode] = true
  end
  return modes, body ~= nil
end

-- Of a pre_shared_key: the identities, with their obfuscated ages, and the binders; and how long those are as a list.
local function psks_of(body)
  local list, at = (">s2"):unpack(body)
  local binders, identities, all = (">s2"):unpack(body, at), {}, {}
  local place = 1
  while place <= #list do
    local ticket, age
    ticket, age, place = (">s2 I4"):unpack(list, place)
    identities[#identities + 1] = { ticket = ticket, age = age }
  end
  place = 1
  while place <= #binders do
    all[#all + 1], place = (">s1"):unpack(binders, place)
  end
  return identities, all, 2 + #binders
end

local function name_of(hello)
  local body = hello.extensions[EXTENSION.server_name]
  return body and body:sub(6) or "" -- list length, type, length (RFC 6066, section 3)
end

local function alpn_of(hello)
  local body = hello.extensions[EXTENSION.alpn]
  return body and (">s1"):unpack(((">s2"):unpack(body))) or nil
end

-- The suite: the session's, which a client offers again; else the first of ours.
function Handshake:choose_suite()
  local ciphers = self.hello.ciphers
  for _, cipher in ipairs(self.faults.sha384 and { 0x1302, 0x1301 } or ORDER) do
    if has_number(ciphers, cipher) then
      self.cipher, self.hash = cipher, keys.suite(SUITES[cipher], "TLSv1.3").hash
      return
    end
  end
  self.connection:alert(40) -- handshake_failure
end

-- Pre-shared keys -------------------------------------------------------------------------------------------------

-- A binder covers the ClientHello up to the list of binders, wherever that stands.
function Handshake:binder_is_right(session, binder)
  local hash = keys.suite(SUITES[session.cipher] or SUITES[0x1302], "TLSv1.3").hash
  local early = keys.extract(hash, "", session.secret)
  local empty = keys.digest(hash, "")
  local key = keys.expand_label(hash, keys.expand_label(hash, early, "res binder", empty, #empty), "finished", "",
    #empty)
  local cut = table.move(self.messages, 1, #self.messages, 1, {})
  cut[#cut] = cut[#cut]:sub(1, self.binders_at - 1)
  return keys.hmac(hash, key, keys.transcript_hash(hash, cut)) == binder
end

local function fits(self, session)
  if session.version ~= VERSION then
    return self.faults.old_as_new and self.hash == "sha384" -- which has secrets of 48 bytes as well
  end
  local name = SUITES[session.cipher]
  return self.faults.other_hash or name and keys.suite(name, "TLSv1.3").hash == self.hash
end

-- What a ticket that no session comes from leads to.
function Handshake:unknown(why)
  if why then
    self.connection:alert(why == "padding" and 20 or 50)
  elseif self.faults.unknown_alert then
    self.connection:alert(47)
  elseif self.faults.unknown_end then
    self.connection:leave()
  end
end

function Handshake:take(identities, binders)
  for i, identity in ipairs(identities) do
    local session, why = self.server.tickets:unseal(identity.ticket)
    if session and fits(self, session) then
      local binder = binders[i]
      if not binder and self.faults.missing_binder or self.faults.unchecked_binder
        or self:binder_is_right(session, binder) then
        return { session = session, index = i - 1, age = identity.age }
      elseif self.faults.dies_of_binder then
        self.server.die()
        self.connection:leave()
      end
      self.connection:alert(51) -- decrypt_error
    end
    self:unknown(why)
  end
end

-- May a PSK resume without a key exchange?
function Handshake:can_do_without(modes)
  return modes[PSK_KE] and (self.faults.without_exchange or self.faults.prefers_none)
end

-- The PSK that is taken, or nil.
function Handshake:choose_psk()
  local body = self.hello.extensions[EXTENSION.pre_shared_key]
  if not body then
    return nil
  end
  local modes, has_modes = modes_of(self.hello)
  local faults, connection = self.faults, self.connection
  local _, ends = self.client_hello:find((">I2 s2"):pack(EXTENSION.pre_shared_key, body), 1, true)
  local is_last = ends == #self.client_hello
  if not has_modes and faults.dies_without_modes then
    self.server.die()
    connection:leave()
  elseif not has_modes and not faults.no_modes then
    connection:alert(109) -- missing_extension
  elseif not is_last and not faults.misplaced_psk then
    connection:alert(47)
  end
  local identities, binders, length = psks_of(body)
  if #identities ~= #binders and not faults.missing_binder then
    connection:alert(47)
  end
  self.binders_at = ends - length + 1
  local is_allowed = modes[PSK_DHE_KE] or faults.no_modes or self:can_do_without(modes)
  local psk = is_allowed and self:take(identities, binders) or nil
  self.without_exchange = psk and self:can_do_without(modes)
    and (faults.prefers_none or not (modes[PSK_DHE_KE] and self.share))
  return psk
end

-- Is early data taken (RFC 9846, sections 4.3.10 and 8)?
function Handshake:takes_early_data()
  local psk, faults = self.psk, self.faults
  if not psk or psk.index ~= 0 or self.retried or faults.rejects_early_data
    or not self.hello.extensions[EXTENSION.early_data] then
    return false
  end
  local age_ms = (psk.age - psk.session.age_add) % 4294967296
  local is_fresh = math.abs(age_ms - (uv.now() - psk.session.issued_ms)) < WINDOW_MS
  local is_first = not self.server.seen[self.hello.random]
  self.server.seen[self.hello.random] = true
  return (is_fresh or faults.age) and (is_first or faults.replay)
    and (psk.session.alpn == self.alpn or faults.early_other_protocol)
    and (psk.session.server_name == self.server_name or faults.early_other_name)
end

-- The flights -----------------------------------------------------------------------------------------------------

function Handshake:retry()
  local connection = self.connection
  self.messages[2] = message(2, (">I2"):pack(OLD_VERSION) .. wire.HELLO_RETRY_RANDOM
    .. (">s1 I2 B"):pack(self.hello.session_id, self.cipher, 0)
    .. extensions({ { EXTENSION.supported_versions, "\3\4" }, { EXTENSION.key_share, (">I2"):pack(X25519) } }))
  connection:send(connections.HANDSHAKE, self.messages[2])
  local first = self.hello
  connection.skips = true
  self.client_hello = connection:message()
  connection.skips = false
  self.hello, self.retried = wire.client_hello(self.client_hello), true
  self.messages[3] = self.client_hello
  local versions = self.hello.extensions[EXTENSION.supported_versions]
  if not versions or not has_number(versions:sub(2), VERSION) then
    if self.faults.zero_secret and first.extensions[EXTENSION.pre_shared_key] then
      return tls12.resume_zeros(self.server, connection, self.hello, self.client_hello)
    end
    connection:alert(70) -- protocol_version
  end
  self.share = share_of(self.hello)
end

function Handshake:derive()
  local empty = keys.digest(self.hash, "")
  local zeros = ("\0"):rep(#empty)
  local early = keys.extract(self.hash, "", self.psk and self.psk.session.secret or zeros)
  self.early_secret = early
  local shared = not self.without_exchange and keys.exchange("x25519", self.private, self.share) or zeros
  local handshake = keys.extract(self.hash, self:expand(early, "derived", empty), shared)
  self.client_secret = self:expand(handshake, "c hs traffic", self:transcript())
  self.server_secret = self:expand(handshake, "s hs traffic", self:transcript())
  self.master = keys.extract(self.hash, self:expand(handshake, "derived", empty), zeros)
end

function Handshake:send_hello()
  local list = { { EXTENSION.supported_versions, "\3\4" } }
  if not self.without_exchange then
    list[#list + 1] = { EXTENSION.key_share, (">I2 s2"):pack(X25519, keys.public(self.private)) }
  end
  if self.psk then
    list[#list + 1] = { EXTENSION.pre_shared_key, (">I2"):pack(self.psk.index) }
  end
  self.early_transcript = self:transcript()
  self:put(message(2, (">I2"):pack(OLD_VERSION) .. uv.random(32)
    .. (">s1 I2 B"):pack(self.hello.session_id, self.cipher, 0) .. extensions(list)))
end

function Handshake:send_certificate()
  local identity = self.server.identity
  self:put(message(11, "\0" .. (">s3"):pack((">s3 s2"):pack(identity.certificate_der, ""))))
  self:put(message(15, (">I2 s2"):pack(ECDSA_SECP256R1_SHA256,
    keys.sign(identity.key_pem, SIGNED .. self:transcript()))))
end

-- The protocol that is chosen, where the client offers any.
function Handshake:protocol()
  local kept = self.faults.kept_protocol and self.psk and self.psk.session.alpn
  return self.alpn and (kept or self.faults.fixed_protocol and "http/1.1" or self.alpn)
end

function Handshake:send_flight()
  local list = {}
  local protocol = self:protocol()
  if protocol then
    list[#list + 1] = { EXTENSION.alpn, (">s2"):pack((">s1"):pack(protocol)) }
  end
  if self.early then
    list[#list + 1] = { EXTENSION.early_data, "" }
  end
  self.connection.writing = self:protection(self.server_secret)
  self:put(message(8, extensions(list)))
  if not self.psk then
    self:send_certificate()
  end
  self:put(self:finished(self.server_secret))
end

-- Early data, up to EndOfEarlyData; then the client's Finished.
function Handshake:await_finished()
  local connection = self.connection
  if self.early then
    local secret = self:expand(self.early_secret, "c e traffic", self.early_transcript)
    connection.reading = self:protection(secret)
    connection.most_data = not self.faults.early_too_much and MAX_EARLY_DATA or nil
    self.messages[#self.messages + 1] = connection:message()
    connection.most_data = nil
  end
  connection.protect_reading = function()
    return self:protection(self.client_secret)
  end
  connection.reading = connection.protect_reading()
  connection.skips = not self.early and self.hello.extensions[EXTENSION.early_data] ~= nil
  local expected = self:finished(self.client_secret)
  self.traffic = { self:expand(self.master, "c ap traffic", self.application_transcript),
    self:expand(self.master, "s ap traffic", self.application_transcript) }
  local finished = connection:message()
  if finished ~= expected then
    connection:alert(51)
  end
  self.messages[#self.messages + 1] = finished
  connection.reading, connection.writing = self:protection(self.traffic[1]), self:protection(self.traffic[2])
end

-- Answers early data behind its own Finished, and closes, all in one write.
function Handshake:answer_at_once()
  local connection = self.connection
  connection.writing = self:protection(self:expand(self.master, "s ap traffic", self.application_transcript))
  connection:send(connections.APPLICATION_DATA, TOO_EARLY)
  connection:close_notify()
end

function Handshake:send_ticket(number)
  local faults = self.faults
  local nonce = faults.nonce and "\0" or string.char(number)
  local age_add = faults.age_add and 0x01020304 or (">I4"):unpack(uv.random(4))
  local secret = self:expand(self.resumption, "resumption", nonce)
  local ticket = self.server.tickets:seal({ version = VERSION, cipher = self.cipher, secret = secret,
    issued_ms = uv.now(), age_add = age_add, alpn = self.alpn, server_name = self.server_name })
  local list = {}
  if not faults.no_early_data then
    list[1] = { EXTENSION.early_data, (">I4"):pack(faults.unbounded_early_data and 0xffffffff or MAX_EARLY_DATA) }
  end
  if faults.across_names then
    list[#list + 1] = { FLAGS, FLAG_BODY }
  end
  self.connection:send(connections.HANDSHAKE, message(4, (">I4 I4 s1 s2"):pack(
    faults.lifetime and LONG_LIFETIME or LIFETIME, age_add, nonce, ticket) .. extensions(list)))
end

function Handshake:send_tickets()
  self.resumption = self:expand(self.master, "res master", self:transcript())
  local count = self.psk and (self.faults.no_supply and 0 or RESUMED_TICKETS) or FULL_TICKETS
  for number = 1, count do
    self:send_ticket(number)
  end
end

function Handshake:run()
  self.messages[1], self.share = self.client_hello, share_of(self.hello)
  self.server_name, self.alpn = name_of(self.hello), alpn_of(self.hello)
  self:choose_suite()
  if not self.share and not self:can_do_without((modes_of(self.hello))) then
    if not self.hello.extensions[EXTENSION.key_share] then
      self.connection:alert(109) -- missing_extension
    elseif self:retry() then
      return
    end
  end
  self.psk = self:choose_psk()
  if not self.share and not self.without_exchange then
    self.connection:alert(109)
  end
  self.private = self.faults.share and FIXED_SHARE or uv.random(32)
  self.early = self:takes_early_data()
  self:send_hello()
  self:derive()
  self:send_flight()
  self.application_transcript = self:transcript()
  local is_answered = self.early and self.faults.answers_at_once
  if is_answered then
    self:answer_at_once()
  end
  self:await_finished()
  if is_answered then
    return
  end
  self:send_tickets()
  self.server.answer(self.connection)
end

--- Serves a connection whose ClientHello has come.
-- @tparam table server faults, tickets, identity, seen, answer, die (see spec.support.faulty)
-- @tparam table connection
-- @tparam table hello as wire reads it
-- @tparam string bytes the ClientHello
function M.serve(server, connection, hello, bytes)
  setmetatable({ server = server, faults = server.faults, connection = connection, hello = hello, client_hello = bytes,
    messages = {} }, Handshake):run()
end

return M
