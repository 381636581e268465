-- A summary for people: a few lines for any number of results, which fit the width. Pure: what resum.analysis.summary
-- folds comes in, a string goes out.

local mechanisms = require "resum.connection.mechanism"
local escape = require "resum.util.escape"
local layout = require "resum.report.text.layout"
local summaries = require "resum.analysis.summary"
local vocabulary = require "resum.analysis.vocabulary"

local M = {}

local append, wrap = layout.append, layout.wrap

local KEYS_SHOWN = 10

local UNITS = { { 86400, "d" }, { 3600, "h" }, { 60, "min" } }

local function duration(seconds)
  for _, unit in ipairs(UNITS) do
    if seconds >= unit[1] and seconds % unit[1] == 0 then
      return ("%d %s"):format(seconds // unit[1], unit[2])
    end
  end
  return ("%d s"):format(seconds)
end

local function count_of(n, one)
  return ("%d %s%s"):format(n, one, n == 1 and "" or one:find("s$") and "es" or "s")
end

-- "refused 3, timeout 1": the most frequent first.
local function counts_words(counts)
  local keys = {}
  for key in pairs(counts) do
    keys[#keys + 1] = key
  end
  table.sort(keys, function(a, b)
    if counts[a] ~= counts[b] then
      return counts[a] > counts[b]
    end
    return a < b
  end)
  for i, key in ipairs(keys) do
    keys[i] = ("%s %d"):format(escape(vocabulary.failures[key] or key), counts[key])
  end
  return table.concat(keys, ", ")
end

local function heading(summary)
  local parts = { count_of(summary.statuses.completed or 0, "target") .. " scanned" }
  for _, status in ipairs({ "unreachable", "error" }) do
    if summary.statuses[status] then
      parts[#parts + 1] = ("%d %s"):format(summary.statuses[status], status == "error" and "with an error" or status)
    end
  end
  return ("Summary: %s; %s"):format(table.concat(parts, ", "), count_of(summary.addresses, "service"))
end

local function noun(name)
  return (mechanisms[name].noun:gsub("^%l", string.upper))
end

local function verdict_table(summary)
  local lines, head = {}, { (" "):rep(21) }
  for i, name in ipairs(mechanisms.names) do
    head[i + 1] = "  " .. noun(name)
  end
  lines[#lines + 1] = table.concat(head)
  for _, verdict in ipairs(summaries.VERDICTS) do
    local cells = { ("  %-19s"):format(vocabulary.verdicts[verdict]) }
    for i, name in ipairs(mechanisms.names) do
      cells[i + 1] = ("  %" .. math.max(#noun(name), 6) .. "d"):format(summary.mechanisms[name][verdict] or 0)
    end
    lines[#lines + 1] = table.concat(cells)
  end
  return lines
end

-- "Ticket: 1 supported, 2 not supported", where the table would not fit.
local function verdict_list(summary, lines, width)
  for _, name in ipairs(mechanisms.names) do
    local parts = {}
    for _, verdict in ipairs(summaries.VERDICTS) do
      local count = summary.mechanisms[name][verdict] or 0
      parts[#parts + 1] = count > 0 and ("%d %s"):format(count, vocabulary.verdicts[verdict]) or nil
    end
    append(lines, wrap(("%s: %s"):format(noun(name), #parts > 0 and table.concat(parts, ", ") or "none"), width, "  ",
      "    "))
  end
end

local function verdict_lines(summary, lines, width)
  local as_table = verdict_table(summary)
  if #as_table[1] <= width then
    return append(lines, as_table)
  end
  verdict_list(summary, lines, width)
end

local function class_words(class)
  if not class.up_to_s then
    return "more"
  end
  return class.up_to_s == 0 and "not said" or "up to " .. duration(class.up_to_s)
end

local function lifetime_lines(summary, lines, width)
  for _, name in ipairs(mechanisms.names) do
    if summary.lifetimes[name] then
      local classes = {}
      for i, class in ipairs(summary.lifetimes[name]) do
        classes[i] = ("%s at %s"):format(class_words(class), count_of(class.count, "service"))
      end
      local words = ("Lifetime of a %s: %s"):format(mechanisms[name].noun, table.concat(classes, ", "))
      append(lines, wrap(words, width, "  ", "    "))
    end
  end
end

local function key_lines_of(key, width)
  local examples = {}
  for i, text in ipairs(key.examples) do
    examples[i] = escape(text, 60)
  end
  local lines = { "    " .. escape(key.name, 40) }
  append(lines, wrap(("%s, %s%s: %s%s"):format(count_of(key.targets, "target"), count_of(key.addresses, "address"),
    key.more_addresses and " or more" or "", table.concat(examples, ", "), key.targets > #examples and ", ..." or ""),
    width, "      "))
  return lines
end

local function key_lines(summary, lines, width)
  local keys = summary.shared_keys
  if #keys == 0 then
    return
  end
  append(lines, wrap(("Ticket keys in use at several addresses, ports or names: %d%s"):format(#keys,
    summary.keys_forgotten and " or more (only the names that were seen last are kept in mind)" or ""), width, "  ",
    "    "))
  for i = 1, math.min(#keys, KEYS_SHOWN) do
    append(lines, key_lines_of(keys[i], width))
  end
  if #keys > KEYS_SHOWN then
    lines[#lines + 1] = ("    and %d more"):format(#keys - KEYS_SHOWN)
  end
end

--- The summary's lines.
-- @tparam table summary what resum.analysis.summary's fold returned
-- @tparam[opt=80] integer width columns
-- @treturn string lines, the last one ended
function M.text(summary, width)
  width = math.max(layout.NARROWEST, width or layout.WIDTH)
  local lines = wrap(heading(summary), width, "", "  ")
  verdict_lines(summary, lines, width)
  lifetime_lines(summary, lines, width)
  key_lines(summary, lines, width)
  if next(summary.errors) then
    append(lines, wrap("Targets that could not be scanned: " .. counts_words(summary.errors), width, "  ", "    "))
  end
  return table.concat(lines, "\n") .. "\n"
end

return M
