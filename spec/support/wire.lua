--- Reads TLS messages, for specs that compare what resum says with what stood on the wire.
-- Written from the RFCs with string.unpack and without bounds of its own (it raises on malformed messages); it shares
-- nothing with plugin/tls/hello.c, which it checks.

local hex = require "spec.support.hex"

local M = {}

--- The random that marks a HelloRetryRequest.
M.HELLO_RETRY_RANDOM = hex.bytes("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")

--- Extension types (IANA).
M.EXTENSION = {
  server_name = 0, supported_groups = 10, alpn = 16, encrypt_then_mac = 22, extended_master_secret = 23,
  session_ticket = 35, pre_shared_key = 41, early_data = 42, supported_versions = 43, psk_key_exchange_modes = 45,
  key_share = 51,
}

M.VERSION = { [0x0301] = "TLSv1.0", [0x0302] = "TLSv1.1", [0x0303] = "TLSv1.2", [0x0304] = "TLSv1.3" }

M.GROUP = { [23] = "secp256r1", [24] = "secp384r1", [25] = "secp521r1", [29] = "x25519" }

-- What follows the header of a handshake message (RFC 8446, section 4).
local function body_of(message)
  local body, after = (">s3"):unpack(message, 2)
  assert(after == #message + 1, "wire: the length does not fit the message")
  return body
end

local function extensions_of(body, position)
  local list = {}
  if position > #body then
    return list
  end
  local all, after = (">s2"):unpack(body, position)
  assert(after == #body + 1, "wire: something stands behind the extensions")
  position = 1
  while position <= #all do
    local kind, content
    kind, content, position = (">I2 s2"):unpack(all, position)
    list[kind] = content
  end
  return list
end

--- @treturn table legacy_version, random, session_id, ciphers (bytes), extensions ([type] = bytes)
function M.client_hello(message)
  local body = body_of(message)
  local version, random, session_id, ciphers, _, position = (">I2 c32 s1 s2 s1"):unpack(body)
  return {
    legacy_version = version, random = random, session_id = session_id, ciphers = ciphers,
    extensions = extensions_of(body, position),
  }
end

--- @treturn table legacy_version, random, session_id, cipher, extensions, retry (a HelloRetryRequest), version
function M.server_hello(message)
  local body = body_of(message)
  local version, random, session_id, cipher, _, position = (">I2 c32 s1 I2 B"):unpack(body)
  local hello = {
    legacy_version = version, random = random, session_id = session_id, cipher = cipher,
    extensions = extensions_of(body, position), retry = random == M.HELLO_RETRY_RANDOM,
  }
  local selected = hello.extensions[M.EXTENSION.supported_versions]
  hello.version = selected and (">I2"):unpack(selected) or version
  return hello
end

--- @treturn table [type] = bytes
function M.encrypted_extensions(message)
  return extensions_of(body_of(message), 1)
end

--- The types of the extensions of a ServerHello or an EncryptedExtensions, in their order.
function M.extension_order(message)
  local body = body_of(message)
  local position = 1
  if message:byte() == 2 then
    position = select(6, (">I2 c32 s1 I2 B"):unpack(body))
  end
  local types = {}
  local all = position <= #body and (">s2"):unpack(body, position) or ""
  position = 1
  while position <= #all do
    types[#types + 1], position = (">I2"):unpack(all, position)
    position = select(2, (">s2"):unpack(all, position))
  end
  return types
end

--- The first certificate of a Certificate message, DER.
function M.leaf(message, version)
  local position = version < 0x0304 and 1 or select(2, (">s1"):unpack(body_of(message)))
  return ((">s3"):unpack(((">s3"):unpack(body_of(message), position))))
end

--- @treturn table lifetime_s, ticket, and in TLS 1.3 age_add, nonce, extensions
function M.new_session_ticket(message, version)
  local body = body_of(message)
  local ticket = {}
  if version < 0x0304 then
    ticket.lifetime_s, ticket.ticket = (">I4 s2"):unpack(body)
  else
    local position
    ticket.lifetime_s, ticket.age_add, ticket.nonce, ticket.ticket, position = (">I4 I4 s1 s2"):unpack(body)
    ticket.extensions = extensions_of(body, position)
  end
  return ticket
end

--- The named curve of an ECDHE ServerKeyExchange (RFC 8422, section 5.4), and the server's public value.
function M.key_exchange_curve(message)
  local kind, curve, share = (">B I2 s1"):unpack(body_of(message))
  assert(kind == 3, "wire: no named curve")
  return curve, share
end

--- The server's public value in a ServerKeyExchange of DHE (RFC 5246, section 7.4.3).
function M.key_exchange_dhe(message)
  local _, _, share = (">s2 s2 s2"):unpack(body_of(message))
  return share
end

--- How many identities a pre_shared_key extension of a ClientHello carries (RFC 8446, section 4.2.11); 0 without one.
function M.psk_identities(extension)
  if not extension then
    return 0
  end
  local identities = (">s2"):unpack(extension)
  local count, position = 0, 1
  while position <= #identities do
    position = select(3, (">s2 I4"):unpack(identities, position))
    count = count + 1
  end
  return count
end

--- The server's choice in an ALPN extension (RFC 7301, section 3.1); nil without one.
function M.alpn(extension)
  return extension and (">s1"):unpack(((">s2"):unpack(extension)))
end

--- The records of a stream.
-- @treturn table list of {type, version, bytes}
function M.records(stream)
  local list, position = {}, 1
  while position <= #stream do
    local kind, version, bytes
    kind, version, bytes, position = (">B I2 s2"):unpack(stream, position)
    list[#list + 1] = { type = kind, version = version, bytes = bytes }
  end
  return list
end

--- The handshake messages that stand in the clear at the start of a stream: until the first record of another type.
-- @treturn table list of messages with their headers
function M.clear_messages(stream)
  local bytes = {}
  for _, record in ipairs(M.records(stream)) do
    if record.type ~= 22 then
      break
    end
    bytes[#bytes + 1] = record.bytes
  end
  local all, list, position = table.concat(bytes), {}, 1
  while position <= #all do
    local length = (">I3"):unpack(all, position + 1)
    list[#list + 1] = all:sub(position, position + 3 + length)
    position = position + 4 + length
  end
  return list
end

return M
