-- Tables of named arguments: are there only known names, and is each of its type? Misuse is raised at the caller's
-- line. A schema is name -> the types it may have, in words: "string", "string or table".

local M = {}

--- What is wrong with one argument?
-- @tparam table schema
-- @tparam string what such an argument is called, "option" for example
-- @param name
-- @param value
-- @treturn string|nil in words; nil when nothing is wrong
function M.problem(schema, what, name, value)
  local wanted = schema[name]
  if not wanted then
    return ("there is no %s '%s'"):format(what, tostring(name))
  elseif not wanted:find(type(value), 1, true) then
    return ("the %s %s must be a %s, not a %s"):format(what, name, wanted, type(value))
  end
end

--- Raises what is wrong with a table of arguments.
-- @param given the table
-- @tparam table schema
-- @tparam string what one of them is called
-- @tparam integer level of the caller who is to blame, as for error()
function M.check(given, schema, what, level)
  if type(given) ~= "table" then
    error(("resum: the %ss must be a table, not a %s"):format(what, type(given)), level + 1)
  end
  for name, value in pairs(given) do
    local problem = M.problem(schema, what, name, value)
    if problem then
      error("resum: " .. problem, level + 1)
    end
  end
end

return M
