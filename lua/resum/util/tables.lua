-- Small things that are done to tables. Pure.

local M = {}

--- One table of several; a later one's fields count. None of them is changed.
-- @tparam table|nil|false ... what is none is left out
-- @treturn table
function M.merged(...)
  local all = {}
  for i = 1, select("#", ...) do
    for name, value in pairs((select(i, ...)) or {}) do
      all[name] = value
    end
  end
  return all
end

--- Is this in the list?
-- @tparam table list
-- @param wanted
-- @treturn boolean
function M.contains(list, wanted)
  for _, item in ipairs(list) do
    if item == wanted then
      return true
    end
  end
  return false
end

return M
