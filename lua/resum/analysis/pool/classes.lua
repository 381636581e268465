-- Classes of servers, as far as connections show them: what explanations start from. A class is what shows one label;
-- a label may hide several. Pure; it knows no explanation.

local hidden = require "resum.analysis.pool.hidden"
local sighting = require "resum.analysis.pool.sighting"

local M = {}

-- More names cost time that grows with their square; the rarest may be of any class then.
local MOST_NAMES = 16
local NO_CLASS = { [sighting.NONE] = true, [sighting.OTHER_VERSION] = true, [sighting.TICKETLESS] = true }
-- A server that issues sessions showed none, though nothing was seen to break: as often as that by accident at most. (A
-- connection that was seen to break shows nothing: see resum.analysis.pool.sighting.)
local LEAST_BROKEN = 1 / 200

local function count_labels(evidence)
  local counts, order, in_crowds = {}, {}, {}
  for _, entry in ipairs(evidence.sequence) do
    local label = evidence.label[entry.order]
    if label then
      order[#order + 1] = not counts[label] and label or nil
      counts[label] = (counts[label] or 0) + 1
      in_crowds[label] = (in_crowds[label] or 0) + (entry.crowd and 1 or 0)
    end
  end
  table.sort(order, function(a, b)
    return counts[a] > counts[b] or (counts[a] == counts[b] and a.text < b.text)
  end)
  return counts, order, in_crowds
end

-- What it costs to take what shows no session, or another version, for an accident.
local STRANGE = {
  [sighting.NONE] = math.log(LEAST_BROKEN),
  [sighting.OTHER_VERSION] = math.log(hidden.IMPOSSIBLE),
}

--- The labels that stand for servers, the most frequent first, and how often each was met.
-- @tparam table evidence
-- @treturn {string,...}
-- @treturn table label -> connections
-- @treturn table label of those that issue nothing -> connections
-- @treturn table label -> how many of its connections were in a crowd
function M.labels(evidence)
  if not evidence.classes then
    local counts, order, in_crowds = count_labels(evidence)
    local list, none = {}, {}
    for _, label in ipairs(order) do
      if NO_CLASS[label] then
        none[label] = counts[label]
      elseif #list < MOST_NAMES then
        list[#list + 1] = label
      end
    end
    evidence.classes = { list, counts, none, in_crowds }
  end
  return table.unpack(evidence.classes)
end

--- Resumed and refused offers for each pair of labels: issued under the one, answered by the other.
-- @tparam table evidence
-- @treturn table label -> label -> {resumed, refused}; those not shown are sighting.UNSEEN
function M.cells(evidence)
  local cells = {}
  for _, offer in ipairs(evidence.offers) do
    if not offer.barred and (offer.resumed or not offer.alive) then -- else it may have been too old
      local a, b = offer.issuer or sighting.UNSEEN, offer.answerer or sighting.UNSEEN
      cells[a] = cells[a] or {}
      cells[a][b] = cells[a][b] or { resumed = 0, refused = 0 }
      cells[a][b][offer.result] = cells[a][b][offer.result] + 1
    end
  end
  return cells
end

--- Does the first accept sessions of the second, as far as was seen?
-- @tparam table cells
-- @tparam string a label that issued
-- @tparam string b label that answered
-- @treturn boolean|nil nil where nothing was offered
function M.accepts(cells, a, b)
  local cell = cells[a] and cells[a][b]
  if not cell then
    return nil
  end
  return cell.resumed > cell.refused or (cell.resumed > 0 and a ~= b)
end

local function normalize(weights)
  local all = 0
  for _, weight in ipairs(weights) do
    all = all + weight
  end
  for a, weight in ipairs(weights) do
    weights[a] = weight / all
  end
end

--- A model with one class for each label, and more for those that hide several. Whom connections meet may hang on how
-- many are open: where there were crowds, these have shares of their own.
-- @tparam table evidence
-- @tparam[opt] table copies label -> how many classes it hides; sighting.UNSEEN where nothing is shown at all
-- @tparam[opt] {string,...} apart further labels that are a class here (of members that issue nothing)
-- @treturn table model of resum.analysis.pool.hidden without accept; with names (list: the label of each class)
function M.model(evidence, copies, apart)
  local labels, counts, _, in_crowds = M.labels(evidence)
  local model = { count = 0, names = {}, labels = {}, weights = { {} }, strange = {} }
  if evidence.crowded > 0 then
    model.epoch, model.weights[2] = evidence.epoch_of_crowds, {}
  end
  for label, cost in pairs(STRANGE) do
    model.strange[label] = cost
  end
  local function add(label)
    local times, crowded = copies and copies[label] or 1, in_crowds[label] or 0
    local met = { (counts[label] or 0) - crowded, crowded }
    model.labels[label] = {}
    for _ = 1, times do
      model.count = model.count + 1
      model.names[model.count] = label
      for e, weights in ipairs(model.weights) do
        weights[model.count] = (met[e] + 0.5) / times
      end
      table.insert(model.labels[label], model.count)
    end
  end
  for _, label in ipairs(#labels > 0 and labels or { sighting.UNSEEN }) do
    add(label)
  end
  for _, label in ipairs(apart or {}) do
    add(label)
    model.strange[label] = nil
  end
  for _, weights in ipairs(model.weights) do
    normalize(weights)
  end
  return model
end

--- The label that hides several classes, as sessions under it are resumed and refused.
-- @tparam table evidence
-- @tparam boolean keys whether a name of a ticket key may hide some (or else what names no key)
-- @treturn table|nil the one with most offers; sighting.UNSEEN where nothing is shown
function M.divided(evidence, keys)
  local cells, labels = M.cells(evidence), M.labels(evidence)
  local best, most = nil, 0
  for _, label in ipairs(#labels > 0 and labels or { sighting.UNSEEN }) do
    local resumed, refused = 0, 0
    for _, at in ipairs({ label, sighting.UNSEEN }) do
      local cell = cells[label] and cells[label][at] or { resumed = 0, refused = 0 }
      -- who answered, unseen, may have been any: that is no refusal at home where there are others
      local own = at == label or #labels <= 1
      resumed, refused = resumed + cell.resumed, refused + (own and cell.refused or 0)
    end
    local is_key = label.kind == "key"
    if is_key == keys and refused > 0 and resumed + refused > most then
      best, most = label, resumed + refused
    end
  end
  return best
end

--- Labels in parts that accept each other's sessions.
-- @tparam {string,...} labels
-- @tparam table cells
-- @treturn table label -> number of its part
-- @treturn integer how many parts
function M.parts(labels, cells)
  local part, count = {}, 0
  for i, label in ipairs(labels) do
    for j = 1, i - 1 do
      local other = labels[j]
      local there, back = M.accepts(cells, label, other), M.accepts(cells, other, label)
      if (there and back ~= false) or (back and there ~= false) then
        if part[label] and part[label] ~= part[other] then
          local gone = part[label]
          for name, number in pairs(part) do
            part[name] = number == gone and part[other] or number
          end
        end
        part[label] = part[other]
      end
    end
    if not part[label] then
      count = count + 1
      part[label] = count
    end
  end
  local seen, distinct = {}, 0
  for _, number in pairs(part) do
    distinct = distinct + (seen[number] and 0 or 1)
    seen[number] = true
  end
  return part, distinct
end

return M
