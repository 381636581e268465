-- Is resumption supported? For each mechanism one session, offered several times ("fixed"). Where not all of
-- them resume, fresh sessions are offered once each as well ("pairs"): they tell tickets that are good for one
-- connection from servers that share nothing.

local seed = require "resum.scan.seed"
local verdict = require "resum.verdict"

local M = { name = "support", summary = "whether each mechanism resumes, in a few attempts" }

local function offer_one_session(client, mechanism, session, options)
  local records = {}
  while #records < options.attempts and not client.cancelled() do
    records[#records + 1] = client:attempt({
      mechanism = mechanism, session = session, engine = options.engine, design = "fixed",
    })
  end
  return records
end

local function offer_fresh_sessions(client, mechanism, options, seeds)
  local records = {}
  for _ = 1, options.attempts do
    local session, more = seed.obtain(client, mechanism, options.retries)
    table.move(more, 1, #more, #seeds + 1, seeds)
    if not session or client.cancelled() then
      break
    end
    records[#records + 1] = client:attempt({
      mechanism = mechanism, session = session, engine = options.engine, design = "pairs",
    })
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

-- Did the server go away meanwhile, or does it fail where a session is offered?
local function still_full(client, mechanism, options, seeds)
  local _, more = seed.obtain(client, mechanism, options.retries)
  table.move(more, 1, #more, #seeds + 1, seeds)
  return established(more)
end

-- The evidence of one mechanism, without what other mechanisms have to say.
local function gather(client, mechanism, options)
  local session, seeds = seed.obtain(client, mechanism, options.retries)
  local evidence = { seeds = seeds, fixed = {} }
  if session then
    evidence.fixed = offer_one_session(client, mechanism, session, options)
    local counts = verdict.count(evidence.fixed, seeds)
    if counts.refused > 0 then
      evidence.pairs = offer_fresh_sessions(client, mechanism, options, seeds)
    elseif counts.resumed == 0 then
      evidence.full_after = still_full(client, mechanism, options, seeds)
    end
  end
  return evidence
end

-- The control has shown one version; the other mechanisms' handshakes may have shown another.
local function other_version_works(mechanism, all, control)
  local is_new = mechanism == "psk"
  for name, evidence in pairs(all) do
    if (name == "psk") ~= is_new and established(evidence.seeds) then
      return true
    end
  end
  return (control.version == "TLSv1.3") ~= is_new
end

--- @tparam table client
-- @tparam table control the record of the control handshake
-- @tparam table options mechanisms (list), attempts (5), retries (2), engine ("handshake")
-- @treturn table mechanism -> verdict, see resum.verdict.judge
function M.run(client, control, options)
  local all, verdicts = {}, {}
  for _, mechanism in ipairs(options.mechanisms) do
    all[mechanism] = gather(client, mechanism, options)
  end
  for mechanism, evidence in pairs(all) do
    evidence.other_version_works = other_version_works(mechanism, all, control)
    evidence.other_version_chosen = verdict.other_version_chosen(mechanism, control)
    verdicts[mechanism] = verdict.judge(mechanism, evidence)
  end
  return verdicts
end

M.defaults = { attempts = 5, engine = "handshake" }

return M
