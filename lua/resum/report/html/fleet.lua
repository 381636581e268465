-- The fleet's map on the page: each group that shares a ticket key as a circle of its places, packed, the larger the
-- more; and what it means in a row below. No lines are drawn between places: a tree of a hundred is unreadable, and
-- says no more than that they belong together. Pure.

local markup = require "resum.report.html.markup"
local svg = require "resum.report.html.svg"
local tables = require "resum.util.tables"
local words = require "resum.analysis.fleet_words"

local M = {}

local element, escape, text = markup.element, markup.escape, markup.text

-- Groups that are drawn, and have a row; places of a group that have a dot of their own, or else share one; places
-- that are named on the whole page.
M.MOST_GROUPS, M.MOST_DOTS, M.MOST_NAMES = 120, 400, 5000

local STEP, DOT = 6, 4.2 -- of the spiral, and a dot's radius: dots are 10 apart, in units of which one is a CSS pixel
local GOLDEN = math.pi * (3 - math.sqrt(5)) -- radians from one seed of a sunflower to the next
local REFUSALS, OWNERS, CHANGES = 50, 200, 100 -- rows

local function dot(class, x, y, title)
  return svg.group(nil, title, svg.circle(class, x, y, DOT))
end

-- Are its places known to have one key with others, or do their tickets only carry the same name of one?
local function class_of(members, i)
  local core = members[i].core
  local before, after = members[i - 1], members[i + 1]
  local is_with_others = before and before.core == core or after and after.core == core
  if not is_with_others then
    return "place alone"
  end
  return core == members[1].core and "place" or "place other"
end

