-- Sessions are good only some time after they were issued: the cache is written late, so that who comes at once pays.

local cut = require "resum.analysis.pool.cut"

return {
  id = "late_cache",
  verdict = "late_cache",
  bars = function(evidence)
    local found = cut.find(evidence.offers, function(offer)
      return offer.age, offer.age_at_most
    end, true)
    if found then
      found.delay = found.at
    end
    return { found }
  end,
}
