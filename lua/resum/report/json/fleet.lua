-- The fleet's map as JSON: what each part of it has. Its lists may be of any length, so whoever writes it takes items
-- one by one. Pure.

local values = require "resum.report.json.value"
local escape = require "resum.util.escape"

local M = {}

local pick = values.pick

local function texts(from, names, out)
  for name in names:gmatch("%S+") do
    out[name] = from[name] and escape(from[name]) or nil
  end
  return out
end

local function place(from)
  return texts(from, "address sni", pick(from, "port certificate"))
end

-- As the other state, or this one, knows it.
local function known(from)
  return texts(from, "address sni", pick(from, "port"))
end

local function end_of(from, id)
  local out = place(from)
  out.id = id
  return out
end

local function edge(from)
  local out = texts(from, "offered_as", pick(from, "key outcome at"))
  out.from, out.to = end_of(from.from_place, from.from), end_of(from.to_place, from.to)
  return out
end

--- The parts by where they stand: [] is any item of a list. Each is a function of what resum.fleet gives, which returns
-- the plain fields; the lists among them are in LISTS.
M.PARTS = {
  ["fleet"] = function(from)
    return pick(from, "places names addresses keys alone confirmed unconfirmed")
  end,
  ["fleet.unreadable[]"] = function(from)
    return { file = escape(from.path), lines = from.count, first_line = from.first }
  end,
  ["fleet.groups[]"] = function(from)
    local out = pick(from, "number places names addresses ports certificates keys confirmed unconfirmed")
    out.opens = pick(from.opens, "key places names addresses")
    return out
  end,
  ["fleet.groups[].members[]"] = function(from)
    local out = place(from)
    out.id, out.core, out.last_seen = from.id, from.core, from.last_seen
    return out
  end,
  ["fleet.groups[].edges[]"] = edge,
  ["fleet.refusals[]"] = edge,
  ["fleet.changes.groups[]"] = function(from)
    local out = pick(from, "kind number places")
    out.others = values.list(from.others, function(other)
      return pick(other, "number places common")
    end)
    return out
  end,
  ["fleet.changes.owners[]"] = function(from)
    local out = texts(from, "owner", {})
    out.keys_new, out.keys_gone = values.list(from.keys_new), values.list(from.keys_gone)
    out.places_new, out.places_gone = values.list(from.places_new, known), values.list(from.places_gone, known)
    return out
  end,
}

return M
