-- What a watch knows as OpenMetrics, for the textfile collector of Prometheus' node_exporter. Samples of one metric
-- stand together. Pure. What came from a server is escaped.

local mechanisms = require "resum.connection.mechanism"
local openmetrics = require "resum.report.openmetrics"
local words = require "resum.analysis.watch.words"

local M = {}

-- Each metric: its name, its kind, what it says, and the unit of its values.
local METRICS = {
  { "resum_up", "gauge", "1 where the server answers, 0 where it is down." },
  { "resum_ticket_key_age_seconds", "gauge", "How long a ticket key has been met by this watch: a lower bound.",
    "seconds" },
  { "resum_certificate_age_seconds", "gauge", "How long a certificate has been met by this watch.", "seconds" },
  { "resum_rate", "gauge", "The share of the last 100 offers of sessions within their lifetime that resumed." },
  { "resum_oldest_resumed_seconds", "gauge", "The age of the oldest session that resumed since the last change.",
    "seconds" },
  { "resum_sessions_held", "gauge", "How many sessions are held." },
  { "resum_last_round_timestamp_seconds", "gauge", "When the last round ended, in seconds since 1970.", "seconds" },
  { "resum_events", "counter", "How many events there were, by their kind." },
}

local function add_ages(add, metric, list, place, label, now)
  for _, one in ipairs(list) do
    add(metric, { place[1], place[2], { label, one.name } }, math.max(0, now - one.first))
  end
end

local function add_place(add, one)
  local state = one.state
  local place = { { "target", one.target }, { "address", state.address } }
  add("resum_up", place, state.is_up ~= nil and (state.is_up and 1 or 0) or nil)
  add_ages(add, "resum_ticket_key_age_seconds", state.keys, place, "key", state.now)
  add_ages(add, "resum_certificate_age_seconds", state.certificates, place, "certificate", state.now)
  for _, name in ipairs(mechanisms.names) do
    local known = state.mechanisms[name] or {}
    local with_mechanism = { place[1], place[2], { "mechanism", name } }
    add("resum_rate", with_mechanism, known.rate)
    add("resum_oldest_resumed_seconds", with_mechanism, known.known_age_s)
    add("resum_sessions_held", with_mechanism, state.sessions[name])
  end
  add("resum_last_round_timestamp_seconds", place, state.time)
  for _, kind in ipairs(words.kinds) do
    add("resum_events", { place[1], place[2], { "event", kind } }, state.counts[kind] or 0)
  end
end

local function number(value)
  return (("%.3f"):format(value):gsub("%.?0+$", ""))
end

--- All that is known, as text.
-- @tparam {table,...} places target (label) and state (see resum.watch.place) of each
-- @treturn string
function M.text(places)
  local samples, kinds = {}, {}
  for _, metric in ipairs(METRICS) do
    samples[metric[1]], kinds[metric[1]] = {}, metric[2]
  end
  local function add(metric, list, value)
    local suffix = kinds[metric] == "counter" and "_total" or ""
    table.insert(samples[metric], value and ("%s%s%s %s\n"):format(metric, suffix, openmetrics.labels(list),
      number(value)))
  end
  for _, one in ipairs(places) do
    add_place(add, one)
  end
  local parts = {}
  for _, metric in ipairs(METRICS) do
    local name, kind, help, unit = table.unpack(metric)
    parts[#parts + 1] = openmetrics.family({ name = name, kind = kind, help = help, unit = unit }, samples[name])
  end
  return table.concat(parts) .. "# EOF\n"
end

return M
