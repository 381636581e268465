-- Which places have a ticket key in common: union-find over the names of keys that are in use, by edges. An edge is
-- confirmed where a session of the one end resumed at the other; where only the names are the same it is there, and is
-- not said to be more; whoever refused the other's sessions is kept apart. Besides the tables it keeps two numbers for
-- each key of each place.

local M = {}

-- What an edge is, in the tables.
M.CONFIRMED, M.SAME_NAME = 1, 0

local function root_of(parent, node)
  while parent[node] ~= node do
    parent[node] = parent[parent[node]]
    node = parent[node]
  end
  return node
end

local function join(parent, a, b)
  a, b = root_of(parent, a), root_of(parent, b)
  parent[math.max(a, b)] = math.min(a, b)
  return a ~= b
end

-- What was offered, among keys that are in use at both ends: those that resumed come first, the newest before others.
local OFFERS = "SELECT o.id, o.outcome, a.id, b.id FROM SIDE_offer o "
  .. "JOIN SIDE_place p ON p.address = o.from_address AND p.port = o.from_port AND p.sni = o.from_sni "
  .. "JOIN SIDE_place q ON q.address = o.to_address AND q.port = o.to_port AND q.sni = o.to_sni "
  .. "JOIN SIDE_entry a ON a.place = p.id AND a.key = o.key AND a.layout = o.layout AND a.is_current "
  .. "JOIN SIDE_entry b ON b.place = q.id AND b.key = o.key AND b.layout = o.layout AND b.is_current "
  .. "ORDER BY o.outcome, o.at DESC, o.id"

local Work = {}
Work.__index = Work

function Work:rows(sql)
  return self.database:rows((sql:gsub("SIDE", self.side)))
end

function Work:run(sql)
  return self.database:run((sql:gsub("SIDE", self.side)))
end

