-- Sessions offered as time goes by: one of its own for each point of a schedule, and one chain that always offers its
-- newest ticket. Before each point a control. It waits, asks and says when sessions died; what they had promised says
-- what that means. The clock is the host's.

local answers = require "resum.audit.answer"
local certificate_end = require "resum.audit.lifetime.certificate_end"
local kept_sessions = require "resum.audit.lifetime.kept_sessions"
local poll = require "resum.audit.poll"

local M = {}

local CHAIN_STEP, CHAIN_LINKS = 7, 4 -- tenths of the promise: the fourth link comes 2.8 promises after the handshake
local FRACTIONS = { 5, 9, 11, 20 } -- tenths of the promise
local FIXED = { 1, 60, 300, 600, 3600, 21600, 86400 } -- seconds, where nothing is promised, or more than a day
local LONGEST_PROMISE = 86400 -- seconds that are waited out
local GRACE = 3 -- seconds beyond the promise: servers count whole seconds, and we have to get there
local LOOK = 1 -- seconds after which it is asked whether the scan is over
local AMPLE = 7 * 86400 -- seconds that our own copy may live: ours is not what is to be found out

M.reasons = {
  prolongable = function(evidence)
    return ("a session that is used again and again lives on for %d s, and %d s were promised (%s)"):format(
      evidence.alive_s, evidence.promised_s, evidence.mechanism)
  end,
  accepted_late = function(evidence)
    return ("sessions resume %d s after the full handshake, and %d s were promised (%s)"):format(evidence.alive_s,
      evidence.promised_s, evidence.mechanism)
  end,
  dies_in_time = function(evidence)
    return ("sessions die when they should (%s: alive after %d s, dead after %d s)"):format(evidence.mechanism,
      evidence.alive_s, evidence.dead_s)
  end,
  dies_early = function(evidence)
    return ("sessions die before their time (%s: alive after %d s, dead after %d s, promised %d s)"):format(
      evidence.mechanism, evidence.alive_s, evidence.dead_s, evidence.promised_s)
  end,
  no_promise = function(evidence)
    return ("nothing is promised (%s: alive after %d s)"):format(evidence.mechanism, evidence.alive_s)
  end,
  outlives_client_certificate = function(evidence)
    return ("a session resumes %d s after its client certificate ended, and a full handshake is refused (%s)"):format(
      evidence.after_s, evidence.mechanism)
  end,
  ends_with_client_certificate = function(evidence)
    return ("a session does not resume any more when its client certificate has ended (%s)"):format(evidence.mechanism)
  end,
  end_not_checked = "the server takes a client certificate that has ended also in a full handshake",
  not_seen_to_end = "connections that were to tell how long sessions live failed, or the scan was over before",
}

--- When sessions are offered, in seconds after their full handshake.
-- @tparam number promise seconds; 0: none
-- @treturn {number,...} for sessions of their own
-- @treturn {number,...} for the chain
function M.times(promise)
  local points, links = {}, {}
  if promise <= 0 or promise > LONGEST_PROMISE then
    return { table.unpack(FIXED) }, links
  end
  for i, fraction in ipairs(FRACTIONS) do
    local at = fraction * promise // 10
    points[i] = fraction > 10 and math.max(at, promise + GRACE) or at
  end
  for i = 1, CHAIN_LINKS do
    links[i] = i * CHAIN_STEP * promise // 10
  end
  return points, links
end

-- Deciding ------------------------------------------------------------------------------------------------------------

-- When sessions of their own were last accepted and first refused. One that is refused before another is accepted was
-- lost by a restart or a change of keys, and tells nothing.
local function bounds(points)
  local alive, dead = 0, nil
  for _, point in ipairs(points) do
    if point.outcome == "resumed" then
      alive, dead = point.at, nil
    elseif point.outcome == "refused" then
      dead = dead or point.at
    end
  end
  return alive, dead
end

-- How long the chain lived, and whether it came to its end.
local function chain_alive(chain)
  local alive = 0
  for _, link in ipairs(chain) do
    if link.outcome ~= "resumed" then
      break
    end
    alive = link.at
  end
  return alive
end

local function some_failed(points, wanted)
  local seen = 0
  for _, point in ipairs(points) do
    seen = seen + ((point.outcome == "resumed" or point.outcome == "refused") and 1 or 0)
  end
  return seen < wanted
end

