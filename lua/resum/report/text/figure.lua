-- Shares and intervals as text. Pure.

local M = {}

local BAR = 20 -- cells

--- A share as a whole number of percent.
function M.percent(share)
  return ("%.0f"):format(100 * share)
end

--- An interval of shares, its ends rounded outwards: it must not promise more than was measured.
function M.interval(interval)
  return ("%.0f to %.0f %%"):format(math.floor(100 * interval[1] + 1e-9), math.ceil(100 * interval[2] - 1e-9))
end

--- A bar: "#" up to the interval's lower end, "=" inside it.
-- @tparam table interval of a share
-- @treturn string
function M.bar(interval)
  local lo, hi = math.floor(BAR * interval[1] + 0.5), math.ceil(BAR * interval[2] - 1e-9)
  return ("#"):rep(lo) .. ("="):rep(math.max(0, hi - lo)) .. ("."):rep(BAR - math.max(lo, hi))
end

return M
