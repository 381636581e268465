-- Sessions are forgotten: after some time, or when so many others were issued that a small cache has no room.

local cut = require "resum.analysis.pool.cut"
local hidden = require "resum.analysis.pool.hidden"
local ticket_keys = require "resum.analysis.ticket_key"

-- Sessions that live no longer than a scan are rare; the shortest default that is known is 5 minutes (OpenSSL, nginx).
-- Where the server itself states such a lifetime they are not; where it states a longer one they are twice as rare.
local RARE = math.log(1000)

local function cost_of_lifetime(evidence, at)
  local stated, longest = evidence.stated_s, 0
  for _, offer in ipairs(stated and evidence.offers or {}) do
    longest = math.max(longest, offer.entry.started_s and offer.age_at_most or 0)
  end
  if not stated or longest == 0 then
    return RARE
  end
  return stated <= longest and 0 or stated > at and 2 * RARE or RARE
end

local function none()
  return 0
end

-- Caches with rows are rare as well, and losses by lot explain nearly anything.
local function cost_of_rows()
  return RARE
end

local function by(bounds)
  return function(evidence)
    return cut.find(evidence.offers, bounds, false)
  end
end

-- Most servers count seconds: what was issued in one of them goes when another one begins. When that is, by our clock,
-- nobody knows: so many moments of a second are tried, as some ten offers a second are made.
local PHASES = 100
local EITHER = 0.5 -- the chance that it was on this side, where a second began meanwhile

-- The seconds that began between an issue and an offer: at least, and at most.
local function seconds_between(offer, phase)
  local entry, issue, floor = offer.entry, offer.issue, math.floor
  return floor((entry.hello_s or entry.started_s) + phase) - floor((issue.goodbye_s or issue.ended_s) + phase),
    floor(entry.ended_s + phase) - floor(issue.started_s + phase)
end

-- The lifetime in seconds that parts refused offers from resumed ones best, and how well.
local function best_lifetime(offers, phase)
  local sums, longest, best, most = {}, 0, nil, 0
  for _, offer in ipairs(offers) do
    local seconds = seconds_between(offer, phase)
    sums[seconds] = (sums[seconds] or 0) + (offer.resumed and -cut.AGAINST or 1)
    longest = math.max(longest, seconds)
  end
  local sum = 0
  for seconds = longest, 1, -1 do
    sum = sum + (sums[seconds] or 0)
    if sum > most then
      best, most = seconds, sum
    end
  end
  return best, most, longest
end

local function barred_by(offers, phase, lifetime)
  local barred = {}
  for _, offer in ipairs(offers) do
    local least, most = seconds_between(offer, phase)
    barred[offer] = least >= lifetime or most >= lifetime and EITHER or nil
  end
  return barred
end

local function by_seconds(evidence)
  local offers, best, most = evidence.offers, nil, 0
  for i = 1, offers[1] and offers[1].entry.started_s and PHASES or 0 do
    local lifetime, number, longest = best_lifetime(offers, i / PHASES)
    if number > most then
      best, most = { phase = i / PHASES, at = lifetime, choices = math.log(PHASES * longest) }, number
    end
  end
  if best then
    best.barred = barred_by(offers, best.phase, best.at)
  end
  return best
end

-- Some caches have rows, in one of which a session's ID puts it: wolfSSL has three to a row, and one to a row is what a
-- cache comes to that makes room by lot. There a session goes by chance, and for good.
local ROWS, TO_A_ROW = { 8, 16, 32, 64, 128, 256 }, { 1, 3 }
local AGAIN = 1e-4 -- the chance that one that is lost resumes, as in resum.analysis.pool.hidden
local SURELY = 0.975 -- nearer to a whole than to the next twentieth
local GONE = 2 -- times as many sessions as there is room for, after which one is gone in 9 of 10 cases

-- The chance that fewer than it takes have come to the row since (Poisson's law).
local function chance_to_stay(filled, rows, to_a_row)
  local mean, term, sum = filled / rows, 1, 0
  for i = 1, to_a_row do
    sum, term = sum + term, term * mean / i
  end
  return sum * math.exp(-mean)
end

-- The chance that each offer's session is there, as it was there, or was not, when it was offered before; and how
-- likely all of that is.
local function by_rows_of(offers, rows, to_a_row)
  local stays, fates, likelihood = {}, {}, 0
  for _, offer in ipairs(offers) do
    local fate = fates[offer.origin] or { before = 1, lost = false }
    local now = math.min(fate.before, chance_to_stay(offer.filled, rows, to_a_row))
    local stay = fate.lost and AGAIN or math.max(AGAIN, math.min(1 - hidden.NOISE, now / fate.before))
    stays[offer], likelihood = stay, likelihood + math.log(offer.resumed and stay or 1 - stay)
    fate.before, fate.lost = offer.resumed and math.max(now, AGAIN) or fate.before, not offer.resumed
    fates[offer.origin] = fate
  end
  return stays, likelihood
end

-- Are all of these sessions in caches? A ticket that holds all that is needed is lost by none.
local function are_cached(offers)
  for _, offer in ipairs(offers) do
    local length = offer.issue.ticket_length
    if length and not ticket_keys.is_cache_entry(length) then
      return false
    end
  end
  return true
end

local function by_rows(evidence)
  if not are_cached(evidence.offers) then
    return nil
  end
  local best, most, barred = nil, -math.huge, {}
  for _, rows in ipairs(ROWS) do
    for _, to_a_row in ipairs(TO_A_ROW) do
      local stays, likelihood = by_rows_of(evidence.offers, rows, to_a_row)
      if likelihood > most then
        best, most = { at = GONE * rows * to_a_row, stays = stays }, likelihood
      end
    end
  end
  for offer, stay in pairs(best.stays) do
    barred[offer] = stay <= AGAIN or stay < SURELY and math.max(0.05, math.floor(20 * stay + 0.5) / 20) or nil
  end
  return { barred = barred, at = best.at, choices = math.log(#ROWS * #TO_A_ROW) }
end

local CAUSES = {
  { how = "capacity", cost = none, find = by(function(offer)
    return offer.issued_since - offer.beside, offer.issued_since + offer.beside
  end) },
  -- TLS 1.3 servers issue on resumption, too, whether or not somebody reads it
  { how = "capacity", cost = none, find = by(function(offer)
    return offer.order - offer.origin - offer.beside, offer.order - offer.origin + offer.beside
  end) },
  { how = "capacity", cost = none, find = by(function(offer)
    return offer.filled - offer.beside, offer.filled + offer.beside
  end) },
  { how = "capacity", cost = cost_of_rows, find = by_rows },
  { how = "lifetime", cost = cost_of_lifetime, find = by(function(offer)
    return offer.age, offer.age_at_most
  end) },
  { how = "lifetime", cost = cost_of_lifetime, find = by_seconds },
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
      local found = cause.find(evidence)
      if found then
        list[#list + 1] = { barred = found.barred, free = 0, choices = found.choices + cause.cost(evidence, found.at),
          how = cause.how, limit = found.at, at = first_of(found.barred) }
      end
    end
    return list
  end,
}
