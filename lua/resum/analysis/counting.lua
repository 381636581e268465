-- Outcomes of attempts, counted, and what counts alone carry. Pure: records in, numbers and words out. Knows what is an
-- answer and what an accident: what timed out is neither yes nor no, and an alert is a refusal only where it is the
-- server's answer to offers.

local statistics = require "resum.util.statistics"

local M = {}

local ERRORS = { timeout = true, reset = true, closed = true, unreachable = true, protocol_error = true,
  no_starttls = true }
local ALERTS_AMONG_RESUMPTIONS = 0.2 -- the share from which on they are the answer of some of the servers

--- protocol_version, of the alerts of RFC 8446, section 6.2.
M.PROTOCOL_VERSION = 70

--- The same alert so often is no accident.
M.REPEATED = 2

--- A connection dropped in the same way so often is none either.
M.DROPPED = 3

--- How many attempts ended so.
-- @tparam {record,...} records
-- @tparam string outcome
-- @treturn integer
function M.of_outcome(records, outcome)
  local n = 0
  for _, record in ipairs(records) do
    n = n + (record.outcome == outcome and 1 or 0)
  end
  return n
end

--- The kind that occurs most often.
-- @tparam {string=number,...} kinds
-- @treturn string|nil
function M.most_frequent(kinds)
  local best
  for kind, n in pairs(kinds) do
    if not best or n > kinds[best] or (n == kinds[best] and kind < best) then
      best = kind
    end
  end
  return best
end

--- Has the connection failed, one way or another?
-- @tparam record record
-- @treturn boolean
function M.has_failed(record)
  return ERRORS[record.outcome] or record.outcome == "alert"
end

--- Has the handshake itself failed? Who was not let in failed for another reason.
-- @tparam record record
-- @treturn boolean
function M.failed_in_handshake(record)
  return record.error ~= nil and record.error.stage == "handshake"
end

--- What befell most of the full handshakes that failed.
-- @tparam {record,...} seeds
-- @treturn string an outcome, or "no_attempts"
function M.failure_reason(seeds)
  local kinds = {}
  for _, record in ipairs(seeds) do
    local how = record.outcome
    kinds[how] = how ~= "full" and (kinds[how] or 0) + 1 or nil
  end
  return M.most_frequent(kinds) or "no_attempts"
end

