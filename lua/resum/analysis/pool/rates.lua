-- Rates of each way of coming back, with intervals that hold the truth of the pool, and not of the sessions drawn.
-- Pure.

local statistics = require "resum.util.statistics"

local M = {}

local CONFIDENCE = 0.95
local DESIGN_OF = { fixed = "fixed", fresh = "fixed", pairs = "pairs", chain = "chain" }

local function new_count()
  return { attempted = 0, resumed = 0, refused = 0, errors = 0, outcomes = {}, clusters = {} }
end

local function note(count, offer)
  local what = offer.result == "failed" and "errors" or offer.result
  count.attempted = count.attempted + 1
  count[what] = count[what] + 1
  if what ~= "errors" then
    count.outcomes[#count.outcomes + 1] = offer.resumed
    local cluster = count.clusters[offer.cluster] or { resumed = 0, all = 0 }
    count.clusters[offer.cluster] = cluster
    cluster.resumed, cluster.all = cluster.resumed + (offer.resumed and 1 or 0), cluster.all + 1
  end
end

-- How many independent trials the offers are worth: those of one session, or of one chain, share its fate. From the
-- variance between clusters (Kish's design effect, 1965, by the estimate of sampling with clusters of any size).
local function trials_of(count, answered)
  local share, sum, clusters = count.resumed / answered, 0, 0
  for _, one in pairs(count.clusters) do
    sum, clusters = sum + (one.resumed - share * one.all) ^ 2, clusters + 1
  end
  local plain = answered * share * (1 - share)
  if clusters < 2 or plain == 0 then
    return answered, clusters
  end
  return answered / math.max(1, sum * clusters / (clusters - 1) / plain), clusters
end

local function fold(count)
  local answered = count.resumed + count.refused
  local lo, hi
  if answered > 0 then
    local trials = trials_of(count, answered)
    lo, hi = statistics.wilson(count.resumed / answered * trials, trials, CONFIDENCE)
  end
  return {
    attempted = count.attempted, resumed = count.resumed, refused = count.refused, errors = count.errors,
    rate = lo and count.resumed / answered or nil, interval = lo and { lo, hi } or nil,
    runs_z = statistics.runs(count.outcomes),
  }
end

-- A chain is one cluster, from its first session on.
local function set_clusters(offers)
  local first = {}
  table.sort(offers, function(a, b)
    return a.order < b.order
  end)
  for _, offer in ipairs(offers) do
    local given = offer.entry.from
    offer.cluster = offer.design == "chain" and (first[given] or given) or offer.origin
    first[offer.order] = offer.cluster
  end
end

--- Counts and rates of each design.
-- @tparam table evidence
-- @treturn table fixed, pairs, chain: {attempted, resumed, refused, errors, rate, interval (95 %), runs_z (of the runs
--   test: far above 0 the outcomes take turns, far below they come in stretches)}
function M.of(evidence)
  local offers = table.move(evidence.failed, 1, #evidence.failed, #evidence.offers + 1,
    { table.unpack(evidence.offers) })
  set_clusters(offers)
  local counts, designs = {}, {}
  for _, offer in ipairs(offers) do
    local name = DESIGN_OF[offer.design]
    if name then
      counts[name] = counts[name] or new_count()
      note(counts[name], offer)
    end
  end
  for name, count in pairs(counts) do
    designs[name] = fold(count)
  end
  return designs
end

return M
