-- What the support scan tries where its first attempts left a question: do offers fail where full handshakes do not, is
-- a refused session taken a moment later, does a server forget a session when its client sends a request? It makes
-- attempts and keeps their records; what they say, resum.analysis does.

local contrast = require "resum.analysis.contrast"
local obtaining = require "resum.scan.obtain_sessions"
local random = require "resum.util.random"
local spending = require "resum.connection.spending"

local M = {}

-- Offers where some failed, and as many full handshakes, in rounds: 6 failed offers beside 6 full handshakes that
-- worked are no chance (2 in 924). Nor are 10 of 46 beside none of 46, which is a quarter of them in 3 of 4 cases; and
-- a last round, where 10 of 86 are none either, tells a seventh as often, and a quarter always.
local ROUNDS = { 6, 40, 40 }
local ACCIDENTS = 2 -- so many failures are not looked into any further, before the last round
local LATER = { 0.3, 2 } -- seconds after which a refused session is offered again: a cache may be written late
-- Sessions whose client sends a request, where the first one was forgotten: 0 of 5 against 5 of 5 is no chance (1 in
-- 252, or its contrary).
local REQUESTS = 5

--- Connections where no connection fails: all_resumed, and refused, that for each session which was refused.
M.CONNECTIONS = { all_resumed = 2, refused = #LATER }

local function offer(client, mechanism, session, design, options)
  return client:attempt({
    mechanism = mechanism,
    session = session,
    engine = options.engine,
    design = design,
    take_sessions = false,
    stays = true,
  })
end

local function full_handshake(client, mechanism)
  return client:attempt({ mechanism = mechanism, design = "beside", take_sessions = false })
end

--- Has the handshake itself failed? (Who was not let in failed for another reason.)
-- @tparam record record
-- @treturn boolean
function M.has_failed(record)
  return record.error ~= nil and record.error.stage == "handshake"
end

--- How many handshakes failed.
-- @tparam {record,...} records
-- @treturn integer
function M.count_failures(records)
  local n = 0
  for _, record in ipairs(records) do
    n = n + (M.has_failed(record) and 1 or 0)
  end
  return n
end

local count_failures = M.count_failures

local function append(list, item)
  list[#list + 1] = item
end

-- So many of both, in random order: no balancer's turns fall into step with ours, and what befalls a server for a
-- moment befalls one as well as the other.
local function make_more(client, mechanism, evidence, count, options)
  local plan = {}
  for i = 1, 2 * count do
    plan[i] = i > count
  end
  random.shuffle(plan)
  local number, beside = 0, evidence.beside
  client.host.parallel(function()
    number = number + 1
    local offers = plan[number]
    if offers == nil or client.cancelled() then
      return nil
    end
    return function()
      if offers then
        evidence.session = obtaining.keep_young(client, mechanism, evidence.session, options.retries, evidence.seeds)
        append(beside.offers, offer(client, mechanism, evidence.session, "fixed", options))
        append(evidence.fixed, beside.offers[#beside.offers])
      else
        append(beside.full, full_handshake(client, mechanism))
        append(evidence.seeds, beside.full[#beside.full])
      end
    end
  end, options.concurrency or 1)
end

-- Do full handshakes fail half as often as offers, or more? Then more of both would tell no fault of offers, and where
-- a member is down they take long.
local function fail_alike(beside)
  local full = count_failures(beside.full)
  return full >= ACCIDENTS
    and 2 * full * #beside.offers >= count_failures(beside.offers) * #beside.full
end

local function look_closer(client, mechanism, evidence, options)
  local beside = { offers = {}, full = {} } -- of the same time
  evidence.beside = beside
  for round, count in ipairs(ROUNDS) do
    local is_worth_it = round < #ROUNDS or count_failures(beside.offers) > ACCIDENTS
    if evidence.fails or not is_worth_it or fail_alike(beside) or client.cancelled() then
      return
    end
    make_more(client, mechanism, evidence, count, options)
    evidence.fails = contrast.offers_fail(beside.offers, beside.full)
  end
end

--- Where offers failed: do those fail that are made beside full handshakes, and these do not?
-- @tparam table client
-- @tparam string mechanism
-- @tparam session session
-- @tparam table evidence seeds, fixed; what is made is appended to them; fails (whether offers do) is set
-- @tparam table options engine, concurrency, retries
function M.at_failures(client, mechanism, session, evidence, options)
  evidence.session = session
  if count_failures(evidence.fixed) > 0 then
    look_closer(client, mechanism, evidence, options)
  end
end

local function refused_in(records)
  for _, record in ipairs(records) do
    if record.outcome == "refused" then
      return true
    end
  end
  return false
end

local function all_resumed(records)
  local resumed = 0
  for _, record in ipairs(records) do
    if record.outcome ~= "resumed" and record.outcome ~= "unknown" then
      return false
    end
    resumed = resumed + (record.outcome == "resumed" and 1 or 0)
  end
  return resumed > 0
end

-- Sessions that were refused at once, offered again.
local function offer_later(client, mechanism, evidence, options)
  local waited = 0
  evidence.later = {}
  for _, after in ipairs(LATER) do
    client.host.sleep(after - waited)
    waited = after
    local records, jobs = {}, {}
    for i, session in ipairs(random.shuffle(table.move(evidence.fresh, 1, #evidence.fresh, 1, {}))) do
      jobs[i] = function()
        return not client.cancelled() and not spending.is_spent(session)
          and append(records, offer(client, mechanism, session, "later", options))
      end
    end
    client.host.parallel(jobs, #jobs > 0 and #jobs or nil)
    if client.cancelled() then
      return
    end
    append(evidence.later, { after_s = after, records = records })
    if not refused_in(records) then
      return
    end
  end
end

-- A full handshake whose client sends a request; then its session is offered.
local function offer_after_request(client, mechanism, evidence, options)
  local seed = client:attempt({ mechanism = mechanism, want_tickets = true, asks = true, design = "seed" })
  append(evidence.seeds, seed)
  local session = seed.answered and seed.sessions[#seed.sessions]
  if session and not spending.is_spent(session) then
    append(evidence.after_request, offer(client, mechanism, session, "after_request", options))
  end
  return session ~= nil
end

--- As a client meets it: with a request. One look is enough where the session is still known after it; and few offers
-- without a request are no contrast to any number with one.
-- @tparam table client
-- @tparam string mechanism
-- @tparam table evidence seeds; after_request (records) is added
-- @tparam table options attempts, engine
function M.ask_first(client, mechanism, evidence, options)
  if options.attempts < REQUESTS then
    return
  end
  evidence.after_request = {}
  local goes_on = offer_after_request(client, mechanism, evidence, options)
  local jobs = {}
  for i = 1, goes_on and refused_in(evidence.after_request) and REQUESTS - 1 or 0 do
    jobs[i] = function()
      return not client.cancelled() and offer_after_request(client, mechanism, evidence, options)
    end
  end
  client.host.parallel(jobs, #jobs > 0 and #jobs or nil)
end

-- What is met by one mechanism's offers may be met by the others': a few of those that all went well say little then.
local function some_fail(all)
  for _, evidence in pairs(all) do
    if evidence.fails then
      return true
    end
  end
  return false
end

local function look(client, mechanism, evidence, options)
  if options.some_fail and evidence.session and count_failures(evidence.fixed) == 0 then
    look_closer(client, mechanism, evidence, options)
  end
  if evidence.fresh and refused_in(evidence.pairs) then
    offer_later(client, mechanism, evidence, options)
  elseif not evidence.after_request and all_resumed(evidence.pairs or evidence.fixed) then
    M.ask_first(client, mechanism, evidence, options)
  end
end

--- What is asked of every mechanism once the first attempts are made: side by side, as most of it is waiting.
-- @tparam table client
-- @tparam {string=table,...} all mechanism -> evidence: seeds, fixed, pairs, fresh (the sessions of the pairs); later
--   ({after_s, records} each) and after_request (records) are added
-- @tparam table options engine
function M.run(client, all, options)
  local jobs = {}
  local found = setmetatable({ some_fail = some_fail(all) }, { __index = options })
  for mechanism, evidence in pairs(all) do
    jobs[#jobs + 1] = function()
      look(client, mechanism, evidence, found)
    end
  end
  for _, problem in pairs(client.host.parallel(jobs, #jobs)) do
    error(problem, 0)
  end
end

return M
