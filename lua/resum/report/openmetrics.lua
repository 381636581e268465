-- Results as OpenMetrics, for the textfile collector of Prometheus' node_exporter: gauges with the target as a label.
-- Samples of one metric stand together, so they are gathered and written at the end. Pure. What came from a server is
-- escaped.

local conclusion = require "resum.analysis.conclusion"
local escape = require "resum.util.escape"
local mechanisms = require "resum.connection.mechanism"
local target = require "resum.target"

local M = {}

-- Each metric: its name, what it says, and the unit of its values.
local METRICS = {
  { "resum_scanned", "1 where the address was scanned, 0 where it could not be." },
  { "resum_supported", "1 where the mechanism resumes, 0.5 where it does at times, 0 where it does not." },
  { "resum_rate_ratio", "The share of offered sessions that were resumed.", "ratio" },
  { "resum_ticket_lifetime_seconds", "How long the server says that its tickets live.", "seconds" },
  { "resum_pool_shared", "1 where all servers behind the address share their sessions, 0 where they do not." },
  { "resum_scan_seconds", "How long the scan of the target took.", "seconds" },
}

local SUPPORTED = { supported = 1, partially_supported = 0.5, not_supported = 0 }

--- Labels of a sample; what they say is escaped.
-- @tparam {{string,string},...} list names and what each says
-- @treturn string
function M.labels(list)
  local parts = {}
  for i, pair in ipairs(list) do
    parts[i] = ('%s="%s"'):format(pair[1], (escape(pair[2]):gsub('[\\"]', "\\%0")))
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

--- All samples of a metric, behind what it is; "" where there are none.
-- @tparam table metric name, kind ("gauge", "counter"), help, unit (or nil)
-- @tparam {string,...} samples lines
-- @treturn string
function M.family(metric, samples)
  if #samples == 0 then
    return ""
  end
  local unit = metric.unit and ("# UNIT %s %s\n"):format(metric.name, metric.unit) or ""
  return ("# TYPE %s %s\n%s# HELP %s %s\n%s"):format(metric.name, metric.kind, unit, metric.name, metric.help,
    table.concat(samples))
end

local Samples = {}
Samples.__index = Samples

local function add(self, metric, list, value)
  if value then
    local samples = self[metric]
    samples[#samples + 1] = ("%s%s %.6g\n"):format(metric, M.labels(list), value)
  end
end

local function add_address(self, name, entry)
  local place = { { "target", name }, { "address", entry.address } }
  add(self, "resum_scanned", place, entry.status == "completed" and 1 or 0)
  for _, mechanism in ipairs(mechanisms.names) do
    local judged = conclusion.judged(entry, mechanism) or {}
    local with_mechanism = { place[1], place[2], { "mechanism", mechanism } }
    add(self, "resum_supported", with_mechanism, SUPPORTED[judged.verdict])
    add(self, "resum_rate_ratio", with_mechanism, judged.rate)
    local support = entry.support and entry.support[mechanism] or {}
    local lifetime = support.lifetime_s or support.lifetime_hint_s
    add(self, "resum_ticket_lifetime_seconds", with_mechanism, lifetime)
  end
  local pool = entry.balancer and entry.balancer.verdict
  if pool and pool ~= "inconclusive" and pool ~= "unexplained" then
    add(self, "resum_pool_shared", place, (pool == "all_shared" or pool == "healthy") and 1 or 0)
  end
end

--- Adds a target.
-- @function samples:add
-- @tparam table result what resum.run returned
function Samples:add(result)
  local name = result.target.port and target.label(result.target) or result.target.text
  for _, entry in ipairs(result.addresses) do
    add_address(self, name, entry)
  end
  if #result.addresses == 0 then
    add(self, "resum_scanned", { { "target", name } }, 0)
  end
  add(self, "resum_scan_seconds", { { "target", name } }, result.elapsed_s)
end

--- All that was added, as text.
-- @function samples:text
-- @treturn string
function Samples:text()
  local parts = {}
  for _, metric in ipairs(METRICS) do
    local name, help, unit = table.unpack(metric)
    parts[#parts + 1] = M.family({ name = name, kind = "gauge", help = help, unit = unit }, self[name])
  end
  return table.concat(parts) .. "# EOF\n"
end

--- An empty set of samples.
-- @treturn table samples
function M.new()
  local samples = {}
  for _, metric in ipairs(METRICS) do
    samples[metric[1]] = {}
  end
  return setmetatable(samples, Samples)
end

return M
