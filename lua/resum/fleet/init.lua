-- The fleet's map: which places have a ticket key in common, made of state files. It reads them into tables, finds the
-- groups, and gives them out one by one: no list of all is ever in memory. It draws nothing.

local changes = require "resum.fleet.changes"
local databases = require "resum.fleet.database"
local groups = require "resum.fleet.groups"
local reading = require "resum.fleet.reading"
local utc = require "resum.util.utc"

local M = {}

local Map = {}
Map.__index = Map

local function text_or_nil(text)
  return text ~= "" and text or nil
end

local TOTALS = { "SELECT COUNT(*), COUNT(DISTINCT NULLIF(sni, '')), COUNT(DISTINCT address) FROM new_place",
  "SELECT COUNT(DISTINCT key) FROM new_entry WHERE is_current",
  "SELECT COUNT(*), COALESCE(SUM(places), 0) FROM new_group WHERE places > 1",
  "SELECT COUNT(*) FROM new_tree WHERE kind = 1", "SELECT COUNT(*) FROM new_tree WHERE kind = 0",
  "SELECT COUNT(*) FROM new_refusal" }

--- What all of it comes to.
-- @function map:totals
-- @treturn table places, names, addresses, keys (in use), groups (of more than one place), alone (places that share
--   with nobody), confirmed and unconfirmed (edges), refusals
function Map:totals()
  local totals = {}
  totals.places, totals.names, totals.addresses = self.database:row(TOTALS[1])
  totals.keys = self.database:row(TOTALS[2])
  local shared
  totals.groups, shared = self.database:row(TOTALS[3])
  totals.alone = totals.places - shared
  totals.confirmed, totals.unconfirmed = self.database:row(TOTALS[4]), self.database:row(TOTALS[5])
  totals.refusals = self.database:row(TOTALS[6])
  return totals
end

local GROUP = "SELECT COUNT(DISTINCT NULLIF(p.sni, '')), COUNT(DISTINCT p.address), COUNT(DISTINCT p.port), "
  .. "COUNT(DISTINCT p.certificate) FROM new_member m JOIN new_place p ON p.id = m.place WHERE m.grp = %d"
local EDGES = "SELECT COALESCE(SUM(kind = 1), 0), COALESCE(SUM(kind = 0), 0) FROM new_tree WHERE grp = %d"
local OPENS = "SELECT key, places, names, addresses FROM new_core WHERE grp = %d ORDER BY places DESC, key LIMIT 1"
local KEYS = "SELECT COUNT(DISTINCT key) FROM new_core WHERE grp = %d"

function Map:group(number, places)
  local group = { number = number, places = places, opens = {} }
  group.names, group.addresses, group.ports, group.certificates = self.database:row(GROUP:format(number))
  group.confirmed, group.unconfirmed = self.database:row(EDGES:format(number))
  group.keys = self.database:row(KEYS:format(number))
  local opens = group.opens
  opens.key, opens.places, opens.names, opens.addresses = self.database:row(OPENS:format(number))
  return group
end

--- The groups of more than one place, the largest first.
-- @function map:groups
-- @treturn function iterator: group: number, places, names, addresses, ports, certificates, keys (how many of each),
--   confirmed and unconfirmed (edges of the tree that spans it), opens (what one key opens, as far as sessions have
--   resumed: key, places, names, addresses)
function Map:groups()
  local rows = self.database:rows("SELECT number, places FROM new_group WHERE places > 1 ORDER BY number")
  return function()
    local row = rows()
    return row and self:group(row[1], row[2])
  end
end

local MEMBERS = "SELECT p.id, p.address, p.port, p.sni, p.certificate, p.last, m.core FROM new_member m "
  .. "JOIN new_place p ON p.id = m.place LEFT JOIN new_core c ON c.core = m.core WHERE m.grp = %d "
  .. "ORDER BY c.places DESC, m.core, p.id"

--- The places of a group; those whose sessions resume at one another stand together, the most numerous first.
-- @function map:members
-- @tparam integer number of the group
-- @treturn function iterator: id, address, port, sni, certificate, last_seen (ISO 8601), core (the same for places
--   that are known to have one key)
function Map:members(number)
  local rows = self.database:rows(MEMBERS:format(number))
  return function()
    local row = rows()
    return row and { id = row[1], address = row[2], port = row[3], sni = text_or_nil(row[4]), certificate = row[5],
      last_seen = utc(row[6]), core = row[7] }
  end
