-- One address on the page: the verdict on top, then rates, sequences, groups, places, and every attempt. Pure.

local chart = require "resum.report.html.chart"
local hex = require "resum.util.hex"
local markup = require "resum.report.html.markup"
local mechanisms = require "resum.connection.mechanism"
local vocabulary = require "resum.analysis.vocabulary"

local M = {}

local element, escape, text = markup.element, markup.escape, markup.text

local MOODS = {
  all_shared = "good", healthy = "good", supported = "good",
  no_resumption = "bad", not_supported = "bad",
  inconclusive = "faint", not_tested = "faint", not_finished = "faint", not_applicable = "faint",
}
local SIGNS = { good = "OK", bad = "!!", mixed = "!", faint = "?" }

local function mood_of(verdict)
  return MOODS[verdict] or "mixed"
end

local function words_of(verdict)
  return (verdict:gsub("_", " "))
end

--- A verdict as a badge.
function M.badge(verdict)
  local mood = mood_of(verdict)
  return text("span", "badge " .. mood, SIGNS[mood] .. " " .. words_of(verdict))
end

local function items(list)
  local parts = {}
  for i, sentence in ipairs(list) do
    parts[i] = text("li", nil, sentence)
  end
  return #parts > 0 and "<ul>" .. table.concat(parts) .. "</ul>" or ""
end

--- The verdict, what speaks for it, and what to do.
-- @tparam table summary of resum.analysis.pool.analyse, or of resum.scan.quick
-- @treturn string
function M.verdict(summary)
  local mood = mood_of(summary.verdict)
  return element("div", { class = "verdict " .. mood },
    M.badge(summary.verdict) .. " " .. text("code", nil, summary.verdict)
    .. text("p", "headline", summary.headline) .. items(summary.evidence or {})
    .. element("p", { class = "advice" }, "<strong>What to do:</strong> " .. escape(summary.advice)))
end

local DESIGNS = { { "fixed", "old" }, { "pairs", "next" }, { "chain", "chain" } }

local function rate(name, result)
  local rows = {}
  for _, one in ipairs(DESIGNS) do
    local design = result.designs[one[1]]
    if design and design.rate then
      rows[#rows + 1] = { name = one[2], share = design.rate, interval = design.interval,
        note = vocabulary.interval(design.interval, "-") }
    end
  end
  local title = mechanisms[name].title
  local figure = #rows > 0 and chart.bars("Rates of " .. title, rows)
    or text("p", "soft", result.reason and words_of(result.reason) or "no attempt")
  local heading = "<h4>" .. escape(title) .. " " .. M.badge(result.verdict) .. "</h4>"
  return element("div", { class = "rate" }, heading .. figure)
end

