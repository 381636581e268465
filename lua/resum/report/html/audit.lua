-- The findings of the audit on the page: a table, what is bad on top. Pure.

local finding = require "resum.audit.finding"
local markup = require "resum.report.html.markup"
local vocabulary = require "resum.analysis.vocabulary"

local M = {}

local escape = markup.escape

local SEVERITIES = { critical = "broken", high = "broken", medium = "impaired", low = "impaired" }

local function verdict(one)
  if one.verdict == "bad" then
    return markup.text("span", "word " .. SEVERITIES[one.severity], one.severity)
  end
  return markup.text("span", "word " .. (one.verdict == "good" and "good" or "unknown"), (one.verdict:gsub("_", " ")))
end

--- @tparam {table,...} list see resum.audit.finding
-- @tparam[opt] {table,...} steps what the page has said before is to be done, see resum.analysis.overview
-- @treturn string markup
function M.section(list, steps)
  local rows, once = {}, vocabulary.advice_once(steps)
  for i, one in ipairs(finding.sorted(list)) do
    rows[i] = { verdict(one), escape(one.title or "") .. " " .. markup.text("code", "id", one.id),
      escape(one.message), escape(vocabulary.servers(one) or ""),
      escape(one.advice and once(one.advice) or "") }
  end
  return markup.section("What resumption gives away", #rows > 0 and markup.table({ "verdict", "check",
    "what was found", "servers", "what to do" }, rows) or "")
end

return M
