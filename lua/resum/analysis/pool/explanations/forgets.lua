-- Sessions are forgotten: after some time, or when so many others were issued that a small cache has no room.

local cut = require "resum.analysis.pool.cut"

-- Sessions that live no longer than a scan are rare; the shortest default that is known is 5 minutes (OpenSSL, nginx).
local RARE = math.log(1000)

local CAUSES = {
  { how = "capacity", cost = 0, bounds = function(offer)
    return offer.crowd - offer.beside, offer.crowd + offer.beside
  end },
  -- TLS 1.3 servers issue on resumption, too, whether or not somebody reads it
  { how = "capacity", cost = 0, bounds = function(offer)
    return offer.order - offer.origin - offer.beside, offer.order - offer.origin + offer.beside
  end },
  { how = "lifetime", cost = RARE, bounds = function(offer)
    return offer.age, offer.age_at_most
  end },
}

local function first_of(barred)
  local first
  for offer in pairs(barred) do
    first = not offer.resumed and math.min(first or offer.order, offer.order) or first
  end
  return first
end

return {
  id = "forgets",
  verdict = "all_shared",
  bars = function(evidence)
    local list = {}
    for _, cause in ipairs(CAUSES) do
      local found = cut.find(evidence.offers, cause.bounds, false)
      if found then
        list[#list + 1] = { barred = found.barred, free = 0, choices = found.choices + cause.cost,
          how = cause.how, limit = found.at, at = first_of(found.barred) }
      end
    end
    return list
  end,
}
