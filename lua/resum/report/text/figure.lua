-- Shares drawn with letters. Pure.

local M = {}

local BAR = 20 -- cells

--- A bar: "#" up to the interval's lower end, "=" inside it.
-- @tparam table interval of a share
-- @treturn string
function M.bar(interval)
  local lo, hi = math.floor(BAR * interval[1] + 0.5), math.ceil(BAR * interval[2] - 1e-9)
  return ("#"):rep(lo) .. ("="):rep(math.max(0, hi - lo)) .. ("."):rep(BAR - math.max(lo, hi))
end

return M
