-- Are tickets good for one connection each? A server that takes each once looks like one that hardly resumes, to
-- who offers the same session again. Pure: outcomes in, yes or no out.

local counting = require "resum.analysis.counting"
local statistics = require "resum.util.statistics"

local M = {}

local SINGLE_USE_OFFERS = 2 -- of each seed, before it can be told that it resumes once only
local BY_CHANCE = 0.002 -- probability below which it is none

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

--- A session that resumed on its first offer only, while fresh ones always do: every ticket is good for one connection
-- (RFC 8446, appendix C.4, wants clients to use them so). An offer that ended in an error may have been that first one.
-- Where offers fail and full handshakes do not, that is how the server refuses.
-- @tparam {record,...} records offers of one session, in their order
-- @tparam[opt] boolean offers_fail see resum.analysis.contrast
-- @treturn boolean
function M.seems_to_be(records, offers_fail)
  local spent, refused = false, 0
  for _, record in ipairs(records) do
    if record.outcome == "refused" or offers_fail and spent == "resumed" and counting.has_failed(record) then
      refused = refused + 1
      if not spent then
        return false
      end
    elseif record.outcome == "resumed" and (spent == "resumed" or refused > 0) then
      return false
    elseif record.outcome ~= "unknown" then
      spent = record.outcome == "resumed" and "resumed" or spent or "error"
    end
  end
  return refused > 0
end

--- Every session resumed at most once although it was offered several times, and half of them did: then the tickets may
-- be good for one connection each, and only fresh ones can tell.
-- @tparam {table,...} sequence {seed (number), record} of each offer
-- @treturn boolean
function M.may_be(sequence)
  local offered, resumed = by_seed(sequence)
  local total, seeds = 0, 0
  for seed, offers in pairs(offered) do
    if resumed[seed] > 1 then
      return false
    elseif offers >= SINGLE_USE_OFFERS then
      total, seeds = total + resumed[seed], seeds + 1
    end
  end
  return seeds > 0 and 2 * total >= seeds
end

-- The chance that so many resumptions hit as many sessions, where each offer resumes as well as any other.
local function chance_of_distinct(resumed, offers, sessions)
  local chance, each = 1, offers / sessions
  for i = 0, resumed - 1 do
    chance = chance * math.max(0, offers - i * each) / (offers - i)
  end
  return chance
end

-- Do the old ones look as if each had been good once?
local function resumed_once(fixed)
  return chance_of_distinct(fixed.resumed, fixed.resumed + fixed.refused, fixed.seeds) < BY_CHANCE
end

local function do_better(fixed, fresh)
  return fresh.resumed * fixed.refused > fixed.resumed * fresh.refused
end

-- How likely so different shares are, by chance.
local function chance_of_difference(fixed, fresh)
  return statistics.fisher(fresh.resumed, fresh.refused, fixed.resumed, fixed.refused)
end

--- Fresh sessions must do better than old ones, and that none resumed twice must be more than chance. Few attempts
-- can't show that; then it is enough that every seed resumed once and every fresh session does.
-- @tparam table fixed resumed, refused, seeds
-- @tparam table fresh resumed, refused
-- @treturn boolean
function M.is(fixed, fresh)
  if fresh.refused == 0 and fixed.resumed == fixed.seeds then
    return fresh.resumed > 0
  end
  return do_better(fixed, fresh) and (resumed_once(fixed) or chance_of_difference(fixed, fresh) < BY_CHANCE)
end

-- Where the old ones say nothing, fresh ones have to: after so many, which are no better so far but by such a chance,
-- more are in vain. (Of four servers that share nothing and take each ticket once it is told in 1 of 10 scans, whether
-- 40 are asked or all 100.)
local ENOUGH, NO_BETTER = 40, 0.05

--- Is it worth offering more fresh sessions?
-- @tparam table fixed resumed, refused, seeds
-- @tparam table fresh resumed, refused, so far
-- @treturn boolean
function M.may_still_be(fixed, fresh)
  return fresh.resumed + fresh.refused < ENOUGH or resumed_once(fixed)
    or do_better(fixed, fresh) and chance_of_difference(fixed, fresh) < NO_BETTER
end

local TO_USE_ONCE = { psk = true } -- RFC 8446, appendix C.4; up to TLS 1.2 a client keeps what it has (RFC 5077, 3.3)
local MOST = 0.5 -- of the resumed connections: below it clients run out of tickets

-- Do resumed connections bring a new session?
local function is_renewed(records)
  local resumed, renewed = 0, 0
  for _, record in ipairs(records) do
    if record.outcome == "resumed" then
      resumed, renewed = resumed + 1, renewed + (#record.facts.tickets > 0 and 1 or 0)
    end
  end
  return renewed >= MOST * resumed
end

--- What it means for clients that sessions are good for one connection each: nothing for those that use a ticket once,
-- or get another one in time; the others pay whenever they come with one that is spent.
-- @tparam table verdict of the sessions that were offered once; verdict and reason are set where they all resumed, and
--   again (what became of sessions that were offered again, where that was no full handshake; with alert, its name)
-- @tparam string mechanism its name
-- @tparam {record,...} again offers of sessions that had been offered before, and of some that had not
-- @tparam {record,...} once sessions that were offered once
function M.explain(verdict, mechanism, again, once)
  if verdict.verdict ~= "supported" then
    return
  elseif TO_USE_ONCE[mechanism] or is_renewed(once) then
    verdict.reason = "single_use_tickets"
  else
    verdict.verdict, verdict.reason = "partially_supported", "single_use_not_renewed"
  end
  local failures, refused = {}, counting.of_outcome(again, "refused")
  for _, record in ipairs(again) do
    failures[#failures + 1] = counting.has_failed(record) and record or nil
  end
  if #failures >= counting.REPEATED and #failures > refused then
    verdict.again = counting.failure_reason(failures)
    verdict.alert = verdict.again == "alert" and counting.name_of_alert("alert", failures) or nil
  end
end

--- What a client gets that keeps coming back: after each resumption it has one spent session to offer, where none is
-- renewed.
-- @tparam table rate see resum.scan.rate_figures.fold
-- @treturn number|nil share of its connections that resume
function M.share_of_returning(rate)
  return rate.rate and rate.reason == "single_use_not_renewed" and rate.rate / (1 + rate.rate) or rate.rate
end

return M
