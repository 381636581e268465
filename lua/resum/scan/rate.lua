-- How often is a session resumed? Behind a balancer only the share of many attempts tells, and only when it is
-- known how they were made: a few seed sessions, each offered equally often, in random order, so that no
-- rotation of the balancer falls into step with ours.

local engine_choice = require "resum.connection.engine_choice"
local obtaining = require "resum.scan.obtain_sessions"
local statistics = require "resum.util.statistics"
local verdict = require "resum.analysis.verdict"
local random = require "resum.util.random"

local M = { name = "rate", recorded = true, summary = "how often each mechanism resumes, in many attempts" }

M.defaults = { attempts = 100, engine = "probe" }

local SEEDS = 4
local OFFERS = 5 -- of each seed at least, as far as the attempts reach
local SINGLE_USE_OFFERS = 2 -- of each seed, before it can be told that it resumes once only
local BY_CHANCE = 0.002 -- probability below which two shares differ
local HOPELESS = 10 -- attempts without any answer, after which no more are made
local FIRST = 2 -- so many times the attempts at once are the first ones, by which a sequence is stopped or not
local MOST = 2 / 3 -- the share of them that a server drops when so many at once are too many
local FEWER = 3 -- the factor by which fewer run at once then
local CROWD_LEAVES = 1 -- seconds for the server to see the others go
local LOOKS = 20 -- full handshakes, where the first were refused for their version
local BATCH = 8 -- handshakes whose sessions are fresh at a time: a server's cache may be small
local CONFIDENCE = 0.95

