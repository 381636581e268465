-- Is resumption in order behind this address? A sequential test: it offers sessions until it is certain at 1 % error,
-- either way, and then stops. So it has a verdict and no rate: the number of attempts depends on their outcomes. The
-- mechanisms are tested side by side, in rounds of one connection each.

local counting = require "resum.analysis.counting"
local obtaining = require "resum.scan.obtain_sessions"
local pool_findings = require "resum.analysis.pool.findings"
local pool_words = require "resum.analysis.pool_words"
local side_by_side = require "resum.util.side_by_side"
local statistics = require "resum.util.statistics"
local verdicts = require "resum.analysis.verdict"
local random = require "resum.util.random"

local M = {}

local SEEDS = 4
local HEALTHY, BROKEN = 0.995, 0.9 -- chances to resume; a member in eight that does not resume gives 0.875
local ERROR = 0.01
local MOST_FAILURES = 10 -- failed connections, then it is given up
local MOST_FOR_EACH = 2 -- offers made for each one that is to be answered; those of spent sessions count for nothing

local NEVER = 60 -- refusals without one resumption: a group of a twelfth would have shown in 99 of 100 cases

local function new_test(mechanism)
  return { mechanism = mechanism, sessions = {}, handshakes = {}, records = {} }
end

-- A connection for each test that wants one, side by side, in an order that is drawn for each round: in a fixed one
-- three mechanisms would keep step with a rotation over three servers, and each meet the same server again and again.
local function run_round(client, tests, limit, step)
  local jobs = {}
  for i, test in ipairs(random.shuffle({ table.unpack(tests) })) do
    jobs[i] = function()
      step(test)
    end
  end
  side_by_side.run(client.host, jobs, limit)
end

