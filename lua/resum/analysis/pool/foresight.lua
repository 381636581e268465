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

-- The sums over all that is not seen: of the chance to resume, of all, and of what the answer showed; and beliefs anew.
local function weigh(model, offer, session)
  local weights, shown, sum = hidden.weights_at(model, offer.order), {}, { hope = 0, all = 0, met = 0, met_hope = 0 }
  for _, b in ipairs(hidden.classes_at(model, { label = offer.answerer, source = offer.source })) do
    shown[b] = true
  end
  local after, way = {}, {}
  for a, belief in pairs(session.belief) do
    for _, b in ipairs(ways_of(model, offer)) do
      local share = belief * (model.class_of and 1 or session.shares and session.shares[a][b] or weights[b])
      local chance = hidden.chance(model, a, b, offer)
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
    local sum, after, way = weigh(model, offer, session)
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
