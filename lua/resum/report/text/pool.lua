-- What stands behind an address, for people: the verdict on each mechanism, which server answered when, what the
-- servers showed, who accepts whose sessions. Pure.

local hex = require "resum.util.hex"
local escape = require "resum.util.escape"
local layout = require "resum.report.text.layout"
local mechanisms = require "resum.connection.mechanism"
local vocabulary = require "resum.analysis.vocabulary"

local M = {}

local append, wrap = layout.append, layout.wrap

local COLOURS = 7 -- label1 to label7

local IN_STRIP = { pairs = true, chain = true }

local COLOUR_OF = { all_shared = "good", healthy = "good", inconclusive = "faint", not_applicable = "faint",
  unexplained = "faint" }

local function verdict_words(verdict)
  return vocabulary.pools[verdict] or (verdict:gsub("_", " "))
end

local function label_colour(letter)
  local number = letter:upper():byte() - 65
  return number >= 0 and number < 26 and "label" .. number % COLOURS + 1 or "faint"
end

-- What each mark means; those that were used go into the legend.
local MARKS = {
  { "[A-Z]", "A, B, ...: the server with that ticket key answered" },
  { "[a-z]", "in lower case: that server refused the session" },
  { "#", "# resumed" },
  { "%.", ". full handshake" },
  { "%-", "- issues no session" },
  { "%*", "* a key beyond the 26th" },
  { "!", "! error" },
}

-- Labels without a name: what they show is the outcome alone.
local NAMELESS = { s = true, ["?"] = true, x = true }
local ANSWERED = { resumed = true, refused = true, full = true }

-- One connection: the letter of the server that answered, small where it refused the session.
local function mark(attempt)
  local known = attempt.label or attempt.group
  if not ANSWERED[attempt.outcome] then
    return "!", "bad"
  elseif known and known:find("^%u$") then
    return attempt.outcome == "refused" and known:lower() or known, label_colour(known)
  elseif known == "*" then
    return "*", "faint"
  elseif attempt.outcome == "resumed" then
    return "#", "good"
  elseif known and not NAMELESS[known] then
    return "-", "bad"
  end
  return ".", "bad"
end

