-- MySQL and MariaDB: the server's initial handshake packet says whether it knows TLS, our SSLRequest is the go-ahead
-- ("Connection Phase" in MySQL's and "Connecting" in MariaDB's description of the protocol).

local M = {}

local PROTOCOL_VERSION, ERROR = 10, 255
local BUSY = { [1040] = true, [1203] = true } -- ER_CON_COUNT_ERROR, ER_TOO_MANY_USER_CONNECTIONS

-- Capabilities
local LONG_PASSWORD, PROTOCOL_41, SSL, SECURE_CONNECTION, PLUGIN_AUTH = 0x1, 0x200, 0x800, 0x8000, 0x80000
local OURS = LONG_PASSWORD | PROTOCOL_41 | SSL | SECURE_CONNECTION | PLUGIN_AUTH
local MOST_PACKET = 0xffffff
local UTF8 = 33

local function packet(sequence, payload)
  return ("<I3B"):pack(#payload, sequence) .. payload
end

-- The start that a login has as well: capabilities, longest packet, character set, 23 reserved bytes.
local PREFIX = ("<I4I4B"):pack(OURS, MOST_PACKET, UTF8) .. ("\0"):rep(23)

-- A connection that ends inside TLS without a login counts against our host: after 100 of them in a row
-- (max_connect_errors) the server blocks it, for applications as well. A login that is refused does not count. So each
-- session ends with one, of a user whom nobody has, without a password; the empty packet behind it answers a server
-- that wants another kind of password first.
local LOGIN = packet(2, PREFIX .. "resum\0" .. "\0" .. "mysql_native_password\0") .. packet(4, "")

-- ERR packet: code, perhaps "#" and an SQLSTATE, text.
local function fail_with_error(talk, payload)
  local code = #payload >= 3 and ("<I2"):unpack(payload, 2) or 0
  local text = payload:sub(4):gsub("^#.....", "")
  talk:fail(BUSY[code] and "busy" or "turned_away", "the server turned us away: error %d, %s", code, talk:quote(text))
end

local function read_packet(talk, what)
  local length = ("<I3"):unpack(talk:take(4, what))
  return talk:take(length, what)
end

-- The lower two bytes of the capabilities stand behind version, thread id, eight random bytes and one zero.
local function offers_tls(payload)
  local version_end = payload:find("\0", 2, true)
  local at = version_end and version_end + 1 + 4 + 8 + 1
  return at and #payload >= at + 1 and ("<I2"):unpack(payload, at) & SSL ~= 0
end

local function dialogue(talk)
  local payload = read_packet(talk, "the greeting")
  local version = payload:byte(1)
  if version == ERROR then
    fail_with_error(talk, payload)
  elseif version ~= PROTOCOL_VERSION then
    talk:fail_with("the greeting", payload)
  elseif not offers_tls(payload) then
    talk:fail("no_starttls", "TLS not offered")
  end
  talk:send(packet(1, PREFIX))
end

M.mysql = {
  ports = { 3306 },
  dialogue = dialogue,
  goodbye = LOGIN,
  goodbye_is_owed = true,
}

return M
