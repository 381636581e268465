-- How often is a session resumed? Behind a balancer only the share of many attempts tells, and only when it is
-- known how they were made: a few seed sessions, each offered equally often, in random order, so that no
-- rotation of the balancer falls into step with ours.

local seed = require "resum.scan.seed"
local stats = require "resum.stats"
local verdict = require "resum.verdict"

local M = { name = "rate", summary = "how often each mechanism resumes, in many attempts" }

M.defaults = { attempts = 100, engine = "probe" }

local SEEDS = 4
local SINGLE_USE_OFFERS = 3 -- of each seed, before it can be told that it resumes once only
local BATCH = 8 -- handshakes whose sessions are fresh at a time: a server's cache may be small
local CONFIDENCE = 0.95

local function shuffle(list)
  for i = #list, 2, -1 do
    local j = math.random(i)
    list[i], list[j] = list[j], list[i]
  end
  return list
end

-- Sessions from up to `count` full handshakes: those of each handshake as one list.
local function obtain_sessions(client, mechanism, count, seeds, options)
  local sessions, jobs = {}, {}
  for i = 1, count do
    jobs[i] = function()
      local session, records = seed.obtain(client, mechanism, options.retries)
      table.move(records, 1, #records, #seeds + 1, seeds)
      if session then
        sessions[#sessions + 1] = records[#records].sessions
      end
    end
  end
  -- Where nothing is issued one look is enough, so the first goes alone.
  jobs[1]()
  if #sessions > 0 then
    client.host.parallel({ table.unpack(jobs, 2) }, options.concurrency)
  end
  return sessions
end

-- Offers each of the plan's {seed = number, session = session}; appends to the sequence, in the order in which the
-- connections are started.
local function offer(client, mechanism, plan, design, sequence, options)
  local number = 0
  client.host.parallel(function()
    number = number + 1
    local entry = plan[number]
    if not entry or client.cancelled() then
      return nil
    end
    return function()
      local place = { seed = entry.seed }
      sequence[#sequence + 1] = place
      place.record = client:attempt({
        mechanism = mechanism, session = entry.session, engine = options.engine, design = design,
      })
    end
  end, options.concurrency)
end

-- The newest session of each handshake, equally often, in random order.
local function fixed_plan(sessions, attempts)
  local plan = {}
  for i = 1, attempts do
    local which = (i - 1) % #sessions + 1
    plan[i] = { seed = which, session = sessions[which][#sessions[which]] }
  end
  return shuffle(plan)
end

-- Every session of every handshake once, in random order.
local function fresh_plan(sessions, first_seed, most)
  local plan = {}
  for i, list in ipairs(sessions) do
    for _, session in ipairs(list) do
      plan[#plan + 1] = { seed = first_seed + i, session = session }
    end
  end
  shuffle(plan)
  return table.move(plan, 1, math.min(#plan, most), 1, {})
end

-- Every session resumed at most once although it was offered several times: then the tickets may be good for one
-- connection each, and only fresh ones can tell. Where that was not the cause, fresh ones do no harm.
local function each_resumed_once(sequence, sessions)
  local offered, resumed, total = {}, {}, 0
  for _, entry in ipairs(sequence) do
    offered[entry.seed] = (offered[entry.seed] or 0) + 1
    if entry.record.outcome == "resumed" then
      resumed[entry.seed] = (resumed[entry.seed] or 0) + 1
      total = total + 1
    end
  end
  for i = 1, sessions do
    if (resumed[i] or 0) > 1 or (offered[i] or 0) < SINGLE_USE_OFFERS then
      return false
    end
  end
  return total > 0
end

local function records_of(sequence)
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

local function fold(mechanism, sequence, seeds, design, handshakes, options)
  local counts = verdict.count(records_of(sequence))
  local answered = counts.resumed + counts.refused
  local lo, hi = stats.wilson(counts.resumed, answered, CONFIDENCE)
  local outcomes = {}
  for i, entry in ipairs(sequence) do
    outcomes[i] = { outcome = entry.record.outcome, seed = entry.seed }
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
    seeds = handshakes,
    concurrency = options.concurrency,
    engines = count_engines(sequence),
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
  local result = fold(mechanism, {}, seeds, "fixed", 0, options)
  result.verdict, result.reason = judged.verdict, judged.reason
  return result
end

-- Tickets that are good for one connection: fresh ones, a batch at a time, each offered once.
local function measure_fresh(client, mechanism, seeds, options)
  local sequence, handshakes = {}, 0
  while #sequence < options.attempts and not client.cancelled() do
    local sessions = obtain_sessions(client, mechanism, BATCH, seeds, options)
    if #sessions == 0 then
      break
    end
    local plan = fresh_plan(sessions, handshakes, options.attempts - #sequence)
    offer(client, mechanism, plan, "fresh", sequence, options)
    handshakes = handshakes + #sessions
  end
  return sequence, handshakes
end

local function measure_sessions(client, mechanism, sessions, seeds, options)
  local sequence = {}
  offer(client, mechanism, fixed_plan(sessions, options.attempts), "fixed", sequence, options)
  if not each_resumed_once(sequence, #sessions) then
    return fold(mechanism, sequence, seeds, "fixed", #sessions, options)
  end
  local fresh, handshakes = measure_fresh(client, mechanism, seeds, options)
  return fold(mechanism, fresh, seeds, "fresh", handshakes, options)
end

local function measure(client, mechanism, control, options)
  local seeds = {}
  local moved = client:moved(mechanism)
  local sessions = obtain_sessions(client, mechanism, math.min(SEEDS, options.attempts), seeds, options)
  if #sessions == 0 then
    return without_sessions(mechanism, seeds, control, options)
  end
  local result = measure_sessions(client, mechanism, sessions, seeds, options)
  if not moved and client:moved(mechanism) then -- in the middle: the whole figure comes from one engine
    result = measure_sessions(client, mechanism, sessions, seeds, options)
  end
  result.engine_moved = client:moved(mechanism)
  return result
end

--- @tparam table client
-- @tparam table control the record of the control handshake
-- @tparam table options mechanisms (list), attempts (100), concurrency (10), retries (2), engine ("probe")
-- @treturn table mechanism -> attempted, resumed, refused, errors, error_kinds, rate (0 to 1, errors apart),
--   interval ({lo, hi}, Wilson), confidence, design ("fixed", or "fresh" where tickets are good for one
--   connection), seeds, concurrency, engines (name -> attempts), engine_moved (why libssl measured although the probe
--   was asked for), version, verdict, reason, sequence ({{outcome, seed},...})
function M.run(client, control, options)
  local rates = {}
  for _, mechanism in ipairs(options.mechanisms) do
    rates[mechanism] = measure(client, mechanism, control, options)
  end
  return rates
end

return M
