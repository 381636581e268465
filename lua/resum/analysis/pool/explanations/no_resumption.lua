-- No session is ever accepted: none is issued, or what is issued is worth nothing anywhere.

local classes = require "resum.analysis.pool.classes"
local sighting = require "resum.analysis.pool.sighting"

-- A "no" needs offers that could have met the session's own server: so many that of this number of equal servers, drawn
-- by lot, none is met once in 1,000.
local MOST_SERVERS, EXCLUDED = 32, 1000
local LEAST_OFFERS = math.ceil(math.log(EXCLUDED) / -math.log(1 - 1 / MOST_SERVERS))

local function never()
  return false
end

return {
  id = "no_resumption",
  fit = function(evidence)
    local _, _, none = classes.labels(evidence)
    if evidence.offers_tally.resumed > 0 then
      return {}
    end
    local model = classes.model(evidence, nil, none[sighting.NONE] and { sighting.NONE })
    model.accept = never
    local reason = evidence.issued == 0 and "not_issued" or "issued_not_accepted"
    local offers = #evidence.offers + (evidence.refused_before or 0)
    local short = reason == "issued_not_accepted" and math.max(0, LEAST_OFFERS - offers) or 0
    return { { model = model, free = model.count - 1, choices = 0, reason = reason,
      short = short > 0 and short or nil } }
  end,
}
