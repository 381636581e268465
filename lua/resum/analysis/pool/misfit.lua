-- Does an explanation fit? What contradicts it has to be no more than noise, and nothing else may part the offers that
-- it takes for alike. Pure; it knows no explanation.

local hidden = require "resum.analysis.pool.hidden"
local statistics = require "resum.util.statistics"

local M = {}

-- A true explanation is doubted once in a thousand, over all that is asked of it.
local DOUBT = 0.001
local CERTAIN = 0.01 -- expected less often, or more often than all but that: the outcome is no matter of luck
local LEAST = 8 -- offers of a session, or on one side, for a normal approximation to hold

local function normal_tail(z)
  -- Abramowitz and Stegun, 26.2.17: to seven digits.
  local t = 1 / (1 + 0.2316419 * math.abs(z))
  local density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
  return density * t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
end

-- How surprising a sum of outcomes is, given what was to be expected.
local function surprise(sum)
  if sum.count < LEAST or sum.variance < 1 then
    return 1
  end
  return 2 * normal_tail(math.max(0, math.abs(sum.rest) - 0.5) / math.sqrt(sum.variance))
end

local function new_sum()
  return { rest = 0, variance = 0, count = 0 }
end

local function add(sum, one)
  sum.rest, sum.variance, sum.count = sum.rest + one.rest, sum.variance + one.variance, sum.count + 1
end

-- Offers whose outcome the explanation leaves to luck, and how many contradict what it leaves to none.
local function residues(explained)
  local hopes, blind = hidden.expected(explained.view, explained.parameters.model, explained.leaning)
  local list, certain, against = {}, 0, 0
  for _, offer in ipairs(explained.view.offers) do
    local hope, unseen = hopes[offer.order], blind[offer.order]
    if hope <= CERTAIN or hope >= 1 - CERTAIN then
      certain = certain + 1
      against = against + ((offer.resumed ~= (hope > 0.5)) and 1 or 0)
    end
    -- whom neighbours meet is the balancer's doing
    if offer.lag == 0 and not offer.barred and unseen > CERTAIN and unseen < 1 - CERTAIN then
      list[#list + 1] = { offer = offer, rest = (offer.resumed and 1 or 0) - unseen,
        variance = unseen * (1 - unseen) }
    end
  end
  return list, certain, against
end

local function of_issuer(name)
  return function(offer)
    return offer.issue[name] ~= nil and tostring(offer.issue[name]) or nil
  end
end

-- What else may decide. Each maps an offer to a value; offers of one value should do as was expected of them. What the
-- answer shows is no such thing: some shows only where a session is refused, some only where it resumes.
local COVARIATES = {
  source = function(offer) return offer.source end,
  home = function(offer) return offer.home end,
  same_source = function(offer) return offer.source and tostring(offer.source == offer.home) end,
  issuing_cipher = of_issuer("cipher"),
  issuing_certificate = of_issuer("leaf"),
  issuing_ems = of_issuer("ems"),
  first_offer = function(offer) return tostring(offer.offered == 0) end,
  second = function(offer)
    local at, since = offer.entry.started_s, offer.issue.ended_s
    return at and tostring((math.floor(at) - math.floor(since)) % 2)
  end,
}
-- Numbers: parted at quarters.
local NUMBERS = {
  time = function(offer) return offer.order end,
  age = function(offer) return offer.age end,
  concurrency = function(offer) return offer.ended - offer.started end,
}

local function by_value(list, value_of)
  local sums = {}
  for _, one in ipairs(list) do
    local value = value_of(one.offer)
    if value ~= nil then
      sums[value] = sums[value] or new_sum()
      add(sums[value], one)
    end
  end
  return sums
end

local function by_quarter(list, value_of)
  local ordered, sums = {}, {}
  for _, one in ipairs(list) do
    ordered[#ordered + 1] = value_of(one.offer) and one or nil
  end
  table.sort(ordered, function(a, b)
    local x, y = value_of(a.offer), value_of(b.offer)
    return x < y or (x == y and a.offer.order < b.offer.order)
  end)
  for i, one in ipairs(ordered) do
    local quarter = math.ceil(4 * i / #ordered)
    sums[quarter] = sums[quarter] or new_sum()
    add(sums[quarter], one)
  end
  return sums
end

-- Stretches: neighbours that fare alike more often than was to be expected.
local function stretches(list)
  local sum = new_sum()
  for i = 2, #list do
    local a, b = list[i - 1], list[i]
    add(sum, { rest = a.rest * b.rest, variance = a.variance * b.variance })
  end
  if sum.count < LEAST or sum.rest < 0 then
    return 1
  end
  return normal_tail(sum.rest / math.sqrt(sum.variance))
end

local function tests_of(list)
  local tests = {}
  local function note(name, sums)
    for value, sum in pairs(sums) do
      if sum.count >= LEAST then
        tests[#tests + 1] = { name = name, value = value, p = surprise(sum) }
      end
    end
  end
  for name, value_of in pairs(COVARIATES) do
    note(name, by_value(list, value_of))
  end
  for name, value_of in pairs(NUMBERS) do
    note(name, by_quarter(list, value_of))
  end
  note("session", by_value(list, function(offer)
    return offer.design ~= "fresh" and offer.origin or nil
  end))
  tests[#tests + 1] = { name = "order", p = stretches(list) }
  return tests
end

--- How well an explanation fits.
-- @tparam table explained see resum.analysis.pool.score
-- @treturn table fits (boolean), p (the chance that something as strange is seen where it is true), certain (offers
--   whose outcome it leaves to nothing), against (of them, those that contradict), covariate (the name of what parts
--   the rest best, where something does)
function M.of(explained)
  local list, certain, against = residues(explained)
  local p = statistics.binomial_tail(against, certain, hidden.NOISE)
  local fit = { certain = certain, against = against, p = p, fits = p > DOUBT }
  local tests = tests_of(list)
  for _, test in ipairs(tests) do
    local over_all = math.min(1, test.p * #tests)
    if over_all < DOUBT and over_all < (fit.covariate_p or 1) then
      fit.covariate, fit.covariate_p, fit.fits = test.name, over_all, false
    end
  end
  return fit
end

return M
