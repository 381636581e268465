-- The findings of the audit for people: what is bad first, then what is open, what is good to know, and how many checks
-- found nothing. Pure.

local balancer = require "resum.report.text.pool"
local escape = require "resum.util.escape"
local finding = require "resum.audit.finding"
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

local function add_wrapped(lines, head, text, paint, colour)
  for i, line in ipairs(balancer.wrap(escape(text), "")) do
    lines[#lines + 1] = (i == 1 and head or (" "):rep(#head)) .. paint(line, colour)
  end
end

local function add(lines, one, paint)
  local is_bad = one.verdict == "bad"
  lines[#lines + 1] = ("      %s  %s"):format(paint(("%-13s"):format(is_bad and one.severity or one.verdict),
    is_bad and COLOURS[one.severity] or "faint"), paint(one.id, "strong"))
  add_wrapped(lines, "        ", one.message .. where(one), paint)
  if one.advice then
    add_wrapped(lines, "        => ", one.advice, paint)
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
-- @tparam function paint text, colour -> text
-- @treturn {string,...} lines
function M.lines(list, paint)
  local lines = { "    Audit: what resumption gives away" }
  for _, one in ipairs(finding.sorted(list)) do
    if one.verdict ~= "good" and one.verdict ~= "not_applicable" then
      add(lines, one, paint)
    end
  end
  add_wrapped(lines, "      ", the_rest(list), paint)
  return lines
end

return M
