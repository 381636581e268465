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
  local z = M.normal_quantile(0.5 + (confidence or 0.95) / 2)
  local share, spread = successes / trials, z * z / trials
  local centre = (share + spread / 2) / (1 + spread)
  local half = z * math.sqrt(share * (1 - share) / trials + spread / (4 * trials)) / (1 + spread)
  local lo = successes == 0 and 0 or math.max(0, centre - half)
  local hi = successes == trials and 1 or math.min(1, centre + half)
  return lo, hi
end

-- Logarithms of the factorials of 0 to n.
local function log_factorials(n)
  local list = { [0] = 0 }
  for i = 1, n do
    list[i] = list[i - 1] + math.log(i)
  end
  return list
end

--- Fisher's exact test of two shares, two-sided (R. A. Fisher, 1922): how likely tables at least as unlikely as this
-- one are when both shares are the same.
-- @tparam integer a successes of the first
-- @tparam integer b failures of the first
-- @tparam integer c successes of the second
-- @tparam integer d failures of the second
-- @treturn number p, 0 to 1
function M.fisher(a, b, c, d)
  local first, successes, total = a + b, a + c, a + b + c + d
  local log_of = log_factorials(total)
  local function log_probability(x) -- of x successes of the first, given the margins
    return log_of[first] + log_of[total - first] + log_of[successes] + log_of[total - successes] - log_of[total]
      - log_of[x] - log_of[first - x] - log_of[successes - x] - log_of[total - first - successes + x]
  end
  local seen, p = log_probability(a) + 1e-9, 0
  for x = math.max(0, first + successes - total), math.min(first, successes) do
    local one = log_probability(x)
    p = p + (one <= seen and math.exp(one) or 0)
  end
  return math.min(1, p)
end

return M
