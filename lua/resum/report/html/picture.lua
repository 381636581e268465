-- Draws what stands behind an address: client, balancer, servers with their shares, and beside them a column for each
-- mechanism with an arrow wherever one server accepts a session of another. It draws what resum.report.html.topology
-- says, wide for a desk and narrow for a phone, and decides nothing. Pure.

local hex = require "resum.util.hex"
local markup = require "resum.report.html.markup"
local mechanisms = require "resum.connection.mechanism"
local svg = require "resum.report.html.svg"
local vocabulary = require "resum.analysis.vocabulary"

local M = {}

local words, rectangle, path, circle = svg.words, svg.rectangle, svg.path, svg.circle

local ROW, BOX = 66, 50 -- from one server to the next, and the height of its box
local DOT = 6
local HEAD = 4 -- half an arrow's head
local FOOT = 44 -- below the servers: the rates
local KEY_DIGITS = 6
local PAIRS_DRAWN = 4 -- servers: of more that all accept one another, only neighbours are joined

-- Both have the servers left of the columns; wide ones have client and balancer left of that, narrow ones above.
local WIDE = { width = 620, client = { 1, 66 }, balancer = { 108, 104 }, servers = { 262, 142 }, lane = 68, top = 48 }
local NARROW = { width = 344, client = { 1, 66 }, balancer = { 116, 227 }, servers = { 26, 138 }, lane = 57, top = 142,
  stacked = true }

local function row_of(layout, i)
  return layout.top + (i - 0.5) * ROW
end

local function lane_x(layout, i)
  return layout.servers[1] + layout.servers[2] + 8 + (i - 0.5) * layout.lane
end

