-- What a session ticket's bytes say to who does not hold its key. Pure.

local hex = require "resum.util.hex"

local M = {}

--- Bytes at a ticket's start that name its key in most servers (RFC 5077, section 4). What is not longer than twice
-- that is no ticket of that kind, but the name of an entry in a cache.
M.LENGTH = 16

--- The name of the key that a ticket is made with, as it would stand in it.
-- @tparam string ticket
-- @treturn string|nil hex; nil when the ticket is too short to have one
function M.key_name(ticket)
  if #ticket <= 2 * M.LENGTH then
    return nil
  end
  return hex(ticket:sub(1, M.LENGTH))
end

local WORD = 8 -- bytes of an address
local SEARCHED = 48 -- bytes at the start
-- The sixth byte of addresses on x86-64 and AArch64 under Linux: of libraries, stack and heap, and of programs.
local HIGH = { [0x7f] = true, [0x55] = true, [0x56] = true }

--- Words that look like addresses of a process: little-endian, 48 bits, as its memory is laid out.
-- @tparam string bytes
-- @treturn {integer=string,...} offset -> word
-- @treturn integer how many
function M.addresses(bytes)
  local found, count = {}, 0
  for at = 0, math.min(SEARCHED, #bytes) - WORD, WORD do
    local word = bytes:sub(at + 1, at + WORD)
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
  return count == M.LENGTH // WORD
end

return M
