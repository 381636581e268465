--- docs/resum.schema.json, made of the tables of docs/json.md, which a spec holds to the code:
--   lua5.4 spec/support/json_schema.lua >docs/resum.schema.json
-- (`make schema`). Owns how a row becomes a property. It must not know any field by name.

package.path = "./?.lua;" .. package.path

local page = require "spec.support.page"

local M = {}

local HEX = "^([0-9a-f]{2})*$"
local PLAIN = {
  string = { type = "string" }, integer = { type = "integer" }, number = { type = "number" },
  boolean = { type = "boolean" }, hex = { type = "string", pattern = HEX },
  plain = { type = { "string", "number", "boolean" } }, object = { type = "object" },
}

local function sorted_keys(map)
  local keys = {}
  for key in pairs(map) do
    keys[#keys + 1] = key
  end
  table.sort(keys)
  return keys
end

-- The tables: place -> its table's name; name -> {rows, place (one of them)}.
local function read_tables(rows)
  local name_of, tables, count = {}, {}, {}
  local last
  for _, row in ipairs(rows) do
    if row.at and row.at ~= last then
      count[row.heading] = (count[row.heading] or 0) + 1
      local name = row.heading:gsub(" ", "-"):lower() .. (count[row.heading] > 1 and "-" .. count[row.heading] or "")
      for _, place in ipairs(row.at) do
        name_of[place] = name
      end
      tables[name] = { rows = {}, place = row.at[1] }
    end
    last = row.at
    if row.at then
      table.insert(tables[name_of[row.at[1]]].rows, row)
    end
  end
  return name_of, tables
end

local Maker = {}
Maker.__index = Maker

-- "list of [target](#target)" at a place -> schema
function Maker:of_words(words, place, keys)
  local outer, inner = words:match("^(%l+) of (.*)$")
  if outer == "list" then
    return { type = "array", items = self:of_words(inner, place .. "[]", keys) }
  elseif outer == "map" then
    local own = table.remove(keys, 1)
    return { type = "object", additionalProperties = self:of_words(inner, place .. ".*", keys),
      propertyNames = own and self.values[own] and { enum = sorted_keys(self.values[own]) } or nil }
  end
  local link = words:match("^%[([%l -]+)%]")
  if link and self.values[link] then
    return { enum = sorted_keys(self.values[link]) }
  elseif self.name_of[place] then
    return { ["$ref"] = "#/$defs/" .. self.name_of[place] }
  end
  return assert(PLAIN[words], ("%s: %s"):format(place, words))
end

function Maker:property(row, place)
  local text, keys = row.cells[2], {}
  for name in (text:match(", by (.*)$") or ""):gmatch("%[([%l -]+)%]") do
    keys[#keys + 1] = name
  end
  local schema = {}
  for key, value in pairs(self:of_words(text:match("^[^,]*"), place, keys)) do
    schema[key] = value
  end
  if text:find(", share", 1, true) then
    schema.minimum, schema.maximum = 0, 1
  end
  local words = row.cells[3]:gsub("%[([^%]]*)%]%([^)]*%)", "%1"):gsub("`", "")
  schema.description = words ~= "" and words or nil
  return schema
end

function Maker:object(of)
  local properties, required = {}, {}
  for _, row in ipairs(of.rows) do
    local place = of.place == "." and row.code or of.place .. "." .. row.code
    properties[row.code] = self:property(row, place)
    required[#required + 1] = row.cells[4]:find("^never") and row.code or nil
  end
  table.sort(required)
  return { type = "object", properties = properties, required = #required > 0 and required or nil }
end

--- The schema, as a table.
-- @tparam string text of docs/json.md
-- @treturn table
function M.of(text)
  local name_of, tables = read_tables(page.rows(text:match("^(.-)\n## Values\n")))
  local maker = setmetatable({ name_of = name_of, values = page.by_heading(text:match("\n## Values\n(.*)$")) }, Maker)
  local defs = {}
  for name, of in pairs(tables) do
    defs[name] = maker:object(of)
  end
  return {
    ["$schema"] = "https://json-schema.org/draft/2020-12/schema",
    title = "The JSON output of resum",
    description = "What --json_out writes; a line of --json_lines is a #/$defs/target. Fields may be added at any "
      .. "time.",
    ["$ref"] = "#/$defs/" .. name_of["."],
    ["$defs"] = defs,
  }
end

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n" }

local function quoted(text)
  return '"' .. text:gsub('["\\\n]', ESCAPES) .. '"'
end

-- Pretty, with its keys in order, so that two versions can be compared.
local function pretty(value, indent)
  if type(value) ~= "table" then
    return type(value) == "string" and quoted(value) or tostring(value)
  end
  local inner, parts = indent .. "  ", {}
  if #value > 0 then
    for i, item in ipairs(value) do
      parts[i] = pretty(item, inner)
    end
    local line = "[" .. table.concat(parts, ", ") .. "]"
    return #line <= 90 and line or ("[\n%s%s\n%s]"):format(inner, table.concat(parts, ",\n" .. inner), indent)
  end
  for i, key in ipairs(sorted_keys(value)) do
    parts[i] = quoted(key) .. ": " .. pretty(value[key], inner)
  end
  return #parts == 0 and "{}" or ("{\n%s%s\n%s}"):format(inner, table.concat(parts, ",\n" .. inner), indent)
end

--- The schema, as the file has it.
-- @tparam string text of docs/json.md
-- @treturn string
function M.text(text)
  return pretty(M.of(text), "") .. "\n"
end

if arg and arg[0] and arg[0]:find("json_schema%.lua$") then
  io.stdout:write(M.text(page.text("json.md")))
end

return M
