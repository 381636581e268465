-- IP addresses as text: is it one, of which family, and which bytes does it stand for. Pure: it looks nothing up.

local M = {}

-- "192.0.2.1" -> its four numbers; nil when it is none.
local function parts_of_ipv4(text)
  local parts = {}
  for part in (text .. "."):gmatch("(.-)%.") do
    if not part:find("^%d%d?%d?$") or tonumber(part) > 255 then
      return nil
    end
    parts[#parts + 1] = math.floor(tonumber(part))
  end
  return #parts == 4 and parts or nil
end

-- Part of an IPv6 address -> its groups as numbers; nil when one is none.
local function groups_of(text)
  local groups = {}
  for group in (text == "" and "" or text .. ":"):gmatch("(.-):") do
    if not group:find("^%x%x?%x?%x?$") then
      return nil
    end
    groups[#groups + 1] = tonumber(group, 16)
  end
  return groups
end

-- The last 32 bits may be written as an IPv4 address.
local function with_ipv4_as_groups(text)
  return (text:gsub("[^:]+$", function(last)
    local parts = parts_of_ipv4(last)
    return parts and ("%x:%x"):format(parts[1] * 256 + parts[2], parts[3] * 256 + parts[4])
  end))
end

-- RFC 4291, section 2.2, with a zone (RFC 4007) behind % -> eight groups.
local function groups_of_ipv6(text)
  local address = with_ipv4_as_groups(text:match("^([^%%]+)%%[%w._~-]+$") or text)
  local head, tail = address:match("^(.-)::(.*)$")
  if not head then
    local groups = groups_of(address)
    return groups and #groups == 8 and groups or nil
  end
  local before, after = groups_of(head), groups_of(tail)
  if not before or not after or #before + #after > 7 then
    return nil
  end
  for _ = 1, 8 - #before - #after do
    before[#before + 1] = 0
  end
  return table.move(after, 1, #after, #before + 1, before)
end

--- The family of an address.
-- @tparam string text
-- @treturn string|nil "inet" (IPv4), "inet6" (IPv6, perhaps with a zone); nil when it is no address
function M.family(text)
  if parts_of_ipv4(text) then
    return "inet"
  end
  return groups_of_ipv6(text) and "inet6" or nil
end

--- The bytes of an address, first to last; the zone of an IPv6 address is not part of them.
-- @tparam string text
-- @treturn string|nil 4 or 16 bytes; nil when it is no address
function M.bytes(text)
  local parts = parts_of_ipv4(text)
  if parts then
    return string.char(table.unpack(parts))
  end
  local groups = groups_of_ipv6(text)
  return groups and string.pack((">I2"):rep(8), table.unpack(groups)) or nil
end

return M
