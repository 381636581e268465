-- Results as one page: no request leaves it, no script is needed to read it. Pure: results in, string out. What came
-- from a server is escaped. It keeps what it will show, up to a size, as the overview stands above.

local addresses = require "resum.report.html.address"
local fleet = require "resum.report.html.fleet"
local fold = require "resum.report.html.fold"
local markup = require "resum.report.html.markup"
local overview = require "resum.report.html.overview"
local overviews = require "resum.analysis.overview"
local pool = require "resum.report.html.pool"
local style = require "resum.report.html.style"
local summaries = require "resum.analysis.summary"
local target = require "resum.target"
local vocabulary = require "resum.analysis.vocabulary"

local M = {}

local element, escape, text = markup.element, markup.escape, markup.text

-- Nothing may be loaded from anywhere, whatever stands in the page.
local POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

-- Bytes of details that a page may have, and rows of its overview: no browser likes to show more, and all of it is
-- kept until the end. Beyond, what is in order is only counted, and what is not has a row up to twice as many.
M.MOST, M.MOST_ROWS = 64 * 1024 * 1024, 10000

local RESUMPTION = "Resumption: a client that comes back proves that it knows the secrets of its earlier session, and "
  .. "the server takes that session up again instead of making a full handshake."

local function name_of(result)
  return result.target.port and target.label(result.target) or result.target.text
end

