-- What a result has to look like, as a line of JSON of a run before: the fields that are used of it, and no others.
-- Valid JSON may be anything. Pure.

local M = {}

-- A name of a type; or a function that tells whether a value is one. What is not `needed` may be absent, but not null.
local function is(kind)
  return function(value)
    return type(value) == kind
  end
end

local function has(fields, needed)
  return function(value)
    if type(value) ~= "table" then
      return false
    end
    for name, check in pairs(fields) do
      if value[name] == nil and needed[name] or value[name] ~= nil and not check(value[name]) then
        return false
      end
    end
    return true
  end
end

local function each(check, iterate)
  return function(value)
    if type(value) ~= "table" then
      return false
    end
    for _, item in iterate(value) do
      if not check(item) then
        return false
      end
    end
    return true
  end
end

local function list_of(check)
  return each(check, ipairs)
end

local function map_of(check)
  return each(check, pairs)
end

local text, number = is "string", is "number"

local ATTEMPT = has({ facts = has({ tickets = list_of(has({ key_name = text, ticket = text }, {})) }, {}) }, {})
local SUPPORT = has({ verdict = text, attempted = number, lifetime_hint_s = number, lifetime_s = number,
  attempts = list_of(ATTEMPT) }, { verdict = true })
local RATE = has({ verdict = text, attempted = number }, { verdict = true, attempted = true })
local ADDRESS = has({ address = text, status = text, control = ATTEMPT, support = map_of(SUPPORT),
  rate = map_of(RATE) }, { address = true, status = true })
local TARGET, ERROR = has({ text = text, port = number, sni = text }, { text = true }), has({ code = text }, {})
local LINE = { target = TARGET, error = ERROR }
local WHOLE = { target = TARGET, error = ERROR, status = text, addresses = list_of(ADDRESS) }

--- Does it name a target, and say whether that is done?
-- @function is_line
-- @param value decoded JSON
-- @treturn boolean
M.is_line = has(LINE, { target = true })

--- Has it all that a summary counts?
-- @function is_whole
-- @param value decoded JSON
-- @treturn boolean
M.is_whole = has(WHOLE, { target = true, status = true, addresses = true })

return M