-- Where a server does not speak the version, another one behind the same address may.
local function look_further(client, mechanism, seeds, options)
  local found = obtaining.seek(client, LOOKS, 1, options.concurrency, function()
    local record = client:attempt({ mechanism = mechanism, want_tickets = true, design = "seed" })
    seeds[#seeds + 1] = record.outcome ~= "interrupted" and record or nil
    return record
  end)
  return #found > 0 and found or nil
end

-- Sessions from up to `count` full handshakes: those of each handshake as one list.
local function obtain_sessions(client, mechanism, count, seeds, options)
  local sessions, jobs = {}, {}
  for i = 1, count do
    jobs[i] = function()
      local list, records = obtaining.obtain(client, mechanism, options.retries)
      table.move(records, 1, #records, #seeds + 1, seeds)
      sessions[#sessions + 1] = list
    end
  end
  -- Where nothing is issued one look is enough, so the first goes alone.
  jobs[1]()
  if #sessions == 0 and #seeds > 0 and verdict.refuses_version(seeds[#seeds]) then
    sessions[1] = look_further(client, mechanism, seeds, options)
  end
  if #sessions > 0 then
    client.host.parallel({ table.unpack(jobs, 2) }, options.concurrency)
  end
  return sessions
end

local ANSWERED = { resumed = true, refused = true, alert = true }
local DROPPED = { closed = true, reset = true, unreachable = true }

-- Watches the first attempts of a sequence: is it worth to go on? A server may take so many connections at once from
-- one client, and drop the rest: "crowded". Where nothing is answered at all it is "hopeless".
local function new_watch(concurrency)
  local first = FIRST * concurrency
  local watch = { ended = 0, answered = 0, dropped = 0, stop = nil }

  function watch.note(outcome)
    watch.ended = watch.ended + 1
    watch.answered = watch.answered + (ANSWERED[outcome] and 1 or 0)
    watch.dropped = watch.dropped + (DROPPED[outcome] and 1 or 0)
    if concurrency > 1 and watch.ended == first and watch.dropped >= MOST * first then
      watch.stop = "crowded"
    elseif not watch.stop and watch.ended >= math.max(HOPELESS, first) and watch.answered == 0 then
      watch.stop = "hopeless"
    end
  end

  return watch
end

-- Attempts that were not made, as the scan was over.
local function drop_interrupted(sequence)
  local kept = 0
  for i, place in ipairs(sequence) do
    sequence[i] = nil
    if place.record.outcome ~= "interrupted" then
      kept = kept + 1
      sequence[kept] = place
    end
  end
end

-- Offers each of the plan's {seed = number, from = {session}}; appends to the sequence, in the order in which the
-- connections are started. Returns whether the server dropped most of them.
local function offer(client, mechanism, plan, design, sequence, seeds, options)
  local number, watch = 0, new_watch(options.concurrency)
  client.host.parallel(function()
    number = number + 1
    local entry = plan[number]
    if not entry or client.cancelled() or watch.stop then
      return nil
    end
    return function()
      local place = { seed = entry.seed }
      sequence[#sequence + 1] = place
      entry.from[1] = obtaining.keep_fresh(client, mechanism, entry.from[1], options.retries, seeds)
      place.record = client:attempt({
        mechanism = mechanism, session = entry.from[1], engine = options.engine, design = design,
        stays = options.too_many ~= nil,
      })
      watch.note(place.record.outcome)
    end
  end, options.concurrency)
  drop_interrupted(sequence)
  return watch.stop == "crowded"
end

-- The newest session of each handshake, equally often, in random order.
local function fixed_plan(sessions, attempts)
  local plan, newest = {}, {}
  for i, list in ipairs(sessions) do
    newest[i] = { list[#list] }
  end
  for i = 1, attempts do
    local which = (i - 1) % #sessions + 1
    plan[i] = { seed = which, from = newest[which] }
  end
  return random.shuffle(plan)
end

-- Every session of every handshake once, in random order.
local function fresh_plan(sessions, first_seed, most)
  local plan = {}
  for i, list in ipairs(sessions) do
    for _, session in ipairs(list) do
      plan[#plan + 1] = { seed = first_seed + i, from = { session } }
    end
  end
  random.shuffle(plan)
  return table.move(plan, 1, math.min(#plan, most), 1, {})
end

-- How often each seed was offered, and how often it resumed.
local function by_seed(sequence)
  local offered, resumed = {}, {}
  for _, entry in ipairs(sequence) do
    local which = entry.seed
    offered[which] = (offered[which] or 0) + 1
    resumed[which] = (resumed[which] or 0) + (entry.record.outcome == "resumed" and 1 or 0)
  end
  return offered, resumed
end

-- Every session resumed at most once although it was offered several times: then the tickets may be good for one
-- connection each, and only fresh ones can tell.
local function each_resumed_once(sequence, sessions)
  local offered, resumed = by_seed(sequence)
  local total = 0
  for i = 1, sessions do
    if (resumed[i] or 0) > 1 or (offered[i] or 0) < SINGLE_USE_OFFERS then
      return false
    end
    total = total + resumed[i]
  end
  return total > 0
end

-- Fresh sessions must do better than old ones, by more than chance. Few attempts can't show that; then it is enough
-- that every seed resumed once and every fresh session does.
local function fresh_does_better(fixed, fresh)
  if fresh.refused == 0 and fixed.resumed == fixed.seeds then
    return fresh.resumed > 0
  end
  return fresh.resumed * fixed.refused > fixed.resumed * fresh.refused
    and statistics.fisher(fresh.resumed, fresh.refused, fixed.resumed, fixed.refused) < BY_CHANCE
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
  local records = records_of(sequence)
  local counts = verdict.count(records, seeds)
  local answered = counts.resumed + counts.refused
  local lo, hi = statistics.wilson(counts.resumed, answered, CONFIDENCE)
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
    too_many_at_once = options.too_many,
    engines = count_engines(sequence),
    version = seeds[#seeds] and seeds[#seeds].version,
    sequence = outcomes,
  }
  result.verdict, result.reason = verdict.of_counts(counts)
  result.alert = verdict.name_of_alert(result.reason, records)
  return result
end

-- Nothing to offer: the verdict on the seeds says why.
local function without_sessions(mechanism, judged, seeds, options)
  local result = fold(mechanism, {}, seeds, "fixed", 0, options)
  result.verdict, result.reason, result.alert, result.version =
    judged.verdict, judged.reason, judged.alert, judged.version
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
    offer(client, mechanism, plan, "fresh", sequence, seeds, options)
    handshakes = handshakes + #sessions
  end
  return fold(mechanism, sequence, seeds, "fresh", handshakes, options)
end

local function with_fewer_at_once(options)
  local fewer = {}
  for name, value in pairs(options) do
    fewer[name] = value
  end
  fewer.concurrency = math.max(1, options.concurrency // FEWER)
  fewer.too_many = options.concurrency
  return fewer
end

local function measure_sessions(client, mechanism, sessions, seeds, options)
  local sequence = {}
  if offer(client, mechanism, fixed_plan(sessions, options.attempts), "fixed", sequence, seeds, options) then
    client.host.sleep(CROWD_LEAVES)
    local result = measure_sessions(client, mechanism, sessions, seeds, with_fewer_at_once(options))
    result.too_many_at_once = result.rate and result.too_many_at_once -- else it was not their number
    return result
  end
  local fixed = fold(mechanism, sequence, seeds, "fixed", #sessions, options)
  if not each_resumed_once(sequence, #sessions) then
    return fixed
  end
  local fresh = measure_fresh(client, mechanism, seeds, options)
  return fresh_does_better(fixed, fresh) and fresh or fixed
end

local function seeds_for(attempts)
  return math.max(1, math.min(SEEDS, attempts // OFFERS))
end

-- What the support scan met does not count here: behind a balancer it may have met some of the servers only.
local function measure(client, mechanism, control, options)
  local seeds = {}
  local moved = client:moved(mechanism)
  local sessions = obtain_sessions(client, mechanism, seeds_for(options.attempts), seeds, options)
  if #sessions == 0 then
    local after = obtaining.other_version_after(client, mechanism, seeds)
    return without_sessions(mechanism, verdict.of_seeds(mechanism, seeds, control, after), seeds, options)
  end
  local result = measure_sessions(client, mechanism, sessions, seeds, options)
  if not moved and client:moved(mechanism) then -- in the middle: the whole figure comes from one engine
    result = measure_sessions(client, mechanism, sessions, seeds, options)
  end
  result.engine_moved = client:moved(mechanism)
  return result
end

--- How many connections it makes, where none fails and the server speaks the mechanisms' versions.
-- @tparam table options mechanisms, attempts, engine, starttls
-- @treturn table least (everything resumes) and most (sessions are refused; tickets are not single-use)
function M.connections(options)
  local each = seeds_for(options.attempts) + options.attempts
  local checks = options.engine == "probe" and engine_choice.CHECKS or { least = 0, most = 0 }
  local least = options.starttls and 0 or checks.least -- libssl makes all where a protocol wants a goodbye
  return { least = #options.mechanisms * (each + least), most = #options.mechanisms * (each + checks.most) }
end

--- @tparam table client
-- @tparam table control the record of the control handshake
-- @tparam table options mechanisms (list), attempts (100), concurrency (10), retries (2), engine ("probe")
-- @treturn table mechanism -> attempted, resumed, refused, errors, error_kinds, rate (0 to 1, errors apart),
--   interval ({lo, hi}, Wilson), confidence, design ("fixed", or "fresh" where tickets are good for one
--   connection), seeds, concurrency, too_many_at_once (with so many the server dropped most connections), engines (name
--   -> attempts), engine_moved (why libssl measured although the probe was asked for), version, verdict, reason, alert,
--   sequence ({{outcome, seed},...})
function M.run(client, control, options)
  local rates = {}
  for _, mechanism in ipairs(options.mechanisms) do
    rates[mechanism] = measure(client, mechanism, control, options)
    if client.cancelled() then
      verdict.cut_off(rates[mechanism])
    end
  end
  return rates
end

return M
