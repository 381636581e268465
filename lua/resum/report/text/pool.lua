-- What stands behind an address, for people: rates of each way of coming back, which server answered, what it means.
-- Pure.

local figure = require "resum.report.text.figure"
local hex = require "resum.util.hex"
local mechanisms = require "resum.connection.mechanism"
local escape = require "resum.util.escape"
local vocabulary = require "resum.analysis.vocabulary"

local M = {}

local WIDTH = 50
local WRAP = 108
local CERTIFICATE_BYTES = 4 -- of its fingerprint: enough to tell a few apart
local COLOURS = 7 -- label1 to label7

local DESIGNS = { { "fixed", "old" }, { "pairs", "next" }, { "chain", "chain" } }
local IN_STRIP = { pairs = true, chain = true }

local KIND_WORDS = {
  ticket_key = "ticket key",
  session_id_prefix = "session IDs that begin with",
  stateful = "tickets without a key's name: entries of a cache",
  unnamed = "names no key",
  none = "issues no session",
  other_version = "speaks another version of TLS",
}

local function append(list, more)
  table.move(more, 1, #more, #list + 1, list)
end

local function verdict_words(verdict)
  return (verdict:gsub("_", " "))
end

local function paint_label(letter, paint)
  local number = letter:byte() - 64
  return paint(letter, number >= 1 and number <= 26 and "label" .. (number - 1) % COLOURS + 1 or "faint")
end

-- One connection: the letter of the server that answered, small where it refused the session.
local function mark(attempt, paint)
  local known = attempt.label or attempt.group
  if attempt.outcome ~= "resumed" and attempt.outcome ~= "refused" and attempt.outcome ~= "full" then
    return paint("x", "bad")
  elseif known and known:find("%a") then
    local number = (known:byte() - 65) % COLOURS + 1
    return paint(attempt.outcome == "refused" and known:lower() or known, "label" .. number)
  elseif attempt.outcome == "resumed" then
    return paint("#", "good")
  end
  return known == "-" and paint("-", "bad") or paint(".", "mixed")
end

local function has_letters(result)
  for _, label in ipairs(result.labels) do
    if label.value then
      return true
    end
  end
  return false
end

-- Where nothing names the servers, only what was offered tells something.
local function strips(summary, mechanism, paint)
  local lines, line = {}, {}
  local named = has_letters(summary.mechanisms[mechanism])
  for _, attempt in ipairs(summary.attempts) do
    if attempt.mechanism == mechanism and IN_STRIP[attempt.design] and (named or attempt.from) then
      line[#line + 1] = mark(attempt, paint)
      if #line == WIDTH then
        lines[#lines + 1] = "        " .. table.concat(line)
        line = {}
      end
    end
  end
  lines[#lines + 1] = #line > 0 and "        " .. table.concat(line) or nil
  return lines
end

local function rate_line(start, name, design, paint)
  local share = design.rate and ("%3s %%"):format(vocabulary.percent(design.rate)) or "  -  "
  local bar = design.interval and figure.bar(design.interval) or ""
  return ("%s%-6s%s  %s  %s"):format(start, name, share, paint(bar, "faint"),
    design.interval and vocabulary.interval(design.interval) or "")
end

local COLOUR_OF = { all_shared = "good", no_resumption = "bad", inconclusive = "faint" }

local function mechanism_lines(name, result, summary, paint)
  local lines = {}
  local start = ("      %-17s  %s"):format(mechanisms[name].title,
    paint(("%-18s"):format(verdict_words(result.verdict)), COLOUR_OF[result.verdict] or "mixed"))
  for _, one in ipairs(DESIGNS) do
    local design = result.designs[one[1]]
    if design then
      lines[#lines + 1] = rate_line(start, one[2], design, paint)
      start = (" "):rep(43)
    end
  end
  if #lines == 0 then
    return { start .. (result.reason and verdict_words(result.reason) or "") }
  end
  append(lines, strips(summary, name, paint))
  return lines
end

local function label_line(label, paint)
  return ("      %s  %3s %% of connections (%s), %s %s%s%s"):format(
    paint_label(label.name, paint), vocabulary.percent(label.share), vocabulary.interval(label.interval),
    KIND_WORDS[label.kind], hex(label.value),
    label.certificate and ", certificate " .. hex(label.certificate:sub(1, CERTIFICATE_BYTES)) .. "..." or "",
    label.group and label.group ~= label.name and ", accepts sessions of " .. label.group or "")
end

-- Each name once, as the first mechanism shows it that does.
local function label_lines(summary, paint)
  local labels, told = {}, {}
  for _, name in ipairs({ "psk", "ticket", "session_id" }) do
    for _, label in ipairs(summary.mechanisms[name] and summary.mechanisms[name].labels or {}) do
      if label.value and not told[label.name] then
        told[label.name] = true
        labels[#labels + 1] = label
      end
    end
  end
  table.sort(labels, function(a, b)
    return a.name < b.name
  end)
  local lines = {}
  for i, label in ipairs(labels) do
    lines[i] = label_line(label, paint)
  end
  return lines
end

--- A grid: rows where the sessions came from, columns where they were offered.
-- @tparam {string,...} names of the places, in order
-- @tparam table matrix from -> at -> {resumed, answered}
-- @tparam function paint
-- @treturn {string,...} lines
function M.grid(names, matrix, paint)
  local width = 9
  for _, name in ipairs(names) do
    width = math.max(width, #escape(name) + 2)
  end
  local head = { (" "):rep(8 + width) }
  for _, name in ipairs(names) do
    head[#head + 1] = ("%" .. width .. "s"):format(escape(name))
  end
  local lines = { table.concat(head) }
  for _, from in ipairs(names) do
    local row = { ("        %-" .. width .. "s"):format(escape(from)) }
    for _, at in ipairs(names) do
      local cell = matrix[from] and matrix[from][at]
      local words = cell and cell.answered > 0 and ("%d/%d"):format(cell.resumed, cell.answered) or "-"
      local colour = not cell and "faint" or cell.resumed == cell.answered and "good" or "mixed"
      row[#row + 1] = paint(("%" .. width .. "s"):format(words), colour)
    end
    lines[#lines + 1] = table.concat(row)
  end
  return lines
end

local function source_lines(summary, paint)
  local matrix = summary.decided_by and summary.mechanisms[summary.decided_by].sources or {}
  local names = {}
  for name in pairs(matrix) do
    names[#names + 1] = name
  end
  table.sort(names)
  if #names < 2 then
    return {}
  end
  local lines = M.grid(names, matrix, paint)
  table.insert(lines, 1, ("      Resumed of offered, by local address; rows: where the %s came from, columns: where it "
    .. "was offered"):format(mechanisms[summary.decided_by].noun))
  return lines
end

--- Breaks a text into lines.
-- @tparam string text
-- @tparam string first what stands before the first line
-- @treturn {string,...} lines, the further ones indented as far
function M.wrap(text, first)
  local lines, line, indent = {}, first, (" "):rep(#first)
  local empty = true
  for word in text:gmatch("%S+") do
    if not empty and #line + 1 + #word > WRAP then
      lines[#lines + 1] = line
      line, empty = indent, true
    end
    line = line .. (empty and "" or " ") .. word
    empty = false
  end
  lines[#lines + 1] = line
  return lines
end

local QUICK_COLOURS = { healthy = "good", broken = "mixed", no_resumption = "bad" }

local function quick_lines(results, paint)
  local lines = { "    Quick check, until it was certain at 1 % error" }
  for _, name in ipairs(mechanisms.names) do
    local one = results[name]
    if one then
      lines[#lines + 1] = ("      %-17s  %s%d resumed, %d refused%s"):format(mechanisms[name].title,
        paint(("%-18s"):format(verdict_words(one.verdict)), QUICK_COLOURS[one.verdict] or "faint"), one.resumed,
        one.refused, one.errors > 0 and (", %d errors"):format(one.errors) or "")
    end
  end
  return lines
end

--- The lines of one address.
-- @tparam table summary of resum.analysis.pool.analyse
-- @tparam function paint (text, colour) -> text
-- @treturn {string,...}
function M.lines(summary, paint)
  if summary.quick then
    return quick_lines(summary.quick, paint)
  end
  local lines = { "    Behind the address  (old: a session offered again and again; next: a fresh one, on the next "
    .. "connection; chain: always",
    "    the newest. Letters: whose ticket key was shown; small: that server refused the session)" }
  for _, name in ipairs(mechanisms.names) do
    local result = summary.mechanisms[name]
    if result then
      append(lines, mechanism_lines(name, result, summary, paint))
    end
  end
  append(lines, label_lines(summary, paint))
  append(lines, source_lines(summary, paint))
  return lines
end

local ACROSS_WORDS = {
  shared = { "shared", "good" },
  not_shared = { "not shared", "mixed" },
  partly = { "shared in part", "mixed" },
  no_resumption = { "no resumption", "bad" },
  inconclusive = { "inconclusive", "faint" },
}

--- The lines that compare the addresses of a target.
-- @tparam table|nil across of resum.scan.pool.cross_address
-- @tparam function paint (text, colour) -> text
-- @treturn {string,...}
function M.across(across, paint)
  if not across then
    return {}
  end
  local lines = { "  Across addresses  (resumed of offered; rows: where the session came from, columns: where it was "
    .. "offered)" }
  for _, name in ipairs(mechanisms.names) do
    local one = across[name]
    if one then
      local words = ACROSS_WORDS[one.verdict]
      lines[#lines + 1] = ("      %-17s  %s"):format(mechanisms[name].title, paint(words[1], words[2]))
      append(lines, M.grid(one.addresses, one.matrix, paint))
    end
  end
  return lines
end

return M
