-- While the scan ran, one ticket key took the place of another, or came to one member: before a moment only the old one
-- was met. There is evidence on both sides of that moment, or it is none.

local classes = require "resum.analysis.pool.classes"
local forest = require "resum.analysis.pool.forest"
local sights = require "resum.analysis.pool.sights"

-- Servers get a key one after the other: so many steps from none to all, as a share that grows evenly.
local STEPS = 4
-- The chance that a name comes so late, or goes so early, to be a candidate. A likelier one never wins, as it pays for
-- the choice of its moment, but would keep many a pool of two groups from being told (0.05: three scans of five).
local MAYBE = 1e-3
local NEVER = 1e-4 -- weight of a name where it can't be met

-- Shares of the names before the first sight of the new one, then in steps while servers get it, and after the last
-- sight of the old one. Where the old one stays, there is but one step, and its shares are counted.
local function weights_by_epoch(model, list, new, old, epoch, steps)
  local weights = {}
  for e = 1, steps + 2 do
    local sum, row = 0, {}
    for a = 1, model.count do
      row[a] = 0.5
    end
    for _, one in ipairs(list) do
      for _, a in ipairs(epoch(one.order) == e and model.labels[one.label] or {}) do
        row[a] = row[a] + 1
      end
    end
    local first, last = model.labels[old][1], model.labels[new][1]
    local both, share = row[first] + row[last], steps > 1 and (e - 1.5) / steps or row[last] / (row[first] + row[last])
    share = e == 1 and NEVER or e == steps + 2 and 1 - NEVER or share
    row[first], row[last] = both * (1 - share), both * share
    for a = 1, model.count do
      sum = sum + row[a]
    end
    for a = 1, model.count do
      row[a] = row[a] / sum
    end
    weights[e] = row
  end
  return weights
end

-- Names that other mechanisms showed: what it is worth that they came in this order, against any order.
local function of_others(evidence, model, list)
  local own, counts, all, value = {}, {}, 0, 0
  for _, node in ipairs(forest.nodes(evidence)) do
    own[node.order] = true
  end
  for _, one in ipairs(list) do
    if not own[one.order] and model.labels[one.label] then
      counts[one.label], all = (counts[one.label] or 0) + 1, all + 1
    end
  end
  for _, one in ipairs(list) do
    local class = not own[one.order] and model.labels[one.label]
    if class then
      value = value + math.log(model.weights[model.epoch(one.order)][class[1]]) - math.log(counts[one.label] / all)
    end
  end
  return value
end

-- Two sights in a row meet the same name more often than by chance, by so many standard deviations: where servers get a
-- key one after the other it is up to three, as the shares move.
local IN_A_ROW = 4

-- Of so many pairs of sights so many were alike, where names were met so often of all.
local function is_in_rows(alike, pairs_made, counts, all)
  local by_chance = 0
  for _, count in pairs(counts) do
    by_chance = by_chance + (count / all) ^ 2
  end
  return alike - pairs_made * by_chance > IN_A_ROW * math.sqrt(pairs_made * by_chance * (1 - by_chance))
end

