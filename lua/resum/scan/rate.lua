-- How often is a session resumed? Behind a balancer only the share of many attempts tells, and only when it is
-- known how they were made: seed sessions, each offered a few times, in random order (resum.scan.plan), the mechanisms
-- side by side.

local browser = require "resum.scan.browser"
local contrast = require "resum.analysis.contrast"
local counting = require "resum.analysis.counting"
local engine_choice = require "resum.connection.engine_choice"
local obtaining = require "resum.scan.obtain_sessions"
local own_crowd = require "resum.scan.own_crowd"
local plans = require "resum.scan.plan"
local figures = require "resum.scan.rate_figures"
local promises = require "resum.scan.promise"
local single_use = require "resum.analysis.single_use"
local verdict = require "resum.analysis.verdict"
local random = require "resum.util.random"
local second_look = require "resum.scan.second_look"
local side_by_side = require "resum.util.side_by_side"

local M = { name = "rate", recorded = true, summary = "how often each mechanism resumes, in many attempts" }

M.defaults = { attempts = 100, engine = "probe" }

local HOPELESS = 10 -- attempts without any answer, after which no more are made
local FIRST = 2 -- so many times the attempts at once are the first ones, by which a sequence is stopped or not
local LOOKS = 20 -- full handshakes, where the first were refused for their version
local BATCH = 8 -- handshakes whose sessions are fresh at a time: a server's cache may be small
-- Offers that failed, by share, from which on full handshakes are held against them. Fewer can't be told: 5 of 100
-- against 0 of 100 is chance (1 in 16), and many networks lose 1.
local MANY_FAILED = 0.05
-- These wait for those: each resumption by PSK may leave new sessions in a cache that session IDs live in, too.
local AFTER = { psk = "session_id" }

