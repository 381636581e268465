-- Pictures as inline SVG: a rate with its interval, a sequence of connections, a grid of places. Pure.

local markup = require "resum.report.html.markup"
local vocabulary = require "resum.analysis.vocabulary"

local M = {}

local element, escape = markup.element, markup.escape

local COLOURS = 7

local function svg(width, height, title, content)
  return element("svg", { viewBox = ("0 0 %g %g"):format(width, height), role = "img", ["aria-label"] = title },
    element("title", nil, escape(title)) .. content)
end

local function number(value)
  return ("%.2f"):format(value)
end

local function rectangle(class, x, y, width, height)
  return element("rect", { class = class, x = number(x), y = number(y), width = number(math.max(0, width)),
    height = number(height), rx = 2 })
end

local function words(class, x, y, text)
  return element("text", { class = class, x = number(x), y = number(y) }, escape(text))
end

--- The class that gives a server's letter its colour.
-- @tparam string|nil letter
-- @treturn string
function M.colour_of(letter)
  local at = letter and letter:match("^%u$") and letter:byte() - 65
  return at and "l" .. at % COLOURS + 1 or "l0"
end

local LABEL, BAR, ROW = 46, 190, 26 -- units: the name, the bar, the height of a row

--- Shares as bars, each with its interval as a whisker.
-- @tparam string title
-- @tparam {table,...} rows {name, share, interval, note}
-- @treturn string
function M.bars(title, rows)
  local parts = {}
  for i, row in ipairs(rows) do
    local y = (i - 1) * ROW
    local lo, hi = LABEL + BAR * row.interval[1], LABEL + BAR * row.interval[2]
    parts[#parts + 1] = words("pale", 0, y + 17, row.name) .. rectangle("track", LABEL, y + 5, BAR, 16)
      .. rectangle("fill", LABEL, y + 5, BAR * row.share, 16)
      .. element("path", { class = "whisker", d = ("M%.2f %g H%.2f M%.2f %g V%g M%.2f %g V%g"):format(
        lo, y + 13, hi, lo, y + 8, y + 18, hi, y + 8, y + 18) })
      .. words(nil, LABEL + BAR + 8, y + 17, vocabulary.percent(row.share) .. " %")
      .. words("pale", LABEL + BAR + 48, y + 17, row.note)
  end
  return svg(LABEL + BAR + 112, #rows * ROW, title, table.concat(parts))
end

local CELL, IN_ROW = 16, 25

local function cell(i, one)
  local x = (i - 1) * CELL
  local shown = one.letter or ""
  return element("g", { class = "cell " .. one.state .. " " .. one.colour },
    rectangle(nil, x + 1.5, 1.5, CELL - 3, CELL - 3) .. words(nil, x + CELL / 2, 12, shown))
end

--- A sequence as rows of squares: filled where it resumed, hollow where it was refused, pale where nothing was offered,
-- dashed where it failed.
-- @tparam string title
-- @tparam {table,...} cells {state ("resumed", "refused", "full", "error"), letter, colour (a class)}
-- @treturn string
function M.strip(title, cells)
  local rows = {}
  for first = 1, #cells, IN_ROW do
    local parts = {}
    for i = first, math.min(#cells, first + IN_ROW - 1) do
      parts[#parts + 1] = cell(i - first + 1, cells[i])
    end
    rows[#rows + 1] = svg(IN_ROW * CELL, CELL, ("%s, %d to %d"):format(title, first,
      math.min(#cells, first + IN_ROW - 1)), table.concat(parts))
  end
  return element("div", { class = "strip" }, table.concat(rows))
end

--- One square, for a legend.
function M.sample(state, letter, colour)
  return element("svg", { viewBox = "0 0 16 16", width = 16, height = 16, ["aria-hidden"] = "true" },
    cell(1, { state = state, letter = letter, colour = colour }))
end

local SQUARE, MARGIN = 52, 34

local function square(row, column, entry)
  local x, y = MARGIN + (column - 1) * SQUARE, MARGIN + (row - 1) * SQUARE
  local share = entry and entry.answered > 0 and entry.resumed / entry.answered
  local box = { x = x + 1, y = y + 1, width = SQUARE - 2, height = SQUARE - 2, rx = 4 }
  box.style = share and ("fill:var(--cell);fill-opacity:%.2f"):format(0.06 + 0.94 * share) or "fill:none"
  local text = entry and entry.answered > 0 and ("%d/%d"):format(entry.resumed, entry.answered) or "-"
  local ink = share and share > 0.5 and "fill:var(--cellink)" or "fill:var(--ink)"
  return element("g", { class = "square" }, element("rect", box)
    .. element("text", { x = x + SQUARE / 2, y = y + SQUARE / 2 + 4, style = ink }, escape(text)))
end

--- A grid of places as a heat map; the places are numbers, whose names stand in a list beside it.
-- @tparam string title
-- @tparam {string,...} names of the places
-- @tparam table matrix from -> at -> {resumed, answered}
-- @treturn string
function M.grid(title, names, matrix)
  local parts = {}
  for i, from in ipairs(names) do
    parts[#parts + 1] = words("middle pale", MARGIN + (i - 0.5) * SQUARE, 22, i)
      .. words("middle pale", 16, MARGIN + (i - 0.5) * SQUARE + 4, i)
    for j, at in ipairs(names) do
      parts[#parts + 1] = square(i, j, matrix[from] and matrix[from][at])
    end
  end
  local side = MARGIN + #names * SQUARE
  return svg(math.max(side, 240), side, title, table.concat(parts))
end

return M
