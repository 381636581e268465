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

local exp, log, max = math.exp, math.log, math.max

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

-- Who accepts whose sessions, asked once.
local function accepted_in(model)
  model.accepted = {}
  for a = 1, model.count do
    model.accepted[a] = {}
    for b = 1, model.count do
      model.accepted[a][b] = model.accept(a, b)
    end
  end
  return model.accepted
end

--- The chance that an offer resumes, of a session of class a at class b.
-- @tparam table model see M.log_likelihood
-- @tparam integer a
-- @tparam integer b
-- @tparam table offer
-- @treturn number
local function chance(model, a, b, offer)
  if offer.barred == true or not (model.accepted or accepted_in(model))[a][b] then
    return M.IMPOSSIBLE
  end
  return offer.barred or 1 - M.NOISE
end
M.chance = chance

--- The classes that a connection can have met.
-- @tparam table model
-- @tparam table node label and source of the connection
-- @treturn {integer,...}
local function allowed_at(model, node)
  local list = model.class_of and model.class_of(node) or model.labels[node.label]
  return list or model.all
end
M.classes_at = allowed_at

-- What an offer's outcome weighs at a class that accepts it, and at one that does not; and a key of its kind.
local function outcome_of(offer, epoch)
  local yes = offer.barred == true and M.IMPOSSIBLE or offer.barred or 1 - M.NOISE
  local kind = (((offer.resumed and 1 or 0) * 1024 + math.floor(1000 * yes)) * 8 + offer.lag) * 8 + epoch
  if offer.resumed then
    return yes, M.IMPOSSIBLE, kind
  end
  return 1 - yes, 1 - M.IMPOSSIBLE, kind
end

-- Sums over the classes that a connection can have met, for a session of class a: of their weights, and of those that
-- accept it.
local function sums_over(allowed, accepted, shares)
  local all, accepting = 0, 0
  for i = 1, #allowed do
    local b = allowed[i]
    all = all + shares[b]
    if accepted[b] then
      accepting = accepting + shares[b]
    end
  end
  return all, accepting
end

-- Logarithms of the message that an offer sends to the classes that its session can be of.
function Sum:message(node, vector, origins)
  local model, offer = self.model, node.offer
  local epoch = model.epoch and model.epoch(offer.order) or 1
  local yes, no, kind = outcome_of(offer, epoch)
  local allowed = allowed_at(model, node)
  local leaf = not vector and not model.class_of and kind .. "|" .. (node.label and node.label.text or "")
  if leaf and self.leaves[leaf] then
    return self.leaves[leaf]
  end
  local weights, shares, list = model.weights[epoch], {}, {}
  for i = 1, #allowed do
    local b = allowed[i]
    shares[b] = (model.certain and 1 or weights[b]) * (vector and vector[b] or 1)
  end
  for _, a in ipairs(leaf and model.all or origins) do
    local accepted = (model.accepted or accepted_in(model))[a]
    local all, accepting = sums_over(allowed, accepted, shares)
    local sum = no * (all - accepting) + yes * accepting
    if not model.certain and offer.lag > 0 then
      local others, same = ways(weights, a, offer.lag, self.leaning)
      local own = shares[a] and (accepted[a] and yes or no) or 0
      sum = others * (sum - own * (shares[a] or 0)) + own * same * (vector and vector[a] or 1)
    end
    list[a] = log(max(sum, 1e-300))
  end
  if leaf then
    self.leaves[leaf] = list
  end
  return list
end