-- Joins what resumed, and notes who refused whom.
function Work:take_offers()
  for row in self:rows(OFFERS) do
    local id, outcome, a, b = row[1], row[2], row[3], row[4]
    if outcome == "confirmed" then
      if join(self.parent, a, b) then
        self.add_edge(a, b, M.CONFIRMED, id)
      end
    else
      self.refused[#self.refused + 1] = { a, b, id }
    end
  end
end

-- Confirmed groups that refuse each other: "a b" -> true. A session that resumed says more than one that was refused.
function Work:refusals()
  local apart = {}
  for _, one in ipairs(self.refused) do
    local a, b = root_of(self.parent, one[1]), root_of(self.parent, one[2])
    if a ~= b then
      apart[a .. " " .. b], apart[b .. " " .. a] = true, true
      self.add_refusal(one[1], one[2], one[3])
    end
  end
  return apart
end

local function refuses_any(apart, core, family)
  for _, other in ipairs(next(apart) and family or {}) do
    if apart[core .. " " .. other] then
      return true
    end
  end
  return false
end

-- The confirmed groups of one key's name, and which of them go together by it: those that do not refuse each other.
function Work:join_by_name(cores, apart)
  local families = {}
  for _, core in ipairs(cores) do
    local found
    for _, family in ipairs(families) do
      if not found and not refuses_any(apart, core, family) then
        found = family
      end
    end
    if found then
      self.add_edge(found[1], core, M.SAME_NAME)
      self.names[#self.names + 1] = { found[1], core }
      found[#found + 1] = core
    else
      families[#families + 1] = { core }
    end
  end
end

function Work:take_names(apart)
  local key, cores, met = nil, {}, {}
  for row in self:rows("SELECT id, key || '/' || layout FROM SIDE_entry WHERE is_current AND tells "
    .. "ORDER BY key, layout, id") do
    if row[2] ~= key then
      self:join_by_name(cores, apart)
      key, cores, met = row[2], {}, {}
    end
    local core = root_of(self.parent, row[1])
    if not met[core] then
      cores[#cores + 1], met[core] = core, true
    end
  end
  self:join_by_name(cores, apart)
end

-- Places are one group where any of their keys joins them.
function Work:put_nodes()
  local place_of, of_core, places, add = {}, {}, {}, self.database:inserter(self.side .. "_node", 4)
  for row in self:rows("SELECT id, place FROM SIDE_entry WHERE is_current") do
    local core = root_of(self.parent, row[1])
    place_of[row[1]], places[row[2]] = row[2], places[row[2]] or row[2]
    of_core[core] = of_core[core] or row[2]
    join(places, of_core[core], row[2])
  end
  for _, pair in ipairs(self.names) do
    join(places, place_of[pair[1]], place_of[pair[2]])
  end
  for id, place in pairs(place_of) do
    add(id, place, root_of(self.parent, id), root_of(places, place))
  end
  add()
end

local TABLES = {
  "CREATE TABLE SIDE_edge (a INTEGER, b INTEGER, kind INTEGER, offer INTEGER)",
  "CREATE TABLE SIDE_refusal (a INTEGER, b INTEGER, offer INTEGER)",
  "CREATE TABLE SIDE_node (entry INTEGER PRIMARY KEY, place INTEGER, core INTEGER, grp INTEGER)",
}

-- What each group comes to, the largest first; and the groups within, which resumed each other's sessions.
local FOLD = {
  "CREATE INDEX SIDE_nodes ON SIDE_node (place)",
  "CREATE TABLE SIDE_size AS SELECT grp, COUNT(DISTINCT place) AS places FROM SIDE_node GROUP BY grp",
  "CREATE TABLE SIDE_group (number INTEGER PRIMARY KEY, grp INTEGER, places INTEGER)",
  "INSERT INTO SIDE_group SELECT NULL, grp, places FROM SIDE_size ORDER BY places DESC, grp",
  "CREATE UNIQUE INDEX SIDE_groups ON SIDE_group (grp)",
  "CREATE TABLE SIDE_member (grp INTEGER, place INTEGER, core INTEGER, PRIMARY KEY (grp, place))",
  "INSERT INTO SIDE_member SELECT g.number, n.place, MIN(n.core) FROM SIDE_node n JOIN SIDE_group g ON g.grp = n.grp "
    .. "GROUP BY n.place",
  "CREATE INDEX SIDE_members ON SIDE_member (place)",
  "CREATE TABLE SIDE_core AS SELECT g.number AS grp, n.core AS core, e.key AS key, COUNT(DISTINCT n.place) AS places, "
    .. "COUNT(DISTINCT NULLIF(p.sni, '')) AS names, COUNT(DISTINCT p.address) AS addresses FROM SIDE_node n "
    .. "JOIN SIDE_entry e ON e.id = n.entry JOIN SIDE_place p ON p.id = n.place JOIN SIDE_group g ON g.grp = n.grp "
    .. "GROUP BY n.core",
  "CREATE INDEX SIDE_cores ON SIDE_core (grp, places)",
  "CREATE TABLE SIDE_tree AS SELECT g.number AS grp, x.a AS a, x.b AS b, x.kind AS kind, x.offer AS offer "
    .. "FROM SIDE_edge x JOIN SIDE_node n ON n.entry = x.a JOIN SIDE_group g ON g.grp = n.grp",
  "CREATE INDEX SIDE_trees ON SIDE_tree (grp)",
}

--- Finds the groups of a side's tables (see resum.fleet.reading), and writes them into more of them: SIDE_group
-- (number, places), SIDE_member (group, place), SIDE_core (of a group: places that resumed each other's sessions of one
-- key), SIDE_tree (edges that span each group), SIDE_refusal.
-- @tparam table database see resum.fleet.database
-- @tparam string side "new" or "old"
function M.find(database, side)
  local work = setmetatable({ database = database, side = side, parent = {}, refused = {}, names = {} }, Work)
  for _, sql in ipairs(TABLES) do
    work:run(sql)
  end
  work.add_edge, work.add_refusal = database:inserter(side .. "_edge", 4), database:inserter(side .. "_refusal", 3)
  for row in work:rows("SELECT id FROM SIDE_entry ORDER BY id") do
    work.parent[row[1]] = row[1]
  end
  work:take_offers()
  work:take_names(work:refusals())
  work:put_nodes()
  work.add_edge()
  work.add_refusal()
  for _, sql in ipairs(FOLD) do
    work:run(sql)
  end
end

return M
