-- What a session ticket's bytes say to whoever does not hold its key. Pure.

local hex = require "resum.util.hex"

local M = {}

-- Bytes at a ticket's start that name its key: in most servers (RFC 5077, section 4), then in mbedTLS and JSSE.
M.WIDTHS = { 16, 4 }
M.LENGTH = M.WIDTHS[1]

-- The names of entries in a cache that servers issue as tickets have 32 bytes (OpenSSL, and what stands on it). What
-- carries its session is longer: the secret alone has 32 bytes or more, beside a nonce and a tag; in RFC 5077's form
-- the key's name, IV and MAC have 48 to 64 without it.
local SHORTEST = 32

--- Is it no ticket of that kind, but the name of an entry in a cache?
-- @tparam integer length of the ticket
-- @treturn boolean
function M.is_cache_entry(length)
  return length <= SHORTEST
end

--- The name of the key that a ticket is made with, as it would stand in it.
-- @tparam string ticket
-- @treturn string|nil hex; nil when the ticket is too short to have one
function M.key_name(ticket)
  if M.is_cache_entry(#ticket) then
    return nil
  end
  return hex(ticket:sub(1, M.LENGTH))
end

--- Bytes of an address.
M.WORD = 8
--- Bytes at the start in which addresses are looked for.
M.SEARCHED = 48
-- The sixth byte of addresses on x86-64 and AArch64 under Linux: of libraries, stack and heap, and of programs.
local HIGH = { [0x7f] = true, [0x55] = true, [0x56] = true }

--- Words that look like addresses of a process: little-endian, 48 bits, as its memory is laid out.
-- @tparam string bytes
-- @treturn {integer=string,...} offset -> word
-- @treturn integer how many
function M.addresses(bytes)
  local found, count = {}, 0
  for at = 0, math.min(M.SEARCHED, #bytes) - M.WORD, M.WORD do
    local word = bytes:sub(at + 1, at + M.WORD)
    if HIGH[word:byte(6)] and word:byte(7) == 0 and word:byte(8) == 0 then
      found[at], count = word, count + 1
    end
  end
  return found, count
end

--- Is what stands in the place of a key's name two addresses? Then it names no key.
-- @tparam string name the first 16 bytes
-- @treturn boolean
function M.is_addresses(name)
  local _, count = M.addresses(name:sub(1, M.LENGTH))
  return count == M.LENGTH // M.WORD
end

return M
