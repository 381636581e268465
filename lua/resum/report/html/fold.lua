-- What a reader sees first of a target: the conclusion, what it costs, what to do, and the picture of what stands
-- behind the address. Pure.

local configuration = require "resum.analysis.configuration"
local markup = require "resum.report.html.markup"
local mechanisms = require "resum.connection.mechanism"
local picture = require "resum.report.html.picture"
local topology = require "resum.report.html.topology"
local vocabulary = require "resum.analysis.vocabulary"

local M = {}

local element, escape, text = markup.element, markup.escape, markup.text

-- A sign for each severity, so that it needs no colour: strokes in a circle of 20.
local SIGNS = {
  broken = "M7 7 L13 13 M13 7 L7 13", unreachable = "M6 10 H14", impaired = "M10 5.5 V11 M10 14 V14.5",
  unknown = "M7.5 8 C7.5 4.5 12.5 4.5 12.5 8 C12.5 10 10 9.7 10 12 M10 14.3 V14.8", good = "M6 10.5 L9 13.5 L14 7",
}

local function capitalised(words)
  return (words:gsub("^%l", string.upper))
end

--- A severity as a sign and a word.
-- @tparam string severity see resum.analysis.overview
-- @tparam[opt] string words instead of the severity's
-- @treturn string
function M.badge(severity, words)
  return element("span", { class = "badge " .. severity }, element("svg", { viewBox = "0 0 20 20", width = 20,
    height = 20, ["aria-hidden"] = "true" }, element("circle", { cx = 10, cy = 10, r = 9 })
    .. element("path", { d = SIGNS[severity] })) .. escape(words or capitalised(vocabulary.severities[severity])))
end

--- The conclusion, without what the badge has said.
function M.headline(headline)
  return capitalised((headline:gsub("^unreachable: ", ""):gsub("^error: ", "")))
end

local function steps(overview)
  if overview.nothing_to_do then
    return "<h3>What to do</h3>" .. text("p", nil, overview.nothing_to_do)
  elseif #overview.steps == 0 then
    return ""
  end
  local sentences = {}
  for i, step in ipairs(overview.steps) do
    sentences[i] = step.text
  end
  local list = #sentences == 1 and text("p", nil, sentences[1]) or markup.list(sentences, nil, "ol")
  return "<h3>What to do</h3>" .. list .. (overview.command and element("p", nil, escape(overview.lead) .. " "
    .. text("code", nil, overview.command)) or "")
end

-- Attempts that stand below a column as counts; more have no room there, and are a share.
local MOST_COUNTED = 99

-- One figure below each column: the rate, or what the attempts came to.
local function figures(entry)
  local list = {}
  for _, name in ipairs(mechanisms.names) do
    local rate, support = entry.rate and entry.rate[name], entry.support and entry.support[name]
    local quick = entry.balancer and entry.balancer.quick and entry.balancer.quick[name]
    local counts = quick or support
    local answered = counts and counts.resumed + counts.refused or 0
    local share = rate and rate.rate or answered > MOST_COUNTED and counts.resumed / answered
    list[name] = share and vocabulary.percent(share) .. " %"
      or answered > 0 and ("%d of %d"):format(counts.resumed, answered) or nil
  end
  return list
end

local LEGEND = {
  { "own", "accepts its own sessions" }, { "some", "accepts some of its own" }, { "none", "accepts none of its own" },
  { "silent", "issues none" }, { "unknown", "not seen" },
  { "accepts", "accepts a session of the one where the arrow starts" }, { "barrier", "refuse each other's sessions" },
}

local MARKS = { issues_nothing = "silent", some = "some", [true] = "own", [false] = "none" }

