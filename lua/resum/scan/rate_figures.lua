-- What a sequence of offers comes to: counts, the rate and its interval, the verdict. It makes no connection, and does
-- not know in which order offers were made, nor why.

local counting = require "resum.analysis.counting"
local second_look = require "resum.scan.second_look"
local statistics = require "resum.util.statistics"

local M = {}

local CONFIDENCE = 0.95

--- Drops from a sequence the attempts that were not made, as the scan was over.
-- @tparam {table,...} sequence it is changed
function M.drop_what_was_not_made(sequence)
  local kept = 0
  for i, place in ipairs(sequence) do
    sequence[i] = nil
    if place.record.outcome ~= "interrupted" then
      kept = kept + 1
      sequence[kept] = place
    end
  end
end

--- Those of a sequence that count: not offers of a spent session, as far as is known by now.
-- @tparam {table,...} sequence
-- @treturn {table,...} another sequence
function M.counted(sequence)
  local list = {}
  for _, place in ipairs(sequence) do
    list[#list + 1] = place.record.outcome ~= "unknown" and place or nil
  end
  return list
end

-- Seeds get numbers, in the order in which they were offered. Returns seed -> number, and how many there are.
local function number_seeds(sequence)
  local numbers, count = {}, 0
  for _, place in ipairs(sequence) do
    if not numbers[place.seed] then
      count = count + 1
      numbers[place.seed] = count
    end
  end
  return numbers, count
end

--- The records of a sequence, in its order.
-- @tparam {table,...} sequence
-- @treturn {record,...}
function M.records_of(sequence)
  local records = {}
  for i, entry in ipairs(sequence) do
    records[i] = entry.record
  end
  return records
end

local function count_engines(sequence)
  local engines = {}
  for _, entry in ipairs(sequence) do
    local engine = entry.record.engine
    engines[engine] = (engines[engine] or 0) + 1
  end
  return engines
end

-- How each seed's offers ended, as far as they were answered; where it is offers that fail, those as well.
local function clusters_of(sequence, failures)
  local list, of = {}, {}
  for _, entry in ipairs(sequence) do
    local outcome = entry.record.outcome
    if outcome == "resumed" or outcome == "refused"
      or (failures and counting.failed_in_handshake(entry.record)) then
      local one = of[entry.seed] or { successes = 0, trials = 0 }
      list[#list + 1] = not of[entry.seed] and one or nil
      of[entry.seed] = one
      one.successes, one.trials = one.successes + (outcome == "resumed" and 1 or 0), one.trials + 1
    end
  end
  return list
end

-- Where alerts count for refusals, too, the seeds are not asked: it is a rare case, and a mixture of both.
local function interval_of(sequence, counts, failures)
  if counts.alerts > 0 then
    return statistics.wilson(counts.resumed, counts.resumed + counts.refused, CONFIDENCE)
  end
  return statistics.clustered(clusters_of(sequence, failures), CONFIDENCE)
end

--- The rate of a mechanism, and all that stands beside it. Where offers fail and other handshakes do not, those that
-- failed count, as refusals where an alert is the server's answer: whoever has to come again has not resumed.
-- @tparam string mechanism
-- @tparam {table,...} offers places: record (of an offer), seed (what tells it from other seeds)
-- @tparam {record,...} seeds the full handshakes
-- @tparam string design "fixed" or "fresh"
-- @tparam table client see resum.scan.pool.recorder
-- @tparam[opt] table failures see resum.analysis.contrast.failures: offers that fail where full handshakes do not
-- @treturn table an address's entry of rate: see docs/json.md
function M.fold(mechanism, offers, seeds, design, client, failures)
  local sequence = M.counted(offers)
  local records = M.records_of(sequence)
  local counts = counting.count(records, failures ~= nil)
  local numbers, handshakes = number_seeds(sequence)
  local verdict, reason = counting.of_counts(counts, failures)
  failures = reason == "fails_on_resumption" and failures or nil
  local answered = counts.resumed + counts.refused
  local of = answered + (failures and second_look.count_failures(records) - counts.alerts or 0)
  local lo, hi = interval_of(sequence, counts, failures)
  local outcomes = {}
  for i, entry in ipairs(sequence) do
    outcomes[i] = { outcome = entry.record.outcome, seed = numbers[entry.seed] }
  end
  local result = {
    mechanism = mechanism,
    attempted = counts.attempted,
    resumed = counts.resumed,
    refused = counts.refused,
    errors = counts.errors,
    error_kinds = counts.error_kinds,
    left_out = counting.left_out(M.records_of(offers)),
    rate = of > 0 and counts.resumed / of or nil,
    rate_of_answered = failures and answered > 0 and counts.resumed / answered or nil,
    failures = failures,
    interval = lo and { lo, hi } or nil,
    confidence = CONFIDENCE,
    design = design,
    seeds = handshakes,
    concurrency = client.line.limit,
    too_many_at_once = answered > 0 and not failures and client.too_many or nil, -- else it was not their number
    engines = count_engines(sequence),
    version = seeds[#seeds] and seeds[#seeds].version,
    sequence = outcomes,
    verdict = verdict,
    reason = reason,
  }
  result.alert = counting.name_of_alert(result.reason, records)
  return result
end

return M