end

-- What an edge is called, by its kind in the tables (see resum.fleet.groups).
local OUTCOMES = { [0] = "same_name", "confirmed", "refused" }

local ENDS = "SELECT a.place, b.place, a.key, %s, o.at, o.offered_as, o.from_certificate, o.to_certificate, "
  .. "o.from_address, o.from_port, o.from_sni, p.address, p.port, p.sni, q.address, q.port, q.sni "
  .. "FROM %s x JOIN new_entry a ON a.id = x.a JOIN new_entry b ON b.id = x.b JOIN new_place p ON p.id = a.place "
  .. "JOIN new_place q ON q.id = b.place LEFT JOIN new_offer o ON o.id = x.offer %s"

local function edge_of(row)
  local edge = { from = row[1], to = row[2], key = row[3], outcome = OUTCOMES[row[4]], at = row[5],
    from_place = { address = row[12], port = row[13], sni = text_or_nil(row[14]) },
    to_place = { address = row[15], port = row[16], sni = text_or_nil(row[17]) } }
  if edge.at then
    edge.at, edge.offered_as = utc(edge.at), text_or_nil(row[6])
    edge.from_place.certificate, edge.to_place.certificate = row[7], row[8]
  end
  return edge
end

local function edges_of(database, sql)
  local rows = database:rows(sql)
  return function()
    local row = rows()
    return row and edge_of(row)
  end
end

--- The edges that span a group.
-- @function map:edges
-- @tparam integer number of the group
-- @treturn function iterator: from (id of a member: there the session was made), to (there it was offered), key,
--   outcome ("confirmed", or "same_name": nobody has offered one), at, offered_as (the name asked for; nil: none),
--   from_place, to_place (address, port, sni, certificate of each)
function Map:edges(number)
  return edges_of(self.database, ENDS:format("x.kind", "new_tree",
    ("WHERE x.grp = %d ORDER BY a.id, b.id"):format(number)))
end

--- Places with one name of a key that refused each other's sessions, and are no group.
-- @function map:refusals
-- @treturn function iterator: as of map:edges, with the outcome "refused"
function Map:refusals()
  return edges_of(self.database, ENDS:format("2", "new_refusal", "ORDER BY a.key, a.id, b.id"))
end

--- The lines of one state file that says what all have said.
-- @function map:state_lines
-- @treturn function iterator: line without its end
function Map:state_lines()
  local rows = self.database:rows("SELECT text FROM new_entry UNION ALL SELECT DISTINCT text FROM new_offer")
  return function()
    local row = rows()
    return row and row[1]
  end
end

--- What is different since the files that the map is compared with.
-- @function map:changes
-- @treturn table|nil see resum.fleet.changes; nil where it is compared with none
function Map:changes()
  return self.is_compared and changes.new(self.database) or nil
end

--- Closes it.
-- @function map:close
function Map:close()
  self.database:close()
end

local function read_into(database, side, files, paths)
  local counts, message = reading.read(database, side, files, paths)
  if counts then
    groups.find(database, side)
  end
  return counts, message
end

-- Of each file that has some, in the order in which they were read.
local function unreadable_of(...)
  local list = {}
  for _, counts in ipairs({ ... }) do
    for _, lines in ipairs(counts.unreadable) do
      list[#list + 1] = lines.count > 0 and lines or nil
    end
  end
  return list
end

--- Makes a map.
-- @tparam table files resum.host.private_file
-- @tparam {string,...} paths of state files
-- @tparam[opt] {string,...} older those to compare with
-- @treturn[1] table map: totals, groups, members, edges, refusals, state_lines, changes, close; unreadable (of
--   each file that has such lines, see resum.util.unreadable), sessions (lines that hold one, which are left out)
-- @treturn[2] nil
-- @treturn[2] string message
function M.map(files, paths, older)
  local database, message = databases.open()
  if not database then
    return nil, message
  end
  local fine, counts, problem = pcall(read_into, database, "new", files, paths)
  local compared
  if fine and counts and older then
    fine, compared, problem = pcall(read_into, database, "old", files, older)
    counts = fine and compared and counts or compared
  end
  if not fine or not counts then
    database:close()
    return nil, problem or tostring(counts)
  end
  return setmetatable({ database = database, unreadable = unreadable_of(counts, compared), sessions = counts.sessions,
    is_compared = older ~= nil }, Map)
end

return M
