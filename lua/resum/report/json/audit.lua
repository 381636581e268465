-- The findings of the audit as JSON. Pure.

local escape = require "resum.util.escape"
local values = require "resum.report.json.value"

local M = {}

-- Names of what was seen, with what was seen: text, numbers, yes or no.
local function plain(from)
  local out = {}
  for name, value in pairs(from or {}) do
    out[name] = type(value) == "string" and escape(value) or value
  end
  return out
end

--- One finding.
-- @tparam table from see resum.audit.finding
-- @treturn table
function M.finding(from)
  local out = values.pick(from, "id title severity verdict reason message group share advice")
  out.evidence = plain(from.evidence)
  out.sources = values.list(from.sources, escape)
  return out
end

return M
