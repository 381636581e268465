-- Shapes of inline SVG: what all pictures of the page are made of. Coordinates are units of the viewBox; colours
-- are the style's business. Pure.

local markup = require "resum.report.html.markup"

local M = {}

local element, escape = markup.element, markup.escape

local COLOURS = 7

--- A number as attributes have it.
function M.number(value)
  return (("%.2f"):format(value):gsub("%.?0+$", ""))
end

local number = M.number

--- A picture.
-- @tparam number width
-- @tparam number height
-- @tparam string title what it shows, for whoever can't see it
-- @tparam string content markup
-- @tparam[opt] string class
-- @treturn string
function M.picture(width, height, title, content, class)
  return element("svg", { viewBox = ("0 0 %s %s"):format(number(width), number(height)), role = "img",
    ["aria-label"] = title, class = class }, element("title", nil, escape(title)) .. content)
end

--- A group with a title of its own, which shows where the pointer is.
function M.group(class, title, content)
  return element("g", { class = class }, (title and element("title", nil, escape(title)) or "") .. content)
end

function M.rectangle(class, x, y, width, height, radius)
  return element("rect", { class = class, x = number(x), y = number(y), width = number(math.max(0, width)),
    height = number(height), rx = radius or 2 })
end

function M.circle(class, x, y, radius)
  return element("circle", { class = class, cx = number(x), cy = number(y), r = number(radius) })
end

--- A line or a curve.
-- @tparam string class
-- @tparam string format with a %s for each number
-- @param ... numbers
function M.path(class, format, ...)
  local values = { ... }
  for i, value in ipairs(values) do
    values[i] = number(value)
  end
  return element("path", { class = class, d = format:format(table.unpack(values)) })
end

function M.words(class, x, y, text)
  return element("text", { class = class, x = number(x), y = number(y) }, escape(text))
end

--- Text broken into lines by a guess at its width: a glyph of 11 px is about 6.2 wide.
-- @tparam string text
-- @tparam number width
-- @tparam[opt=6.2] number glyph
-- @treturn {string,...}
function M.wrap(text, width, glyph)
  local lines, line = {}, nil
  for word in text:gmatch("%S+") do
    local longer = line and line .. " " .. word or word
    if line and #longer * (glyph or 6.2) > width then
      lines[#lines + 1], line = line, word
    else
      line = longer
    end
  end
  lines[#lines + 1] = line
  return lines
end

--- Lines of text below one another.
function M.lines(class, x, y, lines, step)
  local parts = {}
  for i, line in ipairs(lines) do
    parts[i] = M.words(class, x, y + (i - 1) * step, line)
  end
  return table.concat(parts)
end

--- The class that gives a server's letter its colour.
-- @tparam string|nil letter
-- @treturn string
function M.colour_of(letter)
  local at = letter and letter:match("^%u$") and letter:byte() - 65
  return at and "l" .. at % COLOURS + 1 or "l0"
end

return M