--- What the offers of a mechanism come to.
-- @tparam table told mechanism, promised_s (0: nothing), points and chain (lists of {at: seconds since the full
--   handshake, outcome}, in order; an outcome other than "resumed" and "refused" tells nothing), wanted (points),
--   is_divided (who refuses may be another server than the one that made the session)
-- @tparam boolean is_certified sessions stand for a client certificate
-- @treturn table verdict, reason, severity, evidence
function M.decide(told, is_certified)
  local alive, dead = bounds(told.points)
  local evidence = { mechanism = told.mechanism, promised_s = told.promised_s, alive_s = alive, dead_s = dead }
  dead = not told.is_divided and dead or nil
  evidence.dead_s = dead
  local lives_on, after = chain_alive(told.chain), told.promised_s + GRACE
  local function found(verdict, reason, severity)
    return { verdict = verdict, reason = reason, severity = severity, evidence = evidence }
  end
  if told.promised_s <= 0 then
    return found("info", "no_promise")
  elseif alive >= after then
    return found("bad", "accepted_late", is_certified and "medium" or "low")
  elseif lives_on >= after and dead then
    evidence.alive_s = lives_on
    return found("bad", "prolongable", is_certified and "medium" or "low")
  elseif not dead or some_failed(told.points, told.wanted) then
    return found("inconclusive", told.is_divided and "not_met" or "not_seen_to_end")
  end
  return dead < told.promised_s and found("info", "dies_early") or found("good", "dies_in_time")
end

--- What came of a session whose client certificate has ended.
-- @tparam string mechanism
-- @tparam boolean|nil full_refused was a full handshake with that certificate refused? nil: can't be told
-- @tparam string|nil outcome of the session's offer
-- @tparam boolean|nil refused was the client refused there, also inside TLS?
-- @treturn table verdict, reason, severity, evidence
function M.decide_end(mechanism, full_refused, outcome, refused)
  local evidence = { mechanism = mechanism, after_s = GRACE }
  if full_refused == false then
    return { verdict = "info", reason = "end_not_checked", evidence = evidence }
  elseif full_refused and outcome == "resumed" and refused == false then
    return { verdict = "bad", severity = "high", reason = "outlives_client_certificate", evidence = evidence,
      advice = "Let no session live longer than the certificate of its client, or check that again on resumption." }
  elseif full_refused and refused then
    return { verdict = "good", reason = "ends_with_client_certificate", evidence = evidence }
  end
  return { verdict = "inconclusive", reason = "not_seen_to_end" }
end

-- Asking --------------------------------------------------------------------------------------------------------------

-- A session of its own, and when it was made.
local function new_session(context, mechanism)
  local session = context:session(mechanism)
  return session and { session = session, made = context.host.now() }
end

local function waited_until(context, time)
  local now = context.host.now
  while now() < time do
    if context.cancelled() then
      return false
    end
    context.host.sleep(math.min(LOOK, time - now()))
  end
  return true
end

-- Our copy lives on whatever was promised, or libssl would not offer it.
local function offer(context, mechanism, session, want_tickets)
  local lasting = assert(session:derive({ lifetime_s = AMPLE }))
  return context:attempt({ mechanism = mechanism, session = lasting, origin = session, want_tickets = want_tickets })
end

