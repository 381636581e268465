-- The likelihood of a mechanism's evidence where each connection meets a class of servers that may be hidden. Every
-- connection offers one session at most, so that connections and sessions make a forest: what is not seen is summed
-- over exactly, from the youngest connection to the oldest. Pure; it knows no explanation but what a model says.

local forest = require "resum.analysis.pool.forest"

local M = {}

--- A session that has to resume is refused once in so many times all the same: no server was seen to do so by accident,
-- so that this is the bound of what goes unnoticed: 4 of 300 offers are within it (p = 0.003), 5 are not (p = 0.0004).
M.NOISE = 0.002
--- A session that can't resume does: nobody resumes without the key, but what was answered when is known to the
-- neighbouring connection only, where keys change.
M.IMPOSSIBLE = 1e-4
-- How neighbours are routed, as one number: -1 never to the same class, 0 as if drawn by lot, 1 always. Nothing is
-- known of it, so that it is summed over evenly.
local LEANINGS = { -1, -0.5, 0, 0.5, 1 }
local LEAST_LIKELY = 1e-3 -- of a neighbour's class, as other clients' connections come between

local LEAST = 1e-300 -- in place of nothing, which has no logarithm
local exp, log, max = math.exp, math.log, math.max

-- Of what may have come to nothing.
local function log_of(sum)
  return log(sum > LEAST and sum or LEAST)
end

-- Where does a connection go, given the class a of the one that its session comes from? Weights of the others are
-- multiplied by the first, and the same class has the second.
local function ways(weights, a, lag, leaning)
  if lag == 0 or leaning == 0 then
    return 1, weights[a]
  elseif leaning > 0 then
    return 1 - leaning, (1 - leaning) * weights[a] + leaning
  end
  local others = 1 + leaning - leaning / max(1e-9, 1 - weights[a])
  return max(LEAST_LIKELY, others), max(LEAST_LIKELY, 1 + leaning) * weights[a]
end

local Sum = {}
Sum.__index = Sum

--- Who accepts whose sessions, asked once.
-- @tparam table model see M.log_likelihood
-- @treturn {{boolean,...},...} by the class that issued the session, and the one that it is offered to
local function accepted_in(model)
  if not model.accepted then
    model.accepted = {}
    for a = 1, model.count do
      model.accepted[a] = {}
      for b = 1, model.count do
        model.accepted[a][b] = model.accept(a, b)
      end
    end
  end
  return model.accepted
end
M.accepted_in = accepted_in

