-- A share of the targets, for several machines: "i/n" takes those whose CRC-32 is i modulo n. The hash is that of zip
-- and PNG (ISO 3309), taken over the target's text as it stands in the list, so any program can place a target:
-- zlib.crc32(b"www.example.com:443") % n in Python. Pure.

local escape = require "resum.util.escape"

local M = {}

local MOST = 1000000

local POLYNOMIAL = 0xEDB88320

local TABLE = {}
for byte = 0, 255 do
  local remainder = byte
  for _ = 1, 8 do
    remainder = remainder >> 1 ~ (remainder & 1) * POLYNOMIAL
  end
  TABLE[byte] = remainder
end

--- CRC-32.
-- @tparam string text
-- @treturn integer 0 to 2^32 - 1
function M.crc32(text)
  local crc = 0xFFFFFFFF
  for i = 1, #text do
    crc = crc >> 8 ~ TABLE[(crc ~ text:byte(i)) & 0xFF]
  end
  return crc ~ 0xFFFFFFFF
end

--- Reads "i/n". Engines count from 0 or from 1: 0/n and n/n are the same share.
-- @tparam string text
-- @treturn[1] table {index = 0 to n - 1, count = n}
-- @treturn[2] nil
-- @treturn[2] string message
function M.parse(text)
  local index, count = text:match("^%s*(%d+)%s*/%s*(%d+)%s*$")
  index, count = math.tointeger(tonumber(index)), math.tointeger(tonumber(count))
  if not (index and count and count >= 1 and count <= MOST and index <= count) then
    return nil, ("--shard takes i/n: i from 0 or 1 up to n, n at most %d, not '%s'"):format(MOST, escape(text, 40))
  end
  return { index = index % count, count = count }
end

--- Does the share have this target?
-- @tparam table shard from parse
-- @tparam string text the target's
-- @treturn boolean
function M.holds(shard, text)
  return M.crc32(text) % shard.count == shard.index
end

return M
