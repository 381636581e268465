-- Tables of named arguments: are there only known names, and is each of its type? Misuse is raised at the caller's
-- line. A schema is name -> the types that it may have, in words: "string", "string or table"; userdata is a session.

local suggestion = require "resum.util.suggestion"

local M = {}

--- Which name was meant by one that is none?
-- @param name
-- @tparam table ... tables whose keys are the names that there are
-- @treturn string to go behind a message: "; did you mean 'timeout'?", or ""
function M.meant(name, ...)
  return suggestion.question(suggestion.among(name, ...))
end

--- What a value is, for "not …".
-- @param value
-- @treturn string "nil", "a number"
function M.kind(value)
  return value == nil and "nil" or "a " .. type(value)
end

-- "option of a client" and "timeout" -> "option timeout of a client".
local function named(what, name)
  return (what:gsub("^%S+", "%0 " .. tostring(name):gsub("%%", "%%%%"), 1))
end

--- What is wrong with one argument?
-- @tparam table schema
-- @tparam string what such an argument is called, "option" for example, or "option of a client"
-- @param name
-- @param value
-- @treturn string|nil in words; nil when nothing is wrong
function M.problem(schema, what, name, value)
  local wanted = schema[name]
  if not wanted then
    return ("there is no %s '%s'%s"):format(what, tostring(name), M.meant(name, schema))
  elseif not wanted:find(type(value), 1, true) then
    return ("the %s must be a %s, not %s"):format(named(what, name), wanted:gsub("userdata", "session"),
      M.kind(value))
  end
end

--- Raises what is wrong with a table of arguments.
-- @param given the table
-- @tparam table schema
-- @tparam string what one of them is called
-- @tparam integer level of the caller who is to blame, as for error()
function M.check(given, schema, what, level)
  if type(given) ~= "table" then
    error(("resum: the %s must be a table, not %s"):format(what:gsub("^%S+", "%0s", 1), M.kind(given)), level + 1)
  end
  for name, value in pairs(given) do
    local problem = M.problem(schema, what, name, value)
    if problem then
      error("resum: " .. problem, level + 1)
    end
  end
end

-- What every host has (see docs/write-a-host.md), and how much of it a client of one address uses.
M.ALL_VERBS = { "now", "connect", "sleep", "resolve", "parallel" }
M.VERBS_OF_CLIENTS = { "now", "connect" }

--- What is wrong with a host module?
-- @tparam string what the argument is called, see problem
-- @tparam table host
-- @tparam {string,...} verbs that it needs
-- @treturn string|nil in words; nil when nothing is wrong
function M.host_problem(what, host, verbs)
  for _, verb in ipairs(verbs) do
    if type(host[verb]) ~= "function" then
      return ("the %s takes a host module, and this table has no function '%s'"):format(named(what, "host"), verb)
    end
  end
end

return M
