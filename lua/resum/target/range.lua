-- Ranges of addresses as people write them (CIDR, RFC 4632 and RFC 4291, section 2.3): "192.0.2.0/24",
-- "192.0.2.0/24:8443", "2001:db8::/120", "[2001:db8::/120]:443". All addresses belong to a range, also the first and
-- the last; bits of a host are ignored. Pure: a range knows its addresses one by one, and holds none of them.

local address = require "resum.target.ip_address"

local M = {}

--- Addresses of a range at most, when nobody says: a /13 of IPv4, a /109 of IPv6.
M.MOST = 1000000

local BITS = { inet = 32, inet6 = 128 }
local COUNTED = 62 -- bits of a number of addresses that Lua's integers hold

-- text -> address, prefix length, rest; nil when it has not the form
local function split(text)
  local base, length, rest = text:match("^%[([%x:.]+)/(%d+)%](.*)$")
  if not base then
    base, length, rest = text:match("^([%x:.]+)/(%d+)(.*)$")
  end
  return base, length, rest
end

-- The bytes of the first address: those of the host are zero.
local function first_of(bytes, length)
  local parts = { bytes:byte(1, -1) }
  for i in ipairs(parts) do
    local kept = math.max(0, math.min(8, length - 8 * (i - 1)))
    parts[i] = parts[i] & (0xFF << (8 - kept) & 0xFF)
  end
  return parts
end

local function words_of(parts)
  if #parts == 4 then
    return ("%d.%d.%d.%d"):format(table.unpack(parts))
  end
  local groups = {}
  for i = 1, #parts, 2 do
    groups[#groups + 1] = ("%x"):format(parts[i] << 8 | parts[i + 1])
  end
  local text = table.concat(groups, ":")
  local run = nil -- the longest run of zeros is left out (RFC 5952, section 4.2)
  for count = 8, 2, -1 do
    local zeros = ("0:"):rep(count - 1) .. "0"
    local from, to = (":" .. text .. ":"):find(":" .. zeros .. ":", 1, true)
    if from then
      run = { from, to }
      break
    end
  end
  if not run then
    return text
  end
  return text:sub(1, math.max(0, run[1] - 2)) .. "::" .. text:sub(run[2])
end

local Range = {}
Range.__index = Range

--- One address of the range, as a target.
-- @function range:at
-- @tparam integer index from 0 to range.count - 1
-- @treturn string "192.0.2.7:8443"; without a port where the range has none
function Range:at(index)
  local parts = table.move(self.first, 1, #self.first, 1, {})
  for i = #parts, 1, -1 do
    index = index + parts[i]
    parts[i] = index & 0xFF
    index = index >> 8
  end
  local words = words_of(parts)
  return #parts == 16 and self.suffix ~= "" and "[" .. words .. "]" .. self.suffix or words .. self.suffix
end

--- Reads a range.
-- @tparam string text
-- @tparam[opt=1000000] integer most addresses
-- @treturn[1] table range: count, at()
-- @treturn[2] nil it has not the form of a range
-- @treturn[3] nil
-- @treturn[3] string what is wrong with it, in words
function M.parse(text, most)
  local base, length, rest = split(text)
  if not base then
    return nil
  end
  local family = address.family(base)
  most = most or M.MOST
  if not family then
    return nil, "not an IP address in front of the /"
  elseif tonumber(length) > BITS[family] then
    return nil, ("behind the / comes a number from 0 to %d"):format(BITS[family])
  elseif rest ~= "" and not (rest:find("^:[%w-]+$") and (family == "inet" or text:sub(1, 1) == "[")) then
    return nil, "a range is written as 192.0.2.0/24, 192.0.2.0/24:443, 2001:db8::/120 or [2001:db8::/120]:443"
  end
  local host_bits = BITS[family] - math.floor(tonumber(length))
  if host_bits > COUNTED or 1 << host_bits > most then
    return nil, ("a range of 2^%d addresses is too large (--max_targets allows %d)"):format(host_bits, most)
  end
  return setmetatable({
    count = 1 << host_bits,
    suffix = rest,
    first = first_of(address.bytes(base), math.floor(tonumber(length))),
  }, Range)
end

return M
