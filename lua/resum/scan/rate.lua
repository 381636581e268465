-- How often is a session resumed? Behind a balancer only the share of many attempts tells, and only when it is
-- known how they were made: a few seed sessions, each offered equally often, in random order, so that no
-- rotation of the balancer falls into step with ours.

local seed = require "resum.scan.seed"
local stats = require "resum.stats"
local verdict = require "resum.verdict"

local M = { name = "rate", summary = "how often each mechanism resumes, in many attempts" }

M.defaults = { attempts = 100 }

local SEEDS = 4
local CONFIDENCE = 0.95

local function shuffle(list)
  for i = #list, 2, -1 do
    local j = math.random(i)
    list[i], list[j] = list[j], list[i]
  end
  return list
end

-- Up to `count` sessions, each from a full handshake of its own.
local function obtain_sessions(client, mechanism, count, options)
  local sessions, seeds = {}, {}
  local jobs = {}
  for i = 1, count do
    jobs[i] = function()
      -- One server that issues nothing is enough to know; the first job finds out alone.
      local session, records = seed.obtain(client, mechanism, options.retries)
      table.move(records, 1, #records, #seeds + 1, seeds)
      sessions[#sessions + 1] = session
    end
  end
  jobs[1]()
  if #sessions > 0 then
    client.host.parallel({ table.unpack(jobs, 2) }, options.concurrency)
  end
  return sessions, seeds
end

-- Offers sessions[plan[i]] for each i; the sequence is in the order in which the connections were started.
local function offer(client, mechanism, sessions, plan, design, options)
  local sequence, jobs = {}, {}
  local started = 0
  for i, which in ipairs(plan) do
    jobs[i] = function()
      if client.cancelled() then
        return
      end
      started = started + 1
      local place = started
      sequence[place] = { seed = which }
      sequence[place].record = client:attempt({ mechanism = mechanism, session = sessions[which], design = design })
      sequence[place].outcome = sequence[place].record.outcome
    end
  end
  client.host.parallel(jobs, options.concurrency)
  return sequence
end

-- Each session equally often, in random order.
local function fixed_plan(sessions, attempts)
  local plan = {}
  for i = 1, attempts do
    plan[i] = (i - 1) % sessions + 1
  end
  return shuffle(plan)
end

-- Every session resumed at most once although it was offered several times, and not by want of servers that
-- accept: such tickets are good for one connection, and the fixed design says nothing about them.
local function each_resumed_once(sequence, sessions)
  local offered, resumed, total = {}, {}, 0
  for _, entry in ipairs(sequence) do
    offered[entry.seed] = (offered[entry.seed] or 0) + 1
    if entry.outcome == "resumed" then
      resumed[entry.seed] = (resumed[entry.seed] or 0) + 1
      total = total + 1
    end
  end
  for i = 1, sessions do
    if (resumed[i] or 0) > 1 or (offered[i] or 0) < 3 then
      return false
    end
  end
  return sessions > 1 and total == sessions
end

local function records_of(sequence)
  local records = {}
  for i, entry in ipairs(sequence) do
    records[i] = entry.record
  end
  return records
end

local function fold(mechanism, sequence, sessions, seeds, design, options)
  local counts = verdict.count(records_of(sequence))
  local answered = counts.resumed + counts.refused
  local lo, hi = stats.wilson(counts.resumed, answered, CONFIDENCE)
  local outcomes = {}
  for i, entry in ipairs(sequence) do
    outcomes[i] = { outcome = entry.outcome, seed = entry.seed }
  end
  local result = {
    mechanism = mechanism,
    attempted = counts.attempted,
    resumed = counts.resumed,
    refused = counts.refused,
    errors = counts.errors,
    error_kinds = counts.error_kinds,
    rate = answered > 0 and counts.resumed / answered or nil,
    interval = lo and { lo, hi } or nil,
    confidence = CONFIDENCE,
    design = design,
    seeds = #sessions,
    concurrency = options.concurrency,
    version = seeds[#seeds] and seeds[#seeds].version,
    sequence = outcomes,
  }
  result.verdict, result.reason = verdict.of_counts(counts)
  return result
end

-- Nothing to offer: the support verdict of the seeds says why.
local function without_sessions(mechanism, seeds, control, options)
  local is_new = mechanism == "psk"
  local judged = verdict.judge(mechanism, {
    seeds = seeds,
    fixed = {},
    other_version_works = (control.version == "TLSv1.3") ~= is_new,
  })
  local result = fold(mechanism, {}, {}, seeds, "fixed", options)
  result.verdict, result.reason = judged.verdict, judged.reason
  return result
end

local function measure(client, mechanism, control, options)
  local sessions, seeds = obtain_sessions(client, mechanism, math.min(SEEDS, options.attempts), options)
  if #sessions == 0 then
    return without_sessions(mechanism, seeds, control, options)
  end
  local plan = fixed_plan(#sessions, options.attempts)
  local sequence = offer(client, mechanism, sessions, plan, "fixed", options)
  if not each_resumed_once(sequence, #sessions) then
    return fold(mechanism, sequence, sessions, seeds, "fixed", options)
  end
  sessions, seeds = obtain_sessions(client, mechanism, options.attempts, options)
  sequence = offer(client, mechanism, sessions, fixed_plan(#sessions, #sessions), "fresh", options)
  return fold(mechanism, sequence, sessions, seeds, "fresh", options)
end

--- @tparam table client
-- @tparam table control the record of the control handshake
-- @tparam table options mechanisms (list), attempts (100), concurrency (10), retries (1)
-- @treturn table mechanism -> attempted, resumed, refused, errors, error_kinds, rate (0 to 1, errors apart),
--   interval ({lo, hi}, Wilson), confidence, design ("fixed", or "fresh" where tickets are good for one
--   connection), seeds, concurrency, version, verdict, reason, sequence ({{outcome, seed},...})
function M.run(client, control, options)
  local rates = {}
  for _, mechanism in ipairs(options.mechanisms) do
    rates[mechanism] = measure(client, mechanism, control, options)
  end
  return rates
end

return M
