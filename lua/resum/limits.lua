-- The numbers that options may have, for the command and for Lua alike. Pure.

local M = {}

-- Lowest, highest, and whether they must be whole.
local OF = {
  attempts = { 1, 100000, whole = true },
  concurrency = { 1, 1000, whole = true },
  max_connections = { 1, 100000, whole = true },
  retries = { 0, 100, whole = true },
  timeout = { 0.01, 3600 },
  delay = { 0, 3600 },
}

--- Does an option take a number?
-- @tparam string|nil name with - or _
-- @treturn boolean
function M.known(name)
  return name ~= nil and OF[(name:gsub("-", "_"))] ~= nil
end

--- What is wrong with a number?
-- @tparam string name of the option
-- @tparam number|nil value
-- @treturn string|nil what the option takes, in words; nil when nothing is wrong
function M.problem(name, value)
  local limits = OF[name]
  local lowest, highest, whole = limits[1], limits[2], limits.whole
  if value and value >= lowest and value <= highest and not (whole and value % 1 ~= 0) then -- NaN is not
    return nil
  end
  return ("takes %s from %g to %g"):format(whole and "a whole number" or "a number of seconds", lowest, highest)
end

return M
