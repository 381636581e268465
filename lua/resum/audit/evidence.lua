-- What all connections to an address have shown: every one with what it brought, every ticket with the session that
-- holds its secret, and which group of servers answered. Passive checks take this and nothing else. It makes no
-- connection, and shows no secret: sessions keep theirs to themselves.

local sighting = require "resum.analysis.pool.sighting"

local M = {}

-- A scan of a rate makes some hundred connections, of two tickets each; what a server sends beyond that is not kept.
local MOST_CONNECTIONS, MOST_TICKETS = 4096, 8192

-- Names that come one after another, and none of them again, are one server's that changes its keys: servers that
-- chance chooses among come in such an order once in 1,000 pools.
local BY_CHANCE = 1e-3

local Evidence = {}
Evidence.__index = Evidence

-- The session that came with a ticket; each once, as a server may send the same ticket twice.
local function take_session(sessions, ticket)
  for i, session in ipairs(sessions) do
    if session:fields().ticket == ticket then
      return table.remove(sessions, i)
    end
  end
end

local function note_tickets(evidence, connection, record)
  local sessions = table.move(record.sessions, 1, #record.sessions, 1, {})
  for number, one in ipairs(record.facts.tickets) do
    if #evidence.tickets == MOST_TICKETS then
      return
    elseif #one.ticket > 0 then
      local ticket = {
        mechanism = record.version == "TLSv1.3" and "psk" or "ticket",
        ticket = one.ticket, lifetime_s = one.lifetime_s, age_add = one.age_add, nonce = one.nonce,
        extensions = one.extensions, max_early_data = one.max_early_data,
        session = take_session(sessions, one.ticket), connection = connection.order, number = number,
        is_full = record.outcome == "full" or record.outcome == "refused",
      }
      evidence.tickets[#evidence.tickets + 1] = ticket
    end
  end
end

--- Writes a connection down.
-- @function evidence:note
-- @tparam table record see resum.connection.client; with its sessions, as far as they were taken
function Evidence:note(record)
  if #self.connections == MOST_CONNECTIONS then
    return
  end
  local connection = { order = #self.connections + 1, mechanism = record.mechanism, version = record.version,
    cipher = record.cipher, outcome = record.outcome, engine = record.engine, facts = record.facts,
    awaited = true }
  self.connections[connection.order] = connection
  sighting.read(connection, record)
  self.groups = {}
  if record.mechanism == "session_id" and record.outcome == "full" then
    self.id_session = record.sessions[#record.sessions] or self.id_session
  end
  if record.facts and record.facts.tickets then
    note_tickets(self, connection, record)
  end
end

--- The tickets of a mechanism.
-- @function evidence:tickets_of
-- @tparam string mechanism "ticket" or "psk"
-- @treturn {table,...} ticket (bytes), lifetime_s, session (nil where its secret was not taken), connection (order of
--   the one that brought it), number (its place there),
--   is_full (that was a full handshake), and in TLS 1.3 age_add, nonce, extensions, max_early_data
function Evidence:tickets_of(mechanism)
  local list = {}
  for _, ticket in ipairs(self.tickets) do
    list[#list + 1] = ticket.mechanism == mechanism and ticket or nil
  end
  return list
end

-- What parts servers of one mechanism may be the same for another: each has groups of its own.
local function kind_of(connection)
  return connection.version == "TLSv1.3" and "psk" or connection.mechanism
end

-- Of as many connections with each label as there are: how likely it is that chance brings those of each in a row.
local function chance_of_rows(counts)
  local chance, before, number = 1, 0, 0
  for _, count in pairs(counts) do
    number = number + 1
    chance = chance * number
    for i = 1, count do
      chance = chance * i / (before + i)
    end
    before = before + count
  end
  return chance
end

-- Do the keys' names follow one another, so that they are one server's? Then all connections have the last one's; and
-- it gives the order of the first that really had it.
local function join_rows(list, assigned)
  local counts, last, since, is_row = {}, nil, nil, true
  for _, connection in ipairs(list) do
    local label = assigned[connection.order]
    if label and label ~= sighting.UNNAMED then
      is_row = is_row and label.kind == "key" and (label == last or not counts[label])
      since = label == last and since or connection.order
      counts[label], last = (counts[label] or 0) + 1, label
    end
  end
  if is_row and last and chance_of_rows(counts) < BY_CHANCE then
    for order in pairs(assigned) do
      assigned[order] = last
    end
    return since
  end
end

-- Of the connections of one mechanism: what each one's server is called, and how many connections each name has.
local function group(evidence, kind)
  local list = {}
  for _, connection in ipairs(evidence.connections) do
    list[#list + 1] = kind_of(connection) == kind and connection or nil
  end
  local assigned = sighting.labels(list)
  local groups = { labels = assigned, letters = {}, count = 0, since = join_rows(list, assigned) }
  for _, connection in ipairs(list) do
    local label = assigned[connection.order]
    if label then
      if not groups.letters[label] then
        groups.count = groups.count + 1
        groups.letters[label] = string.char(64 + math.min(groups.count, 26))
      end
    end
  end
  return groups
end

-- The share of the connections that each label has. Where servers take strict turns we choose whom to meet, so that
-- connections tell nothing: each place in the turns counts once.
local function shares_of(evidence, groups, is_counted)
  local turns, counts, totals = evidence.turns or {}, {}, {}
  for order, label in pairs(groups.labels) do
    local at = turns.period and turns.at[order]
    if is_counted(evidence.connections[order]) and (at or not turns.period) then
      local place = at and at % turns.period or 0
      counts[place] = counts[place] or {}
      counts[place][label], totals[place] = (counts[place][label] or 0) + 1, (totals[place] or 0) + 1
    end
  end
  local shares, places = {}, 0
  for place, of in pairs(counts) do
    places = places + 1
    for label, count in pairs(of) do
      shares[label] = (shares[label] or 0) + count / totals[place]
    end
  end
  for label, sum in pairs(shares) do
    shares[label] = sum / places
  end
  return shares
end

local function any()
  return true
end

local function is_full(connection)
  return connection.outcome == "full"
end

--- The group of servers that showed something, where all of it came from one and there are others.
-- @function evidence:group_of
-- @tparam {integer,...} connections orders of those that showed it, all of one mechanism
-- @treturn string|nil letter; nil where there is one group only, or more than one showed it
-- @treturn number|nil the share of the connections that those groups answered, 0 to 1; nil where nothing tells them
--   apart
function Evidence:group_of(connections)
  local first = self.connections[connections[1]]
  if not first then
    return nil
  end
  local kind = kind_of(first)
  self.groups[kind] = self.groups[kind] or group(self, kind)
  local groups, met, sum, met_count, only = self.groups[kind], {}, 0, 0, nil
  local shares = shares_of(self, groups, any)
  for _, order in ipairs(connections) do
    local label = groups.labels[order]
    if label and not met[label] then
      met[label], only, met_count = true, label, met_count + 1
      sum = sum + (shares[label] or 0)
    end
  end
  if met_count == 0 then
    return nil
  end
  return met_count == 1 and groups.count > 1 and groups.letters[only] or nil, sum
end

--- Was a session issued under a key that its only server has replaced since, and so may not know any more?
-- @function evidence:is_of_old_key
-- @tparam string mechanism "ticket" or "psk"
-- @tparam integer connection order of the one that brought it
-- @treturn boolean
function Evidence:is_of_old_key(mechanism, connection)
  self.groups[mechanism] = self.groups[mechanism] or group(self, mechanism)
  return connection < (self.groups[mechanism].since or 0)
end

--- The groups of servers that the connections of a mechanism have met. Their shares are those of plain full handshakes:
-- where sessions are offered, some servers show nothing that tells them apart.
-- @function evidence:members
-- @tparam string mechanism
-- @treturn {table,...} letter, share and count (of such handshakes) of each, by letter; {} where nothing tells them
--   apart
function Evidence:members(mechanism)
  self.groups[mechanism] = self.groups[mechanism] or group(self, mechanism)
  local groups, list, counts = self.groups[mechanism], {}, {}
  for order, label in pairs(groups.labels) do
    counts[label] = (counts[label] or 0) + (is_full(self.connections[order]) and 1 or 0)
  end
  for label, share in pairs(shares_of(self, groups, is_full)) do
    list[#list + 1] = { letter = groups.letters[label], share = share, count = counts[label] }
  end
  table.sort(list, function(a, b)
    return a.letter < b.letter
  end)
  return list
end

--- @treturn table evidence, empty: connections and tickets (lists, see tickets_of); give_way (a function or nil, for
--   who computes long: others have their turn)
function M.new()
  return setmetatable({ connections = {}, tickets = {}, groups = {}, taken = setmetatable({}, { __mode = "k" }),
    give_way = nil }, Evidence)
end

return M
