-- "a, b" on the command line, as a list.

--- Splits what an option was given.
-- @tparam string given
-- @treturn {string,...} without the spaces around each
return function(given)
  local list = {}
  for word in (given .. ","):gmatch("%s*(.-)%s*,") do
    list[#list + 1] = word
  end
  return list
end