-- The session of a point, and when it is to be offered: what an earlier run has left, or a new one, which is kept where
-- there is a state file.
local function session_for(context, told, kept, point, seconds)
  local left = kept and kept:left(told.mechanism)[point]
  if left and left.promised == told.promised_s and left.outcome then
    told.points[#told.points + 1] = { at = left.at, outcome = left.outcome }
    return nil
  elseif left and left.promised == told.promised_s and left.session then
    return { session = left.session, made = context.host.now() - (kept.store.now() - left.made) }
  end
  local one = new_session(context, told.mechanism)
  if one and kept then
    kept:keep({ mechanism = told.mechanism, point = point, at = seconds, made = kept.store.now(), session = one.session,
      promised = told.promised_s })
  end
  return one
end

-- What is to be done for a mechanism: a list of {at (host's clock), run}.
local function plan_of(context, told, jobs, kept)
  local mechanism = told.mechanism
  local points, links = M.times(told.promised_s)
  told.wanted = #points
  for i, seconds in ipairs(points) do
    local one = session_for(context, told, kept, i, seconds)
    jobs[#jobs + 1] = one and { at = one.made + seconds, run = function()
      local age = math.max(seconds, math.floor(context.host.now() - one.made)) -- it may have waited for this run
      local outcome = offer(context, mechanism, one.session).outcome
      told.points[#told.points + 1] = { at = age, outcome = outcome }
      if kept then
        kept:note(mechanism, i, outcome)
      end
    end }
  end
  local newest = links[1] and new_session(context, mechanism)
  local alive = newest
  for i, seconds in ipairs(newest and links or {}) do
    jobs[#jobs + 1] = { at = newest.made + seconds, run = function()
      if alive then
        local record = offer(context, mechanism, newest.session, true)
        told.chain[i] = { at = seconds, outcome = record.outcome }
        alive = record.outcome == "resumed"
        newest.session = record.sessions[#record.sessions] or newest.session
      end
    end }
  end
end

-- When the client's certificate ends, on the host's clock; nil where it does not within the time that is waited anyway.
local function certificate_ends(context, latest)
  local record = context:ask({ mechanism = "control", transcript = true, take_sessions = false })
  local ends = certificate_end.of_client(record.transcript, record.version)
  local now = context.host.now()
  local at = ends and now + ends - os.time()
  return at and at > now and at <= latest and at or nil
end

-- Are we let in, also as far as what speaks inside TLS goes? Gives the record, and whether it refused us.
local function knock(context, mechanism, session)
  local lasting = session and assert(session:derive({ lifetime_s = AMPLE }))
  return answers.hear(function()
    return context:ask({ mechanism = mechanism, session = lasting, origin = session, take_sessions = false,
      request = context.client.dialer:who_are_you(context.client.server_name or context.client.address) })
  end)
end

-- A session of its own is offered when the client's certificate has ended; a full handshake is to be refused then.
local function plan_end(context, mechanism, ends, jobs, all)
  local one = new_session(context, mechanism)
  jobs[#jobs + 1] = one and { at = ends + GRACE, has_control = true, run = function()
    local _, full_refused = knock(context, mechanism)
    local record, refused = nil, nil
    if full_refused then
      record, refused = knock(context, mechanism, one.session)
    end
    if record and record.outcome ~= "resumed" and poll.is_divided(context, mechanism) then
      all[#all + 1] = { verdict = "inconclusive", reason = "not_met" }
    else
      all[#all + 1] = M.decide_end(mechanism, full_refused, record and record.outcome, refused)
    end
  end }
end

local function latest_of(jobs)
  local latest = 0
  for _, job in ipairs(jobs) do
    latest = math.max(latest, job.at)
  end
  return latest
end

local function run_jobs(context, jobs)
  table.sort(jobs, function(a, b)
    return a.at < b.at
  end)
  for _, job in ipairs(jobs) do
    if not waited_until(context, job.at) then
      return false
    elseif job.has_control or context:control() then
      job.run()
    end
  end
  return true
end

local function promise_of(evidence, mechanism)
  local tickets = evidence:tickets_of(mechanism)
  local promise = 0
  for _, ticket in ipairs(tickets) do
    promise = math.max(promise, ticket.lifetime_s)
  end
  return promise
end

-- What is to be waited for, of each mechanism that resumes.
local function plan_all(context, is_certified, jobs, ended, kept)
  local all = {}
  for _, mechanism in ipairs({ "ticket", "psk" }) do
    if context:resumes(mechanism) then
      local told = { mechanism = mechanism, promised_s = promise_of(context.evidence, mechanism), points = {},
        chain = {}, is_divided = poll.is_divided(context, mechanism) }
      all[#all + 1] = told
      plan_of(context, told, jobs, kept)
    end
  end
  local ends = is_certified and certificate_ends(context, latest_of(jobs))
  for _, told in ipairs(ends and all or {}) do
    plan_end(context, told.mechanism, ends, jobs, ended)
  end
  return all
end

-- Where sessions are kept, if they are.
local function keeper(context)
  local store, client = context.options.store, context.client
  return store and kept_sessions.new(store, { address = client.address, port = client.port, sni = client.server_name })
end

--- Offers sessions as time goes by; it takes three times what they promise. With a state file a run that is interrupted
-- leaves its sessions to the next one; else they are wiped there in the end.
-- @tparam table context see resum.audit.context
-- @tparam boolean is_certified sessions stand for a client certificate
-- @treturn {table,...} verdict, reason, severity, evidence of each mechanism that resumes
function M.run(context, is_certified)
  local jobs, ended, kept = {}, {}, keeper(context)
  local all = plan_all(context, is_certified, jobs, ended, kept)
  if run_jobs(context, jobs) and kept then
    kept:wipe()
  end
  for i, told in ipairs(all) do
    table.sort(told.points, function(a, b)
      return a.at < b.at
    end)
    all[i] = M.decide(told, is_certified)
  end
  return table.move(ended, 1, #ended, #all + 1, all)
end

--- Sessions, offers, and a control before each offer, for two mechanisms.
function M.connections(options)
  local offers = math.max(#FRACTIONS + CHAIN_LINKS, #FIXED)
  return 2 * (#FIXED + 2 + 2 * offers) + (2 * offers + 8) * options.retries
end

return M
