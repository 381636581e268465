-- Models of groups of servers: within a group every session is good, outside of it none; some classes may be dead, so
-- that they never accept, nor are their sessions ever accepted. Groups have names, where their servers show one, or
-- are hidden. Pure; it knows no explanation.

local classes = require "resum.analysis.pool.classes"
local hidden = require "resum.analysis.pool.hidden"

local M = {}

-- So many groups are tried where nothing names them; a pool of more looks like the last of these.
local NUMBERS = { 1, 2, 3, 4, 6, 8, 12, 16, 24, 32 }
-- The same, where one has a share of its own: how many the others are shows less.
local BESIDE_ONE = { 4, 8 }
-- Shares of so many are learnt; of more, each has too few of some hundred offers to tell unequal from equal ones.
local MOST_LEARNT = 8
local HOPELESS = 12 -- natural logarithms behind the best: six times less likely still than the odds that decide

-- A class is dead by its name, or as the last of the hidden ones.
local function dead_classes(model, options, divided)
  local dead = {}
  for a = 1, model.count do
    dead[a] = options.dead and options.dead[model.names[a]] or nil
  end
  local list = options.hidden_dead and model.labels[divided]
  if list then
    dead[list[#list]] = true
  end
  return dead
end

local function accept_within(model, part, divided, dead)
  return function(a, b)
    if dead[a] or dead[b] then
      return false
    end
    local one, other = model.names[a], model.names[b]
    return a == b or (one ~= divided and other ~= divided and part[one] == part[other])
  end
end

local function dead_share(model, dead)
  local share = 0
  for a in pairs(dead) do
    share = share + model.weights[1][a]
  end
  return share
end

local function finish(model, part, divided, options, more)
  local dead = dead_classes(model, options, divided)
  model.accept = accept_within(model, part, divided, dead)
  more.model, more.part, more.divided, more.dead, more.dead_labels = model, part, divided, dead, options.dead
  more.dead_share = dead_share(model, dead)
  return more
end

-- A prior for a number of groups: Rissanen's for integers (1983), as few are more common than many.
local function cost_of_number(n)
  local bits, rest = 1.518535, math.log(n, 2)
  while rest > 0 do
    bits, rest = bits + rest, math.log(rest, 2)
  end
  return bits * math.log(2)
end

local FEW = 4 -- rounds of learning where connections show most: the shares move little from those counted

local function named(evidence, labels, options, leads)
  local model = classes.model(evidence, nil, options.apart)
  model.leads = leads
  local made = finish(model, options.part, nil, options, {
    free = model.count - 1 + (leads and 1 or 0), groups = options.count, named = true, routing = leads and "sticky",
    choices = options.dead and math.log(#labels + 1) or 0, -- who shares is seen; who is dead is chosen
  })
  if not leads then
    hidden.learn(evidence, model, FEW)
    made.dead_share = dead_share(model, made.dead)
  end
  return made
end

local OFTEN = 6 -- offers of a session: drawn by lot among two servers, all would go to one 1 time in 32

-- Does each session resume always or never, however often it is offered?
local function all_or_nothing(evidence)
  local sessions, seen = {}, 0
  for _, offer in ipairs(evidence.offers) do
    if offer.lag == 0 and offer.design ~= "fresh" then
      local one = sessions[offer.origin] or { resumed = 0, refused = 0 }
      sessions[offer.origin] = one
      one[offer.result] = one[offer.result] + 1
    end
  end
  for _, one in pairs(sessions) do
    if one.resumed + one.refused >= OFTEN then
      if one.resumed > 0 and one.refused > 0 then
        return false
      end
      seen = seen + 1
    end
  end
  return seen > 0
end

local function divide(evidence, label, number, options)
  local copies = number + (options.hidden_dead and 1 or 0)
  local model = classes.model(evidence, { [label] = copies }, options.apart)
  return finish(model, options.part, label, options, {
    free = model.count - copies + 1, choices = cost_of_number(number), groups = options.count - 1 + number,
  })
end

-- Each has a share of its own.
local function divide_unequally(evidence, label, number, options, leaning)
  local made = divide(evidence, label, number, options)
  local model, list = made.model, made.model.labels[label]
  for _, weights in ipairs(model.weights) do
    for i, a in ipairs(list) do -- or nothing would part them
      weights[a] = weights[a] * 2 * i / (#list + 1)
    end
  end
  made.free = (model.count - 1) * #model.weights
  hidden.learn(evidence, model, nil, leaning)
  made.dead_share = dead_share(model, made.dead)
  return made
end

-- All but the first get even shares of what they have together.
local function even_out_others(weights, list)
  local all = 0
  for i = 2, #list do
    all = all + weights[list[i]]
  end
  for i = 2, #list do
    weights[list[i]] = all / (#list - 1)
  end
end

-- One has a share of its own, and the others have even ones: a larger machine, or a new one that is tried first. Of
-- many servers that is far more common than a share for each.
local function divide_but_one(evidence, label, number, options, leaning)
  local made = divide(evidence, label, number, options)
  local model, list = made.model, made.model.labels[label]
  for _, weights in ipairs(model.weights) do
    for i, a in ipairs(list) do -- half of all, and the other half for the others
      weights[a] = weights[a] * #list / (i == 1 and 2 or 2 * (#list - 1))
    end
  end
  made.free = made.free + #model.weights
  for _ = 1, FEW do
    hidden.learn(evidence, model, 1, leaning)
    for _, shares in ipairs(model.weights) do
      even_out_others(shares, list)
    end
  end
  made.dead_share = dead_share(model, made.dead)
  return made
end

-- How many servers one label may hide: any number where there is no other; beside others that have a name, and so a
-- share, so many that each would have a share like the smallest of those, and as many again.
local function most_hidden(evidence, label)
  local labels, counts = classes.labels(evidence)
  local least
  for _, other in ipairs(labels) do
    least = other ~= label and math.min(least or counts[other], counts[other]) or least
  end
  return least and math.max(2, 2 * math.ceil(counts[label] / least)) or NUMBERS[#NUMBERS]
end

local UNEVEN = 2 -- the largest share by the even one: of even ones, some hundred connections rarely show as much

local function is_uneven(made, label)
  local list, all, largest = made.model.labels[label], 0, 0
  for _, a in ipairs(list) do
    local share = made.model.weights[1][a]
    all, largest = all + share, math.max(largest, share)
  end
  return largest * #list > UNEVEN * all
end

-- The best of these numbers, from the first to the most, as they are divided.
local function best_of(evidence, label, options, numbers, divide_so, first, most, leaning)
  local best, value, best_number = nil, -math.huge, first
  for _, number in ipairs(numbers) do
    if number >= first and number <= most then
      local one = divide_so(evidence, label, number, options, leaning)
      local found, way = hidden.log_likelihood(evidence, one.model, leaning)
      leaning = way
      if found > value then
        best, value, best_number = one, found, number
      elseif found < value - HOPELESS then
        break
      end
    end
  end
  return best, best_number, leaning
end

-- Equal shares first; then those of the best number are learnt, and of one more: unequal groups are as good as fewer.
local function divided(evidence, label, options)
  local first, most, list = options.hidden_dead and 1 or 2, most_hidden(evidence, label), {}
  local best_number, leaning
  list[1], best_number, leaning = best_of(evidence, label, options, NUMBERS, divide, first, most)
  local uneven = false
  for number = best_number, math.min(MOST_LEARNT, best_number + 1) do
    list[#list + 1] = divide_unequally(evidence, label, number, options, leaning)
    uneven = uneven or is_uneven(list[#list], label)
  end
  if uneven then
    list[#list + 1] = best_of(evidence, label, options, BESIDE_ONE, divide_but_one, first + 1, most, leaning)
  end
  return list
end

--- Models to try.
-- @tparam table evidence
-- @tparam table options dead (set of labels that never accept), hidden_dead (boolean: a hidden class never accepts),
--   apart (list of labels that are a class of their own here), one (boolean: the rest may be one group), keys (boolean:
--   servers of one key may be divided)
-- @treturn {table,...} {model, free, choices, groups, named, part, divided (label), dead, dead_share}
function M.candidates(evidence, options)
  local all, labels, list = classes.labels(evidence), {}, {}
  for _, label in ipairs(all) do
    labels[#labels + 1] = not (options.dead and options.dead[label]) and label or nil
  end
  options.part, options.count = classes.parts(labels, classes.cells(evidence))
  if (options.count > 1 or options.one) and not options.hidden_dead then
    list[1] = named(evidence, labels, options)
    if options.count > 1 and all_or_nothing(evidence) then
      list[2] = named(evidence, labels, options, true)
    end
  end
  local label = classes.divided(evidence, options.keys)
  if label and not (options.dead and options.dead[label]) then
    options.count = math.max(1, options.count)
    local more = divided(evidence, label, options)
    table.move(more, 1, #more, #list + 1, list)
  end
  return list
end

--- Two hidden classes under one label: sessions of the first are good at both.
-- @tparam table evidence
-- @tparam table label
-- @treturn table candidate, as candidates() gives them
function M.one_way(evidence, label)
  local model = classes.model(evidence, { [label] = 2 })
  local list = model.labels[label]
  model.accept = function(a, b)
    return a == b or a == list[1] or (a ~= list[2] and b ~= list[2])
  end
  hidden.learn(evidence, model)
  return { model = model, free = (model.count - 1) * #model.weights, choices = 0, groups = 2, divided = label }
end

return M
