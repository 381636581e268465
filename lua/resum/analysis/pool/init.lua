-- What stands behind an address: from the journal of a scan to verdicts, one for each mechanism and one for the whole.
-- journal -> evidence -> explanations, scored -> verdict, rival, fit. Pure: it makes no connection.

local evidence = require "resum.analysis.pool.evidence"
local matrix = require "resum.analysis.pool.matrix"
local next_question = require "resum.analysis.pool.next_question"
local shown = require "resum.analysis.pool.shown"
local verdict = require "resum.analysis.pool.verdict"
local whole = require "resum.analysis.pool.whole"
local words = require "resum.analysis.pool_words"

local M = {}

local function new_tally()
  return { answered = 0, failed = 0 }
end

-- The same of what followed behind their handshakes.
local function sum_of(all, field)
  local sum = { offers = new_tally(), full = new_tally() }
  for _, one in pairs(all) do
    for kind, tally in pairs(sum) do
      tally.answered = tally.answered + one[field][kind].answered
      tally.failed = tally.failed + one[field][kind].failed
    end
  end
  return sum
end

-- How often offers failed, and full handshakes, whatever the mechanism.
local function tallies_of(all)
  local offers, full = new_tally(), new_tally()
  for _, one in pairs(all) do
    local tally = one.offers_tally
    offers.answered, offers.failed = offers.answered + tally.resumed + tally.refused, offers.failed + tally.failed
    full.answered, full.failed = full.answered + one.full_tally.answered, full.failed + one.full_tally.failed
  end
  return { offers = offers, full = full, served = sum_of(all, "served") }
end

-- The evidence of each mechanism, with what only the others tell: whether nothing but it was offered, and how often an
-- earlier scan met refusals only.
local function read(entries, refused_before, offers_fail)
  local all, offered = evidence.read(entries, offers_fail), 0
  for _, one in pairs(all) do
    offered = offered + (#one.offers > 0 and 1 or 0)
  end
  for name, one in pairs(all) do
    one.alone = offered < 2
    one.refused_before = refused_before and refused_before[name] or 0
  end
  return all
end

-- What was judged before is known, as long as nothing was added to it.
local function judge_each(all, wanted, known, offers_fail)
  local results, tallies = {}, tallies_of(all)
  tallies.offers_fail = offers_fail
  for _, name in ipairs(wanted) do
    local one, before = all[name], known and known[name]
    if one and before and before.size == #one.entries then
      results[name] = before.result
    elseif one then
      results[name] = verdict.of(one, tallies, all)
      if known then
        known[name] = { size = #one.entries, result = results[name] }
      end
    end
  end
  return results
end

--- Which connections would tell more?
-- @tparam {table,...} entries see analyse
-- @tparam {string,...} wanted mechanisms
-- @tparam table asked see resum.analysis.pool.next_question; what was judged is kept in its field `known`;
--   refused_before and offers_fail as analyse has them
-- @treturn {table,...} plans, see there; none where nothing more would tell
function M.next_questions(entries, wanted, asked)
  asked.known = asked.known or {}
  local all = read(entries, asked.refused_before, asked.offers_fail)
  for name, one in pairs(all) do
    one.single_use = asked.single_use and asked.single_use[name]
  end
  return next_question.of(all, judge_each(all, wanted, asked.known, asked.offers_fail), asked)
end

--- How many connections the questions cost at most, where none fails.
-- @function most_asked
-- @tparam {string,...} mechanisms
-- @treturn integer
M.most_asked = next_question.most

--- Infers what stands behind one address.
-- @tparam {table,...} entries one a connection, in the order in which they were started: {order (1, 2, …), mechanism,
--   design ("seed", "fixed", "fresh", "pairs", "chain"; "confirm", "look", "marked", "identities", "spent"), outcome,
--   from (order of the connection that issued the session offered; nil when none was), source (local address), started
--   and ended (on a clock that counts starts and ends), started_s and ended_s (seconds, where known), and what
--   resum.analysis.pool.sighting.read finds: issued, ticket, ticket_length, lifetime_s, session_id, leaf, serial,
--   extensions, cipher, ems}
-- @tparam table context mechanisms (list of those asked for), sources (list of local addresses, or nil), offers_fail
--   (boolean: whether offers failed where full handshakes beside them did not; nil: not known), refused_before
--   (mechanism -> how many offers an earlier scan of the address saw refused, where none resumed)
-- @treturn table verdict, reason, decided_by (a mechanism), routing, groups, groups_interval, effective_groups, labels,
--   designs, matrix (issuing letter -> answering letter -> {resumed, answered, errors}), rival ({verdict, odds}), fit
--   ({fits, p, certain, against, covariate}), findings, headline, evidence, mechanisms (name -> the same for
--   each), attempts
function M.analyse(entries, context)
  local all = read(entries, context.refused_before, context.offers_fail)
  local results = judge_each(all, context.mechanisms, nil, context.offers_fail)
  whole.refine(results, all)
  local letters, group_of = shown.letters(entries, all), {}
  for name, result in pairs(results) do
    result.labels = shown.labels(all[name], result.group_of, letters)
    result.matrix = matrix.of_groups(all[name], letters)
    group_of[name] = result.group_of
  end
  local summary = whole.conclude(results, all, context)
  summary.headline, summary.evidence = words.of(summary)
  summary.attempts = shown.attempts(entries, all, group_of, letters)
  for _, result in pairs(results) do
    result.judged, result.group_of, result.failing = nil, nil, nil -- functions, and all of the evidence
  end
  return summary
end

return M