local function box(x, y, width, height, class, lines)
  local middle = y + height / 2 - (#lines - 1) * 7.5 + 4
  local parts = { rectangle(class, x, y, width, height, 8) }
  for i, line in ipairs(lines) do
    parts[#parts + 1] = words(i == 1 and "middle" or "middle pale", x + width / 2, middle + (i - 1) * 15, line)
  end
  return table.concat(parts)
end

-- A line with a head, to the left edge of what it leads to.
local function flow(x1, y1, x2, y2, share)
  local middle = (x1 + x2) / 2
  return path("flow", "M%s %s C%s %s %s %s %s %s", x1, y1, middle, y1, middle, y2, x2 - 7, y2):gsub("/>$",
    (' style="stroke-width:%s"/>'):format(svg.number(1.2 + 4 * (share or 0))))
    .. path("head", "M%s %s l-8 -5 v10 z", x2, y2)
end

local function balancer_lines(balancer, width)
  local lines = svg.wrap(vocabulary.routing(balancer), width - 8)
  table.insert(lines, 1, "balancer")
  return lines
end

-- Client and balancer above the servers, whose connections come down at the left.
local function stacked_way(topology, layout)
  local client, balancer, servers = layout.client, layout.balancer, layout.servers
  local parts = { box(client[1], 4, client[2], 52, "box", { "client" }) }
  local count = topology.drawn
  if topology.balancer then
    parts[#parts + 1] = flow(client[1] + client[2], 30, balancer[1], 30, 0.5)
    parts[#parts + 1] = box(balancer[1], 4, balancer[2], 52, "box", balancer_lines(topology.balancer, balancer[2]))
    parts[#parts + 1] = path("flow", "M%s 56 V72 H8 V%s", balancer[1] + balancer[2] / 2, row_of(layout, count))
  else
    parts[#parts + 1] = path("flow", "M8 56 V%s", row_of(layout, count))
  end
  for i = 1, topology.drawn do
    local server = topology.servers[i]
    parts[#parts + 1] = flow(8, row_of(layout, i), servers[1], row_of(layout, i), server.share)
  end
  return table.concat(parts)
end

local function wide_way(topology, layout)
  local client, balancer, servers = layout.client, layout.balancer, layout.servers
  local middle = layout.top + topology.drawn * ROW / 2
  local parts = { box(client[1], middle - 26, client[2], 52, "box", { "client" }) }
  local from = client[1] + client[2]
  if topology.balancer then
    local lines = balancer_lines(topology.balancer, balancer[2])
    local height = math.max(52, 22 + 15 * #lines)
    parts[#parts + 1] = flow(from, middle, balancer[1], middle, 0.5)
    parts[#parts + 1] = box(balancer[1], middle - height / 2, balancer[2], height, "box", lines)
    from = balancer[1] + balancer[2]
  end
  for i = 1, topology.drawn do
    local server = topology.servers[i]
    parts[#parts + 1] = flow(from, middle, servers[1], row_of(layout, i), server.share)
  end
  return table.concat(parts)
end

-- Under the share: what tells the server, or what is odd about it.
local function caption(topology, server)
  if server.odd then
    return vocabulary.odd[topology.verdict] or vocabulary.odd.bad_member
  elseif server.value then
    return "key " .. hex(server.value):sub(1, KEY_DIGITS) .. "..."
  end
  return ""
end

local function share_words(server)
  if not server.share then
    return "share not known"
  end
  return server.share == 1 and "server(s)" or vocabulary.percent(server.share) .. " %"
end

local function server_box(topology, layout, i)
  local server, x, y = topology.servers[i], layout.servers[1], row_of(layout, i)
  local top, width = y - BOX / 2, layout.servers[2]
  local letter = server.name:find("^%u$") and server.name or nil
  local parts = { server.several and rectangle("box behind", x + 5, top - 5, width - 5, BOX, 8) or "",
    rectangle(server.odd and "box odd" or "box", x, top, width, BOX, 8) }
  local left = x + 12
  if letter or server.odd then
    parts[#parts + 1] = svg.group("chip " .. svg.colour_of(letter), nil, circle(nil, x + 20, y, 12)
      .. words(nil, x + 20, y + 4.5, letter or "!"))
    left = x + 38
  end
  local below = caption(topology, server)
  parts[#parts + 1] = words("share", left, below == "" and y + 5 or y - 3, share_words(server))
    .. (below ~= "" and words(server.odd and "pale strong" or "pale", left, y + 13, below) or "")
  local title = server.share and server.interval and ("%s: %s %% of the connections (%s)"):format(server.name,
    vocabulary.percent(server.share), vocabulary.interval(server.interval)) or nil
  return svg.group("server", title, table.concat(parts))
end

local function cross(class, x, y, size)
  return path(class, "M%s %s l%s %s m%s 0 l%s %s", x - size, y - size, 2 * size, 2 * size, -2 * size, 2 * size,
    -2 * size)
end

-- A server's own sessions: filled where it accepts them, half where it does at times, crossed
-- out where it does not, hollow where it issues none.
local function dot(x, y, own)
  if own == nil then
    return words("middle pale", x, y + 4, "?")
  elseif own == "issues_nothing" then
    return circle("dot silent", x, y, DOT)
  elseif own == "some" then
    return circle("dot some", x, y, DOT) .. path("half", "M%s %s a%s %s 0 0 0 0 %s z", x, y - DOT, DOT, DOT, 2 * DOT)
  elseif own then
    return circle("dot", x, y, DOT)
  end
  return circle("dot none", x, y, DOT) .. cross("dot none", x, y, 3)
end

-- A line between neighbours, a curve past those between, as far out as the column goes; a head at each end where a
-- session is accepted.
local function arrow(x, y1, y2, up, down, lane)
  local parts = {}
  if y2 - y1 <= ROW then
    local top, bottom = y1 + DOT + 3, y2 - DOT - 3
    parts[1] = path("arrow", "M%s %s V%s", x, top + (up and 2 * HEAD or 0), bottom - (down and 2 * HEAD or 0))
    parts[2] = up and path("head", "M%s %s l%s %s h%s z", x, top, -HEAD, 2 * HEAD, 2 * HEAD) or ""
    parts[3] = down and path("head", "M%s %s l%s %s h%s z", x, bottom, -HEAD, -2 * HEAD, 2 * HEAD) or ""
  else
    local near = x + DOT + 3
    local out = near + math.min((lane / 2 - DOT - 5) / 0.75, 8 + 6 * (y2 - y1) / ROW) -- of a curve three quarters show
    local from, to = near + (up and 2 * HEAD - 1 or 0), near + (down and 2 * HEAD - 1 or 0)
    parts[1] = path("arrow", "M%s %s C%s %s %s %s %s %s", from, y1, out, y1, out, y2, to, y2)
    parts[2] = up and path("head", "M%s %s l%s %s v%s z", near, y1, 2 * HEAD, -HEAD, 2 * HEAD) or ""
    parts[3] = down and path("head", "M%s %s l%s %s v%s z", near, y2, 2 * HEAD, -HEAD, 2 * HEAD) or ""
  end
  return table.concat(parts)
end

local function find(list, from, at)
  for _, one in ipairs(list) do
    if one.from == from and one.at == at then
      return one
    end
  end
end

-- Do all of those between accept one another, too? Then a chain of neighbours says it.
local function is_said_by_neighbours(lane, low, high, count)
  if count <= PAIRS_DRAWN or high - low < 2 then
    return false
  end
  for i = low, high do
    for j = low, high do
      if i ~= j and not find(lane.arrows, i, j) then
        return false
      end
    end
  end
  return true
end

-- What is drawn between two servers: an arrow, with a head at whoever accepts; or a cross between neighbours.
local function pair(topology, layout, lane, x, i, j)
  local down, up = find(lane.arrows, i, j), find(lane.arrows, j, i)
  local refused = find(lane.refused, i, j) or find(lane.refused, j, i)
  local y1, y2 = row_of(layout, i), row_of(layout, j)
  if not down and not up then
    return refused and j == i + 1 and cross("barrier", x, y1 + ROW / 2, 4) or ""
  elseif is_said_by_neighbours(lane, i, j, topology.drawn) then
    return ""
  end
  local titles, names = {}, topology.servers
  titles[1] = down and vocabulary.accepts(lane.mechanism, names[i].name, names[j].name, down) or nil
  titles[#titles + 1] = up and vocabulary.accepts(lane.mechanism, names[j].name, names[i].name, up) or nil
  return svg.group("accepts", table.concat(titles, "; "), arrow(x, y1, y2, up, down, layout.lane))
end

local function lane_marks(topology, layout, lane, x)
  local parts, count = {}, topology.drawn
  for i = 1, count do
    parts[#parts + 1] = dot(x, row_of(layout, i), lane.own[i])
    for j = i + 1, count do
      parts[#parts + 1] = pair(topology, layout, lane, x, i, j)
    end
  end
  return table.concat(parts)
end

local function lane_of(topology, layout, number, rates)
  local lane, x = topology.lanes[number], lane_x(layout, number)
  local head = svg.wrap((mechanisms[lane.mechanism].noun:gsub("^%l", string.upper)), layout.lane - 2)
  local bottom = layout.top + topology.drawn * ROW
  return svg.lines("middle pale", x, layout.top - 8 - 14 * (#head - 1), head, 14)
    .. path("rail", "M%s %s V%s", x, layout.top + 4, bottom - 4)
    .. lane_marks(topology, layout, lane, x)
    .. words("middle rate", x, bottom + 20, rates[lane.mechanism] or "-")
end

-- For who can't see it.
local function description(topology)
  local list = {}
  for i, server in ipairs(topology.servers) do
    list[i] = server.name .. " " .. share_words(server) .. (server.odd and " " .. caption(topology, server) or "")
  end
  return "Client, " .. (topology.balancer and "balancer (" .. vocabulary.routing(topology.balancer) .. "), " or "")
    .. vocabulary.count(#topology.servers, "server") .. ": " .. table.concat(list, ", ")
end

local function draw(topology, layout, rates)
  if layout.stacked and not topology.balancer then
    layout = setmetatable({ top = 84 }, { __index = layout })
  end
  local parts = { layout.stacked and stacked_way(topology, layout) or wide_way(topology, layout) }
  for i = 1, topology.drawn do
    parts[#parts + 1] = server_box(topology, layout, i)
  end
  for i = 1, #topology.lanes do
    parts[#parts + 1] = lane_of(topology, layout, i, rates)
  end
  local bottom = layout.top + topology.drawn * ROW
  parts[#parts + 1] = words("pale", layout.servers[1], bottom + 20, "resumed")
  return svg.picture(layout.width, bottom + FOOT - 14, description(topology), table.concat(parts),
    layout.stacked and "narrow" or "wide")
end

--- Both pictures, of which the style shows one.
-- @tparam table topology see resum.report.html.topology; verdict
-- @tparam table rates mechanism -> what stands below its column
-- @treturn string
function M.of(topology, rates)
  return draw(topology, WIDE, rates) .. draw(topology, NARROW, rates)
end

--- One mark, for a legend.
-- @tparam string which "own", "some", "none", "silent", "unknown", "accepts" or "barrier"
-- @treturn string
function M.sample(which)
  local marks = { own = dot(10, 10, true), none = dot(10, 10, false), silent = dot(10, 10, "issues_nothing"),
    some = dot(10, 10, "some"), unknown = dot(10, 10),
    barrier = cross("barrier", 10, 10, 4), accepts = arrow(10, -7, 27, false, true) }
  return markup.element("svg", { viewBox = "0 0 20 20", width = 20, height = 20, ["aria-hidden"] = "true" },
    marks[which])
end

return M