local function which(tests, condition)
  local list = {}
  for _, test in ipairs(tests) do
    list[#list + 1] = condition(test) and test or nil
  end
  return list
end

local function has_sessions(test)
  return #test.sessions > 0
end

local function obtain_all(client, tests, options)
  for _ = 1, SEEDS do
    run_round(client, tests, options.concurrency, function(test)
      local list, records = obtaining.obtain(client, test.mechanism, options.retries)
      table.move(records, 1, #records, #test.handshakes + 1, test.handshakes)
      test.sessions[#test.sessions + 1] = list and list[#list]
    end)
    tests = which(tests, has_sessions)
  end
end

-- A session that resumed may be good for one connection only: what it gave comes in its place.
local function replace(sessions, i, record)
  local newest = record.sessions[#record.sessions]
  if newest then
    sessions[i] = newest
  end
end

-- What never resumed may be switched off, as nginx's session IDs are by default: another thing than not shared.
local function conclude(decision, counts)
  if decision == "good" then
    return "healthy"
  elseif decision == "bad" and counts.resumed > 0 then
    return "broken"
  elseif counts.resumed == 0 and counts.refused >= NEVER then
    return "no_resumption"
  end
end

-- What the offers so far say, and whether that is certain. (Whether a session was spent may turn out later.)
local function result_of(test)
  local decide = statistics.sequential(HEALTHY, BROKEN, ERROR)
  local result = { resumed = 0, refused = 0, errors = 0, left_out = counting.left_out(test.records) }
  local certain
  local version_refuses = counting.version_refusals(test.records)
  for _, record in ipairs(test.records) do
    local answer = version_refuses(record) and "refused" or record.outcome
    if answer == "resumed" or answer == "refused" then
      result[answer] = result[answer] + 1
      certain = certain or conclude(decide(answer == "resumed"), result)
    elseif answer ~= "unknown" then
      result.errors = result.errors + 1
    end
  end
  result.verdict = test.verdict or certain or "inconclusive"
  return result, certain ~= nil
end

local function offer(client, test, options)
  local i = random.integer(#test.sessions)
  local session = obtaining.keep_fresh(client, test.mechanism, test.sessions[i], options.retries, test.handshakes)
  test.sessions[i] = session
  local record = client:attempt({
    mechanism = test.mechanism, design = "quick", session = session, engine = "handshake", want_tickets = true,
  })
  test.records[#test.records + 1] = record.outcome ~= "interrupted" and record or nil
  if record.outcome == "resumed" then
    replace(test.sessions, i, record)
  end
end

local function offer_all(client, tests, options)
  local function goes_on(test)
    local so_far, is_certain = result_of(test)
    return not is_certain and so_far.errors < MOST_FAILURES and so_far.resumed + so_far.refused < options.attempts
      and #test.records < MOST_FOR_EACH * options.attempts
  end
  local left = which(tests, goes_on)
  while #left > 0 and not client.cancelled() do
    run_round(client, left, options.concurrency, function(test)
      offer(client, test, options)
    end)
    left = which(left, goes_on)
  end
end

-- What nothing can be offered for: a full handshake without a session is a verdict on it, too.
local WITHOUT_SESSIONS = { not_supported = "no_resumption", not_applicable = "not_applicable" }

local function judge_without_sessions(client, test, control)
  if client.cancelled() then
    return nil
  end
  local after = obtaining.other_version_around(client, test.mechanism, test.handshakes)
  test.verdict = WITHOUT_SESSIONS[verdicts.of_seeds(test.mechanism, test.handshakes, control, after).verdict]
end

-- The first that occurs names the whole.
local ORDER = { "broken", "inconclusive", "healthy", "no_resumption", "not_applicable" }

-- Answers that make it certain that sessions are refused, at the earliest.
local function fewest_answers()
  local decide, count = statistics.sequential(HEALTHY, BROKEN, ERROR), 1
  local decision = decide(true)
  while not decision do
    decision, count = decide(false), count + 1
  end
  return count
end

--- How many connections it makes, where none fails and the server speaks the mechanisms' versions.
-- @tparam table options mechanisms, attempts
-- @treturn table least (it is broken, and that shows at once) and most (nothing is certain in the end); summary
function M.connections(options)
  return {
    least = #options.mechanisms * (SEEDS + math.min(fewest_answers(), options.attempts)),
    most = #options.mechanisms * (SEEDS + options.attempts),
    summary = "whether resumption is in order behind the address, until that is certain",
  }
end

-- What the mechanisms' results come to.
local function conclude_all(results, options)
  local met, whole = {}, { quick = results }
  for _, result in pairs(results) do
    met[result.verdict] = true
  end
  for _, verdict in ipairs(ORDER) do
    whole.verdict = whole.verdict or met[verdict] and verdict or nil
  end
  -- What resumes looks as if all of it was shared; what that leaves open is the same.
  whole.findings = whole.verdict == "healthy"
    and pool_findings.of({ results = {}, all = {}, verdict = "all_shared", sources = options.sources }) or {}
  whole.headline, whole.evidence = pool_words.of_quick(whole)
  return whole
end

--- @tparam table client
-- @tparam table control the record of the control handshake
-- @tparam table options mechanisms (list), attempts (at most so many for each; 100), retries (2), concurrency, sources
--   (list of local addresses, or nil)
-- @tparam[opt] table entry of the address: gets, while the scan runs, so_far, which sets the field balancer to what is
--   known
-- @treturn table verdict ("healthy", "broken", "no_resumption", "inconclusive", "not_applicable"), headline,
--   evidence, findings (see resum.analysis.pool.findings), quick (mechanism -> {verdict, resumed, refused, errors,
--   left_out (see resum.analysis.counting.left_out)})
function M.run(client, control, options, entry)
  local tests = {}
  for i, mechanism in ipairs(options.mechanisms) do
    tests[i] = new_test(mechanism)
  end
  local function conclude_so_far()
    local results = {}
    for _, test in ipairs(tests) do
      results[test.mechanism] = result_of(test)
    end
    return conclude_all(results, options)
  end
  entry = entry or {}
  function entry.so_far()
    entry.balancer = conclude_so_far()
  end
  obtain_all(client, tests, options)
  for _, test in ipairs(tests) do
    if not has_sessions(test) then
      judge_without_sessions(client, test, control)
    end
  end
  offer_all(client, which(tests, has_sessions), options)
  return conclude_so_far()
end

return M
