-- Many targets at a glance: a table, the worst first, with a link to each target's details; and ticket keys that
-- several addresses share. Pure.

local conclusion = require "resum.analysis.conclusion"
local fold = require "resum.report.html.fold"
local markup = require "resum.report.html.markup"
local mechanisms = require "resum.connection.mechanism"
local overviews = require "resum.analysis.overview"
local vocabulary = require "resum.analysis.vocabulary"

local M = {}

local element, escape, text = markup.element, markup.escape, markup.text

local RANK = {}
for i, severity in ipairs(overviews.severities) do
  RANK[severity] = i
end

-- The lowest share of a mechanism at any address, and how it is said.
local function share_of(result, name)
  local lowest, words
  for _, entry in ipairs(result.addresses) do
    local judged = conclusion.judged(entry, name)
    local quick = entry.balancer and entry.balancer.quick and entry.balancer.quick[name]
    local counts = quick or judged
    local answered = counts and counts.resumed + counts.refused or 0
    if answered > 0 and (not lowest or counts.resumed / answered < lowest) then
      lowest = counts.resumed / answered
      words = not quick and judged.rate and vocabulary.percent(judged.rate) .. " %"
        or ("%d of %d"):format(counts.resumed, answered)
    elseif judged and not words then
      words = vocabulary.verdicts[vocabulary.verdict_shown(judged)]
    end
  end
  return lowest, words or ""
end

--- What the table keeps of a target.
-- @tparam table result what resum.run returned
-- @tparam table overview see resum.analysis.overview
-- @tparam string name of the target, as it is shown
-- @treturn table name, severity, headline, shares (mechanism -> words), lowest (share, or 2)
function M.row(result, overview, name)
  local row = { name = name, severity = overview.severity, headline = fold.headline(overview.headline),
    shares = {}, lowest = 2 }
  for _, mechanism in ipairs(mechanisms.names) do
    local share, words = share_of(result, mechanism)
    row.shares[mechanism] = words
    row.lowest = math.min(row.lowest, share or 2)
  end
  return row
end

--- Is the first worse than the second?
function M.worse(a, b)
  if a.severity ~= b.severity then
    return RANK[a.severity] < RANK[b.severity]
  elseif a.lowest ~= b.lowest then
    return a.lowest < b.lowest
  end
  return a.number < b.number
end

local function each_severity(counts, convert, separator)
  local parts = {}
  for _, severity in ipairs(overviews.severities) do
    local words = counts[severity] and ("%d %s"):format(counts[severity], vocabulary.severities[severity])
    parts[#parts + 1] = words and convert(severity, words) or nil
  end
  return table.concat(parts, separator)
end

--- How many targets there are of each severity, in words.
-- @tparam table counts severity -> how many
-- @treturn string "3 broken, 9 in order"
function M.counts(counts)
  return each_severity(counts, function(_, words)
    return words
  end, ", ")
end

local function keys(summary)
  local rows = {}
  for i, key in ipairs(summary.shared_keys) do
    local examples = table.concat(key.examples, ", ") .. (key.targets > #key.examples and ", ..." or "")
    rows[i] = { text("code", nil, key.name), escape(key.targets), escape(key.addresses
      .. (key.more_addresses and " or more" or "")), escape(examples) }
  end
  local list = #rows > 0 and markup.table({ "key", "targets", "addresses", "such as" }, rows) or ""
  return markup.section("Ticket keys in use at several addresses, ports or names", list,
    "Servers that have one key can read each other's tickets."
    .. (summary.keys_forgotten and " Only the names that were seen last are kept in mind: there may be more." or ""))
end

--- What stands under each mechanism.
M.LEGEND = "Under each mechanism: how many attempts resumed, of those that were answered, or the rate; where there "
  .. "were none, the verdict."

--- Rows as a table.
-- @tparam string what each of them is about: "target"
-- @tparam {table,...} rows see row; each with is_shown (where on the page its details stand; nil: they do not)
-- @treturn string
function M.table(what, rows)
  local lines, head = {}, { what, "verdict" }
  for _, name in ipairs(mechanisms.names) do
    head[#head + 1] = mechanisms[name].title
  end
  for i, row in ipairs(rows) do
    local cells = { row.is_shown and element("a", { href = "#" .. row.is_shown }, escape(row.name)) or escape(row.name),
      fold.badge(row.severity) .. text("span", "why", row.headline) }
    for _, name in ipairs(mechanisms.names) do
      cells[#cells + 1] = escape(row.shares[name])
    end
    lines[i] = cells
  end
  return markup.table(head, lines, "targets")
end

--- The table, and the groups that share keys.
-- @tparam {table,...} rows see table
-- @tparam table counts severity -> how many targets, with those that have no row
-- @tparam table summary of all results, see resum.analysis.summary
-- @treturn string
function M.of(rows, counts, summary)
  return element("section", { class = "overview" }, element("p", { class = "counts" },
    each_severity(counts, fold.badge, " ")) .. text("p", "soft", M.LEGEND) .. M.table("target", rows)) .. keys(summary)
end

return M
