-- Sessions of some servers are good at others, and not the other way round: a new key that not all have yet. Servers
-- stand in ranks, as a roll-out goes: whoever stands higher accepts the sessions of whoever stands lower.

local classes = require "resum.analysis.pool.classes"
local grouping = require "resum.analysis.pool.grouping"

-- Ranks of parts: a part that accepts another's sessions stands above it. nil where these are no ranks.
local function rank(labels, cells, part)
  local above, ranks, distinct = {}, {}, {}
  for _, a in ipairs(labels) do
    for _, b in ipairs(labels) do
      if part[a] ~= part[b] and classes.accepts(cells, a, b) then
        above[part[b]] = above[part[b]] or {}
        above[part[b]][part[a]] = true
      end
    end
  end
  local highest = 0
  for _, label in ipairs(labels) do
    local below = 0
    for _ in pairs(above[part[label]] or {}) do
      below = below + 1
    end
    ranks[label], highest = below, math.max(highest, below)
    distinct[part[label]] = below
  end
  local seen = {}
  for _, below in pairs(distinct) do
    if seen[below] then
      return nil
    end
    seen[below] = true
  end
  return highest > 0 and ranks or nil, highest
end

local function named(evidence, labels)
  local cells = classes.cells(evidence)
  local ranks, highest = rank(labels, cells, (classes.parts(labels, cells)))
  if not ranks then
    return nil
  end
  local model = classes.model(evidence)
  model.accept = function(a, b)
    return ranks[model.names[b]] >= ranks[model.names[a]]
  end
  return { model = model, free = model.count - 1, choices = #labels * math.log(highest + 1), groups = highest + 1,
    named = true, ranks = ranks }
end

return {
  id = "one_way",
  fit = function(evidence)
    local labels = classes.labels(evidence)
    local list = { #labels > 1 and named(evidence, labels) or nil }
    local label = classes.divided(evidence, false)
    if label and #labels <= 1 then
      list[#list + 1] = grouping.one_way(evidence, label)
    end
    return list
  end,
}
