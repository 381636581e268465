-- One score for all explanations: log likelihood, less what their parameters cost (Schwarz's criterion). The best is
-- the verdict where no rival that would give other advice comes near, and where it fits. Pure; it knows no explanation
-- by name.

local explanations = require "resum.analysis.pool.explanations"
local foresight = require "resum.analysis.pool.foresight"
local hidden = require "resum.analysis.pool.hidden"
local misfit = require "resum.analysis.pool.misfit"

local M = {}

--- The best has to be so many times likelier than every rival with other advice (Jeffreys' "decisive" is 100; a verdict
-- is read as a fact, by thousands).
M.ODDS = 1000

local DECISIVE = math.log(M.ODDS)
-- Against knowing nothing the best has to be so many times likelier (Jeffreys' "strong").
local LIKELIER = math.log(10)

-- The same evidence, where a condition keeps some offers from resuming.
local function under(evidence, condition)
  local view = { offers = {}, nodes = false, bundles = false, bundles_of_crowds = false }
  setmetatable(view, { __index = evidence })
  for i, offer in ipairs(evidence.offers) do
    local barred = condition.barred[offer]
    view.offers[i] = barred and setmetatable({ barred = barred }, { __index = offer }) or offer
  end
  return view
end

-- A condition explains some refusals, and hardly anything resumed in spite of it.
local function is_worth_trying(condition)
  local resumed, refused = 0, 0
  for offer, how in pairs(condition.barred) do
    refused = refused + (offer.resumed and 0 or 1)
    resumed = resumed + ((offer.resumed and how == true) and 1 or 0)
  end
  return refused > 0 and resumed * 10 <= refused -- ten refusals at best pay for one that was impossible
end

-- Both at once: sessions that are good once lie in a cache, and that may be small.
local function together(one, other)
  local barred = {}
  for _, condition in ipairs({ one, other }) do
    for offer, how in pairs(condition.barred) do
      barred[offer] = (how == true or barred[offer] == true) or math.min(how, barred[offer] or how)
    end
  end
  return setmetatable({ barred = barred, free = one.free + other.free, choices = one.choices + other.choices },
    { __index = other })
end

local function conditions_of(evidence)
  local list, base = {}, nil
  for _, explanation in ipairs(evidence.offers_tally.refused > 0 and explanations.conditions or {}) do
    for _, condition in ipairs(explanation.bars(evidence)) do
      if is_worth_trying(condition) then
        condition.explanation = explanation
        list[#list + 1] = condition
        base = explanation.beside and condition or base
      end
    end
  end
  for _, condition in ipairs(base and table.move(list, 1, #list, 1, {}) or {}) do
    list[#list + 1] = condition.explanation.id == base.explanation.beside and together(base, condition) or nil
  end
  return list
end

-- Session IDs that were offered to see the ticket keys of the servers that took them: each session's draws, as if drawn
-- by lot, or one draw where it is led back to its server.
local function of_marks(evidence, sticks)
  local counts, all, met, value = {}, 0, {}, 0
  for _, offer in ipairs(evidence.marked) do
    local key = offer.key
    if key then
      counts[key], all = (counts[key] or 0) + 1, all + 1
    end
  end
  for _, offer in ipairs(evidence.marked) do
    local key = offer.resumed and offer.key
    if key and not (sticks and met[offer.origin] == key) then
      value = value + math.log(sticks and met[offer.origin] and 1e-4 or counts[key] / all)
      met[offer.origin] = key
    end
  end
  return value
end

local function verdict_of(explanation, condition, parameters)
  local verdict = explanation.verdict and explanation.verdict(parameters) or explanation.id
  if verdict == "all_shared" and condition.explanation then
    return condition.explanation.verdict
  end
  return verdict
end

-- Two independent faults at one address are rarer than one. What claims two has to pay for the second as a verdict has
-- to beat a rival, so that none is made up that nothing calls for.
local SECOND_FAULT = math.log(1000)

-- A member that shows that it is unlike the others is not made up.
local SEEN = { none = true, other_version = true, stateful = true }

local function is_made_up(parameters)
  local label = parameters.dead_labels and next(parameters.dead_labels)
  return parameters.dead and next(parameters.dead) and not (label and SEEN[label.kind])
end

local function faults_of(explanation, condition, parameters)
  local faults = condition.explanation and 1 or 0
  faults = faults + (explanation.id ~= "all_shared" and 1 or 0)
  return faults + ((is_made_up(parameters) and (parameters.groups or 1) > 1) and 1 or 0)
end

local function cost_of(evidence, condition, parameters)
  local size = #evidence.offers + #evidence.sequence
  return (parameters.free + condition.free) / 2 * math.log(math.max(2, size)) + parameters.choices + condition.choices
end

-- What the model sums over, and what the explanation says beside it.
local function likelihood_of(explanation, view, parameters)
  if explanation.log_likelihood then
    return explanation.log_likelihood(view, parameters)
  end
  local value, leaning = hidden.log_likelihood(parameters.view or view, parameters.model)
  return value + (parameters.beside or 0), leaning
end

local function try(evidence, view, explanation, condition, list)
  local best
  for _, parameters in ipairs(explanation.fit(view)) do
    local likelihood, leaning = likelihood_of(explanation, view, parameters)
    likelihood = likelihood + of_marks(evidence, explanation.sticks)
    local faults = faults_of(explanation, condition, parameters)
    local one = {
      explanation = explanation, condition = condition, parameters = parameters, view = parameters.view or view,
      likelihood = likelihood, leaning = leaning,
      made_up = math.max(0, faults - 1) * SECOND_FAULT,
      verdict = verdict_of(explanation, condition, parameters),
    }
    one.score = likelihood - cost_of(evidence, condition, parameters) - one.made_up
    list[#list + 1] = one
    best = (not best or one.score > best.score) and one or best
  end
  return best
end

-- What a condition can add to an explanation: no more than what the refusals cost that it takes over.
local function most_gained(condition, without)
  local hopes, gain = without.hopes, 0
  if not hopes and without.parameters.model then
    hopes = foresight.of(without.view, without.parameters.model)
    without.hopes = hopes
  end
  for offer in pairs(hopes and condition.barred or {}) do
    gain = gain - (offer.resumed and 0 or math.log(math.max(hidden.NOISE, 1 - (hopes[offer.order] or 1))))
  end
  return gain - condition.choices
end

--- All explanations of a mechanism's evidence, the best first.
-- @tparam table evidence
-- @treturn {table,...} {explanation, condition, parameters, score, likelihood, verdict, leaning, view}
function M.rank(evidence)
  local list, alone, top = {}, {}, -math.huge
  local none = { free = 0, choices = 0 }
  for i, explanation in ipairs(explanations.sharing) do
    alone[i] = try(evidence, evidence, explanation, none, list)
    top = alone[i] and math.max(top, alone[i].score) or top
  end
  for _, condition in ipairs(conditions_of(evidence)) do
    local view = under(evidence, condition)
    for i, explanation in ipairs(explanations.sharing) do
      if not alone[i] or alone[i].score + most_gained(condition, alone[i]) > top - 2 * DECISIVE then
        try(evidence, view, explanation, condition, list)
      end
    end
  end
  for i, one in ipairs(list) do
    one.place = i
  end
  table.sort(list, function(a, b)
    return a.score > b.score or (a.score == b.score and a.place < b.place)
  end)
  return list
end

-- Explanations of one advice are no rivals. A member that never accepts session IDs, among others that have a cache
-- each, is to have the same common cache.
local function are_rivals(one, other, mechanism)
  local function told(which)
    local strangers = mechanism == "session_id" and which.verdict == "bad_member" and (which.parameters.groups or 1) > 1
    return strangers and "nothing_shared" or which.verdict
  end
  local other_version = (one.parameters.how == "other_version") ~= (other.parameters.how == "other_version")
  return other_version or (one.verdict ~= other.verdict and told(one) ~= told(other))
end

-- Where servers show no name and sessions are refused, knowing nothing is a rival, if keys decide, as servers may have
-- any lists of them: one that has to be beaten by more, since a few hundred offers fit some form by accident once in
-- ten (pools of random lists). Sessions in caches are in groups in any case: there it only must not be likelier.
local AMONG_LISTS = math.log(1e5)

local function is_in_caches(one, mechanism)
  local divided = one.parameters.divided
  return divided ~= nil and divided.kind ~= "key" and (mechanism == "session_id" or divided.kind == "stateful")
end

local function needed_against_nothing(one, mechanism, alone)
  local divided = one.parameters.divided
  if not divided or alone and is_in_caches(one, mechanism) then
    return LIKELIER
  elseif divided.kind == "key" then -- what else may decide, the fit tells
    return 0
  elseif is_in_caches(one, mechanism) then
    return -DECISIVE
  end
  return AMONG_LISTS
end

-- But where nothing else was offered, no other mechanism speaks for groups, and most lists of who accepts whom fit two
-- or three of them, of some shares. Lists hardly ever are of one length, and groups of even shares are: so only these
-- are told, where it was seen that sessions do not differ. nil where nothing depends on it.
local function evenness_of(one, evidence)
  local depends = evidence.alone and one.parameters.model and is_in_caches(one, evidence.mechanism)
  return depends and misfit.evenness(one) or nil
end

--- Judges a mechanism.
-- @tparam table evidence
-- @treturn table best (see rank), rival (the best with other advice, or nil), odds (natural logarithm of best against
--   rival), decisive (boolean), gain (natural logarithm of the odds against knowing nothing), beats_nothing (boolean),
--   short (so many offers are missing to say so), alone (nothing else was offered), evenness ("even", "uneven" or
--   "unknown": do sessions in caches that show no name resume equally often? nil: nothing depends on it), fit
--   (see resum.analysis.pool.misfit)
function M.judge(evidence)
  local list, mechanism = M.rank(evidence), evidence.mechanism
  local best, rival, nothing, modelled = list[1], nil, nil, nil
  for _, one in ipairs(list) do
    local explains = one.verdict ~= "unexplained"
    if explains and modelled and not rival and are_rivals(one, modelled, mechanism) then
      rival = one
    end
    nothing = nothing or (not explains and one) or nil
    modelled = modelled or (explains and one) or nil
  end
  if not best then
    return {}
  end
  best = modelled or best
  local odds = rival and best.score - rival.score or math.huge
  local fit = modelled and misfit.of(modelled) or { fits = true }
  local gain = modelled and nothing and modelled.score + modelled.made_up - nothing.score or math.huge
  local evenness = evenness_of(best, evidence)
  local beats_nothing = gain >= needed_against_nothing(best, mechanism, evidence.alone)
  return { best = best, rival = rival, gain = gain, odds = odds, alone = evidence.alone, evenness = evenness,
    beats_nothing = beats_nothing and (not evenness or evenness == "even"),
    decisive = odds >= DECISIVE and not best.parameters.short, short = best.parameters.short, fit = fit,
    ranking = list }
end

return M
