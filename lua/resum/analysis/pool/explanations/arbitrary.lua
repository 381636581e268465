-- Nothing known: each session fares in its own way. What any explanation has to beat, or it explains nothing. Sessions
-- that were offered often have a rate each; the others have one for all that were issued alike, and one in crowds. (Who
-- refused shows a name more often than who resumed: so the names of those that answered tell nothing here.)

local classes = require "resum.analysis.pool.classes"
local forest = require "resum.analysis.pool.forest"

local OFTEN = 4 -- offers, from which on a session has a rate of its own: fewer show none

-- Log likelihood of an outcome whose rate is unknown: Jeffreys' prior, one outcome after the other. A session that may
-- have been too old may have been refused for that, and tells so much less of the rate.
local function note(tally, offer)
  local rate, alive = (tally.resumed + 0.5) / (tally.offered + 1), offer.alive or 1
  if offer.resumed then
    tally.resumed, tally.offered = tally.resumed + 1, tally.offered + 1
    return math.log(alive * rate)
  end
  tally.offered = tally.offered + (1 - rate) / (1 - alive * rate)
  return math.log(1 - alive * rate)
end

local function of_rates(evidence)
  local offered, tallies, value = {}, {}, 0
  for _, offer in ipairs(evidence.offers) do
    local far = offer.lag == 0 and offer.design ~= "fresh"
    offered[offer.origin] = (offered[offer.origin] or 0) + (far and 1 or 0)
  end
  for _, offer in ipairs(evidence.offers) do
    local own = offer.lag == 0 and offered[offer.origin] >= OFTEN
    local all = (offer.issuer and offer.issuer.text or "") .. (offer.lag > 0 and "near" or "far")
      .. evidence.epoch_of_crowds(offer.order)
    local kind = ("%s|%s"):format(own and offer.origin or all, tostring(offer.barred))
    tallies[kind] = tallies[kind] or { resumed = 0, offered = 0 }
    value = value + note(tallies[kind], offer)
  end
  return value
end

-- Whom a connection met, as if drawn by lot.
local function of_labels(evidence, epoch)
  local counts, all, value = {}, 0, 0
  for _, node in ipairs(forest.nodes(evidence)) do
    if node.label and evidence.epoch_of_crowds(node.order) == epoch then
      counts[node.label], all = (counts[node.label] or 0) + 1, all + 1
    end
  end
  for _, count in pairs(counts) do
    value = value + count * math.log(count / all)
  end
  return value
end

return {
  id = "arbitrary",
  verdict = function()
    return "unexplained"
  end,
  fit = function(evidence)
    local labels, _, none = classes.labels(evidence)
    return { { free = math.max(0, #labels + (next(none) and 1 or 0) - 1), choices = 0 } }
  end,
  log_likelihood = function(evidence)
    return of_rates(evidence) + of_labels(evidence, 1) + of_labels(evidence, 2), 0
  end,
}