--- The last alert of a connection.
-- @tparam record record
-- @treturn table|nil code, description, from
function M.last_alert(record)
  local alerts = record.facts and record.facts.alerts or {}
  return alerts[#alerts]
end

--- Did a connection end with a protocol_version alert? A server that does not speak a session's version will never
-- resume it, and makes full handshakes of others. Whether that is an answer, version_refusals tells.
-- @tparam record record
-- @treturn boolean
function M.refuses_version(record)
  local last = record.outcome == "alert" and M.last_alert(record) or {}
  return last.code == M.PROTOCOL_VERSION
end

-- A server may answer an offered session with a fatal alert where it should fall back to a full handshake. That is its
-- answer where offers fail and full handshakes of the same time do not. A few alerts among resumptions are accidents,
-- counted as errors; and so is what was mangled on the way.
local function alert_is_answer(records, offers_fail)
  local alerts = M.of_outcome(records, "alert")
  if not offers_fail or alerts < M.REPEATED then
    return false
  elseif M.of_outcome(records, "resumed") == 0 then
    return true
  end
  return alerts >= ALERTS_AMONG_RESUMPTIONS * #records
end

-- Of ClientHellos with a bit flipped OpenSSL 3.0 answered 0.6 % (TLS 1.2) and 1.4 % (TLS 1.3) with protocol_version, of
-- 4,000 each; other libraries may more of them. So often, among all that failed, has it to be something else.
local MANGLED, MANGLED_BY_CHANCE = 0.05, 0.01

local COMPLETED = { resumed = true, refused = true, full = true }

--- Which connections of a mechanism were refused with a protocol_version alert? Those are answers of servers behind the
-- address that lack the version where others went on answering. A server that turns everybody away from some moment on
-- gives no answer; and one such alert, or some among other failures, may come from what was mangled on the way.
-- @tparam {table,...} records in order, or whatever has the outcome of one
-- @tparam[opt] number by_chance the most that what was mangled may look like it, where more hangs on it
-- @tparam[opt] function refuses (record) -> boolean: whether it is such an alert
-- @treturn function (record) -> boolean
function M.version_refusals(records, by_chance, refuses)
  local met, failed, go_on = 0, 0, false
  refuses = refuses or M.refuses_version
  for _, record in ipairs(records) do
    local is_met = refuses(record)
    met = met + (is_met and 1 or 0)
    failed = failed + (not is_met and M.has_failed(record) and 1 or 0)
    go_on = go_on or met > 0 and COMPLETED[record.outcome] or false
  end
  local is_chance = statistics.binomial_tail(met, met + failed, MANGLED) >= (by_chance or MANGLED_BY_CHANCE)
  return met >= M.REPEATED and not is_chance and go_on and refuses or function()
    return false
  end
end

--- Offers that count neither way, as their session was spent, by how that came about.
-- @tparam {record,...} records
-- @treturn {string=number,...}|nil "failed", "cut", "reset", "unlike" or "unseen" (see resum.connection.spending) ->
--   offers; nil: there are none
function M.left_out(records)
  local kinds
  for _, record in ipairs(records) do
    if record.outcome == "unknown" then
      kinds = kinds or {}
      kinds[record.doubt] = (kinds[record.doubt] or 0) + 1
    end
  end
  return kinds
end

--- Counts outcomes of attempts that offered a session.
-- @tparam {record,...} records
-- @tparam[opt] boolean offers_fail where full handshakes do not, see resum.analysis.contrast
-- @treturn table attempted, resumed, refused, errors (numbers), error_kinds (outcome -> number),
--   alerts (how many of the refused were fatal alerts), left_out (see left_out)
function M.count(records, offers_fail)
  local counts = { attempted = #records, resumed = 0, refused = 0, errors = 0, alerts = 0, error_kinds = {},
    left_out = M.left_out(records) }
  local alert_refuses, version_refuses = alert_is_answer(records, offers_fail), M.version_refusals(records)
  for _, record in ipairs(records) do
    local outcome = record.outcome
    if outcome == "unknown" then -- a spent session
      counts.attempted = counts.attempted - 1
    elseif outcome == "resumed" then
      counts.resumed = counts.resumed + 1
    elseif outcome == "refused"
      or (outcome == "alert" and (alert_refuses or version_refuses(record))) then
      counts.refused = counts.refused + 1
      counts.alerts = counts.alerts + (outcome == "alert" and 1 or 0)
    elseif M.has_failed(record) then
      counts.errors = counts.errors + 1
      counts.error_kinds[outcome] = (counts.error_kinds[outcome] or 0) + 1
    else
      error("counting.count: an attempt that offered nothing has no place here: " .. tostring(outcome), 2)
    end
  end
  return counts
end

--- The numbers that a result shows.
-- @tparam table counts from count()
-- @treturn table attempted, resumed, refused, errors
function M.plain(counts)
  return {
    attempted = counts.attempted,
    resumed = counts.resumed,
    refused = counts.refused,
    errors = counts.errors,
  }
end

local function add(sum, kinds)
  for kind, n in pairs(kinds or {}) do
    sum = sum or {}
    sum[kind] = (sum[kind] or 0) + n
  end
  return sum
end

--- Adds up.
-- @tparam table a from count()
-- @tparam table b from count()
-- @treturn table as count()
function M.together(a, b)
  local sum = add(add({}, M.plain(a)), M.plain(b))
  sum.error_kinds = add(add({}, a.error_kinds), b.error_kinds)
  sum.left_out = add(add(nil, a.left_out), b.left_out)
  sum.alerts = a.alerts + b.alerts
  return sum
end

--- The verdict that counts alone carry.
-- @tparam table counts from count()
-- @tparam[opt] table failures see resum.analysis.verdict.judge: offers fail where other handshakes do not
-- @treturn string "supported", "partially_supported", "not_supported" or "inconclusive"
-- @treturn string|nil reason: "issued_not_accepted", "issued_not_always_accepted", "alert_on_resumption",
--   "fails_on_resumption", or the most frequent error
function M.of_counts(counts, failures)
  local answered = counts.resumed + counts.refused
  local by_alert = counts.alerts > 0 and counts.alerts == counts.refused and "alert_on_resumption"
  if failures and not (by_alert and counts.alerts >= counts.errors) then
    return counts.resumed > 0 and "partially_supported" or "not_supported", "fails_on_resumption"
  elseif answered == 0 or counts.errors > answered then
    return "inconclusive", M.most_frequent(counts.error_kinds) or "no_attempts"
  elseif counts.refused == 0 then
    return "supported"
  end
  if counts.resumed > 0 then
    return "partially_supported", by_alert or "issued_not_always_accepted"
  end
  return "not_supported", by_alert or "issued_not_accepted"
end

local ABOUT_ALERTS = { alert = true, alert_on_resumption = true }

--- The name of the alert that a verdict's reason is about: the last one of its records.
-- @tparam string|nil reason
-- @tparam {record,...} records
-- @treturn string|nil
function M.name_of_alert(reason, records)
  for i = #records, 1, -1 do
    local alert = ABOUT_ALERTS[reason] and records[i].outcome == "alert" and M.last_alert(records[i])
    if alert then
      return alert.description
    end
  end
end

return M
