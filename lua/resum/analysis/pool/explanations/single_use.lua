-- A session is good for one connection (RFC 8446, appendix C.4, wants clients to use tickets so): each, or those that
-- are entries of a cache, which can be taken out of it, beside servers whose tickets hold all that is needed.

local sighting = require "resum.analysis.pool.sighting"

local function resumptions(evidence)
  local by_session = {}
  for _, offer in ipairs(evidence.offers) do
    if offer.resumed then
      by_session[offer.origin] = by_session[offer.origin] or {}
      table.insert(by_session[offer.origin], offer)
    end
  end
  return by_session
end

-- Was the session used up when this one came? Nobody knows where it was used at the same time.
local function is_spent(offer, list)
  local spent
  for _, other in ipairs(list or {}) do
    if other ~= offer and other.ended < offer.started then
      return true
    end
    spent = spent or (other ~= offer and other.started < offer.ended and 0.5) or nil
  end
  return spent
end

-- Offers of spent sessions, and those that are of a cache.
local function spent_offers(evidence)
  local by_session, barred, cached, all_cached = resumptions(evidence), {}, {}, true
  for _, offer in ipairs(evidence.offers) do
    if offer.design ~= "fresh" then -- of several tickets of a connection, nobody knows which it was
      local spent = is_spent(offer, by_session[offer.origin])
      local of_cache = evidence.label[offer.origin] == sighting.STATEFUL
      barred[offer], cached[offer] = spent, of_cache and spent or nil
      all_cached = all_cached and (not spent or of_cache)
    end
  end
  return barred, not all_cached and cached or {}
end

return {
  id = "single_use",
  verdict = "all_shared",
  beside = "forgets", -- what a cache may do as well: see resum.analysis.pool.score
  bars = function(evidence)
    local list = {}
    for _, barred in ipairs({ spent_offers(evidence) }) do
      list[#list + 1] = next(barred) and { barred = barred, free = 0, choices = 0 } or nil
    end
    return list
  end,
}
