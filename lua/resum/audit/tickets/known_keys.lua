-- Keys that everybody can guess: what a ticket's key must not be. Those of zeros and of "1"s were found on hosts of the
-- Internet (Hebrok et al. 2023); the others are what memory holds that nobody has filled, what debuggers fill it with,
-- what examples in standards use, and what people type. Pure.

local unhex = require "resum.util.unhex"

local M = {}

local LENGTH = 64 -- bytes: the longest key of HMAC that is tried; ciphers take the first 16 to 32

local function fill(pattern)
  return pattern:rep(LENGTH // #pattern + 1):sub(1, LENGTH)
end

local function padded(text)
  return (text .. ("\0"):rep(LENGTH)):sub(1, LENGTH)
end

local function counting(first, step)
  local bytes = {}
  for i = 1, LENGTH do
    bytes[i] = string.char((first + (i - 1) * step) & 0xff)
  end
  return table.concat(bytes)
end

--- {name, bytes}: from what was found in the field to what is only likely.
M.list = {
  { "zeros", fill("\0") },
  { "0xff throughout", fill("\xff") },
  { "16 times 0x31, then zeros", padded(("1"):rep(16)) },
  { "8 times 0x31, then zeros", padded(("1"):rep(8)) },
}

local function add(name, bytes)
  M.list[#M.list + 1] = { name, bytes }
end

-- A key file that counts from 00: its keys begin behind the name of 16 bytes, and behind the HMAC's of 32 (nginx:
-- name, HMAC, AES in files of 80 bytes; name, AES, HMAC in files of 48).
for _, first in ipairs({ 0x00, 0x01, 0x10, 0x11, 0x20, 0x21, 0x30, 0x31 }) do
  add(("counting from 0x%02x"):format(first), counting(first, 1))
end
add("steps of 0x11 from 0x00", counting(0x00, 0x11))
add("steps of 0x11 from 0x11", counting(0x11, 0x11))

for _, byte in ipairs({ 0xa5, 0xab, 0xcc, 0xcd, 0xdd, 0xfd, 0x01, 0x11, 0x31, 0x30, 0x41, 0x5a, 0xaa, 0x55 }) do
  add(("0x%02x throughout"):format(byte), fill(string.char(byte)))
end

for _, word in ipairs({ "deadbeef", "cafebabe", "feedface", "baadf00d", "0badc0de", "8badf00d", "deadc0de" }) do
  add("0x" .. word .. " throughout", fill(unhex(word)))
end

-- FIPS 197, appendices A.1 and A.3.
add("the AES-128 key of FIPS 197", unhex("2b7e151628aed2a6abf7158809cf4f3c"))
add("the AES-256 key of FIPS 197", unhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"))

local TYPED = { "password", "secret", "changeme", "test", "0123456789abcdef", "12345678", "1234567890123456" }
for _, word in ipairs(TYPED) do
  add(("'%s', then zeros"):format(word), padded(word))
  add(("'%s' throughout"):format(word), fill(word))
end

return M
