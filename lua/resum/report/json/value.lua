-- Values as JSON may have them: plain ones copied by name, bytes as hex, lists that stay lists when they are empty.
-- Pure.

local encoding = require "resum.report.json.encode"
local hex = require "resum.util.hex"
local escape = require "resum.util.escape"

local M = {}

--- A list, each item converted.
-- @tparam {any,...}|nil items
-- @tparam[opt] function convert item -> plain value
function M.list(items, convert)
  local out = {}
  for i, item in ipairs(items or {}) do
    out[i] = convert and convert(item) or item
  end
  return #out > 0 and out or encoding.EMPTY_LIST
end

--- Bytes as hexadecimal digits; nil stays nil.
function M.hex(bytes)
  return bytes and hex(bytes)
end

local LISTS = {} -- "a b" -> { "a", "b" }: what pick is called with is always the same

local function names_in(text)
  local names = LISTS[text]
  if not names then
    names = {}
    for name in text:gmatch("%S+") do
      names[#names + 1] = name
    end
    LISTS[text] = names
  end
  return names
end

--- The named fields, whose values are plain.
-- @tparam table from
-- @tparam string names with blanks between
-- @treturn table
function M.pick(from, names)
  local out, list = {}, names_in(names)
  for i = 1, #list do -- ipairs would take as long as what is done here
    local name = list[i]
    local value = from[name]
    if value ~= nil then -- most are not there, and this is asked for all fields of all attempts
      local kind = type(value)
      if kind == "string" then
        value = escape(value)
      elseif kind == "table" or kind == "userdata" then
        error("report.json: " .. name .. " is not a plain value", 2)
      end
      out[name] = value
    end
  end
  return out
end

--- Seconds, to the microsecond.
function M.seconds(value)
  return value and math.floor(value * 1e6 + 0.5) / 1e6
end

--- An error's fields.
function M.problem(from)
  return from and M.pick(from, "message code stage")
end

return M
