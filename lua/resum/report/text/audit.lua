-- The findings of the audit for people: what is bad first, then what is open, what is good to know, and how many checks
-- found nothing. Pure.

local escape = require "resum.util.escape"
local finding = require "resum.audit.finding"
local layout = require "resum.report.text.layout"
local vocabulary = require "resum.analysis.vocabulary"

local M = {}

local COLOURS = { critical = "bad", high = "bad", medium = "mixed", low = "faint" }

-- "in group B, 33 % of the connections"
local function where(one)
  if not one.group then
    return ""
  end
  return (" (servers %s, %s %% of the connections)"):format(one.group, vocabulary.percent(one.share))
end

local WORDS = { bad = "bad", inconclusive = "inconclusive", info = "good to know" }

local function add(lines, one, style)
  local is_bad = one.verdict == "bad"
  local grade = is_bad and one.severity or WORDS[one.verdict] or one.verdict:gsub("_", " ")
  local colour = is_bad and COLOURS[one.severity] or "faint"
  lines[#lines + 1] = ("  %s  %s"):format(style.paint(layout.pad(grade, 13), colour), style.paint(one.id, "strong"))
  layout.append(lines, layout.wrap(escape(one.message .. where(one)), style.width, "    "))
  if one.advice then
    layout.append(lines, layout.wrap("To do: " .. escape(one.advice), style.width, "    ", "      "))
  end
end

-- "5 checks good; 2 not applicable (early-data: ..., ems: ...)"
local function the_rest(list)
  local good, others = 0, {}
  for _, one in ipairs(list) do
    if one.verdict == "good" then
      good = good + 1
    elseif one.verdict == "not_applicable" then
      others[#others + 1] = ("%s: %s"):format(one.id, one.message)
    end
  end
  local text = vocabulary.count(good, "check") .. " good"
  if #others > 0 then
    text = ("%s; %d not applicable (%s)"):format(text, #others, table.concat(others, "; "))
  end
  return text
end

--- @tparam {table,...} list see resum.audit.finding
-- @tparam table style width, paint
-- @treturn {string,...} lines
function M.lines(list, style)
  local lines = { style.paint("What does resumption give away? (audit)", "strong") }
  for _, one in ipairs(finding.sorted(list)) do
    if one.verdict ~= "good" and one.verdict ~= "not_applicable" then
      add(lines, one, style)
    end
  end
  layout.append(lines, layout.wrap(escape(the_rest(list)) .. ".", style.width, "  "))
  return lines
end

return M
