-- Statistics on counts of attempts. Pure: numbers in, numbers out; it does not know what is counted.

local M = {}

local INVERSE_SQRT_2PI = 1 / math.sqrt(2 * math.pi)

-- Distribution function of the standard normal: 1/2 + density * (x + x^3/3 + x^5/(3*5) + ...).
local function normal_distribution(x)
  local term, sum, k = x, x, 1
  while math.abs(term) > 1e-17 do
    k = k + 2
    term = term * x * x / k
    sum = sum + term
  end
  return 0.5 + INVERSE_SQRT_2PI * math.exp(-x * x / 2) * sum
end

--- The standard normal's quantile, by bisection.
-- @tparam number p between 1e-9 and 1 - 1e-9
-- @treturn number x with P(X <= x) = p, to 12 digits
function M.normal_quantile(p)
  if not (p >= 1e-9 and p <= 1 - 1e-9) then
    error("stats.normal_quantile: p must lie between 1e-9 and 1 - 1e-9", 2)
  end
  local lo, hi = -6.5, 6.5
  while hi - lo > 1e-13 do
    local middle = (lo + hi) / 2
    if normal_distribution(middle) < p then
      lo = middle
    else
      hi = middle
    end
  end
  return (lo + hi) / 2
end

local two_sided = {} -- confidence -> quantile: it is asked for again and again

local function deviations(confidence)
  two_sided[confidence] = two_sided[confidence] or M.normal_quantile(0.5 + confidence / 2)
  return two_sided[confidence]
end

-- Wilson's interval for a share of so many trials, which need be no whole number.
local function interval(share, trials, z)
  local spread = z * z / trials
  local centre = (share + spread / 2) / (1 + spread)
  local half = z * math.sqrt(share * (1 - share) / trials + spread / (4 * trials)) / (1 + spread)
  return share == 0 and 0 or math.max(0, centre - half), share == 1 and 1 or math.min(1, centre + half)
end

--- Wilson's score interval for a share (E. B. Wilson, 1927): it keeps its promise at 0 and 100 % as well.
-- @tparam integer successes 0 to trials
-- @tparam integer trials
-- @tparam[opt=0.95] number confidence between 0 and 1
-- @treturn[1] number lower end, 0 to 1
-- @treturn[1] number upper end
-- @treturn[2] nil when there was no trial
function M.wilson(successes, trials, confidence)
  if trials == 0 then
    return nil
  elseif successes < 0 or successes > trials then
    error("stats.wilson: successes must lie between 0 and trials", 2)
  end
  return interval(successes / trials, trials, deviations(confidence or 0.95))
end

-- Quantile of Student's distribution for a normal one's, by the expansion in 1 / degrees of freedom (Fisher and
-- Cornish, 1960; Abramowitz and Stegun, 26.7.5); from 5 degrees on it is right to 1 %.
local function student_quantile(z, degrees)
  local first = (z ^ 3 + z) / 4
  local second = (5 * z ^ 5 + 16 * z ^ 3 + 3 * z) / 96
  local third = (3 * z ^ 7 + 19 * z ^ 5 + 17 * z ^ 3 - 15 * z) / 384
  return z + first / degrees + second / degrees ^ 2 + third / degrees ^ 3
end

