--- Tickets of the faulty server: what it keeps of a session, sealed as OpenSSL lays it out (name, IV, AES-256-CBC,
-- HMAC-SHA256), and every fault that this may have. A session is a table: version, cipher (number), secret, ems
-- (boolean), issued_ms, age_add, alpn, server_name. It knows no handshake.

local keys = require "spec.support.keys"

local uv = require "luv"

local M = {}

local NAME, IV, MAC = 16, 16, 32
local BLOCK = 16
local FORM = ">I2 I2 B s1 d I4 s1 s1"
local CLIENT = "a client's name in clear: CN=alice, O=example"
-- Two addresses of a process, as they stand in its memory.
local ADDRESSES = ("<I8 I8"):pack(0x00007f3a5c0df420, 0x00007f3a5ac88af0)

local Tickets = {}
Tickets.__index = Tickets

local function pack(session)
  return FORM:pack(session.version, session.cipher, session.ems and 1 or 0, session.secret, session.issued_ms,
    session.age_add or 0, session.alpn or "", session.server_name or "")
end

local function unpack(bytes)
  local version, cipher, ems, secret, issued_ms, age_add, alpn, server_name = FORM:unpack(bytes)
  return { version = version, cipher = cipher, ems = ems == 1, secret = secret, issued_ms = issued_ms,
    age_add = age_add, alpn = alpn ~= "" and alpn or nil, server_name = server_name }
end

local function padded(bytes)
  local count = BLOCK - #bytes % BLOCK
  return bytes .. string.char(count):rep(count)
end

-- Nil where the padding is wrong (RFC 5652, section 6.3).
local function unpadded(bytes)
  local count = bytes:byte(-1)
  if count >= 1 and count <= BLOCK and bytes:sub(-count) == string.char(count):rep(count) then
    return bytes:sub(1, -count - 1)
  end
end

function Tickets:mac(bytes)
  return keys.hmac("sha256", self.mac_key, bytes)
end

-- Without a MAC it is a stream cipher, so that a byte that was altered stays one.
function Tickets:is_stream()
  return self.faults.keystream or self.faults.unauthenticated
end

function Tickets:crypt(iv, bytes, encrypts)
  return keys.crypt(self:is_stream() and "AES-256-CTR" or "AES-256-CBC", self.key, iv, bytes, encrypts)
end

function Tickets:is_authenticated()
  return not (self.faults.unauthenticated or self.faults.padding_oracle)
end

--- A ticket for a session.
-- @function tickets:seal
-- @tparam table session
-- @treturn string
function Tickets:seal(session)
  local faults = self.faults
  if faults.same_ticket then
    return self.only
  elseif faults.clear then
    return self.name .. pack(session)
  elseif faults.stateful then
    local name = uv.random(MAC)
    self.kept[name] = session
    return name
  end
  local iv = faults.keystream and self.only:sub(1, IV) or uv.random(IV)
  local plain = self:is_stream() and pack(session) or padded(pack(session))
  local head = faults.addresses and ADDRESSES or self.name
  local text = faults.text and CLIENT or ""
  local shown = (faults.keystream and uv.random(IV) or iv) -- what encrypts is not what it shows
  local all = head .. shown .. self:crypt(iv, plain, true) .. text
  return self:is_authenticated() and all .. self:mac(all) or all
end

-- What is encrypted in a ticket of the usual form; nil where it is none of ours.
function Tickets:plain(ticket)
  local text = self.faults.text and #CLIENT or 0
  local tail = self:is_authenticated() and MAC or 0
  local body = ticket:sub(1, -tail - 1)
  local encrypted = body:sub(NAME + IV + 1, -text - 1)
  if #ticket < NAME + IV + tail + text + 1 or not self:is_stream() and #encrypted % BLOCK ~= 0 then
    return nil
  elseif tail > 0 and self:mac(body) ~= ticket:sub(-tail) then
    return nil
  elseif tail == 0 and ticket:sub(1, NAME) ~= self.name then
    return nil
  end
  local iv = self.faults.keystream and self.only:sub(1, IV) or body:sub(NAME + 1, NAME + IV)
  return self:crypt(iv, encrypted, false)
end

--- The session of a ticket.
-- @function tickets:unseal
-- @tparam string ticket
-- @treturn[1] table session
-- @treturn[2] nil where the server does not know it
-- @treturn[2] string|nil "padding" or "content": what a padding oracle tells
function Tickets:unseal(ticket)
  if self.faults.same_ticket then
    return ticket == self.only and self.fixed or nil
  elseif self.faults.stateful then
    return self.kept[ticket]
  elseif self.faults.clear then
    local fine, session = pcall(unpack, ticket:sub(NAME + 1))
    return fine and ticket:sub(1, NAME) == self.name and session or nil
  end
  local plain = self:plain(ticket)
  local bytes = plain and (self:is_stream() and plain or unpadded(plain))
  local fine, session = pcall(unpack, bytes or "")
  if fine and pack(session) == bytes then
    return session
  elseif self.faults.padding_oracle and plain then
    return nil, bytes and "content" or "padding"
  end
end

--- New keys.
-- @tparam table faults name -> true: clear, known_key, keystream, same_ticket, addresses, text, unauthenticated,
--   padding_oracle, stateful (no fault: the ticket is the name of an entry in a cache)
-- @treturn table tickets
function M.new(faults)
  local key = faults.known_key and ("\0"):rep(32) or uv.random(32)
  return setmetatable({ faults = faults, name = uv.random(NAME), key = key, kept = {},
    mac_key = faults.known_key and key or uv.random(32), only = uv.random(MAC),
    fixed = faults.same_ticket and { version = 0x0304, cipher = 0x1301, secret = uv.random(32), age_add = 0,
      issued_ms = uv.now(), server_name = "" } }, Tickets)
end

return M