-- Where a server does not speak the version, another one behind the same address may.
local function look_further(client, mechanism, seeds)
  local found = obtaining.seek(client, LOOKS, 1, client.line:jobs(), function()
    local record = client:attempt({ mechanism = mechanism, want_tickets = true, design = "seed" })
    seeds[#seeds + 1] = record.outcome ~= "interrupted" and record or nil
    return record
  end)
  return #found > 0 and found or nil
end

local function obtain_one(client, mechanism, sessions, seeds, options)
  local list, records = obtaining.obtain(client, mechanism, options.retries)
  table.move(records, 1, #records, #seeds + 1, seeds)
  sessions[#sessions + 1] = list
end

-- Where nothing is issued one look is enough, so the first one goes alone.
local function obtain_first(client, mechanism, seeds, options)
  local sessions = {}
  obtain_one(client, mechanism, sessions, seeds, options)
  if #sessions == 0 and #seeds > 0 and counting.refuses_version(seeds[#seeds]) then
    sessions[1] = look_further(client, mechanism, seeds)
  end
  return sessions
end

-- Sessions of more full handshakes: those of each handshake as one list.
local function obtain_more(client, mechanism, count, sessions, seeds, options)
  local jobs = {}
  for i = 1, count do
    jobs[i] = function()
      obtain_one(client, mechanism, sessions, seeds, options)
    end
  end
  side_by_side.run(client.host, jobs, client.line:jobs())
end

local ANSWERED = { resumed = true, refused = true, unknown = true, alert = true }

-- Watches the first attempts of a sequence: is it worth going on? A server may take so many connections at once from
-- one client, and turn the rest away: "crowded". Where nothing is answered at all it is "hopeless".
local function new_watch(concurrency)
  local first = FIRST * concurrency
  local watch = { ended = 0, answered = 0, turned_away = 0, stop = nil }

  function watch.note(record)
    watch.ended = watch.ended + 1
    watch.answered = watch.answered + (ANSWERED[record.outcome] and 1 or 0)
    watch.turned_away = watch.turned_away + (own_crowd.is_turned_away(record) and 1 or 0)
    if concurrency > 1 and watch.ended == first and own_crowd.may_be(watch.turned_away, first) then
      watch.stop = "crowded"
    elseif not watch.stop and watch.ended >= math.max(HOPELESS, first) and watch.answered == 0 then
      watch.stop = "hopeless"
    end
  end

  return watch
end

-- One offer of a seed's session; its place in the sequence is that of its start. What takes the place of a session that
-- is too old, or spent, is another seed.
local function offer(client, mechanism, seed, design, sequence, seeds, options)
  local place = {}
  sequence[#sequence + 1] = place
  local session = obtaining.keep_fresh(client, mechanism, seed.session, options.retries, seeds)
  if session ~= seed.session then
    seed.session, seed.handshake = session, session
  end
  place.seed = seed.handshake or session
  place.record = client:attempt({
    mechanism = mechanism, session = session, engine = options.engine, design = design,
  })
  return place.record
end

-- As many seeds and offers as the plan wants, unless who watches stops it.
local function offer_planned(client, mechanism, plan, sequence, seeds, options, watch)
  side_by_side.run(client.host, function()
    local what, seed
    if not client.cancelled() and not watch.stop then
      what, seed = plan:next()
    end
    return what == "offer" and function()
      local number, begun = #sequence + 1, plan:begin(seed)
      local record = offer(client, mechanism, seed, "fixed", sequence, seeds, options)
      watch.note(record)
      plan:note(begun, number, record.outcome)
    end or what == "seed" and function()
      local list, records = obtaining.obtain(client, mechanism, options.retries)
      table.move(records, 1, #records, #seeds + 1, seeds)
      plan:has_come(list and list[#list])
    end or nil
  end, client.line:jobs())
  figures.drop_what_was_not_made(sequence)
end

-- Every session of every handshake once, in random order.
local function offer_fresh(client, mechanism, sessions, sequence, seeds, options)
  local plan, watch, number, before = {}, new_watch(1), 0, #sequence
  for _, list in ipairs(sessions) do
    for _, session in ipairs(list) do
      plan[#plan + 1] = { handshake = list, session = session }
    end
  end
  random.shuffle(plan)
  side_by_side.run(client.host, function()
    number = number + 1
    local seed = before + number <= options.attempts and plan[number]
    if not seed or client.cancelled() or watch.stop then
      return nil
    end
    return function()
      watch.note(offer(client, mechanism, seed, "fresh", sequence, seeds, options))
    end
  end, client.line:jobs())
  figures.drop_what_was_not_made(sequence)
end

-- Nothing to offer: the verdict on the seeds says why.
local function without_sessions(client, mechanism, judged, seeds)
  local result = figures.fold(mechanism, {}, seeds, "fixed", client)
  result.verdict, result.reason, result.alert, result.version =
    judged.verdict, judged.reason, judged.alert, judged.version
  return result
end

-- Counts by which old sessions and fresh ones are compared: an offer that ends in an alert, or fails in whatever way,
-- is not taken. That fresh ones fare better shows that it is an answer, whichever way a server has of giving it.
local function counts_of(sequence, sessions)
  local counts = counting.count(figures.records_of(figures.counted(sequence)), true)
  return { resumed = counts.resumed, refused = counts.refused + counts.errors, seeds = sessions }
end

-- Tickets that are good for one connection: fresh ones, a batch at a time, each offered once; as long as they may fare
-- better than those of `fixed`.
local function measure_fresh(client, mechanism, fixed, seeds, options)
  local sequence = {}
  seeds.sequence = sequence
  while #sequence < options.attempts and not client.cancelled()
    and single_use.may_still_be(fixed, counts_of(sequence)) do
    local sessions = {}
    obtain_more(client, mechanism, BATCH, sessions, seeds, options)
    if #sessions == 0 then
      break
    end
    offer_fresh(client, mechanism, sessions, sequence, seeds, options)
  end
  return figures.fold(mechanism, sequence, seeds, "fresh", client), sequence
end

local function newest_of(sessions)
  local newest = {}
  for i, list in ipairs(sessions) do
    newest[i] = list[#list]
  end
  return newest
end

-- What is measured again begins with fresh sessions, as what was offered before may have been good for one offer.
local function begin_again(client, mechanism, sessions, seeds, options)
  local others = {}
  obtain_more(client, mechanism, #sessions, others, seeds, options)
  return #others > 0 and others or sessions
end

-- All of the figure comes from connections of which as many were at once. Where they were too many, fewer are, from the
-- start.
local function measure_fixed(client, mechanism, sessions, seeds, options)
  local limit, sequence
  repeat
    sessions = sequence and begin_again(client, mechanism, sessions, seeds, options) or sessions
    limit, sequence = client.line.limit, {}
    seeds.sequence = sequence
    local plan, watch = plans.new(newest_of(sessions), options.attempts, limit), new_watch(limit)
    offer_planned(client, mechanism, plan, sequence, seeds, options, watch)
    if not own_crowd.is_it(client, mechanism, watch.turned_away, watch.ended) and watch.stop == "crowded" then
      watch.stop = nil
      offer_planned(client, mechanism, plan, sequence, seeds, options, watch)
    end
  until client.line.limit == limit or client.cancelled()
  return figures.fold(mechanism, sequence, seeds, "fixed", client), sequence
end

-- Returns the figure, and how it was made: sequence and design, and a session.
local function measure_sessions(client, mechanism, sessions, seeds, options)
  local result, sequence = measure_fixed(client, mechanism, sessions, seeds, options)
  if single_use.may_be(figures.counted(sequence)) then
    local fixed = counts_of(sequence, result.seeds)
    local fresh, of_fresh = measure_fresh(client, mechanism, fixed, seeds, options)
    if single_use.is(fixed, counts_of(of_fresh)) then
      single_use.explain(fresh, mechanism, figures.records_of(figures.counted(sequence)),
        figures.records_of(figures.counted(of_fresh)))
      result, sequence = fresh, of_fresh
    end
  end
  local newest = newest_of(sessions)
  return result, { sequence = sequence, design = result.design, session = newest[#newest] }
end

local function seeds_for(attempts)
  return math.max(1, math.min(plans.SEEDS, attempts // plans.OFFERS))
end

-- What the support scan met does not count here: behind a balancer it may have met some of the servers only.
local function start(client, mechanism, control, options)
  local begun = { seeds = {}, moved = client:moved(mechanism) }
  begun.sessions = obtain_first(client, mechanism, begun.seeds, options)
  if #begun.sessions == 0 then
    local after = obtaining.other_version_around(client, mechanism, begun.seeds)
    begun.judged = verdict.of_seeds(mechanism, begun.seeds, control, after)
  end
  return begun
end

-- Who had to wait begins with sessions of its own time: in a small cache the first one may not be there any more.
local function measure(client, mechanism, begun, options, turn)
  local sessions, seeds = begun.sessions, begun.seeds
  if begun.judged then
    return without_sessions(client, mechanism, begun.judged, seeds)
  end
  local count = seeds_for(options.attempts)
  if turn then
    turn:get()
    sessions = {}
  end
  obtain_more(client, mechanism, count - #sessions, sessions, seeds, options)
  if #sessions == 0 then
    sessions = begun.sessions
  end
  local result
  result, begun.made = measure_sessions(client, mechanism, sessions, seeds, options)
  if not begun.moved and client:moved(mechanism) then -- in the middle: the whole figure comes from one engine
    sessions = begin_again(client, mechanism, sessions, seeds, options)
    result, begun.made = measure_sessions(client, mechanism, sessions, seeds, options)
  end
  result.engine_moved = client:moved(mechanism)
  return result
end

-- What there is to hold offers that failed against, mechanism by mechanism; nothing where they failed nowhere often.
-- (Where tickets are good for one connection, the others show enough.)
local function evidence_of_failures(begun)
  local all, many = {}, false
  for mechanism, one in pairs(begun) do
    local records = one.made and figures.records_of(figures.counted(one.made.sequence)) or {}
    local fail_often = #records > 0 and second_look.count_failures(records) >= MANY_FAILED * #records
    if fail_often or one.made and one.made.design == "fixed" then
      all[mechanism] = { session = one.made.session, fixed = records, seeds = {} }
    end
    many = many or fail_often
  end
  return many and all or {}
end

-- Do offers fail where full handshakes of the same time do not? Those that are made to see it do not count.
local function look_at_failures(client, begun, options, rates)
  local all = evidence_of_failures(begun)
  second_look.at_failures(client, all,
    { engine = options.engine, concurrency = client.line:jobs(), retries = options.retries })
  for mechanism, evidence in pairs(all) do
    if evidence.fails then
      local made, moved = begun[mechanism].made, rates[mechanism].engine_moved
      rates[mechanism] = figures.fold(mechanism, made.sequence, begun[mechanism].seeds, made.design, client,
        contrast.failures(evidence.beside.offers, evidence.beside.full))
      rates[mechanism].engine_moved = moved
    end
  end
end

-- The first sessions of each mechanism. A server that serves one client at a time is held up by a handshake that waits
-- for a ticket in vain: so nothing else begins before these have ended.
local function start_all(client, control, options, begun)
  local jobs = {}
  for i, mechanism in ipairs(options.mechanisms) do
    jobs[i] = function()
      begun[mechanism] = start(client, mechanism, control, options)
    end
  end
  side_by_side.run(client.host, jobs)
end

-- Jobs that measure one mechanism each; whoever waits for another comes behind it.
local function jobs_of(client, begun, options, rates)
  local jobs, ended = {}, {}
  local function add(mechanism)
    ended[mechanism] = promises.new(client.host)
    jobs[#jobs + 1] = function()
      rates[mechanism] =
        ended[mechanism]:settle(measure, client, mechanism, begun[mechanism], options, ended[AFTER[mechanism]])
      if client.cancelled() then
        verdict.cut_off(rates[mechanism])
      end
    end
  end
  for _, late in ipairs({ false, true }) do
    for _, mechanism in ipairs(options.mechanisms) do
      if (AFTER[mechanism] ~= nil) == late then
        add(mechanism)
      end
    end
  end
  return jobs
end

--- How many connections it makes, where none fails and the server speaks the mechanisms' versions.
-- @tparam table options mechanisms, attempts, engine, starttls
-- @treturn table least (everything resumes) and most (sessions are refused; tickets are not single-use)
function M.connections(options)
  local checks = options.engine == "probe" and engine_choice.CHECKS or { least = 0, most = 0 }
  local least = options.starttls and 0 or checks.least -- libssl makes all where a protocol wants a goodbye
  local sum, asked = { least = 0, most = 0 }, {}
  for _, mechanism in ipairs(options.mechanisms) do
    asked[mechanism] = true
  end
  for _, mechanism in ipairs(options.mechanisms) do
    local waits = AFTER[mechanism] and asked[AFTER[mechanism]]
    local each = seeds_for(options.attempts) + options.attempts + (waits and 1 or 0)
      + (mechanism == "psk" and browser.FULL or 0)
    sum.least = sum.least + each + least
    sum.most = sum.most + each + checks.most + math.ceil(options.attempts / plans.OFFERS)
  end
  return sum
end

-- What was measured before they were seen to be too many at once, and met it.
local function measure_again(client, begun, options, rates)
  for _, mechanism in ipairs(options.mechanisms) do
    local rate = rates[mechanism]
    if client.too_many and rate.concurrency > client.line.limit and rate.errors > 0 and not client.cancelled() then
      rates[mechanism] = measure(client, mechanism, begun[mechanism], options, nil)
    end
  end
end

-- What there is of a rate that is not measured to its end.
local function rate_so_far(client, mechanism, begun)
  local seeds, sequence = begun and begun.seeds or {}, {}
  for _, place in ipairs(seeds.sequence or {}) do
    if place.record and place.record.outcome ~= "interrupted" then
      sequence[#sequence + 1] = place
    end
  end
  local rate = figures.fold(mechanism, sequence, seeds, "fixed", client)
  verdict.cut_off(rate)
  return rate
end

--- The mechanisms side by side.
-- @tparam table client journal, see resum.scan.pool.recorder
-- @tparam table control the record of the control handshake
-- @tparam table options mechanisms (list), attempts (100), retries (2), engine ("probe")
-- @tparam table entry of the address: gets the field browser, see resum.scan.browser; and while the scan runs so_far,
--   which sets the field rate to what is known
-- @treturn table mechanism -> attempted, resumed, refused, errors, error_kinds, rate (0 to 1, errors apart; where it is
--   offers that fail, of all), rate_of_answered (errors apart, then) and failures (see resum.analysis.verdict.judge),
--   left_out (see resum.analysis.counting.left_out), interval ({lo, hi}, of the pool's rate: it knows that offers of
--   one session are not independent), confidence, design ("fixed", or "fresh" where tickets are good for one
--   connection), seeds, concurrency, too_many_at_once (with so many the server dropped most connections), engines (name
--   -> attempts), engine_moved (why libssl measured although the probe was asked for), version, verdict, reason, alert,
--   sequence ({{outcome, seed},...})
function M.run(client, control, options, entry)
  local rates, begun = {}, {}
  function entry.so_far()
    for _, mechanism in ipairs(options.mechanisms) do
      rates[mechanism] = rates[mechanism] or rate_so_far(client, mechanism, begun[mechanism])
    end
    entry.rate = rates
  end
  start_all(client, control, options, begun)
  local jobs = jobs_of(client, begun, options, rates)
  jobs[#jobs + 1] = begun.psk and not begun.psk.judged and function()
    entry.browser = browser.run(client, browser.FULL)
  end or nil
  side_by_side.run(client.host, jobs)
  measure_again(client, begun, options, rates)
  look_at_failures(client, begun, options, rates)
  return rates
end

return M
