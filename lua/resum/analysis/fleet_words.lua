-- What a group of places that share ticket keys means, in words. What nobody has confirmed is said to be so. Pure.

local target = require "resum.target"
local vocabulary = require "resum.analysis.vocabulary"

local M = {}

local count = vocabulary.count

--- Where a place is.
-- @tparam table place address, port
-- @treturn string "192.0.2.1:443", "[2001:db8::1]:443"
function M.at(place)
  return target.label({ host = place.address, port = place.port })
end

--- A place, by the name that was asked for where there was one.
-- @tparam table place address, port, sni
-- @treturn string "www.example.com (192.0.2.1:443)"
function M.place(place)
  return place.sni and ("%s (%s)"):format(place.sni, M.at(place)) or M.at(place)
end

--- How many of places there are, in words.
-- @tparam table from places, names, addresses
-- @treturn string "412 names at 3 addresses"
function M.size(from)
  local addresses = count(from.addresses, "address", "addresses")
  if from.names < from.places then -- by name they would be fewer than they are
    return ("%s at %s"):format(count(from.places, "place"), addresses)
  end
  return ("%s at %s"):format(count(from.names, "name"), addresses)
end

--- What a group is.
-- @tparam table group see resum.fleet
-- @treturn string
function M.group(group)
  local size, opens = M.size(group), group.opens
  if group.unconfirmed == 0 and opens.places == group.places then
    return ("one stolen key opens these %s"):format(size)
  elseif group.unconfirmed == 0 then
    return ("%s share %s; one of them opens %s"):format(size, count(group.keys, "key"), M.size(opens))
  elseif group.confirmed == 0 then
    return ("the tickets of %s carry the same key name; not confirmed"):format(size)
  end
  return ("the tickets of %s carry the same key name; one key opens %s, the rest is not confirmed"):format(size,
    M.size(opens))
end

-- What has a number is a group of now, as reports number them; what was one has none there.
local KINDS = {
  new = "group %d is new: %s",
  grown = "group %d has grown: %s were %s",
  joined = "group %d was apart before: %s were %s",
  shrunk = "%s of one group are %s now",
  split = "%s of one group are apart now: %s",
}
local IS_OF_NOW = { new = true, grown = true, joined = true }

-- The size of what a group was, or has become: that, with its number.
local function size_of(other, is_of_now)
  return not is_of_now and other.places > 1 and ("%d (group %d)"):format(other.places, other.number)
    or tostring(other.places)
end

--- How a group has changed.
-- @tparam table change see resum.fleet.changes
-- @treturn string
function M.change(change)
  local sizes, is_of_now = {}, IS_OF_NOW[change.kind]
  for i, other in ipairs(change.others) do
    sizes[i] = i <= 5 and size_of(other, is_of_now) or i == 6 and "..." or nil
  end
  local size, others = count(change.places, "place"), table.concat(sizes, ", ")
  if is_of_now then
    return KINDS[change.kind]:format(change.number, size, others)
  end
  return KINDS[change.kind]:format(size, others)
end

return M