-- Do offers of one session meet the same name again and again, as a balancer leads them back?
local function are_led_back(list, session_of)
  local last, counts, alike, again = {}, {}, 0, 0
  for _, one in ipairs(list) do
    local session = session_of(one)
    if last[session] then
      alike, again = alike + (last[session] == one.label and 1 or 0), again + 1
    end
    last[session], counts[one.label] = one.label, (counts[one.label] or 0) + 1
  end
  return is_in_rows(alike, again, counts, #list)
end

-- The first sight of each name by each session.
local function firsts(list, session_of)
  local first, seen = {}, {}
  for _, one in ipairs(list) do
    local session = session_of(one)
    seen[session] = seen[session] or {}
    first[#first + 1] = not seen[session][one.label] and one or nil
    seen[session][one.label] = true
  end
  return first
end

-- Names in the order in which they were met. What is inferred of who resumed holds where each knows its own key only. A
-- session that is led back to where it was before shows nothing new.
local function shown(evidence, labels, cells)
  local crossed, list = false, {}
  for _, a in ipairs(labels) do
    for _, b in ipairs(labels) do
      crossed = crossed or (a ~= b and classes.accepts(cells, a, b)) or false
    end
  end
  for _, one in ipairs(evidence.keys) do
    local entry = evidence.by_order[one.order]
    local free = entry.mechanism == evidence.mechanism or not entry.from -- other sessions may be led to their server
    list[#list + 1] = free and not (crossed and one.inferred) and one or nil
  end
  local function session_of(one)
    local entry = evidence.by_order[one.order]
    return evidence.origin[entry.from] or entry
  end
  return are_led_back(list, session_of) and firsts(list, session_of) or list
end

-- A key that issued a ticket was there, whoever was led to it: it came no later than at its first sight of all, and
-- went no earlier than at its last.
local function widen(evidence, came, went)
  for _, one in ipairs(evidence.keys) do
    local label = one.label
    if not one.inferred then
      came[label] = came[label] and math.min(came[label], one.order)
      went[label] = went[label] and math.max(went[label], one.order)
    end
  end
  return came, went
end

-- One key on this side of a moment: every name that was met there is of one part. Returns the last of them.
local function only_one(list, part, is_there)
  local last
  for _, one in ipairs(list) do
    if is_there(one.order) then
      if last and part[one.label] ~= part[last] then
        return nil
      end
      last = one.label
    end
  end
  return last
end

-- A refusal may tell of the new key before its name is seen, and a resumption of the old one after.
local function stretch(evidence, old, at, gone)
  for _, offer in ipairs(evidence.offers) do
    if offer.issuer == old and not offer.resumed then
      at = math.min(at, offer.order)
    elseif offer.issuer == old and gone then
      gone = math.max(gone, offer.order)
    end
  end
  return at, gone
end

-- A balancer that sends many connections in a row to one server makes names come and go, too.
local function comes_in_rows(list, at, gone)
  local counts, all, alike, before = {}, 0, 0, nil
  for _, one in ipairs(list) do
    if one.order >= at and (not gone or one.order <= gone) then
      counts[one.label], all = (counts[one.label] or 0) + 1, all + 1
      alike = alike + (one.label == before and 1 or 0)
      before = one.label
    end
  end
  return is_in_rows(alike, all, counts, all)
end

local function candidate(evidence, list, new, at, gone, old, side_by_side)
  local cells, labels = classes.cells(evidence), classes.labels(evidence)
  local model = classes.model(evidence)
  local steps = (gone and not side_by_side) and STEPS or 1
  model.epoch = function(order)
    if order < at or gone and order > gone then
      return order < at and 1 or steps + 2
    end
    return gone and math.min(steps + 1, 2 + (order - at) * steps // (gone - at + 1)) or 2
  end
  model.weights = weights_by_epoch(model, list, new, old, model.epoch, steps)
  local part = classes.parts(labels, cells)
  model.accept = function(a, b)
    local one, other = model.names[a], model.names[b]
    local seen = classes.accepts(cells, one, other)
    return seen == nil and part[one] == part[other] or seen == true or a == b
  end
  local kept = classes.accepts(cells, old, new) == true
  return { model = model, free = model.count - 1, choices = (gone and 2 or 1) * math.log(math.max(2, #list)), at = at,
    kept = kept, scope = gone and "all" or "some",
    refused_on_the_way = kept and cells[new] and cells[new][old] and cells[new][old].refused > 0 or nil,
    beside = of_others(evidence, model, list) }
end

return {
  id = "rotated",
  verdict = function(parameters)
    return parameters.kept and "all_shared" or "rotated"
  end,
  fit = function(evidence)
    local labels, cells = classes.labels(evidence), classes.cells(evidence)
    local part, list, found = classes.parts(labels, cells), shown(evidence, labels, cells), {}
    local came, went = widen(evidence, sights.of(list, MAYBE))
    for _, new in ipairs(labels) do
      local old = came[new] and only_one(list, part, function(order)
        return order < came[new]
      end)
      if old and classes.model(evidence).labels[old] then
        local at, gone = stretch(evidence, old, came[new], went[old])
        found[#found + 1] = not comes_in_rows(list, at, gone) and candidate(evidence, list, new, at, gone, old) or nil
      end
    end
    for _, old in ipairs(labels) do -- both were met from the start, as the first server had the new one already
      local new = went[old] and only_one(list, part, function(order)
        return order > went[old]
      end)
      if new and new ~= old and classes.model(evidence).labels[new] then
        local _, gone = stretch(evidence, old, 0, went[old])
        found[#found + 1] = not comes_in_rows(list, 0, gone) and candidate(evidence, list, new, 0, gone, old, true)
          or nil
      end
    end
    return found
  end,
}