-- For each class those of a list with which it has to do, as lists; of those with the same ones as `of` has it.
local function rows_of(model, list, has_to_do)
  local rows, known, of = {}, {}, {}
  for a = 1, model.count do
    local row = {}
    for i = 1, #list do
      row[#row + 1] = has_to_do(a, list[i]) and list[i] or nil
    end
    local name = table.concat(row, ",")
    if not known[name] then
      rows[#rows + 1], known[name] = row, #rows + 1
    end
    of[a] = known[name]
  end
  rows.of = of
  return rows
end

--- Of a list of classes those that accept sessions of each class of the model, asked once.
-- @tparam table model see M.log_likelihood
-- @tparam {integer,...} list not changed later
-- @treturn {{integer,...},...} no two alike; in its field `of` the number of each class's
local function takers_of(model, list)
  local accepted = accepted_in(model)
  model.takers = model.takers or {}
  model.takers[list] = model.takers[list] or rows_of(model, list, function(a, b)
    return accepted[a][b]
  end)
  return model.takers[list]
end
M.takers_of = takers_of

-- The same of those whose sessions each class accepts.
local function givers_of(model, list)
  local accepted = accepted_in(model)
  model.givers = model.givers or {}
  model.givers[list] = model.givers[list] or rows_of(model, list, function(b, a)
    return accepted[a][b]
  end)
  return model.givers[list]
end

local function sum_over(list, shares)
  local sum = 0
  for i = 1, #list do
    sum = sum + shares[list[i]]
  end
  return sum
end
M.sum_over = sum_over

--- What the lists have of something.
-- @tparam {{integer,...},...} lists of classes
-- @tparam table shares class -> number
-- @treturn {number,...}
local function sums_over(lists, shares)
  local sums = {}
  for i = 1, #lists do
    sums[i] = sum_over(lists[i], shares)
  end
  return sums
end
M.sums_over = sums_over

--- The chance that an offer resumes at a class that accepts its session; at others M.IMPOSSIBLE.
-- @tparam table offer
-- @treturn number
local function chance_of(offer)
  return offer.barred == true and M.IMPOSSIBLE or (offer.barred or 1 - M.NOISE) * (offer.alive or 1)
end
M.chance_of = chance_of

-- The chance of what came of an offer, at a class that accepts it and at one that does not.
local function outcome_of(offer)
  local yes = chance_of(offer)
  if offer.resumed then
    return yes, M.IMPOSSIBLE
  end
  return 1 - yes, 1 - M.IMPOSSIBLE
end

--- The classes that a connection can have met.
-- @tparam table model
-- @tparam table node label and source of the connection
-- @treturn {integer,...}
local function allowed_at(model, node)
  local list = model.class_of and model.class_of(node) or model.labels[node.label]
  return list or model.all
end
M.classes_at = allowed_at

-- What makes the messages of two offers equal, where nothing came of the sessions that they left.
local function look_of(offer, epoch, label)
  local kind = (((offer.resumed and 1 or 0) * 1024 + math.floor(1000 * chance_of(offer))) * 8 + offer.lag) * 8 + epoch
  return kind .. "|" .. (label and label.text or "")
end

-- Logarithms of the message that an offer sends to the classes that its session can be of.
function Sum:message(node, vector, origins)
  local model, offer = self.model, node.offer
  local epoch = model.epoch and model.epoch(offer.order) or 1
  local leaf = not vector and not model.class_of and look_of(offer, epoch, node.label)
  if leaf and self.leaves[leaf] then
    return self.leaves[leaf]
  end
  local allowed, weights, list = allowed_at(model, node), model.weights[epoch], {}
  local shares = self.shares[allowed] or {} -- of the last message from there; which has all of these
  self.shares[allowed] = shares
  for i = 1, #allowed do
    local b = allowed[i]
    shares[b] = (model.certain and 1 or weights[b]) * (vector and vector[b] or 1)
  end
  local yes, no = outcome_of(offer)
  local takers = takers_of(model, allowed)
  local all, accepting, of = sum_over(allowed, shares), sums_over(takers, shares), takers.of
  local list_of_all = leaf and model.all or origins
  for i = 1, #list_of_all do
    local a = list_of_all[i]
    local some = accepting[of[a]]
    local sum = no * (all - some) + yes * some
    if not model.certain and offer.lag > 0 then
      local others, same = ways(weights, a, offer.lag, self.leaning)
      local own = shares[a] and (accepted_in(model)[a][a] and yes or no) or 0
      sum = others * (sum - own * (shares[a] or 0)) + own * same * (vector and vector[a] or 1)
    end
    list[a] = log_of(sum)
  end
  if leaf then
    self.leaves[leaf] = list
  end
  return list
end

-- From logarithms to numbers of which the largest is 1, for these classes, in a table given, if any; and its logarithm.
local function scaled(logs, list, given)
  local top, vector = -math.huge, given or {}
  for i = 1, #list do
    local one = logs[list[i]]
    top = one > top and one or top
  end
  for i = 1, #list do
    vector[list[i]] = exp(logs[list[i]] - top)
  end
  return vector, top
end

-- Sessions that a balancer leads where their first offer went: of each, the joint log likelihoods of its offers, by the
-- class that issued it and the one that it is led to.
local function add_led(led, node, model, allowed)
  local offer = node.offer
  local pairs_ = led[node.parent]
  if not pairs_ then
    pairs_ = {}
    for a = 1, model.count do
      pairs_[a] = {}
      for b = 1, model.count do
        pairs_[a][b] = log(model.weights[1][b])
      end
    end
    led[node.parent] = pairs_
  end
  local possible = {}
  for _, b in ipairs(allowed) do
    possible[b] = true
  end
  local accepted, yes, no = accepted_in(model), outcome_of(offer)
  for a = 1, model.count do
    for b = 1, model.count do
      local p = possible[b] and (accepted[a][b] and yes or no) or M.IMPOSSIBLE
      pairs_[a][b] = pairs_[a][b] + node.times * log(p)
    end
  end
end

local function message_of_led(pairs_, model)
  local message = {}
  for a = 1, model.count do
    local vector, top = scaled(pairs_[a], model.all)
    local sum = 0
    for b = 1, model.count do
      sum = sum + vector[b]
    end
    message[a] = top + log(sum)
  end
  return message
end

local function add_to(sums, node, message, times, list)
  local logs = sums[node]
  if not logs then
    logs = {}
    for i = 1, #list do
      logs[list[i]] = 0
    end
    sums[node] = logs
  end
  for i = 1, #list do
    local a = list[i]
    logs[a] = logs[a] + times * message[a]
  end
end

--- Shares of the classes at a time.
-- @tparam table model
-- @tparam integer order of a connection
-- @treturn {number,...}
local function weights_at(model, order)
  return model.weights[model.epoch and model.epoch(order) or 1]
end
M.weights_at = weights_at

-- From the youngest connection up. Returns the log likelihood; keeps what was summed at each connection.
function Sum:up()
  local model, total, nodes = self.model, 0, self.nodes
  self.logs, self.messages, self.led = {}, {}, {}
  for i = #nodes, 1, -1 do
    local node, vector = nodes[i], nil
    local allowed = allowed_at(model, node)
    local led = self.led[node]
    if led then
      add_to(self.logs, node, message_of_led(led, model), 1, allowed)
    end
    if self.logs[node] then
      local top
      vector, top = scaled(self.logs[node], allowed)
      total = total + node.total * top
    end
    total = total + node.total * (model.strange and node.label and model.strange[node.label] or 0)
    if node.offer and model.leads and node.offer.lag == 0 and not vector then
      add_led(self.led, node, model, allowed)
    elseif node.offer then
      local origins = allowed_at(model, node.parent)
      local message = self:message(node, vector, origins)
      self.messages[node] = message
      add_to(self.logs, node.parent, message, node.times, origins)
    else
      local weights, sum = weights_at(model, node.order), 0
      for j = 1, #allowed do
        local a = allowed[j]
        sum = sum + (model.class_of and 1 or weights[a]) * (vector and vector[a] or 1)
      end
      total = total + node.total * log_of(sum)
    end
  end
  return total
end

local function new_sum(evidence, model, leaning)
  if not model.all then
    model.all = {}
    for a = 1, model.count do
      model.all[a] = a
    end
  end
  return setmetatable({ model = model, leaning = leaning, nodes = forest.of(evidence, model), leaves = {},
    shares = {}, going = {}, cavity = {}, others = {} }, Sum) -- the last four are used again for each connection
end

local function has_neighbours(evidence)
  for _, offer in ipairs(evidence.offers) do
    if offer.lag > 0 then
      return true
    end
  end
  return false
end

-- How this pool routes neighbours, best of all: and the log likelihood, summed over all ways.
local function over_leanings(evidence, model)
  local leanings = model.count > 1 and has_neighbours(evidence) and LEANINGS or { 0 }
  local best, found, values = nil, -math.huge, {}
  for i, leaning in ipairs(leanings) do
    values[i] = new_sum(evidence, model, leaning):up()
    if values[i] > found then
      best, found = leaning, values[i]
    end
  end
  local sum = 0
  for _, value in ipairs(values) do sum = sum + exp(value - found) end
  return found + log(sum / #values), best
end

--- The log likelihood of the evidence under a model.
-- @tparam table evidence see resum.analysis.pool.evidence; offers may be `barred`: true where they can't
--   resume, or the chance that they can where that
--   is not known
-- @tparam table model count (of classes), weights ({{share of each class},...} for each epoch), labels (label -> list
--   of classes that show it; others show any), accept (function(a, b) -> boolean: class b resumes sessions of class a),
--   and optionally epoch (function(order) -> integer), class_of (function(node) -> list of classes), certain (boolean:
--   class_of tells all), leads (boolean: a session goes where its first offer went), strange (label -> log likelihood
--   of seeing it by accident)
-- @tparam[opt] number leaning of neighbours, where it is known; else it is summed over
-- @treturn number natural logarithm
-- @treturn number how neighbours are routed, -1 to 1
function M.log_likelihood(evidence, model, leaning)
  if leaning then
    return new_sum(evidence, model, leaning):up(), leaning
  end
  return over_leanings(evidence, model)
end

-- Beliefs about a session's class without what this offer says.
function Sum:without(node, origins)
  local logs = self.others
  local sum, parent, message = self.logs[node.parent], self.outside[node.parent], self.messages[node]
  for i = 1, #origins do
    local a = origins[i]
    logs[a] = sum[a] + parent[a] - (message and message[a] or 0)
  end
  return (scaled(logs, origins, self.cavity))
end

-- What an offer says of the class that it met.
function Sum:met(offer, allowed, origins, cavity)
  local model, met, going, all = self.model, {}, self.going, 0
  local weights, yes, no = weights_at(model, offer.order), outcome_of(offer)
  for i = 1, #origins do
    local a = origins[i]
    going[a] = cavity[a] * ways(weights, a, offer.lag, self.leaning)
    all = all + going[a]
  end
  local givers = givers_of(model, origins)
  local accepted, of = sums_over(givers, going), givers.of
  for i = 1, #allowed do
    local b = allowed[i]
    local some = accepted[of[b]]
    met[b] = weights[b] * (no * (all - some) + yes * some)
  end
  for _, a in ipairs(offer.lag > 0 and origins or {}) do -- to the same class another way leads than to the others
    local others, same = ways(weights, a, offer.lag, self.leaning)
    local own = accepted_in(model)[a][a] and yes or no
    met[a] = met[a] and met[a] + own * cavity[a] * (same - others * weights[a])
  end
  return met
end

-- What is known of a connection from those before it, as logarithms.
function Sum:prior(node, allowed)
  local chances, prior = weights_at(self.model, node.order), {}
  if node.offer then
    local origins = allowed_at(self.model, node.parent)
    chances = self:met(node.offer, allowed, origins, self:without(node, origins))
  end
  for i = 1, #allowed do
    local a = allowed[i]
    prior[a] = log_of(chances[a])
  end
  return prior
end

-- Of one connection, from what is known of it from those before it and those after it (or nil), as logarithms.
local function belief_of(prior, own, allowed)
  local logs, all = prior, 0
  if own then
    logs = {}
    for i = 1, #allowed do
      local a = allowed[i]
      logs[a] = prior[a] + own[a]
    end
  end
  local belief = scaled(logs, allowed)
  for i = 1, #allowed do
    all = all + belief[allowed[i]]
  end
  for i = 1, #allowed do
    local a = allowed[i]
    belief[a] = belief[a] / all
  end
  return belief
end

-- Down again: beliefs about the class of each connection's server.
function Sum:down()
  self.outside, self.beliefs = {}, {}
  for _, node in ipairs(self.nodes) do
    if not node.offer or self.messages[node] then -- of a session that is led its own class is known only
      local allowed = allowed_at(self.model, node)
      self.outside[node] = self:prior(node, allowed)
      self.beliefs[node] = belief_of(self.outside[node], self.logs[node], allowed)
    end
  end
end

local SETTLED = 0.002 -- shares that move less are known as well as some hundred connections can tell
local ROUNDS = 12 -- of learning shares at most, where they do not settle sooner: a bound on time

-- Shares of the classes in each epoch, as the beliefs about all connections have it; and the largest change.
local function shares_of(sum, model)
  local shares, all, moved = {}, {}, 0
  for e = 1, #model.weights do
    shares[e], all[e] = {}, model.count * 0.5
    for a = 1, model.count do
      shares[e][a] = 0.5 -- Jeffreys' prior: no class vanishes
    end
  end
  for _, node in ipairs(sum.nodes) do -- in their order: rounding is the same each time
    local e = model.epoch and model.epoch(node.order) or 1
    for a, share in pairs(sum.beliefs[node] or {}) do
      shares[e][a] = shares[e][a] + node.total * share
    end
    all[e] = all[e] + (sum.beliefs[node] and node.total or 0)
  end
  for e, counts in ipairs(shares) do
    for a = 1, model.count do
      counts[a] = counts[a] / all[e]
      moved = max(moved, math.abs(counts[a] - model.weights[e][a]))
    end
  end
  return shares, moved
end

--- Learns the shares of the classes (expectation and maximization), where they are not known.
-- @tparam table evidence
-- @tparam table model see log_likelihood; weights are replaced
-- @tparam[opt=12] integer rounds
-- @tparam[opt=0] number leaning of neighbours, see log_likelihood
-- @treturn table model
function M.learn(evidence, model, rounds, leaning)
  for _ = 1, rounds or ROUNDS do
    local sum = new_sum(evidence, model, leaning or 0)
    sum:up()
    sum:down()
    local shares, moved = shares_of(sum, model)
    model.weights = shares
    if moved < SETTLED then
      break
    end
  end
  return model
end

return M