local function each(summary, convert)
  local parts = {}
  for _, name in ipairs(mechanisms.names) do
    local result = summary.mechanisms[name]
    parts[#parts + 1] = result and convert(name, result) or nil
  end
  return table.concat(parts)
end

local STATES = { resumed = "resumed", refused = "refused", full = "full" }
local IN_STRIP = { pairs = true, chain = true }

local function cell(attempt)
  local known = attempt.label or attempt.group
  local letter = known and known:find("^%u$") and known or nil
  return { state = STATES[attempt.outcome] or "error", letter = STATES[attempt.outcome] and letter or not
    STATES[attempt.outcome] and "x" or nil, colour = chart.colour_of(letter) }
end

local function strips(summary, name)
  local old, near = {}, {}
  for _, attempt in ipairs(summary.attempts) do
    if attempt.mechanism == name and IN_STRIP[attempt.design] then
      near[#near + 1] = cell(attempt)
    elseif attempt.mechanism == name and (attempt.design == "fixed" or attempt.design == "fresh") then
      old[#old + 1] = cell(attempt)
    end
  end
  if #old + #near == 0 then
    return ""
  end
  local title = mechanisms[name].title
  local function part(heading, cells)
    return #cells > 0 and text("p", "soft", heading) .. chart.strip(title .. ": " .. heading, cells) or ""
  end
  return "<div>" .. text("h4", nil, title) .. part("Old sessions, in the order of the attempts", old)
    .. part("A fresh session on the next connection, and chains", near) .. "</div>"
end

local function legend()
  local samples = {
    { "resumed", "A", "l1", "resumed, by the server with ticket key A" }, { "refused", "A", "l1", "refused" },
    { "full", "A", "l1", "nothing was offered" }, { "resumed", nil, "l0", "the server shows no name" },
    { "error", "x", "l0", "failed" },
  }
  local parts = {}
  for i, one in ipairs(samples) do
    parts[i] = "<span>" .. chart.sample(one[1], one[2], one[3]) .. escape(one[4]) .. "</span>"
  end
  return element("div", { class = "legend" }, table.concat(parts))
end

local KINDS = { ticket_key = "ticket key", session_id_prefix = "session IDs beginning with", none = "issues no session",
  stateful = "tickets that name a cache entry", unnamed = "names no key",
  other_version = "speaks another version of TLS" }

-- Every label once, as the mechanism shows it that has most of it.
local function labels_of(summary)
  local best, order = {}, {}
  for _, name in ipairs(mechanisms.names) do
    for _, label in ipairs(summary.mechanisms[name] and summary.mechanisms[name].labels or {}) do
      local known = best[label.name]
      if not known and label.kind ~= "unnamed" then
        order[#order + 1] = label.name
      end
      if not known or label.connections > known.connections then
        best[label.name] = label
      end
    end
  end
  table.sort(order)
  return best, order
end

local function groups(summary)
  local best, order = labels_of(summary)
  local rows = {}
  for _, name in ipairs(order) do
    local label = best[name]
    local key = (label.value and " " .. text("code", nil, hex(label.value)) or "")
      .. (label.certificate and ", certificate " .. text("code", nil, hex(label.certificate)) or "")
    local joined = label.group and label.group ~= name and best[label.group]
      and escape(", shares with " .. label.group) or ""
    rows[#rows + 1] = "<li>" .. chart.sample("resumed", name:find("^%u$") and name or nil, chart.colour_of(name))
      .. "<div>" .. escape(KINDS[label.kind] or label.kind) .. key .. joined .. '</div><div class="share">'
      .. chart.bars("Share of " .. name, { { name = "share", share = label.share, interval = label.interval,
        note = vocabulary.interval(label.interval, "-") } }) .. "</div></li>"
  end
  return #rows > 0 and '<ul class="groups">' .. table.concat(rows) .. "</ul>" or ""
end

local function place_list(names)
  local parts = {}
  for i, name in ipairs(names) do
    parts[i] = text("li", "mono", name)
  end
  return element("ol", { class = "places" }, table.concat(parts))
end

--- Sessions from some places offered at others, a heat map for each mechanism.
-- @tparam {table,...} grids {mechanism, verdict (or nil), names, matrix}
-- @treturn string
function M.places(grids)
  local parts = {}
  for i, one in ipairs(grids) do
    parts[i] = "<div><p>" .. escape(mechanisms[one.mechanism].title) .. " "
      .. (one.verdict and M.badge(one.verdict) or "") .. "</p>"
      .. chart.grid("Resumed of offered, " .. mechanisms[one.mechanism].title, one.names, one.matrix) .. "</div>"
  end
  return element("p", { class = "soft" },
    "Resumed of offered. Rows: where the session came from; columns: where it was offered.")
    .. '<div class="heat">' .. table.concat(parts) .. "</div>" .. place_list(grids[1].names)
end

local function sources(summary)
  local grids = {}
  for _, name in ipairs(mechanisms.names) do
    local matrix = summary.mechanisms[name] and summary.mechanisms[name].sources or {}
    local names = {}
    for source in pairs(matrix) do
      names[#names + 1] = source
    end
    table.sort(names)
    grids[#grids + 1] = #names > 1 and { mechanism = name, names = names, matrix = matrix } or nil
  end
  return #grids > 0 and "<h3>Local addresses</h3>" .. M.places(grids) or ""
end

local function attempts(summary)
  local rows = {}
  for i, one in ipairs(summary.attempts) do
    rows[i] = { escape(one.order), escape(mechanisms[one.mechanism].title), escape(one.design),
      one.from and escape(one.from) or "", one.source and text("span", "mono", one.source) or "",
      escape(one.label or ""), escape(one.outcome or "not made") }
  end
  return "<details><summary>" .. escape(("Every attempt (%d)"):format(#rows)) .. "</summary>"
    .. markup.table({ "no.", "mechanism", "design", "session of no.", "from address", "server", "outcome" }, rows)
    .. "</details>"
end

local function quick(results)
  local rows = {}
  for _, name in ipairs(mechanisms.names) do
    local one = results[name]
    rows[#rows + 1] = one and { escape(mechanisms[name].title), M.badge(one.verdict), escape(one.resumed),
      escape(one.refused), escape(one.errors) } or nil
  end
  return markup.table({ "mechanism", "verdict", "resumed", "refused", "errors" }, rows)
end

--- What stands behind an address, without the verdict.
-- @tparam table summary of resum.analysis.pool.analyse, or of resum.scan.quick
-- @treturn string
function M.details(summary)
  if summary.quick then
    return quick(summary.quick)
  end
  local known = groups(summary)
  return "<h3>Rates</h3>" .. text("p", "soft", "Old: a session offered again and again. Next: a fresh one, on the next "
    .. "connection. Chain: always the newest. The whiskers are 95 % intervals.")
    .. '<div class="rates">' .. each(summary, rate) .. "</div><h3>Sequences</h3>" .. legend()
    .. '<div class="strips">' .. each(summary, function(name)
      return strips(summary, name)
    end) .. "</div>" .. (known ~= "" and "<h3>Servers, by what they showed</h3>" .. known or "") .. sources(summary)
    .. attempts(summary)
end

return M
