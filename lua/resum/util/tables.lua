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

--- All that an iterator gives.
-- @tparam function items an iterator
-- @treturn table list
function M.all_of(items)
  local list = {}
  for item in items do
    list[#list + 1] = item
  end
  return list
end

--- The first of what an iterator gives, and how many more there are. It takes all of them, and holds these.
-- @tparam function items an iterator
-- @tparam integer most
-- @treturn table list
-- @treturn integer more
function M.first_of(items, most)
  local list, more = {}, 0
  for item in items do
    if #list < most then
      list[#list + 1] = item
    else
      more = more + 1
    end
  end
  return list, more
end

return M
