-- What was seen of the servers behind an address: their names and shares, who accepts whose sessions, which of them
-- answered when, and every attempt. Pure.

local chart = require "resum.report.html.chart"
local hex = require "resum.util.hex"
local markup = require "resum.report.html.markup"
local mechanisms = require "resum.connection.mechanism"
local topology = require "resum.report.html.topology"
local vocabulary = require "resum.analysis.vocabulary"

local M = {}

local element, escape, text = markup.element, markup.escape, markup.text

local GRID = "Resumed of offered. Rows: where the session came from; columns: where it was offered; -: not offered, or "
  .. "no answer."

local GOOD = { all_shared = "good", healthy = "good", shared = "good" }
local FAINT = { inconclusive = "unknown", unexplained = "unknown", not_applicable = "unknown" }

local function verdict(code, words)
  return text("span", "word " .. (GOOD[code] or FAINT[code] or "broken"), vocabulary.say(words or "pools", code))
end

local function mechanism_verdicts(summary)
  local rows = {}
  for name, result in vocabulary.each_mechanism(summary.mechanisms) do
    rows[#rows + 1] = { escape(mechanisms[name].title), verdict(result.verdict) }
  end
  return markup.section("Do the servers behind the address share their sessions?",
    markup.table({ "mechanism", "verdict" }, rows, "slim"))
end

-- The label of a server, as the mechanism has it that showed it most often.
local function label_of(summary, server)
  local best
  for _, result in pairs(summary.mechanisms) do
    for _, label in ipairs(result.labels) do
      if label.name == server.name and (not best or label.connections > best.connections) then
        best = label
      end
    end
  end
  return best
end

local function server_row(summary, model, server)
  local label = label_of(summary, server)
  local known = { label and vocabulary.say("kinds", label.kind) or nil }
  if label and label.value then
    known[1] = escape(known[1]) .. " " .. text("code", nil, hex(label.value))
  end
  if label and label.group and label.group ~= label.name then
    known[#known + 1] = escape("accepts the sessions of " .. label.group)
  end
  if server.odd then
    known[#known + 1] = element("strong", nil, escape(vocabulary.odd[model.verdict] or vocabulary.odd.bad_member))
  end
  local share = server.interval and ("%s %% (%s)"):format(vocabulary.percent(server.share),
    vocabulary.interval(server.interval)) or ""
  return { chart.sample("resumed", server.name:find("^%u$") and server.name) .. " " .. escape(server.name),
    escape(share), table.concat(known, ", ") }
end

local function servers(summary, model)
  local rows = {}
  for _, server in ipairs(model.alike and {} or model.servers) do
    rows[#rows + 1] = server.connections and server_row(summary, model, server) or nil
  end
  return markup.section("What the servers showed", #rows > 0 and markup.table({ "server", "share of the connections",
    "known by" }, rows) or "")
end

local function acceptance(model)
  local grids, names = {}, {}
  for i, server in ipairs(model.servers) do
    names[i] = server.name
  end
  for _, lane in ipairs(#names > 1 and model.lanes or {}) do
    if lane.cells and next(lane.cells) then
      grids[#grids + 1] = chart.matrix(mechanisms[lane.mechanism].title, names, lane.cells)
    end
  end
  return markup.section("Who accepts whose sessions?", #grids > 0 and element("div", { class = "grids" },
    table.concat(grids)) or "", GRID .. " Offers that show only one of the two servers are not counted here.")
end

--- Sessions from some places offered at others.
-- @tparam string heading
-- @tparam {table,...} grids {mechanism, verdict (or nil), names, matrix}
-- @treturn string
function M.places(heading, grids)
  local parts, short, shared_names = {}, {}, grids[1] and grids[1].names or {}
  for i in ipairs(shared_names) do
    short[i] = tostring(i)
  end
  for i, one in ipairs(grids) do
    parts[i] = "<div>" .. (one.verdict and verdict(one.verdict, "across") or "")
      .. chart.matrix(mechanisms[one.mechanism].title, one.names, one.matrix, short) .. "</div>"
  end
  return markup.section(heading, #parts > 0 and element("div", { class = "grids" }, table.concat(parts))
    .. markup.list(shared_names, "mono", "ol") or "", GRID)
end

local function sources(summary)
  local grids = {}
  for name, result in vocabulary.each_mechanism(summary.mechanisms) do
    local names = {}
    local matrix = result.sources or {}
    for source in pairs(matrix) do
      names[#names + 1] = source
    end
    table.sort(names)
    grids[#grids + 1] = #names > 1 and { mechanism = name, names = names, matrix = matrix } or nil
  end
  return M.places("By local address", grids)
end

local STATES = { resumed = "resumed", refused = "refused", full = "full" }
local ROWS = { { "fixed", "fresh" }, { "pairs", "chain" } }

local function letter_of(attempt)
  local known = attempt.label or attempt.group
  return known and known:find("^%u$") and known or nil
end

-- Does any attempt of this mechanism show a server?
local function shows_letters(summary, name)
  for _, attempt in ipairs(summary.attempts) do
    if attempt.mechanism == name and attempt.from and letter_of(attempt) then
      return true
    end
  end
  return false
end

local function cells_of(summary, name, wanted)
  local cells = {}
  for _, attempt in ipairs(summary.attempts) do
    if attempt.mechanism == name and wanted(attempt) then
      cells[#cells + 1] = { state = STATES[attempt.outcome] or "error", letter = letter_of(attempt) }
    end
  end
  return cells
end

-- Without letters one strip says all: what was offered, and what came of it.
local function strips(summary, name)
  local title, parts = mechanisms[name].title, {}
  local function add(heading, wanted)
    local cells = cells_of(summary, name, wanted)
    if #cells > 0 then
      parts[#parts + 1] = (heading and text("p", "soft", heading) or "") .. chart.strip(title, cells)
    end
  end
  if not shows_letters(summary, name) then
    add(nil, function(attempt)
      return attempt.from ~= nil
    end)
  else
    for _, designs in ipairs(ROWS) do
      add(vocabulary.questions[designs[1]], function(attempt)
        return attempt.design == designs[1] or attempt.design == designs[2]
      end)
    end
  end
  return #parts > 0 and "<div>" .. text("h4", nil, title) .. table.concat(parts) .. "</div>" or ""
end

local SAMPLES = {
  { "resumed", "A", "resumed, by server A" }, { "refused", "A", "refused: server A made a full handshake instead" },
  { "resumed", nil, "the server did not show itself" }, { "full", "A", "full handshake, nothing offered" },
  { "error", nil, "error" },
}

local function sequences(summary)
  local parts, legend = {}, {}
  for name in vocabulary.each_mechanism(summary.mechanisms) do
    parts[#parts + 1] = strips(summary, name)
  end
  for i, one in ipairs(SAMPLES) do
    legend[i] = "<span>" .. chart.sample(one[1], one[2]) .. escape(one[3]) .. "</span>"
  end
  local all = table.concat(parts)
  return markup.section("Which server answered, connection by connection?", all == "" and ""
    or element("p", { class = "legend" }, table.concat(legend)) .. element("div", { class = "strips" }, all))
end

local function attempts(summary)
  local rows, from_several = {}, false
  for i, one in ipairs(summary.attempts) do
    from_several = from_several or one.source ~= nil
    rows[i] = { escape(one.order), escape(mechanisms[one.mechanism].title),
      escape(vocabulary.say("designs", one.design)), one.from and escape(one.from) or "", escape(one.label or ""),
      escape(vocabulary.say("outcomes", one.outcome or "interrupted")), one.source and escape(one.source) or nil }
  end
  local head = { "no.", "mechanism", "what was offered", "session of no.", "server", "outcome",
    from_several and "from address" or nil }
  return element("details", { class = "part attempts" }, text("summary", nil, ("Every attempt (%d)"):format(#rows))
    .. markup.table(head, rows, "log"))
end

local function quick(results)
  local rows = {}
  for name, one in vocabulary.each_mechanism(results) do
    rows[#rows + 1] = { escape(mechanisms[name].title), verdict(one.verdict),
      escape(one.resumed), escape(one.refused), escape(one.errors), escape(vocabulary.left_out(one) or "") }
  end
  return markup.section("Is resumption in order?", markup.table({ "mechanism", "verdict", "resumed", "refused",
    "errors", "details" }, rows), "Asked until it was certain, at 1 % error.")
end

--- The details of what stands behind an address.
-- @tparam table entry one of a result's addresses, with a balancer
-- @treturn string
function M.of(entry)
  local summary = entry.balancer
  if summary.quick then
    return quick(summary.quick)
  end
  local model = topology.of(entry)
  return mechanism_verdicts(summary) .. (model and servers(summary, model) .. acceptance(model) or "")
    .. sources(summary) .. sequences(summary) .. attempts(summary)
end

return M
