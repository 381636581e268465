--- A server that resumes, with true keys, but says what a spec makes it say: for messages that no libssl server sends.
-- It stands on spec.support.keys and wire, and has the interface of a connection of spec.support.tls_server as far as
-- pair needs it. It knows the session's secret from the start, checks nothing of the client but its Finished, and must
-- not know which engine it talks to.
--
-- Hooks change a flight before it is hashed or sealed:
--   retry          TLS 1.3: fields of a HelloRetryRequest as of `hello`; false or nil for none
--   bytes(message) a ServerHello or HelloRetryRequest as bytes -> what goes out in its place
--   hello(fields)  the ServerHello: legacy_version, random, session_id, cipher, compression, extensions ({type, body})
--   messages(list) the handshake messages between ServerHello and Finished, as bytes
--   flight(list)   all of it as {content =, bytes =, by = "plain" | "handshake" | "application"}, a record each
-- and skips_early_data (true): TLS 1.3 records that can't be opened are passed over.

local keys = require "spec.support.keys"
local wire = require "spec.support.wire"

local M = {}

local PRIVATE = ("\7"):rep(32)
--- The random that marks a HelloRetryRequest (RFC 8446, section 4.1.3).
M.RETRY_RANDOM = "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91"
  .. "\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c"

M.CHANGE_CIPHER_SPEC, M.ALERT, M.HANDSHAKE, M.APPLICATION_DATA = 20, 21, 22, 23

--- A handshake message with its header.
function M.message(kind, body)
  return string.char(kind) .. (">s3"):pack(body)
end

local function extensions_bytes(list)
  local parts = {}
  for i, extension in ipairs(list) do
    parts[i] = (">I2 s2"):pack(extension[1], extension[2])
  end
  return (">s2"):pack(table.concat(parts))
end

--- EncryptedExtensions with these: {type, body} each.
function M.encrypted_extensions(list)
  return M.message(8, extensions_bytes(list))
end

--- A TLS 1.2 NewSessionTicket.
function M.old_ticket(ticket)
  return M.message(4, (">I4 s2"):pack(300, ticket))
end

--- Hooks that edit the content of the server's Finished.
function M.with_finished(edit)
  return { flight = function(flight)
    flight[3].bytes = M.message(20, edit(flight[3].bytes:sub(5)))
  end }
end

function M.last_bit_turned(bytes)
  return bytes:sub(1, -2) .. string.char(bytes:byte(-1) ~ 1)
end

local function server_hello(fields)
  return M.message(2, (">I2 c32 s1 I2 B"):pack(fields.legacy_version, fields.random, fields.session_id, fields.cipher,
    fields.compression) .. (fields.extensions and extensions_bytes(fields.extensions) or ""))
end

local Server = {}
Server.__index = Server