-- A strip for a mechanism whose servers have names; where they have none it would say no more than the rate's.
local function strips(summary, name, style, used)
  local lines, line, named, paint = {}, {}, false, style.paint
  for _, attempt in ipairs(summary.attempts) do
    if attempt.mechanism == name and IN_STRIP[attempt.design] then
      local letter, colour = mark(attempt)
      named = named or letter:find("%a") ~= nil
      line[#line + 1] = { letter, colour }
    end
  end
  if not named then
    return lines
  end
  local row = {}
  for i, one in ipairs(line) do
    used[one[1]] = true
    row[#row + 1] = paint(one[1], one[2])
    if #row == layout.strip_width(style.width) or i == #line then
      lines[#lines + 1] = "    " .. table.concat(row)
      row = {}
    end
  end
  return lines
end

local function legend_words(used)
  local words = {}
  for _, one in ipairs(MARKS) do
    for letter in pairs(used) do
      if letter:find("^" .. one[1] .. "$") then
        words[#words + 1] = one[2]
        break
      end
    end
  end
  return table.concat(words, "; ")
end

local function verdict_lines(summary, style)
  local lines = {}
  for _, name in ipairs(mechanisms.names) do
    local result = summary.mechanisms[name]
    if result then
      local from = ("  %-20s  "):format(mechanisms[name].title)
      for i, words in ipairs(wrap(verdict_words(result.verdict), style.width - #from)) do
        lines[#lines + 1] = (i == 1 and from or (" "):rep(#from))
          .. style.paint(words, COLOUR_OF[result.verdict] or "bad")
      end
    end
  end
  return lines
end

local function sequence_lines(summary, style)
  local lines, used = {}, {}
  for _, name in ipairs(mechanisms.names) do
    local strip = summary.mechanisms[name] and strips(summary, name, style, used) or {}
    if #strip > 0 then
      lines[#lines + 1] = ("  %s"):format(mechanisms[name].title)
      append(lines, strip)
    end
  end
  if #lines == 0 then
    return lines
  end
  local all = layout.title("Which server answered, connection by connection?", style)
  append(all, wrap(legend_words(used) .. ".", style.width, "  "))
  append(all, lines)
  return all
end

local KIND_WORDS = { ticket_key = "ticket key", session_id_prefix = "session IDs that begin with" }

local function label_lines(label, style)
  local lines = wrap(("of the connections (%s)"):format(vocabulary.interval(label.interval)), style.width,
    ("  %s  %3s %% "):format(style.paint(label.name, label_colour(label.name)), vocabulary.percent(label.share)),
    "     ")
  append(lines, wrap(("%s %s"):format(KIND_WORDS[label.kind] or "", hex(label.value)), style.width, "     "))
  if label.group and label.group ~= label.name then
    append(lines, wrap("accepts the sessions of " .. label.group, style.width, "     "))
  end
  return lines
end

-- Each name once, as the first mechanism shows it that does.
local function labels(summary, style)
  local list, told = {}, {}
  for _, name in ipairs({ "psk", "ticket", "session_id" }) do
    for _, label in ipairs(summary.mechanisms[name] and summary.mechanisms[name].labels or {}) do
      if label.value and not told[label.name] then
        told[label.name] = true
        list[#list + 1] = label
      end
    end
  end
  table.sort(list, function(a, b)
    return a.name < b.name
  end)
  local lines = { #list > 0 and style.paint("What the servers showed", "strong") or nil }
  for _, label in ipairs(list) do
    append(lines, label_lines(label, style))
  end
  return lines
end

local LONGEST_NAME = 9 -- columns of a grid's names that stand on it as they are

-- The names of a grid, and what stands for them on it: numbers, where they would not fit.
local function short_names(names, width)
  local longest = 0
  for _, name in ipairs(names) do
    longest = math.max(longest, #escape(name))
  end
  if longest <= LONGEST_NAME or 4 + (longest + 2) * (#names + 1) <= width then
    return names, longest
  end
  local short = {}
  for i in ipairs(names) do
    short[i] = ("(%d)"):format(i)
  end
  return short, LONGEST_NAME - 2
end

-- Columns that fit side by side; the others come below.
local function grid_part(names, short, matrix, style, cell_width, first, last)
  local head = { (" "):rep(4 + cell_width) }
  for i = first, last do
    head[#head + 1] = ("%" .. cell_width .. "s"):format(escape(short[i]))
  end
  local lines = { table.concat(head) }
  for row_number, from in ipairs(names) do
    local row = { ("    %-" .. cell_width .. "s"):format(escape(short[row_number])) }
    for i = first, last do
      local cell = matrix[from] and matrix[from][names[i]]
      local words = cell and cell.answered > 0 and ("%d/%d"):format(cell.resumed, cell.answered) or "-"
      local colour = not cell and "faint" or cell.resumed == cell.answered and "good" or "bad"
      row[#row + 1] = style.paint(("%" .. cell_width .. "s"):format(words), colour)
    end
    lines[#lines + 1] = table.concat(row)
  end
  return lines
end

--- A grid: rows where the sessions came from, columns where they were offered.
-- @tparam {string,...} names of the places, in order
-- @tparam table matrix from -> at -> {resumed, answered}
-- @tparam table style width, paint
-- @treturn {string,...} lines
function M.grid(names, matrix, style)
  local short, longest = short_names(names, style.width)
  local cell_width = math.max(LONGEST_NAME, longest + 2)
  local at_once = math.max(1, (style.width - 4 - cell_width) // cell_width)
  local lines = {}
  for first = 1, #names, at_once do
    append(lines, grid_part(names, short, matrix, style, cell_width, first, math.min(#names, first + at_once - 1)))
  end
  for i, name in ipairs(short ~= names and names or {}) do
    append(lines, wrap(escape(name), style.width, ("    (%d) "):format(i)))
  end
  return lines
end

local GRID_LEGEND = "Resumed of offered. Rows: where the session came from; columns: where it was offered; "
  .. "-: no answer."

local function source_lines(summary, style)
  local matrix = summary.decided_by and summary.mechanisms[summary.decided_by].sources or {}
  local names = {}
  for name in pairs(matrix) do
    names[#names + 1] = name
  end
  table.sort(names)
  if #names < 2 then
    return {}
  end
  local lines = { style.paint("By local address", "strong") }
  append(lines, wrap(mechanisms[summary.decided_by].title .. ". " .. GRID_LEGEND, style.width, "  "))
  append(lines, M.grid(names, matrix, style))
  return lines
end

local function quick_lines(results, style)
  local lines = layout.title("Is resumption in order? (certain at 1 % error)", style)
  for _, name in ipairs(mechanisms.names) do
    local one = results[name]
    if one then
      local words = layout.pad(verdict_words(one.verdict), 16)
      local start = ("  %-20s  %s"):format(mechanisms[name].title, style.paint(words, COLOUR_OF[one.verdict] or "bad"))
      local asked, left_out = one.resumed + one.refused + one.errors, vocabulary.left_out(one)
      append(lines, layout.beside(start, asked > 0 and ("%d resumed, %d refused%s%s"):format(one.resumed, one.refused,
        one.errors > 0 and ", " .. vocabulary.count(one.errors, "error") or "", left_out and "; " .. left_out or "")
        or left_out or "", style.width, 42))
    end
  end
  return lines
end

local function join(sections)
  local lines = {}
  for _, section in ipairs(sections) do
    if #section > 0 and #lines > 0 then
      lines[#lines + 1] = ""
    end
    append(lines, section)
  end
  return lines
end

--- The lines of one address.
-- @tparam table summary of resum.analysis.pool.analyse
-- @tparam table style width, paint
-- @treturn {string,...}
function M.lines(summary, style)
  if summary.quick then
    return quick_lines(summary.quick, style)
  end
  local verdicts = verdict_lines(summary, style)
  local shared = layout.title("Do the servers behind the address share their sessions?", style)
  append(shared, verdicts)
  return join({ shared, sequence_lines(summary, style), labels(summary, style), source_lines(summary, style) })
end

local ACROSS_COLOURS = { shared = "good", inconclusive = "faint" }

--- The lines that compare the addresses of a target.
-- @tparam table|nil across of resum.scan.pool.cross_address
-- @tparam table style width, paint
-- @treturn {string,...}
function M.across(across, style)
  if not across then
    return {}
  end
  local lines = { style.paint("Do the addresses share their sessions?", "strong") }
  append(lines, wrap(GRID_LEGEND, style.width, "  "))
  for _, name in ipairs(mechanisms.names) do
    local one = across[name]
    if one then
      lines[#lines + 1] = ("  %-20s  %s"):format(mechanisms[name].title,
        style.paint(vocabulary.across[one.verdict], ACROSS_COLOURS[one.verdict] or "bad"))
      append(lines, M.grid(one.addresses, one.matrix, style))
    end
  end
  return lines
end

return M
