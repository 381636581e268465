-- A session is good for one connection (RFC 8446, appendix C.4, wants clients to use tickets so).

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

return {
  id = "single_use",
  verdict = "all_shared",
  beside = "forgets", -- what a cache may do as well: see resum.analysis.pool.score
  bars = function(evidence)
    local by_session, barred = resumptions(evidence), {}
    for _, offer in ipairs(evidence.offers) do
      if offer.design ~= "fresh" then -- of several tickets of a connection, nobody knows which it was
        barred[offer] = is_spent(offer, by_session[offer.origin])
      end
    end
    return next(barred) and { { barred = barred, free = 0, choices = 0 } } or {}
  end,
}
