-- What the picture of an address shows: servers as far as they can be told apart, their shares, and for each mechanism
-- whose sessions are accepted where. It reads the letters that connections showed and what came of them, and knows
-- nothing of how it is drawn. Pure.

local mechanisms = require "resum.connection.mechanism"
local statistics = require "resum.util.statistics"

local M = {}

--- Servers that fit a picture; the table of acceptance has all of them.
M.MOST = 8

local NAMED = { ticket_key = true, session_id_prefix = true }
-- How a server shows that has no name.
local MARKS = { none = true, stateful = true, other_version = true, ticketless = true }

-- The labels of a mechanism that tell servers apart: those with a name, and marks; and how many labels there are.
local function labels_of(result)
  local named, marks = {}, {}
  for _, label in ipairs(result and result.labels or {}) do
    local list = NAMED[label.kind] and named or MARKS[label.kind] and marks
    if list then
      list[#list + 1] = label
    end
  end
  return named, marks, #(result and result.labels or {})
end

local function add_connections(server, label)
  server.connections = server.connections + label.connections
  server.value = server.value or label.value
end

-- Servers by the names of their ticket keys; by prefixes of session IDs only where there are no keys.
local function named_servers(summary)
  local list = {}
  for _, name in ipairs({ "psk", "ticket", "session_id" }) do
    for _, label in ipairs((name ~= "session_id" or #list == 0) and labels_of(summary.mechanisms[name]) or {}) do
      local server = list[label.name]
      if not server then
        server = { name = label.name, kind = label.kind, group = label.group or label.name, connections = 0 }
        list[#list + 1], list[label.name] = server, server
      end
      add_connections(server, label)
    end
  end
  table.sort(list, function(a, b)
    return a.name < b.name
  end)
  return list
end

-- Those that did not show their names by a mechanism.
local function missing_from(servers, named)
  local met, missing = {}, {}
  for _, label in ipairs(named) do
    met[label.name] = true
  end
  for _, server in ipairs(servers) do
    missing[#missing + 1] = not met[server.name] and server or nil
  end
  return missing
end

-- A server without a name shows as different marks by different mechanisms, or by a name where it has one there. So a
-- mark belongs to the one server whose name the mechanism lacks; or, where it lacks none, to one that has no name.
local function place_marks(summary, servers)
  local nameless
  for _, name in ipairs({ "psk", "ticket", "session_id" }) do
    local named, marks, labels = labels_of(summary.mechanisms[name])
    local missing = missing_from(servers, named)
    for _, mark in ipairs(labels > 1 and marks or {}) do
      local one = name ~= "session_id" and #missing == 1 and missing[1] or nameless
      if not one and (#missing == 0 or #servers == 0) then
        nameless = { name = "-", kind = mark.kind, connections = 0 }
        one = nameless
      end
      if one then
        one.marks = one.marks or {}
        one.marks[name] = mark.name
        one.issues_nothing = one.issues_nothing or {}
        one.issues_nothing[name] = mark.kind == "none" or nil
        if one == nameless and (name ~= "session_id" or one.connections == 0) then
          add_connections(one, mark)
        end
      end
    end
  end
  servers[#servers + 1] = nameless
end

-- Of the connections that showed a server: one share for each, whatever the mechanism.
local function count_shares(servers)
  local all = 0
  for _, server in ipairs(servers) do
    all = all + server.connections
  end
  for _, server in ipairs(servers) do
    if all > 0 then
      local lo, hi = statistics.wilson(server.connections, all)
      server.share, server.interval = server.connections / all, { lo, hi }
    end
  end
end

-- The most groups that some mechanism has.
local function most_groups(summary)
  local most, open = summary.groups or 1, false
  for _, result in pairs(summary.mechanisms) do
    if (result.groups or 1) > most then
      most = result.groups
    end
    open = open or (result.groups or 1) > 1 and result.groups_interval and not result.groups_interval[2]
  end
  return most, open
end

-- Servers that show the same, or nothing: as many as there are groups, without a share unless they take turns.
local function alike(summary, like)
  local count, open = most_groups(summary)
  local period = summary.routing == "round_robin" and (summary.routing_evidence or {}).period
  local list = {}
  for i = 1, math.min(count, M.MOST) do
    list[i] = { name = like and like.name or tostring(i), kind = like and like.kind, value = like and like.value,
      share = count == 1 and 1 or period == count and 1 / count or nil }
  end
  return list, open
end

-- A member is known by the sessions that it does not resume, if by nothing else.
local function add_member(summary, servers)
  local member = summary.member
  for _, server in ipairs(servers) do
    if server.odd then
      return
    end
  end
  if member and summary.verdict == "bad_member" then
    servers[1] = servers[1] or { name = "1" }
    if not servers[2] then
      servers[1].share, servers[1].interval = 1 - member.share, nil
    end
    servers[#servers + 1] = { name = "?", share = member.share, interval = member.interval, odd = true }
  end
end

-- Which server is meant by what an attempt showed. A group speaks for a server where nothing else is in that group.
local function reader(summary, name, servers)
  local by_mark, labels = {}, {}
  for _, server in ipairs(servers) do
    by_mark[server.marks and server.marks[name] or server.name] = server.name
  end
  for _, label in ipairs(summary.mechanisms[name].labels or {}) do
    labels[label.group or label.name] = (labels[label.group or label.name] or 0) + 1
  end
  return function(attempt)
    local only = attempt and attempt.group and (labels[attempt.group] or 1) == 1 and attempt.group or nil
    return attempt and by_mark[attempt.label or only or false]
  end
end

local function note(cells, from, at, resumed)
  cells[from] = cells[from] or {}
  local cell = cells[from][at] or { resumed = 0, answered = 0 }
  cells[from][at] = cell
  cell.resumed, cell.answered = cell.resumed + (resumed and 1 or 0), cell.answered + 1
end

-- Sessions whose server is not known, but where they were offered: one that resumes at two servers is common to both.
local function note_unknown(cells, homes)
  for _, offers in ipairs(homes) do
    local home
    for _, offer in ipairs(offers) do
      home = home or offer.resumed and offer.at or nil
    end
    for _, offer in ipairs(home and offers or {}) do
      note(cells, home, offer.at, offer.resumed)
      if offer.at ~= home and offer.resumed then
        note(cells, offer.at, home, true)
      end
    end
  end
end

--- Whose sessions were accepted where.
-- @tparam table summary of resum.analysis.pool.analyse
-- @tparam string name of the mechanism
-- @tparam {table,...} servers see of
-- @treturn table issuing server's name -> answering server's -> {resumed, answered}, of the offers that tell both
function M.acceptance(summary, name, servers)
  local by_order, cells, homes, of_session = {}, {}, {}, {}
  local server_of = reader(summary, name, servers)
  for _, attempt in ipairs(summary.attempts) do
    by_order[attempt.order] = attempt
  end
  for _, attempt in ipairs(summary.attempts) do
    local offered = attempt.mechanism == name and attempt.from
    local resumed = attempt.outcome == "resumed"
    local at = offered and (resumed or attempt.outcome == "refused") and server_of(attempt)
    local from = at and server_of(by_order[attempt.from])
    if from then
      note(cells, from, at, resumed)
    elseif at then
      if not of_session[attempt.from] then
        of_session[attempt.from] = {}
        homes[#homes + 1] = of_session[attempt.from]
      end
      table.insert(of_session[attempt.from], { at = at, resumed = resumed })
    end
  end
  note_unknown(cells, homes)
  return cells
end

local OWN_BY_VERDICT = { no_resumption = false, not_supported = false }
local DIVIDED = { nothing_shared = true, sticky_source = true, sticky_session_id = true, mixed_groups = true }
local UNKNOWN = { inconclusive = true, unexplained = true, bad_member = true, not_applicable = true }

-- Does a server accept its own sessions? Where that was not seen, servers that share nothing do.
local function own_of(lane, server, cell)
  if server.issues_nothing and server.issues_nothing[lane.mechanism] then
    return "issues_nothing"
  elseif not cell then
    return DIVIDED[lane.verdict]
  end
  return cell.resumed == cell.answered or cell.resumed > 0 and "some"
end

-- Arrows between servers that show different names; and pairs that were tried in vain, or can't accept each other as
-- their groups share nothing.
local function read_arrows(lane, cells, servers)
  for i, from in ipairs(servers) do
    for j, at in ipairs(servers) do
      local cell = cells[from.name] and cells[from.name][at.name]
      if i == j then
        lane.own[i] = own_of(lane, from, cell)
      elseif cell and cell.resumed > 0 then
        table.insert(lane.arrows, { from = i, at = j, resumed = cell.resumed, answered = cell.answered })
      elseif cell then
        table.insert(lane.refused, { from = i, at = j, answered = cell.answered })
      elseif DIVIDED[lane.verdict] and from.group ~= at.group then
        table.insert(lane.refused, { from = i, at = j, supposed = true })
      end
    end
  end
end

-- Where nothing tells servers apart, the verdict says whether they accept each other's sessions, and their own.
local function suppose_arrows(lane, servers, reason)
  local shared = lane.verdict == "all_shared"
  for i = 1, #servers do
    for j = 1, #servers do
      local list = i ~= j and (shared and lane.arrows or DIVIDED[lane.verdict] and lane.refused)
      if list then
        table.insert(list, { from = i, at = j, supposed = true })
      end
    end
    if not UNKNOWN[lane.verdict] then
      lane.own[i] = reason == "not_issued" and "issues_nothing" or OWN_BY_VERDICT[lane.verdict] == nil
    end
  end
end

-- Was each session refused, whatever that means for the servers together?
local function none_resumed(result)
  local refused = 0
  for _, counts in pairs(result.designs or {}) do
    refused = refused + counts.refused
    if counts.resumed > 0 then
      return false
    end
  end
  return refused > 0
end

local function lane_of(summary, name, servers, same)
  local result = summary.mechanisms[name]
  local lane = { mechanism = name, verdict = result.verdict, own = {}, arrows = {}, refused = {} }
  lane.cells = not same and M.acceptance(summary, name, servers) or nil
  if same or lane.verdict == "all_shared" then -- else not every pair was tried
    suppose_arrows(lane, servers, result.reason)
    if #servers == 1 and none_resumed(result) then
      lane.own[1] = false
    end
  else
    read_arrows(lane, lane.cells, servers)
  end
  return lane
end

-- Groups of servers that share: each with how many names it has, and whether it is surely smaller than the largest.
local function groups_of(servers)
  local groups, all, largest = {}, 0, nil
  for _, server in ipairs(servers) do
    local group = groups[server.group or server.name] or { connections = 0, names = 0 }
    groups[server.group or server.name] = group
    group.connections, group.names = group.connections + (server.connections or 0), group.names + 1
    all = all + (server.connections or 0)
    largest = (not largest or group.connections > largest.connections) and group or largest
  end
  local lowest = statistics.wilson(largest and largest.connections or 0, math.max(1, all))
  for _, group in pairs(groups) do
    local _, highest = statistics.wilson(group.connections, math.max(1, all))
    group.smaller = highest < lowest
    largest.larger = largest.larger or group.smaller
  end
  return groups, largest
end

-- Does a server accept nothing of its own by this mechanism, where another does?
local function accepts_nothing(lane, i)
  local another = false
  for _, own in pairs(lane.own) do
    another = another or own == true or own == "some"
  end
  return another and (lane.own[i] == false or lane.own[i] == "issues_nothing")
end

-- The sentences have a share of the member: the picture has the same, and of the others what is left.
local function take_share(servers, member)
  local odd, count = nil, 0
  for _, server in ipairs(servers) do
    odd, count = server.odd and server or odd, count + (server.odd and 1 or 0)
  end
  if count ~= 1 or not member or not odd.connections or odd.share == 1 then
    return
  end
  local left = (1 - member.share) / (1 - odd.share)
  for _, server in ipairs(servers) do
    server.share = server.share * left
    server.interval = { server.interval[1] * left, math.min(1, server.interval[2] * left) }
  end
  odd.share, odd.interval = member.share, member.interval or nil
end

-- Marks the server that is unlike the others: the member that does not resume, or those left out of what some share.
local function mark_odd(summary, servers, lanes)
  local groups, largest = groups_of(servers)
  for i, server in ipairs(servers) do
    if summary.verdict == "bad_member" then
      server.odd = server.marks and #servers > 1 or (summary.member or {}).label == server.name or nil
      for _, lane in ipairs(lanes) do
        server.odd = server.odd or accepts_nothing(lane, i) or nil
      end
    elseif summary.verdict == "mixed_groups" then
      local group = groups[server.group or server.name]
      server.odd = group.smaller or nil
      server.several = group == largest and group.larger and group.names == 1 or nil
    end
  end
  add_member(summary, servers)
  take_share(servers, summary.verdict == "bad_member" and summary.member)
end

local function from_pool(summary)
  local servers = named_servers(summary)
  place_marks(summary, servers)
  count_shares(servers)
  local same, open = #servers < 2 and summary.verdict ~= "bad_member", false
  if same then
    servers, open = alike(summary, servers[1])
  end
  local lanes = {}
  for _, name in ipairs(mechanisms.names) do
    if summary.mechanisms[name] then
      lanes[#lanes + 1] = lane_of(summary, name, servers, same)
    end
  end
  mark_odd(summary, servers, lanes)
  local routing = #servers > 1 and summary.routing or nil
  local drawn = math.min(#servers, M.MOST)
  return { verdict = summary.verdict, servers = servers, drawn = drawn, lanes = lanes,
    alike = same and #servers > 1 or nil, open = open or nil, more = #servers > drawn and #servers - drawn or nil,
    changed = summary.verdict == "rotated" or nil,
    balancer = routing and { routing = routing, period = (summary.routing_evidence or {}).period } }
end

local OWN = { supported = true, partially_supported = "some", healthy = true, broken = "some", not_supported = false,
  no_resumption = false }

-- Without a look behind the address: one server, as a client sees it.
local function from_support(judged)
  local lanes = {}
  for _, name in ipairs(mechanisms.names) do
    local one = judged[name]
    if one then
      lanes[#lanes + 1] = { mechanism = name, verdict = one.verdict, arrows = {}, refused = {},
        own = { one.reason == "not_issued" and "issues_nothing" or OWN[one.verdict] } }
    end
  end
  return { servers = { { name = "1", share = 1 } }, drawn = 1, lanes = lanes }
end

--- What stands behind an address, to be drawn.
-- @tparam table entry one of a result's addresses
-- @treturn table|nil verdict (of the pool); servers ({{name (a letter, "-" or "?"), kind, value, share, interval, odd,
--   several},...}); drawn (so many of them fit a picture); more (servers that do not); lanes, one a mechanism
--   ({{mechanism, verdict, own (server's number -> whether it accepts its own sessions: a boolean, "some" (at times) or
--   "issues_nothing"; nil where that was not seen), arrows ({{from, at (numbers of servers), resumed, answered, or
--   supposed},...}), refused (the same, in vain), cells (see acceptance)},...}); balancer ({routing, period}; nil where
--   there is no sign of one); alike (servers can't be told apart), open (there may be more), changed (names are one
--   after the other); nil where nothing was seen
function M.of(entry)
  local summary = entry.balancer
  if summary and summary.mechanisms and next(summary.mechanisms) then
    return from_pool(summary)
  end
  local judged = summary and summary.quick or entry.support or entry.rate
  return judged and next(judged) and from_support(judged) or nil
end

return M
