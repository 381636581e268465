-- The findings of the audit on the page: a table, what is bad on top. Pure.

local finding = require "resum.audit.finding"
local markup = require "resum.report.html.markup"
local vocabulary = require "resum.analysis.vocabulary"

local M = {}

local escape = markup.escape

local MOODS = { critical = "bad", high = "bad", medium = "mixed", low = "mixed" }

local function badge(one)
  if one.verdict == "bad" then
    return markup.text("span", "badge " .. MOODS[one.severity], one.severity)
  end
  return markup.text("span", "badge " .. (one.verdict == "good" and "good" or "faint"), (one.verdict:gsub("_", " ")))
end

local function servers(one)
  return one.group and ("%s (%s %%)"):format(one.group, vocabulary.percent(one.share)) or ""
end

--- @tparam {table,...} list see resum.audit.finding
-- @treturn string markup
function M.section(list)
  local rows = {}
  for i, one in ipairs(finding.sorted(list)) do
    rows[i] = { badge(one), markup.text("code", nil, one.id), escape(one.message), escape(servers(one)),
      escape(one.advice or "") }
  end
  return "<h3>What resumption gives away</h3>"
    .. markup.table({ "verdict", "check", "what was found", "servers", "what to do" }, rows)
end

return M
