-- What a model expects of each offer before it is made, from what came of the same session until then. What really
-- happens differs from that by luck only, one offer after the other, whatever the tests that are made of it. Pure.

local hidden = require "resum.analysis.pool.hidden"

local M = {}

-- Beliefs about where a session was issued, before it was ever offered: by its label.
local function prior_of(model, offer)
  local belief, weights = {}, hidden.weights_at(model, offer.origin)
  for _, a in ipairs(hidden.classes_at(model, { label = offer.issuer, source = offer.home })) do
    belief[a] = model.class_of and 1 or weights[a]
  end
  return belief
end

-- Where this offer may go.
local function ways_of(model, offer)
  return model.class_of and hidden.classes_at(model, offer) or model.all
end

local EVEN = setmetatable({}, { __index = function() return 1 end })

-- Sums over the classes of a list, by the class that issued the session: of their shares, and of those that accept it.
local function shares_of(model, list, weights)
  local takers = hidden.takers_of(model, list)
  return hidden.sum_over(list, weights), hidden.sums_over(takers, weights), takers.of
end

-- The sums over all that is not seen: of the chance to resume, of all, and of what the answer showed; and beliefs anew.
local function weigh(model, offer, session)
  local weights = model.class_of and EVEN or hidden.weights_at(model, offer.order)
  local sum, after = { hope = 0, all = 0, met = 0, met_hope = 0 }, {}
  local yes, no = hidden.chance_of(offer), hidden.IMPOSSIBLE
  local all, takers, of = shares_of(model, ways_of(model, offer), weights)
  local seen, seen_takers, seen_of = shares_of(model, hidden.classes_at(model, { label = offer.answerer,
    source = offer.source }), weights)
  for a, belief in pairs(session.belief) do
    local some, seen_some = takers[of[a]], seen_takers[seen_of[a]]
    local hope, met_hope = yes * some + no * (all - some), yes * seen_some + no * (seen - seen_some)
    sum.all, sum.hope = sum.all + belief * all, sum.hope + belief * hope
    sum.met, sum.met_hope = sum.met + belief * seen, sum.met_hope + belief * met_hope
    after[a] = belief * (offer.resumed and met_hope or seen - met_hope)
  end
  return sum, after
end

-- The same where a session is led, so that shares hang on the class that issued it; and what each way weighs.
local function weigh_led(model, offer, session)
  local weights, sum = hidden.weights_at(model, offer.order), { hope = 0, all = 0, met = 0, met_hope = 0 }
  local accepted, shown, after, way = hidden.accepted_in(model), {}, {}, {}
  for _, b in ipairs(hidden.classes_at(model, { label = offer.answerer, source = offer.source })) do
    shown[b] = true
  end
  for a, belief in pairs(session.belief) do
    for _, b in ipairs(model.all) do
      local share = belief * (session.shares and session.shares[a][b] or weights[b])
      local chance = accepted[a][b] and hidden.chance_of(offer) or hidden.IMPOSSIBLE
      sum.all, sum.hope = sum.all + share, sum.hope + share * chance
      if shown[b] then
        local seen = share * (offer.resumed and chance or 1 - chance)
        sum.met, sum.met_hope = sum.met + share, sum.met_hope + share * chance
        after[a] = (after[a] or 0) + seen
        way[a] = way[a] or {}
        way[a][b] = seen
      end
    end
  end
  return sum, after, way
end

local function normalized(belief)
  local all = 0
  for _, share in pairs(belief) do
    all = all + share
  end
  for a, share in pairs(belief) do
    belief[a] = share / math.max(all, 1e-300)
  end
  return belief
end

-- Shares of the ways that a session can be led, by the class that issued it.
local function led(way, after)
  local shares = {}
  for a, row in pairs(way) do
    shares[a] = {}
    for b, seen in pairs(row) do
      shares[a][b] = seen / math.max(after[a], 1e-300)
    end
  end
  return shares
end

--- What was to be expected of each offer.
-- @tparam table evidence
-- @tparam table model see resum.analysis.pool.hidden
-- @treturn table order of an offer -> chance that it resumes; not of those to neighbours, whose way is the balancer's
--   doing
-- @treturn table the same, given whom the connection showed
function M.of(evidence, model)
  local sessions, hopes, given = {}, {}, {}
  for _, offer in ipairs(evidence.offers) do
    local session = sessions[offer.origin] or { belief = normalized(prior_of(model, offer)) }
    local sum, after, way = (model.leads and weigh_led or weigh)(model, offer, session)
    given[offer.order] = sum.met > 0 and sum.met_hope / sum.met or nil
    if offer.lag == 0 then
      hopes[offer.order] = sum.hope / math.max(sum.all, 1e-300)
      if next(after) then
        session.shares = model.leads and led(way, after) or nil
        session.belief = normalized(after)
      end
      sessions[offer.origin] = session
    end
  end
  return hopes, given
end

return M