--- An interval for a share of trials that come in clusters, and are alike within each: Wilson's, for as many
-- independent trials as they are worth. Their number is divided by the design effect: the variance of the share as the
-- clusters show it (that of a ratio, Cochran, Sampling Techniques, 1977, chapter 6) over that of independent trials,
-- where it is greater.
-- @tparam {table,...} clusters {successes, trials} each
-- @tparam[opt=0.95] number confidence
-- @treturn[1] number lower end
-- @treturn[1] number upper end
-- @treturn[2] nil without a trial
function M.clustered(clusters, confidence)
  local successes, trials, spread = 0, 0, 0
  for _, one in ipairs(clusters) do
    successes, trials = successes + one.successes, trials + one.trials
  end
  if #clusters < 2 or successes == 0 or successes == trials then
    return M.wilson(successes, trials, confidence)
  end
  local share = successes / trials
  for _, one in ipairs(clusters) do
    spread = spread + (one.successes - share * one.trials) ^ 2
  end
  local effect = spread * #clusters / (#clusters - 1) / (trials * share * (1 - share))
  if effect <= 1 then
    return M.wilson(successes, trials, confidence)
  end
  return interval(share, trials / effect, student_quantile(deviations(confidence or 0.95), #clusters - 1))
end

local factorials = { [0] = 0 }

-- Logarithms of the factorials of 0 to n, and of more.
local function log_factorials(n)
  for i = #factorials + 1, n do
    factorials[i] = factorials[i - 1] + math.log(i)
  end
  return factorials
end

-- Chances of so many successes of the first, given a table's margins: list of chances from `least` on.
local function hypergeometric(a, b, c, d)
  local first, successes, total = a + b, a + c, a + b + c + d
  local log_of, chances = log_factorials(total), {}
  local least = math.max(0, first + successes - total)
  for x = least, math.min(first, successes) do
    chances[#chances + 1] = math.exp(log_of[first] + log_of[total - first] + log_of[successes]
      + log_of[total - successes] - log_of[total] - log_of[x] - log_of[first - x] - log_of[successes - x]
      - log_of[total - first - successes + x])
  end
  return chances, least
end

--- Fisher's exact test of two shares, two-sided (R. A. Fisher, 1922): how likely tables at least as unlikely as this
-- one are when both shares are the same.
-- @tparam integer a successes of the first
-- @tparam integer b failures of the first
-- @tparam integer c successes of the second
-- @tparam integer d failures of the second
-- @treturn number p, 0 to 1
function M.fisher(a, b, c, d)
  local chances, least = hypergeometric(a, b, c, d)
  local seen, p = chances[a - least + 1] * (1 + 1e-9), 0
  for _, one in ipairs(chances) do
    p = p + (one <= seen and one or 0)
  end
  return math.min(1, p)
end

-- Chances of the sum of two independent numbers.
local function convolve(one, other)
  local sums = {}
  for i, p in ipairs(one) do
    for j, q in ipairs(other) do
      sums[i + j - 1] = (sums[i + j - 1] or 0) + p * q
    end
  end
  return sums
end

--- The exact test of whether the first of two shares is greater, over several tables at once, one-sided: how likely
-- the first have so many successes in all, or more, where both shares of each table are the same (N. Mantel and
-- W. Haenszel, 1959; exactly, as mantelhaen.test of R does it). Of one table it is Fisher's, one-sided.
-- @tparam {table,...} tables each {successes and failures of the first, successes and failures of the second}
-- @treturn number p, 0 to 1
function M.greater(tables)
  local chances, least, seen = { 1 }, 0, 0
  for _, one in ipairs(tables) do
    local these, from = hypergeometric(table.unpack(one, 1, 4))
    chances, least, seen = convolve(chances, these), least + from, seen + one[1]
  end
  local p = 0
  for i = #chances, math.max(1, seen - least + 1), -1 do
    p = p + chances[i]
  end
  return math.min(1, p)
end

--- The chance of k successes or more.
-- @tparam integer k
-- @tparam integer n trials
-- @tparam number p chance of each, 0 to 1
-- @treturn number 0 to 1
function M.binomial_tail(k, n, p)
  if k <= 0 or p >= 1 then
    return 1
  elseif k > n or p <= 0 then
    return 0
  end
  local chance, log_p, log_q, log_of = 0, math.log(p), math.log(1 - p), log_factorials(n)
  for i = k, n do
    chance = chance + math.exp(log_of[n] - log_of[i] - log_of[n - i] + i * log_p + (n - i) * log_q)
  end
  return math.min(1, chance)
end

--- The chance that a standard normal number is larger than so many standard deviations (Abramowitz and Stegun, 1964,
-- 26.2.17: to seven digits).
-- @tparam number z 0 or more
-- @treturn number
function M.normal_tail(z)
  local t = 1 / (1 + 0.2316419 * z)
  local density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
  return density * t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
end

--- The chance that the sum of so many squared standard normal numbers is larger (Wilson and Hilferty, 1931: to a few
-- per cent of itself where it decides).
-- @tparam number sum
-- @tparam integer count 1 or more
-- @treturn number
function M.chi_squared_tail(sum, count)
  if count == 1 then
    return 2 * M.normal_tail(math.sqrt(sum))
  end
  local width = 2 / (9 * count)
  local z = ((sum / count) ^ (1 / 3) - 1 + width) / math.sqrt(width)
  return z >= 0 and M.normal_tail(z) or 1 - M.normal_tail(-z)
end

--- The runs test (A. Wald and J. Wolfowitz, 1940): do the two values of a sequence change places more often (z > 0:
-- they rotate) or more seldom (z < 0: they stick, or drift) than chance would have it?
-- @tparam {boolean,...} sequence
-- @treturn[1] number z, about standard normal when only chance is at work
-- @treturn[2] nil when the sequence is too short or all the same
function M.runs(sequence)
  local n, trues, runs = #sequence, 0, 0
  for i = 1, n do
    trues = trues + (sequence[i] and 1 or 0)
    runs = runs + ((i == 1 or sequence[i] ~= sequence[i - 1]) and 1 or 0)
  end
  local product = 2 * trues * (n - trues)
  if n < 4 or product == 0 then
    return nil
  end
  local mean = product / n + 1
  local variance = (mean - 1) * (mean - 2) / (n - 1)
  return variance > 0 and (runs - mean) / math.sqrt(variance) or nil
end

local function how_often(counts, times)
  local kinds = 0
  for _, count in ipairs(counts) do
    kinds = kinds + (count == times and 1 or 0)
  end
  return kinds
end

--- Good and Turing's estimate of how much of the whole the kinds seen make up (I. J. Good, 1953).
-- @tparam {integer,...} counts how often each kind was seen
-- @treturn[1] number 0 to 1
-- @treturn[2] nil without a count
function M.coverage(counts)
  local total = 0
  for _, count in ipairs(counts) do
    total = total + count
  end
  return total > 0 and 1 - how_often(counts, 1) / total or nil
end

--- How many kinds there are, seen and unseen: A. Chao's lower estimate (1984, corrected for bias), and the upper end of
-- its interval (1987).
-- @tparam {integer,...} counts how often each kind was seen, 1 or more
-- @tparam[opt=0.95] number confidence
-- @treturn number estimate, at least #counts
-- @treturn number upper end
function M.chao1(counts, confidence)
  local once, twice = how_often(counts, 1), how_often(counts, 2)
  local unseen = once * (once - 1) / (2 * (twice + 1))
  if unseen == 0 then
    return #counts, #counts + once
  end
  local ratio = once / math.max(1, twice)
  local variance = math.max(1, twice) * (ratio ^ 2 / 2 + ratio ^ 3 + ratio ^ 4 / 4)
  local z = deviations(confidence or 0.95)
  return #counts + unseen, #counts + unseen * math.exp(z * math.sqrt(math.log(1 + variance / unseen ^ 2)))
end

--- A sequential test of two chances of success (A. Wald, 1945): feed it outcomes until it decides.
-- @tparam number good the chance when all is well
-- @tparam number bad the chance when it is not, below `good`
-- @tparam number error_rate how often it may be wrong, either way
-- @treturn function (boolean success) -> "good", "bad", or nil: go on
function M.sequential(good, bad, error_rate)
  local decided, sum = math.log((1 - error_rate) / error_rate), 0
  local success, failure = math.log(bad / good), math.log((1 - bad) / (1 - good))
  return function(outcome)
    sum = sum + (outcome and success or failure)
    return sum >= decided and "bad" or sum <= -decided and "good" or nil
  end
end

return M