local function across(measured)
  local grids = {}
  for name, one in vocabulary.each_mechanism(measured or {}) do
    grids[#grids + 1] = { mechanism = name, verdict = one.verdict, names = one.addresses, matrix = one.matrix }
  end
  return pool.places("Do the addresses share their sessions?", grids)
end

local function connections_of(result)
  local made
  for _, entry in ipairs(result.addresses) do
    made = entry.connections and (made or 0) + entry.connections or made
  end
  return made
end

-- How it was reached, how long it took, how many connections that were.
local function way(result)
  local list = vocabulary.way(result.target)
  for _, entry in ipairs(result.addresses) do
    list[#list + 1] = #result.addresses == 1 and entry.address ~= result.target.host and "at " .. entry.address or nil
  end
  local made = connections_of(result)
  list[#list + 1] = made and vocabulary.count(made, "connection") or nil
  list[#list + 1] = result.elapsed_s and ("%.1f s"):format(result.elapsed_s) or nil
  return #list > 0 and text("p", "soft way", table.concat(list, ", ")) or ""
end

-- Where a target has several addresses: what each comes to, and where on the page it stands.
local function index(result, number)
  local rows = {}
  for i, entry in ipairs(result.addresses) do
    local one = { target = result.target, addresses = { entry }, status = entry.status, error = entry.error }
    rows[i] = overview.row(one, overviews.of(one), entry.address)
    rows[i].number = i
    rows[i].is_shown = ("t%da%d"):format(number, i)
  end
  table.sort(rows, overview.worse)
  return #rows < 2 and "" or markup.section("Its addresses", overview.table("address", rows), overview.LEGEND)
end

local function details(result, view, number)
  local parts = { fold.of(view, result), index(result, number) }
  for i, entry in ipairs(result.addresses) do
    parts[#parts + 1] = element("section", { class = "address", id = ("t%da%d"):format(number, i) },
      addresses.of(entry, #result.addresses == 1, view.steps))
  end
  parts[#parts + 1] = across(result.across) .. fold.configuration(view)
  return table.concat(parts, "\n")
end

local Page = {}
Page.__index = Page

--- Adds a target.
-- @function page:add
-- @tparam table result what resum.run returned
function Page:add(result)
  local view = overviews.of(result)
  self.counts[view.severity] = (self.counts[view.severity] or 0) + 1
  self.targets, self.made = self.targets + 1, self.made + (connections_of(result) or 0)
  self.summary:add(result)
  if #self.rows >= (view.severity == "good" and M.MOST_ROWS or 2 * M.MOST_ROWS) then
    return
  end
  local row = overview.row(result, view, name_of(result))
  row.number = #self.rows + 1
  self.rows[row.number] = row
  if self.size < M.MOST then
    row.is_shown, row.way = "t" .. row.number, way(result)
    row.details = details(result, view, row.number)
    self.size = self.size + #row.details
  end
end

local function document(title, heading, content)
  return ('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
    .. '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
    .. '<meta http-equiv="Content-Security-Policy" content="%s">\n<title>%s</title>\n'
    .. '<link rel="icon" href="data:,">\n<style>%s</style></head>\n<body><header><p class="kicker">TLS session '
    .. "resumption</p>%s</header>\n<main>\n%s</main>\n"):format(POLICY, escape(title), style, heading, content)
end

local function facts(list)
  local parts = {}
  for _, one in ipairs(list) do
    parts[#parts + 1] = one[2] and text("dt", nil, one[1]) .. element("dd", nil, one[2]) or nil
  end
  return element("dl", nil, table.concat(parts))
end

-- How it came about.
local function footer(page, about)
  local made = page.made > 0 and vocabulary.count(page.made, "connection") or nil
  return "<footer><h2>How this was found out</h2>" .. facts({
    { "command", page.about.command and text("code", nil, page.about.command) },
    { "started", escape(page.about.started_at) }, { "took", escape(("%.1f s"):format(about.elapsed_s or 0)) },
    { "connections", made and escape(made) }, { "by", "resum " .. escape(page.about.version) },
  }) .. text("p", nil, RESUMPTION) .. text("p", nil, "Errors are counted separately and never reported as \"not "
    .. "supported\". Options that the command does not name have their defaults (resum --help).")
    .. "</footer></body></html>\n"
end

local function heading_of(row)
  return text("h1", "mono", row.name) .. row.way
end

local function single(page)
  local row = page.rows[1]
  return document(("%s: %s - TLS session resumption"):format(row.name, vocabulary.severities[row.severity]),
    heading_of(row), element("article", { class = row.severity }, row.details))
end

local function several(page)
  local rows, parts = table.move(page.rows, 1, #page.rows, 1, {}), {}
  table.sort(rows, overview.worse)
  for _, row in ipairs(rows) do
    parts[#parts + 1] = row.is_shown and element("article", { id = row.is_shown, class = row.severity },
      text("h2", "mono", row.name) .. row.way .. row.details) or nil
  end
  local left_out = page.targets - #parts
  parts[#parts + 1] = left_out > 0 and text("p", "soft", ("The details of %s are not here, as the page would be too "
    .. "large; --json_out has them."):format(vocabulary.count(left_out, "target"))) or nil
  local count = vocabulary.count(page.targets, "target")
  local title = page.targets > 0 and ("%s: %s"):format(count, overview.counts(page.counts)) or "No target"
  return document(title .. " - TLS session resumption", text("h1", nil, count),
    overview.of(rows, page.counts, page.summary:fold()) .. table.concat(parts, "\n"))
end

--- The whole page.
-- @function page:finish
-- @tparam table about elapsed_s (seconds)
-- @treturn string
function Page:finish(about)
  return (self.targets == 1 and single(self) or several(self)) .. footer(self, about)
end

--- The fleet's map as a page of its own.
-- @tparam table about as of new; and elapsed_s (seconds)
-- @tparam table map see resum.fleet
-- @treturn string
function M.fleet(about, map)
  local title = fleet.title(map:totals())
  return document(title .. " - TLS session resumption", text("h1", nil, title), fleet.of(map))
    .. footer({ made = 0, about = about }, about)
end

--- An empty page.
-- @tparam table about version (of resum), started_at (ISO 8601), command (as it was given, without secrets; or nil)
-- @treturn table page, with add(result) and finish(about)
function M.new(about)
  return setmetatable({ about = about, rows = {}, counts = {}, targets = 0, size = 0, made = 0,
    summary = summaries.new() }, Page)
end

return M
