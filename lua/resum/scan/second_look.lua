-- What the support scan tries where its first attempts left a question: do offers fail where full handshakes do not, is
-- a refused session taken a moment later, does a server forget a session when its client sends a request? It makes
-- attempts and keeps their records; what they say, resum.analysis does.

local contrast = require "resum.analysis.contrast"
local counting = require "resum.analysis.counting"
local lost_session = require "resum.analysis.lost_session"
local mechanisms = require "resum.connection.mechanism"
local obtaining = require "resum.scan.obtain_sessions"
local random = require "resum.util.random"
local side_by_side = require "resum.util.side_by_side"
local spending = require "resum.connection.spending"

local M = {}

-- Offers where some failed, and as many full handshakes, in rounds: 8 that failed beside 8 full handshakes that worked
-- are no chance (1 in 12,870), nor are 13 of 48 or of 138 beside none. Where one connection in ten fails that offers a
-- session, by any of three mechanisms, that is told in 2 of 3 scans of support, and in 19 of 20 of the rate.
local ROUNDS = { 8, 40, 40 }
local ACCIDENTS = 2 -- so many failures are not looked into any further, before the last round
local LATER = { 0.3, 2 } -- seconds after which a refused session is offered again: a cache may be written late
-- So many sessions are refused at once and taken later before that is no chance: of two servers that share nothing,
-- and are met at random, all meet their own one later with 1 in 16,384 (0.5 ^ 14).
local SURE = 14
-- Sessions whose client sends a request, and as many whose client sends none, where the first one was forgotten: 0 of 8
-- against 8 of 8 is no chance (1 in 12,870).
local REQUESTS = 8
local FEW = 5 -- attempts: whoever wants fewer wants no such look

