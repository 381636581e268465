-- Every constant of the analysis decides something: with each of them changed, some journal is judged, or asked about,
-- in another way. Journals come from simulated pools of all classes; constants from the files themselves.

local pools = require "spec.support.pools"
local process = require "spec.support.process"
local simulation = require "spec.support.simulation"

local FOLDER = "lua/resum/analysis/pool"
local MODULE = "^resum%.analysis%.pool"
local SEED = 3 * 7919
-- Of these a change shows only where a bound is met that no journal here comes near; each is named with its reason.
local BEYOND = {
  ["classes MOST_NAMES"] = "guards the cost of pools with more names than any simulated one",
  ["routing LONGEST_PERIOD"] = "guards the cost of looking for periods that no pool of this spec has",
}

local function files()
  local list = {}
  for _, folder in ipairs({ FOLDER, FOLDER .. "/explanations" }) do
    for _, name in ipairs(process.list(process.ROOT .. "/" .. folder)) do
      list[#list + 1] = name:match("%.lua$") and folder .. "/" .. name or nil
    end
  end
  return list
end

local function module_of(path)
  return (path:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", "."))
end

-- Constants with one number: {path, name, text of the line, the number}.
local function constants()
  local list = {}
  for _, path in ipairs(files()) do
    for line in process.read_file(process.ROOT .. "/" .. path):gmatch("[^\n]+") do
      local name, number = line:match("^local ([A-Z][A-Z_]+) = ([%d.e/-]+)%f[%s\0]")
      if not name then
        name, number = line:match("^M%.([A-Z][A-Z_]+) = ([%d.e/-]+)%f[%s\0]")
      end
      if not name then
        name, number = line:match("^local ([A-Z][A-Z_]+) = math%.log%(([%d.]+)%)")
      end
      if name then
        list[#list + 1] = { path = path, name = name, line = line, number = number,
          id = path:match("([%w_]+)%.lua$") .. " " .. name }
      end
    end
  end
  return list
end

-- The analysis anew, with the text of one file changed.
local function load_with(path, text)
  local kept = {}
  for name, module in pairs(package.loaded) do
    if name:find(MODULE) then
      kept[name] = module
      package.loaded[name] = nil
    end
  end
  if path then
    package.preload[module_of(path)] = assert(load(text, "@" .. path))
  end
  local analysis = require "resum.analysis.pool"
  if path then
    package.preload[module_of(path)] = nil
  end
  for name in pairs(package.loaded) do
    package.loaded[name] = name:find(MODULE) and kept[name] or package.loaded[name]
  end
  return analysis
end

local function describe_value(value, depth)
  if type(value) == "number" then
    return ("%.6g"):format(value)
  elseif type(value) ~= "table" or depth > 6 then
    return type(value) == "function" and "" or tostring(value)
  end
  local keys, parts = {}, {}
  for name in pairs(value) do
    keys[#keys + 1] = name
  end
  table.sort(keys, function(a, b)
    return tostring(a) < tostring(b)
  end)
  for i, name in ipairs(keys) do
    parts[i] = tostring(name) .. "=" .. describe_value(value[name], depth + 1)
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

local function copy_of(entries)
  local copy = {}
  for i, entry in ipairs(entries) do
    copy[i] = {}
    for name, value in pairs(entry) do
      copy[i][name] = value
    end
  end
  return copy
end

local WANTED = { "session_id", "ticket", "psk" }

local function digest(analysis, journal)
  local result = analysis.analyse(copy_of(journal), { mechanisms = WANTED })
  result.attempts = nil
  return describe_value(result, 0) .. describe_value(analysis.next_questions(copy_of(journal), WANTED, {}), 0)
    .. describe_value(analysis.next_questions(copy_of(journal), WANTED, { psk = 100, ticket = 100, session_id = 100,
      identities = true, marked = true }), 0)
end

describe("every constant of the analysis #unsanitized #hours", function()
  local journals, before = {}, {}

  setup(function()
    local all = { table.unpack(pools.classes) }
    table.move(pools.unmodelled, 1, #pools.unmodelled, #all + 1, all)
    for _, class in ipairs(all) do
      local _, recorded = simulation.run(pools.draw(class, SEED))
      journals[#journals + 1] = recorded.entries
      -- the samples alone, without what was asked for: there more is left open
      local samples = {}
      for i, entry in ipairs(recorded.entries) do
        samples[i] = i <= 340 and entry or nil
      end
      journals[#journals + 1] = samples
    end
    local analysis = load_with()
    for i, journal in ipairs(journals) do
      before[i] = digest(analysis, journal)
    end
  end)

  for _, one in ipairs(constants()) do
    if not BEYOND[one.id] then
      it("decides something: " .. one.id, function()
        local text = process.read_file(process.ROOT .. "/" .. one.path)
        local at = text:find(one.line, 1, true)
        local noticed = false
        for _, factor in ipairs({ "30", "(1/30)" }) do
          local changed = one.line:gsub(one.number:gsub("%p", "%%%0"), function(number)
            return ("(%s * %s)"):format(number, factor)
          end, 1)
          if one.number:match("^%d+$") and factor ~= "30" then
            changed = one.line:gsub(one.number, "1", 1)
          end
          local made, analysis = pcall(load_with, one.path, text:sub(1, at - 1) .. changed
            .. text:sub(at + #one.line))
          for i, journal in ipairs(journals) do
            local fine, found = false, nil
            if made and not noticed then
              fine, found = pcall(digest, analysis, journal)
            end
            noticed = noticed or not made or not fine or found ~= before[i]
          end
        end
        assert.is_true(noticed, one.id .. " may be changed thirtyfold, and nothing notices")
      end)
    end
  end
end)
