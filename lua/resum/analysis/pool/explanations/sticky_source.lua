-- The balancer sends each client address to the same server: sessions resume between some addresses always, between
-- others never. Servers share nothing, and a session that is refused where it was issued is of one that never accepts.

local classes = require "resum.analysis.pool.classes"
local forest = require "resum.analysis.pool.forest"
local sighting = require "resum.analysis.pool.sighting"

local MUTE = { [sighting.NONE] = "issues_nothing", [sighting.OTHER_VERSION] = "other_version" }

local function add(cells, a, b, result)
  cells[a] = cells[a] or {}
  cells[a][b] = cells[a][b] or { resumed = 0, refused = 0 }
  cells[a][b][result] = cells[a][b][result] + 1
end

local function cells_of(evidence)
  local cells, list, seen = {}, {}, {}
  for _, node in ipairs(forest.nodes(evidence)) do
    if node.source and not seen[node.source] then
      seen[node.source] = true
      list[#list + 1] = node.source
    end
    local offer = node.offer
    if offer and offer.home and offer.source then
      add(cells, offer.home, offer.source, offer.result)
    end
  end
  table.sort(list)
  return cells, list
end

-- Addresses whose full handshakes mostly bring no session.
local function mute_sources(evidence)
  local balance, mute, how = {}, {}, {}
  for _, node in ipairs(forest.nodes(evidence)) do
    if node.source and node.label and not node.offer then
      how[node.source] = MUTE[node.label] or how[node.source]
      balance[node.source] = (balance[node.source] or 0) + (MUTE[node.label] and 1 or -1)
    end
  end
  for source, more in pairs(balance) do
    mute[source] = more > 0 and how[source] or nil
  end
  return mute
end

-- Addresses that resume each other's sessions meet one server; where they refuse their own, it never accepts.
local function place(cells, list, mute)
  local class, count = classes.parts(list, cells)
  local number, dead, numbers = {}, {}, 0
  for _, source in ipairs(list) do
    local home, part = cells[source] and cells[source][source], class[source]
    if not number[part] then
      numbers = numbers + 1
      number[part] = numbers
    end
    class[source] = number[part]
    local refuses = home and home.refused > home.resumed
    dead[class[source]] = dead[class[source]] or (refuses and "never_accepts") or mute[source]
  end
  return class, dead, count
end

-- What each class shows: the log likelihood of the labels (Krichevsky and Trofimov's estimate, which pays for
-- learning).
local function of_labels(evidence, class)
  local counts, totals, kinds, seen, value = {}, {}, 0, {}, 0
  for _, node in ipairs(forest.nodes(evidence)) do
    if node.label and not seen[node.label] then
      seen[node.label], kinds = true, kinds + 1
    end
  end
  for _, node in ipairs(forest.nodes(evidence)) do
    local own = node.label and node.source and class[node.source]
    if own then
      local key = own .. node.label.text
      value = value + math.log(((counts[key] or 0) + 0.5) / ((totals[own] or 0) + 0.5 * kinds))
      counts[key], totals[own] = (counts[key] or 0) + 1, (totals[own] or 0) + 1
    end
  end
  return value
end

return {
  id = "sticky_source",
  verdict = function(parameters)
    return next(parameters.dead) and "bad_member" or "sticky_source"
  end,
  fit = function(evidence)
    local cells, list = cells_of(evidence)
    local class, dead, count = place(cells, list, mute_sources(evidence))
    if #list < 2 or count < 2 then
      return {}
    end
    local weights, shares = {}, 0
    for _, source in ipairs(list) do
      weights[class[source]] = (weights[class[source]] or 0) + 1 / #list
      shares = shares + (dead[class[source]] and 1 / #list or 0)
    end
    local model = { count = count, labels = {}, weights = { weights }, certain = true, names = {} }
    model.accept = function(a, b)
      return a == b and not dead[a]
    end
    model.class_of = function(node)
      return node.source and { class[node.source] } or nil
    end
    return { { model = model, free = 0, choices = #list * math.log(count), groups = count, dead = dead,
      dead_share = shares, how = select(2, next(dead)), routing = "sticky",
      beside = of_labels(evidence, class) } }
  end,
}
