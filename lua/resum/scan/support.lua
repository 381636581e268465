-- Is resumption supported? For each mechanism one session, offered several times ("fixed"). Where not all of
-- them resume, fresh sessions are offered once each as well ("pairs"): they tell tickets that are good for one
-- connection from servers that share nothing.

local obtaining = require "resum.scan.obtain_sessions"
local second_look = require "resum.scan.second_look"
local verdict = require "resum.analysis.verdict"

local M = { name = "support", summary = "whether each mechanism resumes, in a few attempts" }

-- A session, new; the full handshakes made for it are appended to the seeds.
local function obtain(client, mechanism, options, seeds, want)
  local sessions, records = obtaining.obtain(client, mechanism, options.retries, want)
  table.move(records, 1, #records, #seeds + 1, seeds)
  return sessions and sessions[#sessions], records
end

local function offer(client, mechanism, session, design, options)
  return client:attempt({
    mechanism = mechanism,
    session = session,
    engine = options.engine,
    design = design,
    take_sessions = false,
    stays = true, -- one at a time
  })
end

-- What was not made because the scan was over is no evidence.
local function add(records, record)
  records[#records + 1] = record.outcome ~= "interrupted" and record or nil
end

local function offer_one_session(client, mechanism, session, options, seeds)
  local records = {}
  while #records < options.attempts and not client.cancelled() do
    session = obtaining.keep_fresh(client, mechanism, session, options.retries, seeds)
    add(records, offer(client, mechanism, session, "fixed", options))
  end
  return records
end

local function offer_fresh_sessions(client, mechanism, options, seeds)
  local records, sessions = {}, {}
  for i = 1, options.attempts do
    local session = obtain(client, mechanism, options, seeds)
    if not session or client.cancelled() then
      break
    end
    sessions[i] = session
    add(records, offer(client, mechanism, session, "pairs", options))
  end
  return records, sessions
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

-- The evidence of one mechanism, without what other mechanisms have to say.
local function gather(client, mechanism, options)
  local evidence = { seeds = {}, fixed = {} }
  local session = obtain(client, mechanism, options, evidence.seeds, "all")
  if session then
    evidence.fixed = offer_one_session(client, mechanism, session, options, evidence.seeds)
    second_look.at_failures(client, mechanism, session, evidence, options)
    local counts = verdict.count(evidence.fixed, evidence.seeds)
    if counts.refused > 0 then
      evidence.pairs, evidence.fresh = offer_fresh_sessions(client, mechanism, options, evidence.seeds)
    elseif counts.resumed == 0 then
      -- Did the server go away meanwhile, or does it fail where a session is offered? (Who has to come again for a full
      -- handshake, too, may have come too often.)
      local _, records = obtain(client, mechanism, options, evidence.seeds)
      evidence.full_after = records[1] ~= nil and records[1].outcome == "full"
    end
  else
    evidence.other_version_after = obtaining.other_version_after(client, mechanism, evidence.seeds)
  end
  evidence.interrupted = client.cancelled()
  return evidence
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

--- @tparam table client
-- @tparam table control the record of the control handshake
-- @tparam table options mechanisms (list), attempts (5), retries (2), engine ("handshake")
-- @treturn table mechanism -> verdict, see resum.analysis.verdict.judge
function M.run(client, control, options)
  local all, verdicts = {}, {}
  for _, mechanism in ipairs(options.mechanisms) do
    all[mechanism] = gather(client, mechanism, options)
  end
  second_look.run(client, all, options)
  for mechanism, evidence in pairs(all) do
    drop_sessions(evidence.seeds)
    local is_new = mechanism == "psk"
    evidence.version_works = version_works(is_new, all, control) or nil
    evidence.other_version_works = version_works(not is_new, all, control)
    evidence.breaks = control.without_tickets
    evidence.other_version_chosen = verdict.other_version_chosen(mechanism, control)
    verdicts[mechanism] = verdict.judge(mechanism, evidence)
  end
  return verdicts
end

--- How many connections it makes, where none fails and the server speaks the mechanisms' versions.
-- @tparam table options mechanisms, attempts
-- @treturn table least (everything resumes) and most (sessions are refused)
function M.connections(options)
  local first = 1 + options.attempts
  local fresh = 2 * options.attempts
  return {
    least = #options.mechanisms * (first + second_look.CONNECTIONS.all_resumed),
    most = #options.mechanisms * (first + fresh + second_look.CONNECTIONS.refused * options.attempts),
  }
end

M.defaults = { attempts = 5, engine = "handshake" }

return M
