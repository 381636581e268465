-- Results as CSV (RFC 4180): a line for each address of a target, or for the target where none was reached. Pure. What
-- came from a server is escaped, and no field begins a formula where a spreadsheet opens it.

local conclusion = require "resum.analysis.conclusion"
local escape = require "resum.util.escape"
local mechanisms = require "resum.connection.mechanism"
local overview = require "resum.analysis.overview"

local M = {}

local FIELDS = { "target", "host", "port", "address", "status", "error", "starttls", "proxy", "client_certificate" }
local OF_MECHANISM = { "verdict", "reason", "version", "attempted", "resumed", "refused", "errors", "rate" }
local OF_POOL = { "verdict", "reason", "routing", "groups" }
local AT_A_GLANCE = { "severity", "headline" }

-- A spreadsheet takes what begins with one of these for a formula; a quote in front makes it text (OWASP, "CSV
-- Injection"). Numbers are ours.
local FORMULA = "^[=+%-@]"

local function field(value)
  if value == nil then
    return ""
  elseif type(value) == "number" then
    return ("%.6g"):format(value)
  end
  local text = escape(tostring(value))
  if text:find(FORMULA) then
    text = "'" .. text
  end
  return text:find('[",]') and '"' .. text:gsub('"', '""') .. '"' or text
end

local function line(values, count)
  local fields = {}
  for i = 1, count do
    fields[i] = field(values[i])
  end
  return table.concat(fields, ",") .. "\r\n"
end

--- The first line: the names of the fields.
-- @treturn string
function M.head()
  local names = { table.unpack(FIELDS) }
  for _, mechanism in ipairs(mechanisms.names) do
    for _, name in ipairs(OF_MECHANISM) do
      names[#names + 1] = mechanism .. "_" .. name
    end
  end
  for _, name in ipairs(OF_POOL) do
    names[#names + 1] = "balancer_" .. name
  end
  table.move(AT_A_GLANCE, 1, #AT_A_GLANCE, #names + 1, names)
  return line(names, #names)
end

local function of_address(described, entry, severity, headline)
  local values = { described.text, described.host, described.port, entry.address, entry.status,
    entry.error and entry.error.message, described.starttls, described.proxy, entry.client_certificate }
  local at = #FIELDS
  for _, mechanism in ipairs(mechanisms.names) do
    local judged = conclusion.judged(entry, mechanism) or {}
    for i, name in ipairs(OF_MECHANISM) do
      values[at + i] = judged[name]
    end
    at = at + #OF_MECHANISM
  end
  for i, name in ipairs(OF_POOL) do
    values[at + i] = entry.balancer and entry.balancer[name]
  end
  at = at + #OF_POOL
  values[at + 1], values[at + 2] = severity, headline
  return line(values, at + #AT_A_GLANCE)
end

--- One target.
-- @tparam table result what resum.run returned
-- @treturn string lines
function M.target(result)
  local lines = {}
  for i, entry in ipairs(result.addresses) do
    lines[i] = of_address(result.target, entry, overview.severity(entry), overview.headline(entry))
  end
  if not lines[1] then
    local glance = overview.of(result)
    lines[1] = of_address(result.target, { status = result.status, error = result.error }, glance.severity,
      glance.headline)
  end
  return table.concat(lines)
end

return M