-- Only marks that are there need words.
local function legend(model)
  local used = {}
  for _, lane in ipairs(model.lanes) do
    for i in ipairs(model.servers) do
      local own = lane.own[i]
      used[own == nil and "unknown" or MARKS[own]] = true
    end
    used.accepts = used.accepts or #lane.arrows > 0
    used.barrier = used.barrier or #lane.refused > 0
  end
  local parts = {}
  for _, one in ipairs(LEGEND) do
    parts[#parts + 1] = used[one[1]] and "<span>" .. picture.sample(one[1]) .. escape(one[2]) .. "</span>" or nil
  end
  return element("p", { class = "legend" }, table.concat(parts))
end

local function remarks(model)
  local list = {}
  if model.alike then
    list[1] = "From outside these servers look alike, so their number is an estimate"
      .. (model.open and ", and there may be more." or ".")
  elseif model.more then
    list[1] = ("%d more are not drawn."):format(model.more)
  end
  if model.changed then
    list[#list + 1] = "The letters stand for ticket keys, one after the other."
  end
  for _, server in ipairs(model.servers) do
    if server.several then
      list[#list + 1] = ("%s is more than one server."):format(server.name)
    end
  end
  return #list > 0 and text("p", "soft", table.concat(list, " ")) or ""
end

--- The picture of an address, with what its marks mean.
-- @tparam table entry one of a result's addresses
-- @treturn string "" where nothing was seen
function M.picture(entry)
  local model = topology.of(entry)
  if not model then
    return ""
  end
  return element("figure", nil, picture.of(model, figures(entry)) .. "<figcaption>" .. legend(model) .. remarks(model)
    .. "</figcaption>")
end

local function where(overview, result)
  return overview.at and text("p", "soft", ("Said of %d of %d addresses: %s."):format(#overview.at, #result.addresses,
    table.concat(overview.at, ", "))) or ""
end

--- The conclusion, its cost, what to do, and the picture where there is one address.
-- @tparam table overview see resum.analysis.overview
-- @tparam table result what resum.run returned
-- @treturn string
function M.of(overview, result)
  local costs, only = {}, #result.addresses == 1 and M.picture(result.addresses[1]) or ""
  for i, sentence in ipairs(overview.costs) do
    local price, source = sentence:match("^(.-)( %(.*)$") -- what it was measured by comes second
    costs[i] = element("p", { class = "cost" }, escape(price or sentence) .. (source and text("span", "soft", source)
      or ""))
  end
  local todo = steps(overview)
  return element("div", { class = "lead" }, M.badge(overview.severity)
    .. text("p", "headline", M.headline(overview.headline))
    .. where(overview, result) .. table.concat(costs)) .. element("div", { class = only ~= "" and todo ~= "" and "fold"
    or "fold single" }, (todo ~= "" and element("div", { class = "todo" }, todo) or "") .. only)
end

-- Each line escaped by itself: escaping would show the ends of lines.
local function escape_lines(lines)
  for i, line in ipairs(lines) do
    lines[i] = escape(line)
  end
  return table.concat(lines, "\n")
end

local function block(server, one)
  local title = configuration.titles[server]
  if not one.where then
    return text("p", nil, title .. " " .. one.note)
  end
  local lines = {}
  for i, line in ipairs(one.shell or {}) do
    lines[i] = (i == 1 and "$ " or "  ") .. line
  end
  table.move(one.lines or {}, 1, #(one.lines or {}), #lines + 1, lines)
  return text("p", "where", title .. ", " .. one.where) .. element("pre", nil, escape_lines(lines))
    .. (one.note and text("p", "soft", one.note) or "")
end

--- Lines to paste, for the server that was recognised, or for each.
-- @tparam table overview see resum.analysis.overview
-- @treturn string "" where there is nothing to paste
function M.configuration(overview)
  local parts = {}
  for _, server in ipairs(#overview.topics > 0 and configuration.servers or {}) do
    local blocks = {}
    for i, topic in ipairs(overview.topics) do
      blocks[i] = block(server, configuration.blocks[topic][server])
    end
    parts[#parts + 1] = element("details", { open = overview.server == server and "open" or nil },
      text("summary", nil, configuration.titles[server]) .. table.concat(blocks))
  end
  local note = overview.server and ("The server calls itself %s. If another one speaks TLS in front of it, that is the "
    .. "one to configure."):format(overview.software) or nil
  return markup.section("Configuration to paste", table.concat(parts), note, "part paste")
end

return M
