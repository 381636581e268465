-- Does an explanation fit? What contradicts it has to be no more than noise, and nothing else may part the offers that
-- it takes for alike. Pure; it knows no explanation.

local foresight = require "resum.analysis.pool.foresight"
local hidden = require "resum.analysis.pool.hidden"
local statistics = require "resum.util.statistics"

local M = {}

-- A true explanation is doubted once in a thousand, over all that is asked of it.
local DOUBT = 0.001
local CERTAIN = 0.01 -- expected less often, or more often than all but that: the outcome is no matter of luck
local LEAST = 8 -- offers on one side, and variance of 1, for a normal approximation to hold
local NEAR = 10 -- connections: offers of one session that came after each other within so many met the same moment

-- Offers whose outcome the explanation leaves to luck, and how many contradict what it leaves to none.
local function residues(explained)
  local hopes, given = foresight.of(explained.view, explained.parameters.model)
  local list, certain, against = {}, 0, 0
  for _, offer in ipairs(explained.view.offers) do
    local hope, known = hopes[offer.order], given[offer.order]
    if known and (known <= CERTAIN or known >= 1 - CERTAIN) then
      certain = certain + 1
      against = against + ((offer.resumed ~= (known > 0.5)) and 1 or 0)
    end
    if hope and not offer.barred and not offer.alive and hope > CERTAIN and hope < 1 - CERTAIN then
      list[#list + 1] = { offer = offer, rest = (offer.resumed and 1 or 0) - hope, variance = hope * (1 - hope) }
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
local VALUES = {
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
  concurrency = function(offer) return offer.entry.at_once end,
}

local function by_value(list, value_of)
  local sides = {}
  for _, one in ipairs(list) do
    local value = value_of(one.offer)
    if value ~= nil then
      sides[value] = sides[value] or {}
      table.insert(sides[value], one)
    end
  end
  return sides
end

local function by_quarter(list, value_of)
  local ordered, sides = {}, {}
  for _, one in ipairs(list) do
    ordered[#ordered + 1] = value_of(one.offer) and one or nil
  end
  table.sort(ordered, function(a, b)
    local x, y = value_of(a.offer), value_of(b.offer)
    return x < y or (x == y and a.offer.order < b.offer.order)
  end)
  for i, one in ipairs(ordered) do
    local quarter = math.ceil(4 * i / #ordered)
    sides[quarter] = sides[quarter] or {}
    table.insert(sides[quarter], one)
  end
  return sides
end

-- How surprising it is what the sides do, given what was to be expected: each is a sum of outcomes.
local function surprise(sides)
  local sum, count = 0, 0
  for _, side in pairs(sides) do
    local rest, variance = 0, 0
    for _, one in ipairs(side) do
      rest, variance = rest + one.rest, variance + one.variance
    end
    if #side >= LEAST and variance >= 1 then
      sum, count = sum + math.max(0, math.abs(rest) - 0.5) ^ 2 / variance, count + 1
    end
  end
  return count > 1 and statistics.chi_squared_tail(sum, count) or 1
end

-- Do the offers of one session fare alike more than was to be expected? All of them, or those that came after each
-- other at a time. (That they take turns is the balancer's doing.)
local function alike(list, at_a_time)
  local before, sum, variance = {}, 0, 0
  for _, one in ipairs(list) do
    local offer = one.offer
    local earlier = before[offer.origin] or { rest = 0, order = offer.order }
    local rest = (not at_a_time or offer.order - earlier.order <= NEAR) and earlier.rest or 0
    sum, variance = sum + rest * one.rest, variance + rest * rest * one.variance
    before[offer.origin] = offer.design ~= "fresh"
      and { order = offer.order, rest = (at_a_time and 0 or earlier.rest) + one.rest } or nil
  end
  return (variance >= 1 and sum > 0) and statistics.normal_tail(sum / math.sqrt(variance)) or 1
end

-- Stretches: neighbours that fare alike more often than was to be expected.
local function stretches(list)
  local sum, variance = 0, 0
  for i = 2, #list do
    local a, b = list[i - 1], list[i]
    sum, variance = sum + a.rest * b.rest, variance + a.rest ^ 2 * b.variance
  end
  return (variance >= 1 and sum > 0) and statistics.normal_tail(sum / math.sqrt(variance)) or 1
end

-- Who is met hangs on the moment where a balancer goes by it, or by how many are open; and so does what is accepted
-- where that changes with time. Which of the two it is, offers tell that were there together.
local OF_THE_MOMENT = { "order", "time", "concurrency" }
-- So many such offers: 7 sessions, three times each.
local IN_CROWDS = 20
-- Where one key is good at a time, the sessions of a crowd fare in the next one as they did, or all the other way.
-- So many of them that do, and that do not, are no key that changes, in so many pairs of crowds: a change in the middle
-- of one crowd of three parts two pairs.
local SOME, PARTED = 2, 3

-- Of sessions offered in two crowds, do some fare alike in both, and others not?
local function is_parted(one, other)
  local same, changed = 0, 0
  for origin, resumed in pairs(one) do
    if other[origin] == resumed then
      same = same + 1
    elseif other[origin] ~= nil then
      changed = changed + 1
    end
  end
  return same >= SOME and changed >= SOME
end

local function count_parted(fates)
  local count = 0
  for a, one in pairs(fates) do
    for b, other in pairs(fates) do
      count = count + ((a < b and is_parted(one, other)) and 1 or 0)
    end
  end
  return count
end

-- The offers made in crowds; none, where these do not tell.
local function in_crowds(list)
  local crowded, fates = {}, {}
  for _, one in ipairs(list) do
    local offer = one.offer
    local crowd = offer.entry.crowd
    if crowd then
      crowded[#crowded + 1], fates[crowd] = one, fates[crowd] or {}
      fates[crowd][offer.origin] = offer.resumed
    end
  end
  return (#crowded >= IN_CROWDS and count_parted(fates) >= PARTED) and crowded or {}
end

local function tests_of(list)
  local tests = { session = alike(list, false), at_a_time = alike(list, true), order = stretches(list) }
  for name, value_of in pairs(VALUES) do
    tests[name] = surprise(by_value(list, value_of))
  end
  for name, value_of in pairs(NUMBERS) do
    tests[name] = surprise(by_quarter(list, value_of))
  end
  return tests
end

-- Are there classes whose sessions are good everywhere, or nowhere?
local function extremes(model)
  local always, never = false, false
  for a = 1, model.count do
    local rate = 0
    for b = 1, model.count do
      rate = rate + (model.accept(a, b) and model.weights[1][b] or 0)
    end
    always, never = always or rate >= 1 - CERTAIN, never or rate <= CERTAIN
  end
  return always, never
end

-- How each session fared, without those that are good everywhere or nowhere where the explanation has such; and whether
-- it has none, so that servers are in groups and nothing else.
local function fates_of(explained)
  local always, never = extremes(explained.parameters.model)
  local fates, list = {}, {}
  for _, offer in ipairs(explained.view.offers) do
    if offer.lag == 0 and offer.design ~= "fresh" and not offer.barred then
      local one = fates[offer.origin] or { resumed = 0, offered = 0 }
      fates[offer.origin] = one
      one.resumed, one.offered = one.resumed + (offer.resumed and 1 or 0), one.offered + 1
    end
  end
  for _, one in pairs(fates) do
    local left_out = always and one.resumed == one.offered or never and one.resumed == 0
    list[#list + 1] = not left_out and one or nil
  end
  return list, not always and not never
end

-- Where each of some servers accepts others' sessions as it pleases, the sessions' rates differ: by lot among n servers
-- their variance is p(1 - p)/n. Of 20, more than were ever seen behind one address without a name, that would be seen
-- with so many standard deviations.
local VARIES, SEEN = 1 / 20, 3
-- Servers of even shares are doubted so often in the end (R. A. Fisher's usual measure, 1925: the more of them, the
-- fewer lists are told); and so often before that, as it is looked at again and again.
local UNEVEN, SURELY_UNEVEN = 0.05, 0.001

-- Of so many groups of even shares each session resumes in one of as many offers: how surprising is it, of the number
-- that comes nearest?
local function of_whole_number(resumed, offered)
  local least = math.huge
  for _, groups in ipairs({ math.max(2, offered // resumed), offered // resumed + 1 }) do
    local deviation = math.abs(resumed - offered / groups) - 0.5
    least = math.min(least, groups * deviation / math.sqrt(offered * (groups - 1)))
  end
  return 2 * statistics.normal_tail(math.max(0, least))
end

-- R. E. Tarone's test of the binomial against what varies more (1979).
local function of_variance(list, resumed, offered, again)
  local rate, squares = resumed / offered, 0
  for _, one in ipairs(list) do
    squares = squares + (one.resumed - one.offered * rate) ^ 2
  end
  return statistics.normal_tail(math.max(0, squares / (rate * (1 - rate)) - offered) / math.sqrt(2 * again))
end

--- Do all sessions resume equally often, as they do where servers of even shares are in groups?
-- @tparam table explained see resum.analysis.pool.score
-- @treturn string "even", "uneven", or "unknown": there were not enough offers to see it
function M.evenness(explained)
  local list, is_partition = fates_of(explained)
  local resumed, offered, again = 0, 0, 0
  for _, one in ipairs(list) do
    resumed, offered = resumed + one.resumed, offered + one.offered
    again = again + one.offered * (one.offered - 1)
  end
  if resumed == 0 or resumed == offered or again == 0 then
    return "unknown"
  end
  local p = of_variance(list, resumed, offered, again)
  if is_partition then -- twice the less likely one, as two are asked
    p = 2 * math.min(p, of_whole_number(resumed, offered))
  end
  local is_known = VARIES * math.sqrt(again / 2) >= SEEN
  local is_uneven = p <= (is_known and UNEVEN or SURELY_UNEVEN)
  return is_uneven and "uneven" or is_known and "even" or "unknown"
end

-- All tests together: is that doubtful, and what doubts most? The harmonic mean (Wilson, 2019), as they are of the same
-- outcomes.
local function doubt_of(tests)
  local asked, sum, least, covariate = 0, 0, 1, nil
  for name, found in pairs(tests) do
    if found < 1 then -- else it had nothing to say
      asked, sum = asked + 1, sum + 1 / math.max(found, 1e-300)
      covariate, least = found < least and name or covariate, math.min(found, least)
    end
  end
  return asked > 0 and asked / sum < DOUBT and covariate or nil
end

-- A session that fares alike at a time, and less so at all times, may do so as well.
local function hangs_on_the_moment(tests)
  if tests.at_a_time < math.min(DOUBT, tests.session) then
    return true
  end
  for _, name in ipairs(OF_THE_MOMENT) do
    if tests[name] < DOUBT then
      return true
    end
  end
  return false
end

-- What parts the offers that are left to luck, if anything does; and whether it is the moment.
local function parts(list)
  local tests = tests_of(list)
  local covariate, moment = doubt_of(tests), hangs_on_the_moment(tests)
  local crowded = covariate and moment and in_crowds(list) or {}
  if #crowded > 0 then
    local among = tests_of(crowded)
    among.second = tests.second -- keys that change again and again
    covariate = doubt_of(among)
  end
  return covariate, moment
end

--- How well an explanation fits.
-- @tparam table explained see resum.analysis.pool.score
-- @treturn table fits (boolean), p (the chance that something as strange is seen where it is true), certain (offers
--   whose outcome it leaves to nothing), against (of them, those that contradict), covariate (the name of what parts
--   the rest best, where something does), moment (boolean: what was met hangs on the moment)
function M.of(explained)
  local list, certain, against = residues(explained)
  local p = statistics.binomial_tail(against, certain, hidden.NOISE)
  local fit = { certain = certain, against = against, p = p, fits = p > DOUBT }
  local parameters = explained.parameters
  -- Whom connections meet is the balancer's doing: where all servers have names, these tell what is accepted.
  if parameters.divided or not parameters.named then
    fit.covariate, fit.moment = parts(list)
    fit.fits = fit.fits and not fit.covariate
  end
  return fit
end

return M
