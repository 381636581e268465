-- The findings of the audit for people: what is bad first, then what is open, what is good to know, and how many checks
-- found nothing. Pure.

local escape = require "resum.util.escape"
local finding = require "resum.audit.finding"
local layout = require "resum.report.text.layout"
local vocabulary = require "resum.analysis.vocabulary"

local M = {}

local COLOURS = { critical = "bad", high = "bad", medium = "mixed", low = "faint" }

-- " (servers B, 33 % of the connections)"
local function where(one)
  local servers = vocabulary.servers(one)
  return servers and (" (%s)"):format(servers) or ""
end

local WORDS = { bad = "bad", inconclusive = "inconclusive", info = "good to know" }

-- Where advice stands that was given before: as one of the steps under "What to do", at the head of the report.
local function said_before(steps)
  local said = {}
  for i, step in ipairs(steps or {}) do
    said[step.text] = #steps > 1 and ('see step %d of "What to do"'):format(i) or 'see "What to do"'
  end
  return said
end

-- One finding. What several have as their advice, or what is among the steps at the head, is said once.
local function add(lines, one, style, said)
  local is_bad = one.verdict == "bad"
  local grade = is_bad and one.severity or WORDS[one.verdict] or one.verdict:gsub("_", " ")
  local colour = is_bad and COLOURS[one.severity] or "faint"
  lines[#lines + 1] = ("  %s  %s"):format(style.paint(layout.pad(grade, 13), colour), style.paint(one.id, "strong"))
  layout.append(lines, layout.wrap(escape(one.message .. where(one)), style.width, "    "))
  if one.advice then
    layout.append(lines, layout.wrap("To do: " .. (said[one.advice] or escape(one.advice)), style.width, "    ",
      "      "))
    said[one.advice] = said[one.advice] or "the same as above"
  end
end

-- "5 checks good; 2 not applicable (early-data: ..., ems: ...)". A check is good where all that it looked at is; what
-- is said of several servers or mechanisms in the same words is said once.
local function the_rest(list)
  local is_good, others, known, count = {}, {}, {}, 0
  for _, one in ipairs(list) do
    local text = ("%s: %s"):format(one.id, one.message)
    if one.verdict ~= "not_applicable" then
      is_good[one.id] = one.verdict == "good" and is_good[one.id] ~= false
    elseif not known[text] then
      known[text], others[#others + 1] = true, text
    end
  end
  for _, good in pairs(is_good) do
    count = count + (good and 1 or 0)
  end
  local text = vocabulary.count(count, "check") .. " good"
  if #others > 0 then
    text = ("%s; %d not applicable (%s)"):format(text, #others, table.concat(others, "; "))
  end
  return text
end

--- @tparam {table,...} list see resum.audit.finding
-- @tparam table style width, paint
-- @tparam[opt] {table,...} steps what the report has said before is to be done, see resum.analysis.overview
-- @treturn {string,...} lines
function M.lines(list, style, steps)
  local said = said_before(steps)
  local lines = { style.paint("What does resumption give away? (audit)", "strong") }
  for _, one in ipairs(finding.sorted(list)) do
    if one.verdict ~= "good" and one.verdict ~= "not_applicable" then
      add(lines, one, style, said)
    end
  end
  layout.append(lines, layout.wrap(escape(the_rest(list)) .. ".", style.width, "  "))
  return lines
end

return M
