-- What is different between two states of a fleet: owner by owner, which keys and places came and went; and which
-- groups grew, shrank, were joined or split. Rows come one by one, of the tables of both.

local M = {}

local Changes = {}
Changes.__index = Changes

local KEYS = "SELECT DISTINCT p.owner AS owner, e.key AS what FROM %s_entry e JOIN %s_place p ON p.id = e.place "
  .. "WHERE e.is_current"
local PLACES = "SELECT owner, address || '\n' || port || '\n' || sni AS what FROM %s_place"

local function difference(kind, query, side, other)
  return ("SELECT owner, '%s' AS kind, what FROM (%s EXCEPT %s)"):format(kind, query:gsub("%%s", side),
    (query:gsub("%%s", other)))
end

local OWNERS = table.concat({ difference("key_new", KEYS, "new", "old"), difference("key_gone", KEYS, "old", "new"),
  difference("place_new", PLACES, "new", "old"), difference("place_gone", PLACES, "old", "new") }, " UNION ALL ")
  .. " ORDER BY owner, kind, what"

local function place_of(text)
  local address, port, sni = text:match("^(.-)\n(%d+)\n(.*)$")
  return { address = address, port = math.tointeger(tonumber(port)), sni = sni ~= "" and sni or nil }
end

local function new_owner(name)
  return { owner = name, keys_new = {}, keys_gone = {}, places_new = {}, places_gone = {} }
end

local LISTS = { key_new = "keys_new", key_gone = "keys_gone", place_new = "places_new", place_gone = "places_gone" }

--- What is different, owner by owner: those of which nothing is are left out.
-- @function changes:owners
-- @treturn function iterator: owner (a name that was registered, as far as names tell, or an address), keys_new and
--   keys_gone (names of keys in use), places_new and places_gone (address, port, sni)
function Changes:owners()
  local rows = self.database:rows(OWNERS)
  local row = rows()
  return function()
    local owner = row and new_owner(row[1])
    while row and row[1] == owner.owner do
      local list = owner[LISTS[row[2]]]
      list[#list + 1] = row[2]:find("^place") and place_of(row[3]) or row[3]
      row = rows()
    end
    return owner
  end
end

-- Of each group of either side, the groups of the other that it has places in common with.
local COMMON = "SELECT %s.number, %s.places, %s.number, %s.places, COUNT(*) FROM new_group n "
  .. "JOIN new_member m ON m.grp = n.number JOIN new_place p ON p.id = m.place "
  .. "JOIN old_place q ON q.address = p.address AND q.port = p.port AND q.sni = p.sni "
  .. "JOIN old_member l ON l.place = q.id JOIN old_group o ON o.number = l.grp "
  .. "WHERE n.places > 1 OR o.places > 1 GROUP BY n.number, o.number ORDER BY %s.number, COUNT(*) DESC, %s.number"

local function overlaps(database, one, other)
  local rows = database:rows(COMMON:format(one, one, other, other, one, other))
  local row = rows()
  return function()
    local group = row and { number = row[1], places = row[2], others = {}, common = 0 }
    while row and row[1] == group.number do
      table.insert(group.others, { number = row[3], places = row[4], common = row[5] })
      group.common = group.common + row[5]
      row = rows()
    end
    return group
  end
end

-- Groups of one place are no groups that are joined, or that something is split into.
local function kind_of(group)
  local shared, first = 0, group.others[1]
  for _, other in ipairs(group.others) do
    shared = shared + (other.places > 1 and 1 or 0)
  end
  if shared > 1 then
    return "joined"
  elseif group.places > first.places then
    return "grown"
  end
  return nil
end

local function split_or_shrunk(group)
  if #group.others > 1 then
    return "split"
  end
  return group.others[1].places < group.places and "shrunk" or nil
end

--- Which groups are different.
-- @function changes:groups
-- @treturn function iterator: kind ("new": none of its places was known; "joined" of several, "grown"; "split" into
--   several, "shrunk"), number and places of the group (for "split" and "shrunk" as it was), others (what it was or
--   became: number, places, common)
function Changes:groups()
  local now, before = overlaps(self.database, "n", "o"), overlaps(self.database, "o", "n")
  local fresh = self.database:rows("SELECT g.number, g.places FROM new_group g WHERE g.places > 1 AND NOT EXISTS ("
    .. "SELECT 1 FROM new_member m JOIN new_place p ON p.id = m.place JOIN old_place q ON q.address = p.address "
    .. "AND q.port = p.port AND q.sni = p.sni WHERE m.grp = g.number) ORDER BY g.number")
  return function()
    local row = fresh and fresh()
    if row then
      return { kind = "new", number = row[1], places = row[2], others = {} }
    end
    fresh = nil
    for side, groups in ipairs({ now, before }) do
      local group = groups()
      while group do
        group.kind = group.places > 1 and (side == 1 and kind_of or split_or_shrunk)(group) or nil
        if group.kind then
          return group
        end
        group = groups()
      end
    end
  end
end

--- @tparam table database with the tables of both sides
-- @treturn table changes: owners, groups
function M.new(database)
  return setmetatable({ database = database }, Changes)
end

return M
