-- Writes JSON (RFC 8259) with the keys of each object in alphabetical order, so that two runs can be compared line by
-- line; cjson, which has no order, writes the strings. Pure.

local cjson = require "cjson"

local M = {}

local encode

--- Stands for a list without items; an empty table is an object.
M.EMPTY_LIST = setmetatable({}, { __tostring = function() return "[]" end })

local function encode_number(value)
  return math.type(value) == "integer" and ("%d"):format(value) or cjson.encode(value)
end

local function encode_list(list, out)
  out[#out + 1] = "["
  for i = 1, #list do
    out[#out + 1] = i > 1 and "," or nil
    encode(list[i], out)
  end
  out[#out + 1] = "]"
end

local function encode_object(object, out)
  local keys = {}
  for key in pairs(object) do
    keys[#keys + 1] = key
  end
  table.sort(keys)
  out[#out + 1] = "{"
  for i = 1, #keys do
    local key = keys[i]
    out[#out + 1] = i > 1 and ',"' or '"'
    out[#out + 1] = key
    out[#out + 1] = '":'
    encode(object[key], out)
  end
  out[#out + 1] = "}"
end

-- Most strings need no escaping, and a call of cjson costs more than a look.
local PLAIN = "^[\32\33\35-\46\48-\91\93-\126]*$"

function encode(value, out)
  local kind = type(value)
  if kind == "string" then
    out[#out + 1] = value:find(PLAIN) and '"' .. value .. '"' or cjson.encode(value)
  elseif kind == "number" then
    out[#out + 1] = encode_number(value)
  elseif kind == "boolean" then
    out[#out + 1] = value and "true" or "false"
  elseif value == M.EMPTY_LIST then
    out[#out + 1] = "[]"
  elseif value[1] ~= nil then
    encode_list(value, out)
  else
    encode_object(value, out)
  end
end

--- A value as JSON.
-- @tparam table|string|number|boolean value tables are lists where they have an item 1, else objects with plain names
-- @treturn string
function M.encode(value)
  local out = {}
  encode(value, out)
  return table.concat(out)
end

return M
