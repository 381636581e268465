-- Lines that fit: wrapping, columns, colours. Pure. No word is cut: one that is wider than the line stands alone on it.

local M = {}

-- Columns, where nobody says how many there are, and the fewest that are used.
M.WIDTH, M.NARROWEST = 80, 40

local COLOURS = {
  good = "32", bad = "31", mixed = "33", faint = "2", strong = "1",
  -- of a conclusion
  broken = "1;31", unreachable = "1;31", impaired = "1;33", unknown = "1", good_news = "1;32",
  -- which server answered: colours that most people tell apart (Okabe and Ito's, as near as a terminal has them)
  label1 = "38;5;32", label2 = "38;5;208", label3 = "38;5;36", label4 = "38;5;175", label5 = "38;5;220",
  label6 = "38;5;75", label7 = "38;5;166",
}

--- What paints.
-- @tparam boolean colour with the terminal's escape sequences?
-- @treturn function (text, name of a colour) -> text
function M.painter(colour)
  return function(text, name)
    if colour and COLOURS[name] and text ~= "" then
      return ("\27[%sm%s\27[0m"):format(COLOURS[name], text)
    end
    return text
  end
end

-- What is painted takes no room for its colours.
local function columns_of(text)
  return #(text:gsub("\27%[[%d;]*m", ""))
end

M.columns_of = columns_of

local UNITS = { "%%", "s", "ms", "min", "h", "bytes" }

-- A blank that is none to break a line at, between a figure and its unit, and before the version of TLS.
local function kept_together(text)
  for _, unit in ipairs(UNITS) do
    text = text:gsub("(%d) (" .. unit .. "%f[^%w%%])", "%1\0%2")
  end
  return (text:gsub("TLS (%d)", "TLS\0%1"))
end

--- Breaks a text between words, but not between a figure and its unit.
-- @tparam string text
-- @tparam integer width columns
-- @tparam[opt=""] string first what stands before the first line
-- @tparam[opt] string rest what stands before the others; by default as many blanks
-- @treturn {string,...} lines
function M.wrap(text, width, first, rest)
  first = first or ""
  rest = rest or (" "):rep(columns_of(first))
  local lines, line, room = {}, first, width - columns_of(first)
  local empty = true
  for word in kept_together(text):gmatch("%S+") do
    local length = columns_of(word) + (empty and 0 or 1)
    if not empty and length > room then
      lines[#lines + 1] = line
      line, room, empty = rest, width - columns_of(rest), true
      length = columns_of(word)
    end
    line, room, empty = line .. (empty and "" or " ") .. word, room - length, false
  end
  lines[#lines + 1] = line:gsub("%s+$", "")
  for i, one in ipairs(lines) do
    lines[i] = one:gsub("%z", " ")
  end
  return lines
end

--- Appends lines.
-- @tparam {string,...} lines
-- @tparam {string,...} more
function M.append(lines, more)
  table.move(more, 1, #more, #lines + 1, lines)
end

--- The title of a section.
-- @tparam string text
-- @tparam table style width, paint
-- @treturn {string,...} lines
function M.title(text, style)
  local lines = M.wrap(text, style.width)
  for i, line in ipairs(lines) do
    lines[i] = style.paint(line, "strong")
  end
  return lines
end

local STRIP, TENS, INDENT = 50, 10, 4 -- marks of a strip on one line, so many fewer each time, behind blanks

--- How many marks of a strip stand on one line.
-- @tparam integer width columns
-- @treturn integer
function M.strip_width(width)
  return math.min(STRIP, (width - INDENT) // TENS * TENS)
end

--- Pads what may be painted.
-- @tparam string text
-- @tparam integer width columns
-- @treturn string
function M.pad(text, width)
  return text .. (" "):rep(width - columns_of(text))
end

local LEAST_BESIDE = 28 -- columns that words need beside others; with fewer they come below

--- Words beside a start, or below it where there is no room.
-- @tparam string start
-- @tparam string words
-- @tparam integer width
-- @tparam integer column where the words begin
-- @treturn {string,...} lines
function M.beside(start, words, width, column)
  if words == "" then
    return { (start:gsub("%s+$", "")) }
  elseif width - column >= LEAST_BESIDE and columns_of(start) <= column then
    return M.wrap(words, width, M.pad(start, column))
  end
  local lines = { (start:gsub("%s+$", "")) }
  M.append(lines, M.wrap(words, width, "      "))
  return lines
end

return M
