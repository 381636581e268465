-- What stands in a handshake message beyond what resum.core.parse tells: the fields of the messages that it only names,
-- and the bodies of extensions. Pure: a parsed message in, fields out; what does not fit is marked, never raised.

local M = {}

-- Names of IANA's registry "TLS Supported Groups" and "TLS SignatureScheme"; what is not here goes by its number.
local GROUPS = {
  [0x0017] = "secp256r1", [0x0018] = "secp384r1", [0x0019] = "secp521r1", [0x001d] = "x25519", [0x001e] = "x448",
  [0x0100] = "ffdhe2048", [0x0101] = "ffdhe3072", [0x0102] = "ffdhe4096", [0x0103] = "ffdhe6144",
  [0x0104] = "ffdhe8192", [0x11ec] = "X25519MLKEM768",
}
local SCHEMES = {
  [0x0201] = "rsa_pkcs1_sha1", [0x0203] = "ecdsa_sha1", [0x0401] = "rsa_pkcs1_sha256",
  [0x0403] = "ecdsa_secp256r1_sha256", [0x0501] = "rsa_pkcs1_sha384", [0x0503] = "ecdsa_secp384r1_sha384",
  [0x0601] = "rsa_pkcs1_sha512", [0x0603] = "ecdsa_secp521r1_sha512", [0x0804] = "rsa_pss_rsae_sha256",
  [0x0805] = "rsa_pss_rsae_sha384", [0x0806] = "rsa_pss_rsae_sha512", [0x0807] = "ed25519", [0x0808] = "ed448",
  [0x0809] = "rsa_pss_pss_sha256", [0x080a] = "rsa_pss_pss_sha384", [0x080b] = "rsa_pss_pss_sha512",
}
local VERSIONS = { [0x0300] = "SSLv3", [0x0301] = "TLSv1.0", [0x0302] = "TLSv1.1", [0x0303] = "TLSv1.2",
  [0x0304] = "TLSv1.3" }
local PSK_MODES = { [0] = "psk_ke", [1] = "psk_dhe_ke" }
local POINT_FORMATS = { [0] = "uncompressed", [1] = "ansiX962_compressed_prime", [2] = "ansiX962_compressed_char2" }

local function name_of(names, number)
  return names[number] or ("0x%04x"):format(number)
end