-- Dots from the middle outwards: those that have one key stand together, the most numerous first.
local function circle(group, members)
  local each = math.ceil(group.places / M.MOST_DOTS)
  local count = math.ceil(#members / each)
  local radius = STEP * math.sqrt(count) + DOT + 2
  local parts = {}
  for i = 1, count do
    local first = (i - 1) * each + 1
    local distance, angle = STEP * math.sqrt(i - 0.5), i * GOLDEN
    local title = each == 1 and words.place(members[first])
      or ("%s and %d more"):format(words.place(members[first]), math.min(each, #members - first + 1) - 1)
    parts[i] = dot(class_of(members, first), radius + distance * math.cos(angle), radius + distance * math.sin(angle),
      title)
  end
  local size = svg.number(2 * radius)
  local picture = svg.picture(2 * radius, 2 * radius, ("Group %d: %s"):format(group.number, words.group(group)),
    table.concat(parts))
  return (picture:gsub("^<svg", ('<svg width="%s" height="%s"'):format(size, size))), each
end

local function figure(group, members)
  local drawn, each = circle(group, members)
  return element("figure", { class = "pack" }, drawn .. element("figcaption", nil, text("b", nil,
    ("%d. "):format(group.number)) .. escape(("%d places"):format(group.places)) .. (each > 1 and text("span", "soft",
    (" (a dot for %d)"):format(each)) or "")))
end

-- All names, folded up where there are many; none where the page has enough of them.
local function names_cell(page, members)
  if #members > page.names_left then
    return escape(words.place(members[1]))
      .. text("span", "soft", (" and %d more, see --json_out"):format(#members - 1))
  end
  page.names_left = page.names_left - #members
  local names = {}
  for i, member in ipairs(members) do
    names[i] = escape(words.place(member))
  end
  if #names <= 4 then
    return table.concat(names, "<br/>")
  end
  return element("details", nil, element("summary", nil, names[1] .. (" and %d more"):format(#names - 1))
    .. table.concat(names, "<br/>"))
end

local function sample(class, said)
  return "<span>" .. element("svg", { viewBox = "0 0 12 12", width = 12, height = 12, ["aria-hidden"] = "true" },
    svg.circle(class, 6, 6, DOT)) .. escape(said) .. "</span>"
end

local function legend(totals)
  return element("p", { class = "legend" }, sample("place", "one key, as a session of one resumed at another")
    .. (totals.unconfirmed > 0 and sample("place other", "others, of which the same holds among themselves")
    .. sample("place alone", "carries the same key name; not confirmed") or ""))
end

-- Circles and rows of the largest groups; one group's places are in memory at a time.
local function groups_of(map, totals)
  local page, figures, rows = { names_left = M.MOST_NAMES }, {}, {}
  local groups = map:groups()
  for i = 1, math.min(M.MOST_GROUPS, totals.groups) do
    local group = groups()
    local members = tables.all_of(map:members(group.number))
    figures[i] = figure(group, members)
    rows[i] = { escape(group.number), escape(words.group(group)), text("code", nil, group.opens.key),
      names_cell(page, members) }
  end
  local more = totals.groups - #rows
  return element("div", { class = "packs" }, table.concat(figures)) .. legend(totals)
    .. markup.table({ "group", "what it means", "key", "places" }, rows)
    .. (more > 0 and text("p", "soft", ("%d smaller groups are not shown; --json_out has them."):format(more)) or "")
end

local function first_rows(items, most, convert)
  local rows, more = tables.first_of(items, most)
  for i, item in ipairs(rows) do
    rows[i] = convert(item)
  end
  return rows, more > 0 and text("p", "soft", ("and %d more, see --json_out"):format(more)) or ""
end

local function refusals(map)
  local rows, more = first_rows(map:refusals(), REFUSALS, function(edge)
    return { escape(words.place(edge.from_place)), escape(words.place(edge.to_place)), text("code", nil, edge.key) }
  end)
  return markup.section("One key name, and sessions are refused", #rows > 0
    and markup.table({ "a session of", "is refused by", "key name" }, rows) .. more or "",
    "Their keys differ, or they keep sessions to one certificate or name: they are no group.")
end

local function keys_cell(keys)
  local shown = {}
  for i = 1, math.min(3, #keys) do
    shown[i] = text("code", nil, keys[i])
  end
  return table.concat(shown, "<br/>") .. (#keys > 3 and escape((" and %d more"):format(#keys - 3)) or "")
end

local function changes(map)
  local found = map:changes()
  if not found then
    return ""
  end
  local groups, more_groups = first_rows(found:groups(), CHANGES, function(change)
    return text("li", nil, words.change(change))
  end)
  local owners, more = first_rows(found:owners(), OWNERS, function(owner)
    return { escape(owner.owner), keys_cell(owner.keys_new), keys_cell(owner.keys_gone), escape(#owner.places_new),
      escape(#owner.places_gone) }
  end)
  if #groups + #owners == 0 then
    return markup.section("What has changed", text("p", nil, "Nothing."))
  end
  return markup.section("What has changed", (#groups > 0 and element("ul", nil, table.concat(groups)) or "")
    .. more_groups .. (#owners > 0 and markup.table({ "owner", "keys new", "keys gone", "places new",
    "places gone" }, owners) .. more or ""), "Owners are guessed from names: the last two labels, or three.")
end

-- What the map lacks, as its files were damaged.
local function left_out(map)
  local items = {}
  for i, lines in ipairs(map.unreadable) do
    items[i] = text("li", nil, lines:words())
  end
  return #items > 0 and markup.section("What is left out", element("ul", nil, table.concat(items))) or ""
end

--- A heading for the map: what it comes to.
-- @tparam table totals see resum.fleet
-- @treturn string
function M.title(totals)
  return ("%s: %d %s a ticket key, %d %s with nobody"):format(words.size(totals), totals.groups,
    totals.groups == 1 and "group shares" or "groups share", totals.alone, totals.alone == 1 and "shares" or "share")
end

--- The map.
-- @tparam table map see resum.fleet
-- @treturn string
function M.of(map)
  local totals = map:totals()
  local edges = ("Edges that a session has confirmed: %d; not confirmed: %d."):format(totals.confirmed,
    totals.unconfirmed)
  return markup.section("Who shares a ticket key", totals.groups > 0 and groups_of(map, totals)
    or text("p", nil, "Nobody."), "A cluster is a group, a dot a place: an address, a port and a name. Whoever steals "
    .. "one key can read and take up the sessions of all places of the first colour in a cluster. " .. edges)
    .. left_out(map) .. refusals(map) .. changes(map)
end

return M
