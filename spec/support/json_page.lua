--- docs/json.md as fields with their types, and results of scans held against it: no field, type or value that only one
-- of them has. It must not know what was scanned.

local assert = require "luassert"
local cjson = require "cjson"
local json = require "resum.report.json"
local page = require "spec.support.page"
local resum = require "resum"
local summary = require "resum.analysis.summary"

local M = {}

local TEXT = page.text("json.md")
local VALUES = page.by_heading(TEXT:match("\n## Values\n(.*)$"))

-- "map of list of object", and the names of the tables that list the keys of its maps, from outside in -> type
local function type_of(words, keys)
  local outer, inner = words:match("^(%l+) of (.*)$")
  if outer then
    local own = outer == "map" and table.remove(keys, 1) or nil
    return { kind = outer, keys = own, item = type_of(inner, keys) }
  end
  local link = words:match("^%[([%l -]+)%]")
  return { kind = link and (VALUES[link] and "value" or "object") or words, values = VALUES[link], name = link }
end

-- "number, share", "object, see [error](#error)", "map of map of integer, by [mechanism](#mechanism) and [verdict](…)"
local function read_type(text)
  local keys = {}
  for name in (text:match(", by (.*)$") or ""):gmatch("%[([%l -]+)%]") do
    keys[#keys + 1] = name
  end
  return type_of(text:match("^[^,]*"), keys)
end

-- path -> {type, row}, with a path of its own for the entries of a map; and the objects: path -> rows
local function read_page()
  local fields, objects = {}, {}
  for _, row in ipairs(page.rows(TEXT)) do
    for _, at in ipairs(row.at or {}) do
      local path = at == "." and row.code or at .. "." .. row.code
      assert(not fields[path], path .. " stands there twice")
      fields[path] = { row = row, type = read_type(row.cells[2]) }
      objects[at] = objects[at] or {}
      table.insert(objects[at], row)
      local inner = fields[path].type
      while inner.kind == "map" do
        path, inner = path .. ".*", inner.item
        fields[path] = { row = row, type = inner }
      end
    end
  end
  return fields, objects
end

local FIELDS, OBJECTS = read_page()

local PLAIN = {
  plain = function(value)
    return type(value) ~= "table"
  end,
  string = function(value)
    return type(value) == "string"
  end,
  hex = function(value)
    return type(value) == "string" and value:find("^%x*$") and #value % 2 == 0
  end,
  boolean = function(value)
    return type(value) == "boolean"
  end,
  number = function(value)
    return type(value) == "number"
  end,
  integer = function(value)
    return type(value) == "number" and value % 1 == 0
  end,
}

M.FIELDS, M.VALUES = FIELDS, VALUES

local check_object

local function check_value(value, wanted, path, seen)
  if wanted.kind == "list" or wanted.kind == "map" then
    assert.equal("table", type(value), path)
    for key, item in pairs(value) do
      assert.equal(wanted.kind == "list" and "number" or "string", type(key), path)
      if wanted.keys then
        assert.is_truthy(VALUES[wanted.keys][key], ("%s has the key %s"):format(path, key))
      end
      check_value(item, wanted.item, path .. (wanted.kind == "list" and "[]" or ".*"), seen)
    end
  elseif wanted.kind == "value" then
    assert.is_truthy(wanted.values[value], ("%s is %s"):format(path, tostring(value)))
    seen[wanted.name .. " " .. value] = true
  elseif wanted.kind == "object" then
    check_object(value, path, seen)
  else
    assert.is_truthy(assert(PLAIN[wanted.kind], path)(value), ("%s is %s"):format(path, tostring(value)))
  end
end

function check_object(value, path, seen)
  assert.equal("table", type(value), path)
  for name, inner in pairs(value) do
    local own = path == "." and name or path .. "." .. name
    assert.is_truthy(FIELDS[own], own .. " is not on the page")
    seen[own] = true
    check_value(inner, FIELDS[own].type, own, seen)
  end
  for _, row in ipairs(assert(OBJECTS[path], path)) do
    assert.is_true(not row.cells[4]:find("^never") or value[row.code] ~= nil,
      ("%s has no %s, which is never absent"):format(path, row.code))
  end
end

-- What a whole run writes.
local function written(results)
  local folded = summary.new()
  for _, result in ipairs(results) do
    folded:add(result)
  end
  local head = json.head({ version = resum.VERSION, started_at = "2001-02-03T04:05:06Z", command = "resum x" })
  local lines = {}
  for i, result in ipairs(results) do
    lines[i] = json.line(result)
  end
  return cjson.decode(head .. table.concat(lines, ",") .. json.tail({ elapsed_s = 1, summary = folded:fold() }))
end

--- Checks what a run writes of these results: every field is on the page, of its type, and none is left out that is
-- never absent.
-- @tparam {table,...} results
-- @treturn table set of the paths of all fields that were written, and of "heading value" for all values
function M.check(results)
  local seen = {}
  check_object(written(results), ".", seen)
  return seen
end

return M
