-- Is resumption supported? For each mechanism one session, offered several times ("fixed"): once, then the rest side by
-- side. Where not all of them resume, fresh sessions are offered once each as well ("pairs"): they tell tickets that
-- are good for one connection from servers that share nothing. Where none resumed, old ones are offered until it is
-- clear that none does. The mechanisms go side by side.

local browser = require "resum.scan.browser"
local counting = require "resum.analysis.counting"
local engine_choice = require "resum.connection.engine_choice"
local hunt = require "resum.scan.hunt"
local mechanisms = require "resum.connection.mechanism"
local obtaining = require "resum.scan.obtain_sessions"
local own_crowd = require "resum.scan.own_crowd"
local recorder = require "resum.scan.pool.recorder"
local second_look = require "resum.scan.second_look"
local side_by_side = require "resum.util.side_by_side"
local single_use = require "resum.analysis.single_use"
local verdict = require "resum.analysis.verdict"
local without_session = require "resum.analysis.without_session"

local M = { name = "support", summary = "whether each mechanism resumes, in a few attempts" }

-- A session, new; the full handshakes made for it are appended to the seeds.
local function obtain(journal, mechanism, options, seeds, want)
  local sessions, records = obtaining.obtain(journal, mechanism, options.retries, want)
  table.move(records, 1, #records, #seeds + 1, seeds)
  return sessions and sessions[#sessions], records
end

local function offer(journal, mechanism, session, design, options, place)
  return (journal:attempt({
    place = place,
    stays = options.engine == "probe", -- the server's end is seen in any case: a few offers are to be sure ones
    mechanism = mechanism,
    session = session,
    engine = options.engine,
    design = design,
    take_sessions = false,
  }))
end

local FAILED = { closed = true, reset = true, unreachable = true, timeout = true,
  unknown = true } -- beside one that failed

-- Runs a job for each number, side by side, at most so many at once; returns what they gave, in order.
local function run_each(journal, count, job, at_once)
  local given, jobs, list = {}, {}, {}
  for i = 1, count do
    jobs[i] = function()
      given[i] = job(i)
    end
  end
  side_by_side.run(journal.host, jobs, at_once)
  for i = 1, count do
    local record = given[i] -- what was not made because the scan was over is no evidence
    list[#list + 1] = record and record.outcome ~= "interrupted" and record or nil
  end
  return list
end

local function some_failed(records)
  for _, record in ipairs(records) do
    if FAILED[record.outcome] then
      return true
    end
  end
  return false
end

-- A server that drops some of what comes side by side, or leaves it waiting, may have enough of so many: only one at a
-- time tells. Where that fails as well, it was not their number.
local function come_singly(journal)
  journal.usual_limit = journal.usual_limit or journal.line.limit
  own_crowd.lower(journal, 1)
end

-- So many connections as neighbours, as far as there are places; beside the first ones, something else.
local function neighbours(journal, count, job, beside)
  local records, made = {}, 0
  repeat
    local places = journal.line:places(math.min(count - made, journal.line.limit))
    local some = run_each(journal, #places + (beside and 1 or 0), function(i)
      if places[i] then
        return job(places[i])
      end
      return beside()
    end)
    table.move(some, 1, #some, #records + 1, records)
    made, beside = made + #places, nil
  until made >= count or journal.cancelled()
  return records
end

-- The offers behind the first one are neighbours, so that they meet all servers of a rotation that is no longer than
-- they are. Where the first one resumed, it is seen meanwhile whether the server forgets a session at its client's
-- request.
local function offer_one_session(journal, mechanism, session, options, evidence)
  local function renew()
    session = obtaining.keep_young(journal, mechanism, session, options.retries, evidence.seeds)
  end
  local function offer_it(place)
    return offer(journal, mechanism, session, "fixed", options, place)
  end
  renew()
  local first = offer_it()
  evidence.fixed = first.outcome ~= "interrupted" and { first } or {}
  renew() -- whoever has a place has to take it, and makes no other connection before
  local records = neighbours(journal, options.attempts - 1, offer_it, first.outcome == "resumed" and function()
    second_look.ask_first(journal, mechanism, evidence, options)
  end or nil)
  if first.outcome ~= "interrupted" then
    table.insert(records, 1, first)
  end
  if not some_failed(records) or journal.stays then
    return records
  end
  come_singly(journal)
  -- The old one may have been good for one offer.
  session = obtain(journal, mechanism, options, evidence.seeds) or session
  records = run_each(journal, options.attempts, function()
    renew()
    return offer_it()
  end, journal.line:jobs())
  if some_failed(records) then
    own_crowd.restore(journal, journal.usual_limit)
  end
  return records
end

local function established(seeds)
  for _, record in ipairs(seeds) do
    if record.outcome == "full" then
      return true
    end
  end
  return false
end

-- The records stay until the target is reported; their sessions, which are larger, are of no more use.
local function drop_sessions(seeds)
  for _, record in ipairs(seeds) do
    record.sessions = {}
  end
end

-- The first offers of one mechanism's session.
local function offer_first(journal, mechanism, options, evidence)
  if evidence.session then
    evidence.fixed = offer_one_session(journal, mechanism, evidence.session, options, evidence)
  else
    evidence.other_version_around = obtaining.other_version_around(journal, mechanism, evidence.seeds)
  end
end

-- What is tried beside them, without what other mechanisms have to say.
local function go_on(journal, mechanism, options, evidence)
  if evidence.session then
    local counts = counting.count(evidence.fixed, evidence.fails)
    if counts.refused > 0 or evidence.fails and single_use.seems_to_be(evidence.fixed, true) then
      evidence.pairs, evidence.fresh = {}, {}
      second_look.offer_fresh(journal, mechanism, options.attempts, evidence, options)
    elseif counts.resumed == 0 then
      -- Did the server go away meanwhile, or does it fail where a session is offered? (Who has to come again for a full
      -- handshake, too, may have come too often.)
      local _, records = obtain(journal, mechanism, options, evidence.seeds)
      evidence.full_after = records[1] ~= nil and records[1].outcome == "full"
    end
  end
  evidence.interrupted = journal.cancelled()
  evidence.finished = not evidence.session and not evidence.interrupted -- nothing else is asked of it
end

local function gather(journal, options, all)
  local names = options.mechanisms
  run_each(journal, #names, function(i)
    offer_first(journal, names[i], options, all[names[i]])
  end)
  second_look.at_failures(journal, all, options)
  run_each(journal, #names, function(i)
    go_on(journal, names[i], options, all[names[i]])
  end)
end

local function outcomes_of(...)
  local met = {}
  for _, records in ipairs({ ... }) do
    for _, record in ipairs(records) do
      met[record.outcome] = true
    end
  end
  return met
end

-- Refused wherever it was offered?
local function needs_hunt(evidence)
  local met = outcomes_of(evidence.fixed, evidence.pairs or {})
  for _, look in ipairs(evidence.later or {}) do
    met.resumed = met.resumed or outcomes_of(look.records).resumed
  end
  return met.refused and not met.resumed
end

local function hunt_old_sessions(journal, all, options)
  local wanted = {}
  for mechanism, evidence in mechanisms.each(all) do
    wanted[#wanted + 1] = needs_hunt(evidence) and mechanism or nil
  end
  run_each(journal, #wanted, function(i)
    local evidence = all[wanted[i]]
    local sessions = table.move(evidence.fresh or {}, 1, #(evidence.fresh or {}), 2, { evidence.session })
    evidence.old = hunt.run(journal, wanted[i], sessions, options, evidence.seeds)
    evidence.interrupted = evidence.interrupted or journal.cancelled()
    evidence.finished = not evidence.interrupted
  end)
end

-- Whether TLS 1.3 works, or older versions. The control has shown one version; the mechanisms' handshakes may have
-- shown another.
local function version_works(is_new, all, control)
  for name, evidence in pairs(all) do
    if (name == "psk") == is_new and established(evidence.seeds) then
      return true
    end
  end
  return (control.version == "TLSv1.3") == is_new
end

-- The first session of each mechanism. A server that serves one client at a time is held up by a handshake that waits
-- for a ticket in vain: so nothing else begins before these have ended. And nothing is offered before all tickets of
-- its connection have come: stunnel without tickets in the form of RFC 5077 takes the newest only.
local function start_all(journal, options, all)
  run_each(journal, #options.mechanisms, function(i)
    local mechanism, evidence = options.mechanisms[i], { seeds = {}, fixed = {} }
    all[mechanism] = evidence
    evidence.session = obtain(journal, mechanism, options, evidence.seeds, "all")
  end)
end

-- The rate scan looks at it more closely.
local function looks_as_browser(options)
  return options.quick or not options.rate
end

local function connections_as_browser(options)
  return options.browser_full and browser.FULL or browser.SHORT
end

local function gather_all(journal, options, entry, all)
  start_all(journal, options, all)
  local with_browser = all.psk and all.psk.session and looks_as_browser(options)
  run_each(journal, with_browser and 2 or 1, function(i)
    if i == 1 then
      gather(journal, options, all)
    else
      entry.browser = browser.run(journal, connections_as_browser(options))
    end
  end)
  second_look.run(journal, all, options)
  for _, evidence in pairs(all) do
    evidence.interrupted = evidence.interrupted or not evidence.finished and journal.cancelled()
    evidence.finished = not evidence.interrupted and not needs_hunt(evidence)
  end
  hunt_old_sessions(journal, all, options)
end

-- What the evidence so far says. Where there is not all of it, that takes some verdicts back.
local function judge_all(all, control, is_over)
  local verdicts = {}
  for mechanism, evidence in pairs(all) do
    local is_new = mechanism == "psk"
    evidence.version_works = version_works(is_new, all, control) or nil
    evidence.breaks = control.without_tickets
    evidence.other_version_chosen = without_session.other_version_chosen(mechanism, control)
    evidence.interrupted = evidence.interrupted or is_over and not evidence.finished
    verdicts[mechanism] = verdict.judge(mechanism, evidence)
  end
  return verdicts
end

--- @tparam table client
-- @tparam table control the record of the control handshake
-- @tparam table options mechanisms (list), attempts (5), retries (2), engine ("handshake"), concurrency, browser_full
--   (boolean: as many connections for the browser's figure as the rate scan makes)
-- @tparam table entry of the address: gets the field browser, see resum.scan.browser; and while the scan runs so_far,
--   which sets the field support to what is known
-- @treturn table mechanism -> verdict, see resum.analysis.verdict.judge
function M.run(client, control, options, entry)
  local all = {}
  function entry.so_far()
    for _, mechanism in ipairs(options.mechanisms) do
      all[mechanism] = all[mechanism] or { seeds = {}, fixed = {} }
    end
    entry.support = judge_all(all, control, true)
  end
  local journal = recorder.new(client, options.concurrency)
  journal:keep_answers()
  gather_all(journal, options, entry, all)
  for _, evidence in pairs(all) do
    drop_sessions(evidence.seeds)
  end
  return judge_all(all, control, false)
end

--- How many connections it makes, where none fails and the server speaks the mechanisms' versions.
-- @tparam table options mechanisms, attempts, browser_full, rate, quick
-- @treturn table least (everything resumes) and most (sessions are refused)
function M.connections(options)
  local first, fresh = 1 + options.attempts, 2 * options.attempts
  local refused = fresh + second_look.CONNECTIONS.refused * options.attempts + hunt.OFFERS + engine_choice.CHECKS.most
  local as_browser = 0
  for _, mechanism in ipairs(options.mechanisms) do
    as_browser = mechanism == "psk" and looks_as_browser(options) and connections_as_browser(options) or as_browser
  end
  return {
    least = #options.mechanisms * (first + second_look.CONNECTIONS.all_resumed) + as_browser,
    most = #options.mechanisms * (first + refused) + as_browser,
  }
end

M.defaults = { attempts = 5, engine = "handshake" }

return M