-- From logarithms to numbers of which the largest is 1, for these classes; and its logarithm.
local function scaled(logs, list)
  local top, vector = -math.huge, {}
  for i = 1, #list do
    top = max(top, logs[list[i]])
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
  for a = 1, model.count do
    for b = 1, model.count do
      local p = chance(model, a, b, offer)
      pairs_[a][b] = pairs_[a][b]
        + node.times * (possible[b] and log(offer.resumed and p or 1 - p) or log(M.IMPOSSIBLE))
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
      for _, a in ipairs(allowed) do
        sum = sum + (model.class_of and 1 or weights[a]) * (vector and vector[a] or 1)
      end
      total = total + node.total * log(max(sum, 1e-300))
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
  return setmetatable({ model = model, leaning = leaning, leaves = {}, nodes = forest.of(evidence, model) }, Sum)
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
  local logs = {}
  local sum, parent, message = self.logs[node.parent], self.outside[node.parent], self.messages[node]
  for _, a in ipairs(origins) do
    logs[a] = sum[a] + parent[a] - (message and message[a] or 0)
  end
  return (scaled(logs, origins))
end

-- What an offer says of the class that it met.
function Sum:met(node, allowed, origins, cavity)
  local model, offer, met = self.model, node.offer, {}
  local weights = weights_at(model, offer.order)
  for _, a in ipairs(origins) do
    local others, same = ways(weights, a, offer.lag, self.leaning)
    for i = 1, #allowed do
      local b = allowed[i]
      local p = chance(model, a, b, offer)
      local going = a == b and same or others * weights[b]
      met[b] = (met[b] or 0) + cavity[a] * going * (offer.resumed and p or 1 - p)
    end
  end
  return met
end

-- What is known of a connection from those before it, as logarithms.
function Sum:prior(node, allowed)
  local model, prior = self.model, {}
  if node.offer then
    local origins = allowed_at(model, node.parent)
    local met = self:met(node, allowed, origins, self:without(node, origins))
    for _, b in ipairs(allowed) do
      prior[b] = log(max(met[b] or 0, 1e-300))
    end
    return prior
  end
  local weights = weights_at(model, node.order)
  for _, a in ipairs(allowed) do
    prior[a] = log(max(weights[a], 1e-300))
  end
  return prior
end

-- Down again: beliefs about the class of each connection's server.
function Sum:down()
  self.outside, self.beliefs = {}, {}
  for _, node in ipairs(self.nodes) do
    if not node.offer or self.messages[node] then -- of a session that is led its own class is known only
      local allowed = allowed_at(self.model, node)
      local prior, own, belief, all = self:prior(node, allowed), self.logs[node], {}, 0
      self.outside[node] = prior
      for _, a in ipairs(allowed) do
        belief[a] = prior[a] + (own and own[a] or 0)
      end
      belief = scaled(belief, allowed)
      for _, a in ipairs(allowed) do
        all = all + belief[a]
      end
      for _, a in ipairs(allowed) do
        belief[a] = belief[a] / all
      end
      self.beliefs[node] = belief
    end
  end
end

local SETTLED = 0.002 -- shares that move less are known as well as some hundred connections can tell
local ROUNDS = 12 -- of learning shares at most, where they do not settle sooner: a bound on time

--- Learns the shares of the classes (expectation and maximization), where they are not known.
-- @tparam table evidence
-- @tparam table model see log_likelihood; weights are replaced. One epoch.
-- @tparam[opt=12] integer rounds
-- @tparam[opt=0] number leaning of neighbours, see log_likelihood
-- @treturn table model
function M.learn(evidence, model, rounds, leaning)
  for _ = 1, rounds or ROUNDS do
    local moved = 0
    local sum, counts, all = new_sum(evidence, model, leaning or 0), {}, 0
    sum:up()
    sum:down()
    for a = 1, model.count do
      counts[a] = 0.5 -- Jeffreys' prior: no class vanishes
      all = all + 0.5
    end
    for node, belief in pairs(sum.beliefs) do
      for a, share in pairs(belief) do
        counts[a] = counts[a] + node.total * share
      end
      all = all + node.total
    end
    for a = 1, model.count do
      counts[a] = counts[a] / all
      moved = max(moved, math.abs(counts[a] - model.weights[1][a]))
    end
    model.weights = { counts }
    if moved < SETTLED then
      break
    end
  end
  return model
end

return M