--- Connections where no connection fails: all_resumed, and refused, that for each session which was refused.
M.CONNECTIONS = { all_resumed = 2, refused = #LATER }

local function offer(client, mechanism, session, design, options, stays)
  return client:attempt({
    mechanism = mechanism,
    session = session,
    engine = options.engine,
    design = design,
    take_sessions = false,
    stays = stays ~= false,
  })
end

local function full_handshake(client, mechanism)
  return client:attempt({ mechanism = mechanism, design = "beside", take_sessions = false })
end

--- How many handshakes failed.
-- @tparam {record,...} records
-- @treturn integer
function M.count_failures(records)
  local n = 0
  for _, record in ipairs(records) do
    n = n + (counting.failed_in_handshake(record) and 1 or 0)
  end
  return n
end

local count_failures = M.count_failures

local function append(list, item)
  list[#list + 1] = item
end

local function offer_beside(client, mechanism, evidence, options)
  evidence.session = obtaining.keep_young(client, mechanism, evidence.session, options.retries, evidence.seeds)
  local offers = evidence.beside.offers
  append(offers, offer(client, mechanism, evidence.session, "fixed", options))
  append(evidence.fixed, offers[#offers])
end

local function handshake_beside(client, mechanism, evidence)
  local full = evidence.beside.full
  append(full, full_handshake(client, mechanism))
  append(evidence.seeds, full[#full])
end

-- So many of both, of each mechanism, in random order: no balancer's turns fall into step with ours, and what befalls a
-- server for a moment befalls one as well as the other.
local function make_more(client, wanted, count, options)
  local plan = {}
  for mechanism, evidence in mechanisms.each(wanted) do
    for i = 1, 2 * count do
      plan[#plan + 1] = { make = i > count and offer_beside or handshake_beside, of = mechanism, evidence = evidence }
    end
  end
  random.shuffle(plan)
  local number = 0
  side_by_side.run(client.host, function()
    number = number + 1
    local one = plan[number]
    return one and not client.cancelled() and function()
      one.make(client, one.of, one.evidence, options)
    end or nil
  end, options.concurrency or 1)
end

-- Do full handshakes fail half as often as offers, or more? Then more of both would tell no fault of offers, and where
-- a member is down they take long.
local function fail_alike(beside)
  local full = count_failures(beside.full)
  return full >= ACCIDENTS
    and 2 * full * #beside.offers >= count_failures(beside.offers) * #beside.full
end

-- Is it worth making more of a mechanism? What is met by some mechanism's offers may be met by the others': those that
-- all went well so far were few.
local function takes_part(evidence, is_last, found)
  local offers = evidence.beside.offers
  if not evidence.session or evidence.fails or fail_alike(evidence.beside) then
    return false
  elseif is_last then
    return count_failures(offers) > ACCIDENTS or found.failures > ACCIDENTS and not (found.fails and #offers > 0)
  end
  return found.fails or count_failures(evidence.fixed) > 0
end

-- What was found so far: failures (of offers made beside full handshakes), fails (is it told of a mechanism?).
local function found_in(all)
  local found = { failures = 0, fails = false }
  for _, evidence in pairs(all) do
    found.failures = found.failures + count_failures(evidence.beside.offers)
    found.fails = found.fails or evidence.fails
  end
  return found
end

local function judge(all)
  local beside = {}
  for mechanism, evidence in pairs(all) do
    beside[mechanism] = evidence.beside
  end
  local fail = contrast.offers_fail(beside)
  for mechanism, evidence in pairs(all) do
    evidence.fails = evidence.fails or fail[mechanism]
  end
end

--- Where offers failed: do those fail that are made beside full handshakes, and these do not?
-- @tparam table client
-- @tparam {string=table,...} all mechanism -> evidence: session (or nil), seeds, fixed; what is made is appended to
--   them, and beside ({offers, full}: records of the same time) and fails (whether offers do) are set
-- @tparam table options engine, concurrency, retries
function M.at_failures(client, all, options)
  for _, evidence in pairs(all) do
    evidence.beside, evidence.fails = { offers = {}, full = {} }, false
  end
  for round, count in ipairs(ROUNDS) do
    local wanted, found = {}, found_in(all)
    for mechanism, evidence in pairs(all) do
      wanted[mechanism] = takes_part(evidence, round == #ROUNDS, found) and evidence or nil
    end
    if not next(wanted) or client.cancelled() then
      return
    end
    make_more(client, wanted, count, options)
    judge(all)
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

local function append_unless_interrupted(records, record)
  records[#records + 1] = record.outcome ~= "interrupted" and record or nil
end

--- Fresh sessions, offered once each as soon as they are there.
-- @tparam table client
-- @tparam string mechanism
-- @tparam integer count
-- @tparam table evidence seeds, pairs (the offers' records) and fresh (the sessions), to which what is made is appended
-- @tparam table options engine, retries
function M.offer_fresh(client, mechanism, count, evidence, options)
  local jobs = {}
  for i = 1, count do
    jobs[i] = function()
      local sessions, records = obtaining.obtain(client, mechanism, options.retries)
      table.move(records, 1, #records, #evidence.seeds + 1, evidence.seeds)
      if sessions then
        append(evidence.fresh, sessions[#sessions])
        -- The server's end is seen in any case where libssl makes it.
        append_unless_interrupted(evidence.pairs,
          offer(client, mechanism, sessions[#sessions], "pairs", options, options.engine == "probe"))
      end
    end
  end
  side_by_side.run(client.host, jobs, client.line:jobs())
end

-- Sessions that were refused at once, offered again.
local function offer_again(client, mechanism, sessions, records, options)
  local jobs = {}
  for i, session in ipairs(random.shuffle({ table.unpack(sessions) })) do
    jobs[i] = function()
      if not client.cancelled() and not spending.is_spent(session) then
        append_unless_interrupted(records, offer(client, mechanism, session, "later", options))
      end
    end
  end
  side_by_side.run(client.host, jobs)
end

-- All were taken so much later: is that so with as many as it takes to be sure?
local function make_sure(client, mechanism, evidence, look, options)
  local known = #evidence.fresh
  M.offer_fresh(client, mechanism, SURE - known, evidence, options)
  client.host.sleep(look.after_s)
  offer_again(client, mechanism, table.move(evidence.fresh, known + 1, #evidence.fresh, 1, {}), look.records, options)
end

local function offer_later(client, mechanism, evidence, options)
  local waited = 0
  evidence.later = {}
  for _, after in ipairs(LATER) do
    client.host.sleep(after - waited)
    waited = after
    local look = { after_s = after, records = {} }
    offer_again(client, mechanism, evidence.fresh, look.records, options)
    if client.cancelled() then
      return
    end
    append(evidence.later, look)
    if not refused_in(look.records) then
      return all_resumed(look.records) and make_sure(client, mechanism, evidence, look, options)
    end
  end
end

-- Sessions of a mechanism that may have been lost.
local function suspects(client, mechanism)
  local offers = {}
  for _, answer in ipairs(client.answers) do
    offers[#offers + 1] = answer.mechanism == mechanism and answer or nil
  end
  return lost_session.find(offers, client.records)
end

-- Offers a session until it is refused so often that it is lost, or taken after all.
local function offer_until_sure(client, mechanism, one, evidence, options)
  local refused = one.refused
  for _ = 1, 2 * lost_session.REFUSALS do -- some of them fail
    if refused >= lost_session.REFUSALS or client.cancelled() then
      break
    end
    local record = offer(client, mechanism, one.session, "fixed", options)
    append_unless_interrupted(evidence.fixed, record)
    refused = refused + (record.answer == "refused" and 1 or 0)
    if record.answer == "resumed" then
      return
    end
  end
end

--- Sessions that a server seems to have lost while connections broke: each is offered until that is sure. What refused
-- them then counts for nothing.
-- @tparam table client
-- @tparam string mechanism
-- @tparam table evidence fixed, to which what is made is appended
-- @tparam table options engine
function M.at_losses(client, mechanism, evidence, options)
  for _, one in ipairs(suspects(client, mechanism)) do
    offer_until_sure(client, mechanism, one, evidence, options)
  end
  for _, one in ipairs(suspects(client, mechanism)) do
    for _, record in ipairs(one.refused >= lost_session.REFUSALS and one.counted or {}) do
      spending.set_aside(record)
    end
  end
end

-- A full handshake whose client sends a request, or not; then its session is offered.
local function offer_after(client, mechanism, asks, evidence, options)
  local seed = client:attempt({ mechanism = mechanism, want_tickets = true, asks = asks or nil, design = "seed" })
  append(evidence.seeds, seed)
  local session = (seed.answered or not asks) and seed.sessions[#seed.sessions]
  if session and not spending.is_spent(session) then
    append_unless_interrupted(asks and evidence.after_request or evidence.without_request,
      offer(client, mechanism, session, asks and "after_request" or "pairs", options))
  end
  return session ~= nil
end

--- As a client meets it: with a request. One look is enough where the session is still known after it. Else more are
-- made one after the other: what a request does to other clients' sessions is another question.
-- @tparam table client
-- @tparam string mechanism
-- @tparam table evidence seeds; after_request and without_request (records, of the same time) are added
-- @tparam table options attempts, engine
function M.ask_first(client, mechanism, evidence, options)
  if options.attempts < FEW then
    return
  end
  evidence.after_request, evidence.without_request = {}, {}
  if not offer_after(client, mechanism, true, evidence, options) or not refused_in(evidence.after_request) then
    return
  end
  local jobs = {}
  for i = 2, 2 * REQUESTS do
    jobs[i - 1] = function()
      return not client.cancelled() and offer_after(client, mechanism, i <= REQUESTS, evidence, options)
    end
  end
  side_by_side.run(client.host, random.shuffle(jobs), 1)
end

local function look(client, mechanism, evidence, options)
  if evidence.session and (refused_in(evidence.fixed) or refused_in(evidence.pairs or {})) then
    M.at_losses(client, mechanism, evidence, options)
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
  for mechanism, evidence in mechanisms.each(all) do
    jobs[#jobs + 1] = function()
      look(client, mechanism, evidence, options)
    end
  end
  side_by_side.run(client.host, jobs)
end

return M
