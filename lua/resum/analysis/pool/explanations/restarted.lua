-- At one moment all that was issued before became worthless: caches were emptied, or keys changed of which no name is
-- shown. Sessions issued since are good, which has to be seen as well.

-- Servers restart once a day at most, and a scan takes seconds: it meets that once in thousands of scans.
local RARE = math.log(1000)

-- Offers that cross a moment: issued before it, and offered after it. Found in one pass over the moments.
local function best_moment(offers)
  local change, moments = {}, {}
  local function note(moment, name, by)
    if not change[moment] then
      change[moment] = { resumed = 0, refused = 0 }
      moments[#moments + 1] = moment
    end
    change[moment][name] = change[moment][name] + by
  end
  for _, offer in ipairs(offers) do
    -- A resumption proves that nothing was lost until it started; a refusal that something was until it ended.
    note(offer.since, offer.result, 1)
    note(offer.resumed and offer.started or offer.ended, offer.result, -1)
  end
  table.sort(moments)
  local refused, resumed, best, most = 0, 0, nil, 0
  for _, moment in ipairs(moments) do
    refused, resumed = refused + change[moment].refused, resumed + change[moment].resumed
    if refused - 13 * resumed > most then -- as in resum.analysis.pool.cut
      most, best = refused - 13 * resumed, moment
    end
  end
  return best, #moments
end

local function bars(evidence)
  local offers = evidence.offers
  local at, moments = best_moment(offers)
  if not at then
    return {}
  end
  local barred, first, after = {}, nil, false
  for _, offer in ipairs(offers) do
    local crosses = offer.since <= at and (offer.resumed and offer.started or offer.ended) > at
    if crosses then
      barred[offer] = true
      first = first or (not offer.resumed and offer.order) or nil
    end
    after = after or (offer.resumed and offer.since > at)
  end
  return after and { { barred = barred, free = 0, choices = math.log(moments) + RARE, at = first } } or {}
end

return { id = "restarted", verdict = "rotated", bars = bars }