function Server:expand(secret, label, context, length)
  return keys.expand_label(self.suite.hash, secret, label, context or "", length or #secret)
end

function Server:hash()
  return keys.transcript_hash(self.suite.hash, self.transcript)
end

function Server:hook(name, value)
  if self.options[name] then
    self.options[name](value)
  end
  return value
end

-- A hello, after the last hook on it.
function Server:hello_bytes(fields)
  local hello = server_hello(fields)
  return self.options.bytes and self.options.bytes(hello) or hello
end

function Server:add(message)
  self.transcript[#self.transcript + 1] = message
end

-- The protection of one direction in TLS 1.3.
function Server:protection(secret)
  return keys.protection { version = self.version, cipher = self.cipher, iv = self:expand(secret, "iv", "", 12),
    key = self:expand(secret, "key", "", self.suite.key_length) }
end

function Server:hello_fields(client, extensions)
  return { legacy_version = 0x0303, random = ("s"):rep(32), session_id = client.session_id, cipher = self.cipher_id,
    compression = 0, extensions = extensions }
end

-- Takes in the hooks' last word and seals each record.
function Server:seal(flight)
  local out = {}
  for i, record in ipairs(self:hook("flight", flight)) do
    out[i] = self.writing[record.by]:seal(record.content, record.bytes)
  end
  return table.concat(out)
end

-- The client's X25519 share, or nil.
local function x25519_share(client)
  local list, position = (">s2"):unpack(client.extensions[wire.EXTENSION.key_share]), 1
  while position <= #list do
    local group, share
    group, share, position = (">I2 s2"):unpack(list, position)
    if group == 29 then
      return share
    end
  end
end

-- RFC 8446, section 7.1, as far as the handshake goes.
function Server:derive13(client)
  local hash, empty = self.suite.hash, keys.digest(self.suite.hash, "")
  local early = keys.extract(hash, "", self.options.secret)
  local shared = self.has_share and keys.exchange("x25519", PRIVATE, x25519_share(client)) or ("\0"):rep(#empty)
  local handshake = keys.extract(hash, self:expand(early, "derived", empty), shared)
  local master = keys.extract(hash, self:expand(handshake, "derived", empty), ("\0"):rep(#empty))
  self.client_secret = self:expand(handshake, "c hs traffic", self:hash())
  self.server_secret = self:expand(handshake, "s hs traffic", self:hash())
  self.master = master
  self.reading = self:protection(self.client_secret)
  self.writing.handshake = self:protection(self.server_secret)
end

function Server:finished13(secret)
  local key = self:expand(secret, "finished")
  return M.message(20, keys.hmac(self.suite.hash, key, self:hash()))
end

function Server:answer13(client)
  local extensions = { { 43, "\3\4" }, { 51, (">I2 s2"):pack(29, keys.public(PRIVATE)) }, { 41, "\0\0" } }
  local fields = self:hook("hello", self:hello_fields(client, extensions))
  for _, extension in ipairs(fields.extensions) do
    self.has_share = self.has_share or extension[1] == wire.EXTENSION.key_share
  end
  local hello = self:hello_bytes(fields)
  self:add(hello)
  self:derive13(client)
  local flight = { { content = M.HANDSHAKE, bytes = hello, by = "plain" } }
  for _, message in ipairs(self:hook("messages", { M.encrypted_extensions {} })) do
    self:add(message)
    flight[#flight + 1] = { content = M.HANDSHAKE, bytes = message, by = "handshake" }
  end
  local finished = self:finished13(self.server_secret)
  self:add(finished)
  flight[#flight + 1] = { content = M.HANDSHAKE, bytes = finished, by = "handshake" }
  self.writing.application = self:protection(self:expand(self.master, "s ap traffic", self:hash()))
  self.expected = self:finished13(self.client_secret)
  return self:seal(flight)
end

function Server:retry13(client)
  local fields = self:hello_fields(client, { { 43, "\3\4" }, { 44, (">s2"):pack("cookie") } })
  fields.random = M.RETRY_RANDOM
  self.options.retry(fields)
  local hello = self:hello_bytes(fields)
  self:add(hello)
  self.retried = true
  return self.writing.plain:seal(M.HANDSHAKE, hello)
end

-- RFC 5246, section 6.3.
function Server:derive12(client, random)
  local suite = self.suite
  local block = keys.prf(suite.hash, self.options.secret, "key expansion", random .. client.random,
    2 * (suite.mac_key_length + suite.key_length + suite.iv_length))
  local sizes, position = { suite.mac_key_length, suite.key_length, suite.iv_length }, 1
  local sides = { { version = self.version, cipher = self.cipher }, { version = self.version, cipher = self.cipher } }
  for i, name in ipairs { "mac_key", "key", "iv" } do
    for _, side in ipairs(sides) do
      side[name] = block:sub(position, position + sizes[i] - 1)
      position = position + sizes[i]
    end
  end
  self.reading, self.writing.handshake = keys.protection(sides[1]), keys.protection(sides[2])
end

function Server:finished12(label)
  return M.message(20, keys.prf(self.suite.hash, self.options.secret, label, self:hash(), 12))
end

function Server:answer12(client)
  local fields = self:hook("hello", self:hello_fields(client, { { 0xff01, "\0" }, { 23, "" } }))
  local hello = self:hello_bytes(fields)
  self:add(hello)
  self:derive12(client, fields.random)
  local flight = { { content = M.HANDSHAKE, bytes = hello, by = "plain" } }
  for _, message in ipairs(self:hook("messages", {})) do
    self:add(message)
    flight[#flight + 1] = { content = M.HANDSHAKE, bytes = message, by = "plain" }
  end
  flight[#flight + 1] = { content = M.CHANGE_CIPHER_SPEC, bytes = "\1", by = "plain" }
  local finished = self:finished12("server finished")
  self:add(finished)
  flight[#flight + 1] = { content = M.HANDSHAKE, bytes = finished, by = "handshake" }
  self.expected = self:finished12("client finished")
  return self:seal(flight)
end

function Server:on_hello(message)
  local client = wire.client_hello(message)
  self:add(message)
  if self.options.retry and not self.retried then
    return "want", self:retry13(client)
  end
  self.waiting = "finished"
  return "want", self.version == "TLSv1.3" and self:answer13(client) or self:answer12(client)
end

-- What can't be opened is early data, or nothing at all.
function Server:open(record)
  local content, plain = self.reading:open(record)
  if not content and not self.options.skips_early_data then
    error("scripted: a record of the client can't be opened", 0)
  elseif not content then
    self.reading = self:protection(self.client_secret) -- which has counted it
  end
  return content, plain
end

-- The client's Finished is the first protected record; an alert in its place is how a client gives up.
function Server:on_record(record)
  if record.type == M.CHANGE_CIPHER_SPEC then
    self.encrypted = self.waiting == "finished"
    return "want", ""
  end
  local bytes = string.char(record.type) .. (">I2 s2"):pack(record.version, record.bytes)
  local protected = record.type == M.APPLICATION_DATA or (self.encrypted and self.version == "TLSv1.2")
  local content, plain = record.type, record.bytes
  if protected then
    content, plain = self:open(bytes)
  end
  if not content then
    return "want", ""
  end
  if content == M.ALERT then
    self.alert = plain:byte(2)
    return nil, "", "the client sent the alert " .. self.alert
  end
  if plain ~= self.expected then
    return nil, "", "the client's Finished is wrong"
  end
  self.finished = true
  return "established", ""
end

function Server:step(bytes)
  self.unread = self.unread .. bytes
  local state, out, message = "want", {}, nil
  while state == "want" and #self.unread >= 5 and #self.unread >= 5 + (">I2"):unpack(self.unread, 4) do
    local length = 5 + (">I2"):unpack(self.unread, 4)
    local record = wire.records(self.unread:sub(1, length))[1]
    self.unread = self.unread:sub(length + 1)
    local answer
    if self.waiting == "hello" and record.type == M.HANDSHAKE then
      state, answer = self:on_hello(record.bytes)
    else
      state, answer, message = self:on_record(record)
    end
    out[#out + 1] = answer
  end
  return state, table.concat(out), message
end

function Server.eof() return nil, "", "the client ended the connection" end
function Server.shutdown() return "" end
function Server.close() end

--- A server for one connection.
-- @tparam table options version ("TLSv1.2", "TLSv1.3"), cipher (IANA name) and its number cipher_id, secret (of the
--   session), and hooks as above
-- @treturn table step(bytes) -> state, bytes [, message]; finished (the client's Finished was right), alert (its code)
function M.new(options)
  return setmetatable({
    options = options, version = options.version, cipher = options.cipher, cipher_id = options.cipher_id,
    suite = keys.suite(options.cipher, options.version), transcript = {}, unread = "", waiting = "hello",
    writing = { plain = keys.protection { version = "TLSv1.2" } },
  }, Server)
end

return M