-- The numbers of a list, by their names.
local function list_of(format, names)
  return function(body)
    local length_format = format == ">I1" and ">s1" or ">s2"
    local items, after = string.unpack(length_format, body)
    local names_found, at = {}, 1
    if after <= #body then
      error("trailing bytes after the list")
    end
    while at <= #items do
      local number
      number, at = string.unpack(format, items, at)
      names_found[#names_found + 1] = name_of(names, number)
    end
    return names_found
  end
end

local function only(format, names)
  return function(body)
    return { name_of(names, (string.unpack(format, body))) }
  end
end

local function count_of(what, count)
  return { ("%d %s%s"):format(count, what, count == 1 and "" or "s") }
end

-- Extensions ------------------------------------------------------------------------------------------------------

local function server_name(body)
  if body == "" then
    return {}
  end
  local _, name = string.unpack(">Bs2", (string.unpack(">s2", body)))
  return { name }
end

local function protocols(body)
  local list, names, at = string.unpack(">s2", body), {}, 1
  while at <= #list do
    names[#names + 1], at = string.unpack(">s1", list, at)
  end
  return names
end

local function share(body, at)
  local group, key
  group, key, at = string.unpack(">I2s2", body, at)
  return ("%s (%d bytes)"):format(name_of(GROUPS, group), #key), at
end

local function shares(body)
  local list, found, at = string.unpack(">s2", body), {}, 1
  while at <= #list do
    found[#found + 1], at = share(list, at)
  end
  return found
end

local function one_share(body)
  return { #body == 2 and name_of(GROUPS, (string.unpack(">I2", body))) or (share(body, 1)) }
end

local function identities(body)
  local list, found, at = string.unpack(">s2", body), {}, 1
  while at <= #list do
    local identity, _
    identity, _, at = string.unpack(">s2I4", list, at)
    found[#found + 1] = ("identity of %d bytes"):format(#identity)
  end
  return found
end

-- The two sides write some of them differently (RFC 8446, section 4.2); the default is the number of bytes.
local BODIES = {
  client = {
    server_name = server_name,
    supported_groups = list_of(">I2", GROUPS),
    ec_point_formats = list_of(">I1", POINT_FORMATS),
    signature_algorithms = list_of(">I2", SCHEMES),
    application_layer_protocol_negotiation = protocols,
    psk_key_exchange_modes = list_of(">I1", PSK_MODES),
    key_share = shares,
    pre_shared_key = identities,
    supported_versions = function(body)
      return list_of(">I2", VERSIONS)("\0" .. body)
    end,
  },
  server = {
    server_name = server_name,
    supported_groups = list_of(">I2", GROUPS),
    ec_point_formats = list_of(">I1", POINT_FORMATS),
    signature_algorithms = list_of(">I2", SCHEMES),
    application_layer_protocol_negotiation = protocols,
    key_share = one_share,
    supported_versions = only(">I2", VERSIONS),
    pre_shared_key = function(body)
      return { ("identity %d"):format((string.unpack(">I2", body))) }
    end,
  },
}

local function plain(body)
  return body == "" and {} or count_of("byte", #body)
end

--- What an extension says.
-- @tparam table extension of resum.core.parse: type, body
-- @tparam string from "client" or "server"
-- @treturn {string,...} its values in words; what came from the other side is not escaped
function M.extension(extension, from)
  local read = BODIES[from][extension.type] or plain
  local fits, values = pcall(read, extension.body)
  return fits and values or { "malformed" }
end

-- Messages ----------------------------------------------------------------------------------------------------

local function certificates(list, format)
  local sizes, at = {}, 1
  while at <= #list do
    local certificate, _
    certificate, at = string.unpack(">s3", list, at)
    sizes[#sizes + 1] = #certificate
    if format == "TLSv1.3" then
      _, at = string.unpack(">s2", list, at) -- its extensions
    end
  end
  return sizes
end

local MESSAGES = {}

function MESSAGES.certificate(body, version)
  local at = version == "TLSv1.3" and select(2, string.unpack(">s1", body)) or 1
  local sizes = certificates(string.unpack(">s3", body, at), version)
  return { { "certificates", #sizes }, #sizes > 0 and { "of bytes", sizes } or nil }
end

function MESSAGES.certificate_verify(body)
  local scheme, signature = string.unpack(">I2s2", body)
  return { { "algorithm", name_of(SCHEMES, scheme) }, { "signature", #signature .. " bytes" } }
end

-- Only the form with a named curve has a mark (RFC 8422, section 5.4); the signature's algorithm stands there since
-- TLS 1.2.
function MESSAGES.server_key_exchange(body, version)
  if body:byte() ~= 3 then
    return { { "bytes", #body } }
  end
  local _, group, key, at = string.unpack(">BI2s1", body)
  local fields = { { "group", name_of(GROUPS, group) }, { "public key", #key .. " bytes" } }
  if version == "TLSv1.2" then
    local scheme, signature = string.unpack(">I2s2", body, at)
    fields[3], fields[4] = { "algorithm", name_of(SCHEMES, scheme) }, { "signature", #signature .. " bytes" }
  end
  return fields
end

function MESSAGES.client_key_exchange(body)
  return { { "bytes", #body } }
end

function MESSAGES.finished(body)
  return { { "verify_data", #body .. " bytes" } }
end

function MESSAGES.key_update(body)
  return { { "update_requested", body == "\1" and "yes" or "no" } }
end

-- TLS 1.3 has extensions there, the older versions lists (RFC 8446, section 4.3.2; RFC 5246, section 7.4.4).
function MESSAGES.certificate_request(body, version)
  if version == "TLSv1.3" then
    local context, extensions = string.unpack(">s1s2", body)
    return { { "context", #context .. " bytes" }, { "extensions", #extensions .. " bytes" } }
  end
  local types, at = string.unpack(">s1", body)
  local fields = { { "certificate types", #types } }
  if version == "TLSv1.2" then
    local _, after = string.unpack(">s2", body, at)
    fields[2] = { "algorithms", list_of(">I2", SCHEMES)(body:sub(at, after - 1)) }
  end
  return fields
end

function MESSAGES.certificate_status(body)
  local kind, response = string.unpack(">Bs3", body)
  return { { "status_type", kind == 1 and "ocsp" or kind }, { "response", #response .. " bytes" } }
end

--- The fields of a message that resum.core.parse only names.
-- @tparam table message of resum.core.parse: type, bytes
-- @tparam string|nil version of the connection
-- @treturn {{name, value or list of values},...}|nil nil: it has none, or resum.core.parse tells them
function M.message(message, version)
  local read = MESSAGES[message.type]
  if not read then
    return nil
  end
  local fits, fields = pcall(read, message.bytes:sub(5), version)
  return fits and fields or { { "malformed", #message.bytes .. " bytes" } }
end

return M
