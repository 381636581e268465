-- A target's result for people: the conclusion in the first line, what that costs, what to do; then the evidence, for
-- each address; last, lines to paste. Every line fits the width. Pure: result in, string out. What came from a server
-- is escaped.

local advice = require "resum.report.text.advice"
local audit = require "resum.report.text.audit"
local conclusion = require "resum.analysis.conclusion"
local escape = require "resum.util.escape"
local layout = require "resum.report.text.layout"
local mechanisms = require "resum.connection.mechanism"
local overviews = require "resum.analysis.overview"
local pools = require "resum.report.text.pool"
local rates = require "resum.report.text.rate"
local target = require "resum.target"
local vocabulary = require "resum.analysis.vocabulary"

local M = {}

local append, wrap = layout.append, layout.wrap

local LONGEST_PROBLEM = 400 -- bytes
local VERDICT_COLOURS = { supported = "good", partially_supported = "bad", not_supported = "bad" }
local DETAILS_AT = 45 -- the column where a mechanism's details begin

local function join(parts)
  local present = {}
  for i = 1, parts.n do
    present[#present + 1] = parts[i] and parts[i] ~= "" and parts[i] or nil
  end
  return table.concat(present, "; ")
end

-- Each below the other.
local function narrow_support_lines(mechanism, words, details, style)
  local lines = { "  " .. mechanisms[mechanism].title, "    " .. words }
  append(lines, details ~= "" and wrap(details, style.width, "      ") or {})
  return lines
end

local function support_lines(mechanism, verdict, style)
  local words = vocabulary.verdicts[vocabulary.verdict_shown(verdict)]
  local version = vocabulary.version(verdict.version)
  local resumed = vocabulary.resumed(verdict)
  local details = join(table.pack(
    resumed and version ~= "" and version .. ", " .. resumed or resumed or version,
    vocabulary.errors(verdict),
    vocabulary.left_out(verdict),
    vocabulary.reason(mechanism, verdict),
    vocabulary.evidence(verdict),
    vocabulary.cut_short(verdict),
    vocabulary.issued(mechanism, verdict)))
  if style.width < DETAILS_AT then
    return narrow_support_lines(mechanism, style.paint(words, VERDICT_COLOURS[verdict.verdict]), escape(details), style)
  end
  local start = ("  %-20s  "):format(mechanisms[mechanism].title)
    .. style.paint(layout.pad(words, 19), VERDICT_COLOURS[verdict.verdict]) .. "  "
  return layout.beside(start, escape(details), style.width, DETAILS_AT)
end

local function support(entry, style)
  local lines = {}
  if entry.support then
    lines[1] = style.paint("Is resumption supported?", "strong")
    for mechanism, verdict in vocabulary.each_mechanism(entry.support) do
      append(lines, support_lines(mechanism, verdict, style))
    end
  end
  for mechanism, rate in vocabulary.each_mechanism(entry.rate or {}) do
    if not rate.rate and not (entry.support and entry.support[mechanism]) then
      lines[1] = lines[1] or style.paint("Is resumption supported?", "strong")
      append(lines, support_lines(mechanism, rate, style))
    end
  end
  return lines
end

local function evidence(entry, style)
  local lines = {}
  for _, sentence in ipairs(conclusion.evidence(entry, overviews.headline(entry))) do
    append(lines, wrap(escape(sentence), style.width, "  - "))
  end
  if entry.client_certificate then
    append(lines, wrap("Client certificate: " .. vocabulary.client_certificates[entry.client_certificate] .. ".",
      style.width, "  - "))
  end
  if entry.client_hello then
    append(lines, wrap("ClientHello: " .. vocabulary.client_hello(entry.client_hello) .. ".", style.width, "  - "))
  end
  if entry.server_software then
    append(lines, wrap("The server calls itself " .. escape(entry.server_software) .. ".", style.width, "  - "))
  end
  if #lines > 0 then
    table.insert(lines, 1, style.paint("What was found", "strong"))
  end
  return lines
end

-- Sections of one address, with an empty line between them.
local function address_sections(entry, style, steps)
  local sections = { support(entry, style), rates.lines(entry, style) }
  sections[#sections + 1] = entry.balancer and pools.lines(entry.balancer, style) or {}
  sections[#sections + 1] = entry.audit and audit.lines(entry.audit, style, steps) or {}
  table.insert(sections, 1, evidence(entry, style))
  return sections
end

local function add_sections(lines, sections)
  for _, section in ipairs(sections) do
    if #section > 0 then
      lines[#lines + 1] = ""
      append(lines, section)
    end
  end
end

local COLOUR_OF = { good = "good_news" }

-- Each line is painted by itself, so that pagers keep the colours.
local function headline(words, overview, style)
  local lines = wrap(escape(words, LONGEST_PROBLEM), style.width, "", "  ")
  for i, line in ipairs(lines) do
    lines[i] = style.paint(line, COLOUR_OF[overview.severity] or overview.severity)
  end
  return lines
end

local function way_lines(result, style)
  local list = vocabulary.way(result.target)
  local only = #result.addresses == 1 and result.addresses[1]
  if only and only.resolved_by == "proxy" then
    list[#list + 1] = "the name is looked up by the proxy"
  elseif only and only.address ~= result.target.host then
    table.insert(list, 1, "at " .. only.address)
  end
  if #list == 0 then
    return {}
  end
  return wrap(escape("(" .. table.concat(list, ", ") .. ")"), style.width, "  ")
end

local function where_words(overview, result)
  if not overview.at then
    return nil
  end
  return ("This is said of %d of %d addresses: %s."):format(#overview.at, #result.addresses,
    table.concat(overview.at, ", "))
end

local function head_lines(result, overview, style)
  local lines = headline(("%s: %s"):format(target.label(result.target), overview.headline), overview, style)
  append(lines, way_lines(result, style))
  local where = where_words(overview, result)
  for _, words in ipairs({ where or "", table.unpack(overview.costs) }) do
    append(lines, words ~= "" and wrap(escape(words), style.width, "  ") or {})
  end
  return lines
end

local function titled(title, lines, style)
  if #lines > 0 then
    table.insert(lines, 1, style.paint(title, "strong"))
  end
  return lines
end

local function style_of(options)
  options = options or {}
  return { width = math.max(layout.NARROWEST, options.width or layout.WIDTH), paint = layout.painter(options.colour) }
end

local function one_of_several(entry, style)
  local words = overviews.headline(entry)
  local severity = overviews.severity(entry)
  return headline(("%s: %s"):format(entry.address, words), { severity = severity }, style)
end

--- The report of one target.
-- @tparam table result what resum.run returned
-- @tparam[opt] table options width (columns; 80), colour (boolean: with the terminal's escape sequences), advice (whose
--   lines to paste are shown: see resum.report.text.advice; "none": no lines)
-- @treturn string lines, the last one ended
function M.target(result, options)
  local style, overview = style_of(options), overviews.of(result)
  local lines = head_lines(result, overview, style)
  add_sections(lines, { titled("What to do", advice.steps(overview, style.width), style) })
  for _, entry in ipairs(result.addresses) do
    if #result.addresses > 1 then
      lines[#lines + 1] = ""
      append(lines, one_of_several(entry, style))
    end
    add_sections(lines, address_sections(entry, style, overview.steps))
  end
  add_sections(lines, { pools.across(result.across, style),
    titled("Configuration to paste", advice.blocks(overview, style.width, options and options.advice), style) })
  return table.concat(lines, "\n") .. "\n"
end

--- The report of one address, for where something else has said whose it is.
-- @tparam table entry one of a result's addresses
-- @tparam[opt] table options width (76: in there it is indented)
-- @treturn string lines, the last one ended
function M.address(entry, options)
  local style = style_of({ width = options and options.width or layout.WIDTH - 4 })
  local overview = overviews.of({ target = { text = entry.address, host = entry.address }, addresses = { entry } })
  local lines = headline(overview.headline, overview, style)
  for _, words in ipairs(overview.costs) do
    append(lines, wrap(escape(words), style.width, "  "))
  end
  add_sections(lines, { titled("What to do", advice.steps(overview, style.width, true), style) })
  add_sections(lines, address_sections(entry, style, overview.steps))
  return table.concat(lines, "\n") .. "\n"
end

return M
