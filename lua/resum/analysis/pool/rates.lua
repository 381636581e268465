-- Rates of each design with their intervals. Pure.

local statistics = require "resum.util.statistics"

local M = {}

local CONFIDENCE = 0.95
local DESIGN_OF = { fixed = "fixed", fresh = "fixed", pairs = "pairs", chain = "chain" }

local function note(count, entry)
  local resumed = entry.outcome == "resumed"
  local what = resumed and "resumed" or entry.refused and "refused" or "errors"
  count.attempted = count.attempted + 1
  count[what] = count[what] + 1
  if what ~= "errors" then
    count.outcomes[#count.outcomes + 1] = resumed
    count.links[entry.order] = { resumed = resumed, before = count.links[entry.from] } -- only a chain has one before
  end
end

local MOST_ALIKE = 0.5 -- the limit where the shares of groups are as unequal as can be

-- How much a link of a chain is like the one before it (the correlation), summed over all links. Where the shares of
-- groups are unequal, a link that met the largest one is followed by such a link more often than not.
local function likeness(count, share)
  local sum, neighbours = 0, 0
  for _, link in pairs(count.links) do
    if link.before then
      sum = sum + ((link.resumed and 1 or 0) - share) * ((link.before.resumed and 1 or 0) - share)
      neighbours = neighbours + 1
    end
  end
  local variance = share * (1 - share)
  if neighbours == 0 or variance == 0 then
    return 0
  end
  return neighbours * math.max(0, math.min(MOST_ALIKE, sum / neighbours / variance))
end

-- Links that are alike are worth fewer trials.
local function interval_of(count, answered)
  if answered == 0 then
    return nil
  end
  local share = count.resumed / answered
  local trials = answered / (1 + 2 * likeness(count, share) / answered)
  return statistics.wilson(share * trials, trials, CONFIDENCE)
end

local function fold(count)
  local answered = count.resumed + count.refused
  local lo, hi = interval_of(count, answered)
  return {
    attempted = count.attempted,
    resumed = count.resumed,
    refused = count.refused,
    errors = count.errors,
    rate = lo and count.resumed / answered or nil,
    interval = lo and { lo, hi } or nil,
    runs_z = statistics.runs(count.outcomes),
  }
end

--- Counts and rates of each design.
-- @tparam table view see resum.analysis.pool.view
-- @treturn table fixed, pairs, chain: {attempted, resumed, refused, errors, rate, interval (Wilson's, 95 %), runs_z (of
--   the runs test: far above 0 the outcomes take turns, far below they come in stretches)}
function M.of(view)
  local counts, designs = {}, {}
  for _, entry in ipairs(view.entries) do
    local name = entry.from and DESIGN_OF[entry.design]
    if name then
      counts[name] = counts[name] or { attempted = 0, resumed = 0, refused = 0, errors = 0, outcomes = {}, links = {} }
      note(counts[name], entry)
    end
  end
  for name, count in pairs(counts) do
    designs[name] = fold(count)
  end
  return designs
end

return M
