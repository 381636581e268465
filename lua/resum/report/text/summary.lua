-- A summary for people: a few lines for any number of results. Pure: what resum.analysis.summary folds comes in, a
-- string goes out.

local mechanisms = require "resum.connection.mechanism"
local escape = require "resum.util.escape"
local summaries = require "resum.analysis.summary"

local M = {}

local KEYS_SHOWN = 10
local HEADINGS = { "supported", "partially", "not supported", "not applicable", "inconclusive" }

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
    keys[i] = ("%s %d"):format(escape(key), counts[key])
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
  return ("Summary: %s; %s"):format(table.concat(parts, ", "), count_of(summary.addresses, "address"))
end

local function verdict_lines(summary, lines)
  lines[#lines + 1] = (" "):rep(19) .. ("  %14s"):rep(#HEADINGS):format(table.unpack(HEADINGS))
  for _, name in ipairs(mechanisms.names) do
    local cells = {}
    for i, verdict in ipairs(summaries.VERDICTS) do
      cells[i] = ("  %14d"):format(summary.mechanisms[name][verdict] or 0)
    end
    lines[#lines + 1] = ("  %-17s"):format(mechanisms[name].title) .. table.concat(cells)
  end
end

local function class_words(class)
  if not class.up_to_s then
    return "more"
  end
  return class.up_to_s == 0 and "not said" or "up to " .. duration(class.up_to_s)
end

local function lifetime_lines(summary, lines)
  for _, name in ipairs(mechanisms.names) do
    if summary.lifetimes[name] then
      local classes = {}
      for i, class in ipairs(summary.lifetimes[name]) do
        classes[i] = ("%s: %d"):format(class_words(class), class.count)
      end
      lines[#lines + 1] = ("  Lifetime, %s  %s"):format(mechanisms[name].noun, table.concat(classes, ", "))
    end
  end
end

local function key_line(key)
  local examples = {}
  for i, text in ipairs(key.examples) do
    examples[i] = escape(text, 60)
  end
  return ("    %s  %s, %s%s: %s%s"):format(escape(key.name, 40), count_of(key.targets, "target"),
    count_of(key.addresses, "address"), key.more_addresses and " or more" or "", table.concat(examples, ", "),
    key.targets > #examples and ", ..." or "")
end

local function key_lines(summary, lines)
  local keys = summary.shared_keys
  if #keys == 0 then
    return
  end
  lines[#lines + 1] = ("  Ticket keys in use at several addresses: %d%s"):format(#keys,
    summary.keys_forgotten and " or more (only the names that were seen last are kept in mind)" or "")
  for i = 1, math.min(#keys, KEYS_SHOWN) do
    lines[#lines + 1] = key_line(keys[i])
  end
  if #keys > KEYS_SHOWN then
    lines[#lines + 1] = ("    and %d more"):format(#keys - KEYS_SHOWN)
  end
end

--- The summary's lines.
-- @tparam table summary what resum.analysis.summary's fold returned
-- @treturn string lines, the last one ended
function M.text(summary)
  local lines = { heading(summary) }
  verdict_lines(summary, lines)
  lifetime_lines(summary, lines)
  key_lines(summary, lines)
  if next(summary.errors) then
    lines[#lines + 1] = "  Errors: " .. counts_words(summary.errors)
  end
  return table.concat(lines, "\n") .. "\n"
end

return M
