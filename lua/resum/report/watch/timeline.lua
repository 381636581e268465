-- The picture of a watch: when the server was there, under which key and certificate, and when sessions were lost.
-- Pure: whoever calls it says how times are written.

local svg = require "resum.report.html.svg"
local words = require "resum.analysis.watch.words"

local M = {}

-- Widths of the picture, of the names of its rows, and of a row.
local WIDE = { width = 620, left = 104, class = "wide" }
local NARROW = { width = 340, left = 92, class = "narrow" }
local ROW, BAR, FOOT = 30, 16, 22
local SHORT = 600 -- seconds of a picture whose ends are told to the second
local LEAST = 2.5 -- of a bar, so that it is seen

-- Kinds that part a row, and those that are marks in it.
local ROWS = {
  { name = "server", down = "server_down", up = "server_up", gap = "not_watched" },
  { name = "ticket key", parts = { key_replaced = true, member_replaced = true, key_came = true, key_went = true } },
  { name = "certificate", parts = { certificate_replaced = true, certificate_replaced_in_part = true,
    certificate_came = true, certificate_went = true } },
  { name = "sessions", marks = { cache_emptied = true, sessions_lost = true, resumption_stopped = true,
    resumption_back = true, issuing_stopped = true, issuing_began = true, lifetime_changed = true,
    lifetime_reached = true, mechanism_failing = true, mechanism_works = true } },
}

local function scale(shape, from, to)
  local room = shape.width - shape.left - 6
  return function(time)
    local share = to > from and (time - from) / (to - from) or 1
    return shape.left + room * math.max(0, math.min(1, share))
  end
end

local function bar(class, title, x_from, x_to, y)
  return svg.group(class, title, svg.rectangle("piece", x_from, y, math.max(LEAST, x_to - x_from), BAR))
end

-- Whole, but for outages, and for times of which nothing is known.
local function server_row(row, state, place_of, y, minute)
  local parts, since = { bar("there", "the server answered", place_of(state.from), place_of(state.now), y) }, nil
  local function away(from, to)
    parts[#parts + 1] = bar("away", ("down from %s to %s"):format(minute(from), minute(to)), place_of(from),
      place_of(to), y)
  end
  for _, event in ipairs(state.events) do
    if event.kind == row.gap then
      parts[#parts + 1] = bar("gap", ("not watched from %s to %s"):format(minute(event.since), minute(event.time)),
        place_of(event.since), place_of(event.time), y)
    elseif event.kind == row.down then
      since = event.since
    elseif event.kind == row.up then
      away(event.down or since or state.from, event.since)
      since = nil
    end
  end
  if since then
    away(since, state.now)
  end
  return table.concat(parts)
end

-- A piece for each time between two changes; its colour says only that it is another one.
local function parted_row(row, state, place_of, y, minute)
  local parts, from, letter, title = {}, state.from, 0, "as it was before"
  local function piece(to)
    parts[#parts + 1] = bar(svg.colour_of(string.char(65 + letter % 7)), title, place_of(from), place_of(to), y)
  end
  for _, event in ipairs(state.events) do
    if row.parts[event.kind] then
      piece(event.since)
      from, letter, title = event.since, letter + 1, words.sentence(event, minute)
    end
  end
  piece(state.now)
  return table.concat(parts)
end

local function marked_row(row, state, place_of, y, minute)
  local parts = { svg.path("rail", "M%s %sH%s", place_of(state.from), y + BAR / 2, place_of(state.now)) }
  for _, event in ipairs(state.events) do
    if row.marks[event.kind] then
      parts[#parts + 1] = svg.group("mark", words.sentence(event, minute),
        svg.circle("dot", place_of(event.since), y + BAR / 2, 5))
    end
  end
  return table.concat(parts)
end

-- Of the time before the oldest event that is kept nothing is shown, where older ones are left out.
local function since_kept(state, left_out)
  return left_out == 0 and state or setmetatable({ from = state.events[1].time }, { __index = state })
end

local function draw(shape, state, clock)
  local minute = clock.minute
  local place_of, parts = scale(shape, state.from, state.now), {}
  for i, row in ipairs(ROWS) do
    local y = 6 + (i - 1) * ROW
    local make = row.down and server_row or row.parts and parted_row or marked_row
    parts[#parts + 1] = svg.words("label", 0, y + BAR - 3, row.name) .. make(row, state, place_of, y, minute)
  end
  local bottom = 6 + #ROWS * ROW
  local ends = state.now - state.from < SHORT and clock.time or minute
  parts[#parts + 1] = svg.words("pale", shape.left, bottom + 10, ends(state.from))
  parts[#parts + 1] = svg.group("end", nil, svg.words("pale", shape.width - 2, bottom + 10, ends(state.now)))
  return svg.picture(shape.width, bottom + FOOT, ("From %s to %s"):format(ends(state.from), ends(state.now)),
    table.concat(parts), shape.class)
end

--- The picture, once for a wide page and once for a narrow one.
-- @tparam table state of a place (see resum.watch.place), and from (when the watch began)
-- @tparam table clock minute and time: functions that write a moment of it, the latter with its seconds
-- @tparam integer left_out older events than those of the state
-- @treturn string
function M.of(state, clock, left_out)
  state = since_kept(state, left_out)
  return draw(WIDE, state, clock) .. draw(NARROW, state, clock)
end

M.STYLE = ".there .piece{fill:var(--good)}.away .piece{fill:var(--broken)}.gap .piece{fill:var(--bg)}"
  .. ".piece{fill:var(--f)}.end text{text-anchor:end}.mark .dot{fill:var(--broken);stroke:var(--bg)}"

return M
