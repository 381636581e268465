--- Which fields the JSON report can write, and where: asks the code itself. It runs report/json on a result that has
-- every field, and writes down what comes out. It must not know any field by name.

local process = require "spec.support.process"

local M = {}

-- Stands for any value: has every field but one, one item as a list, one entry as a map, and does as a number or a
-- string. What is asked of it is written down.
local asked, absent = {}, nil
local anything = {}
local meta = {
  __index = function(_, key)
    if type(key) == "string" then
      asked[key] = true
      return key ~= absent and anything or nil
    end
    return key == 1 and anything or nil
  end,
  __len = function()
    return 1
  end,
  __pairs = function()
    return next, { ["*"] = anything }
  end,
  __call = function()
    return anything
  end,
  __tostring = function()
    return "*"
  end,
  __lt = function()
    return false
  end,
  __le = function()
    return true
  end,
}
for _, name in ipairs({ "add", "sub", "mul", "div", "mod", "unm", "idiv", "concat" }) do
  meta["__" .. name] = function()
    return anything
  end
end
setmetatable(anything, meta)

local function give_anything()
  return anything
end

local function pick(from, names)
  local out = {}
  for name in names:gmatch("%S+") do
    out[name] = from[name]
  end
  return out
end

local VALUE = {
  pick = pick,
  hex = give_anything,
  seconds = give_anything,
  list = function(items, convert)
    return { items and (convert and convert(items[1]) or items[1]) }
  end,
  problem = function(from)
    return from and pick(from, "message code stage")
  end,
}

-- The modules of report/json, loaded anew, with all that they require replaced, but for what declares fields. What they
-- write is kept.
local function load_report()
  local written = {}
  local loaded = {
    ["resum.analysis.pool.findings"] = require("resum.analysis.pool.findings"), -- declares which fields it has
    ["resum.report.json.value"] = VALUE,
    ["resum.report.json.encode"] = {
      encode = function(value)
        written[#written + 1] = value
        return "{}"
      end,
    },
  }
  local environment = setmetatable({}, { __index = _G })
  function environment.require(name)
    if not loaded[name] and name:find("^resum%.report%.json%.?") then
      local path = process.ROOT .. "/lua/" .. name:gsub("%.", "/")
      local chunk = loadfile(path .. ".lua", "t", environment) or loadfile(path .. "/init.lua", "t", environment)
      loaded[name] = assert(chunk, name)()
    end
    return loaded[name] or name:find("^resum%.") and anything or require(name)
  end
  return environment.require("resum.report.json"), written
end

-- Adds the paths of an object's fields: "addresses[].support.*.verdict".
local function add_fields(value, path, fields)
  if rawequal(value, anything) or type(value) ~= "table" then
    return
  elseif value[1] ~= nil then
    return add_fields(value[1], path .. "[]", fields)
  end
  for name, inner in pairs(value) do
    local own = path == "" and name or path .. "." .. name
    fields[own] = true
    add_fields(inner, own, fields)
  end
end

-- The fields of a run whose result has all but one.
local function add_all_but(name, fields)
  absent = name
  local report, written = load_report()
  report.line(anything)
  report.head(anything)
  report.tail(anything)
  for i, value in ipairs(written) do
    add_fields(value, i == 1 and "targets[]" or "", fields)
  end
end

-- Where a part stands, and what it stands in.
local function add_parts(parts, fields)
  absent = nil
  for path, convert in pairs(parts) do
    for at in path:gmatch("()%f[^%w_]") do
      fields[path:sub(1, at - 1)] = true
    end
    add_fields(convert(anything), path, fields)
  end
end

--- All fields that a run's JSON document can have: also those that are written only where another one is absent.
-- @treturn {string=true,...} paths; [] is any item of a list, * any name of a map
function M.all()
  local fields = { targets = true } -- which the head opens
  add_all_but(nil, fields)
  local names = asked
  for name in pairs(names) do
    asked = {}
    pcall(add_all_but, name, fields) -- some fields are never absent: the report fails without them
  end
  add_parts(load_report().PARTS, fields)
  return fields
end

return M
