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

-- One finding. What several have as their advice, or what is among the steps at the head, is said once.
local function add(lines, one, style, once)
  local is_bad = one.verdict == "bad"
  local grade = is_bad and one.severity or WORDS[one.verdict] or one.verdict:gsub("_", " ")
  local colour = is_bad and COLOURS[one.severity] or "faint"
  lines[#lines + 1] = ("  %s  %s"):format(style.paint(layout.pad(grade, 13), colour), style.paint(one.id, "strong"))
  layout.append(lines, layout.wrap(escape(one.message .. where(one)), style.width, "    "))
  if one.advice then
    layout.append(lines, layout.wrap("To do: " .. escape(once(one.advice)), style.width, "    ", "      "))
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
  local once = vocabulary.advice_once(steps)
  local lines = { style.paint("What does resumption give away? (audit)", "strong") }
  for _, one in ipairs(finding.sorted(list)) do
    if one.verdict ~= "good" and one.verdict ~= "not_applicable" then
      add(lines, one, style, once)
    end
  end
  layout.append(lines, layout.wrap(escape(the_rest(list)) .. ".", style.width, "  "))
  return lines
end

return M
