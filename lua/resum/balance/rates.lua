-- Rates of each design with their intervals. Pure.

local stats = require "resum.stats"

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
  end
end

local function fold(count)
  local answered = count.resumed + count.refused
  local lo, hi = stats.wilson(count.resumed, answered, CONFIDENCE)
  return {
    attempted = count.attempted,
    resumed = count.resumed,
    refused = count.refused,
    errors = count.errors,
    rate = lo and count.resumed / answered or nil,
    interval = lo and { lo, hi } or nil,
    runs_z = stats.runs(count.outcomes),
  }
end

--- Counts and rates of each design.
-- @tparam table view see resum.balance.view
-- @treturn table fixed, pairs, chain: {attempted, resumed, refused, errors, rate, interval (Wilson, 95 %), runs_z (of
--   the runs test: far above 0 the outcomes take turns, far below they come in stretches)}
function M.of(view)
  local counts, designs = {}, {}
  for _, entry in ipairs(view.entries) do
    local name = entry.from and DESIGN_OF[entry.design]
    if name then
      counts[name] = counts[name] or { attempted = 0, resumed = 0, refused = 0, errors = 0, outcomes = {} }
      note(counts[name], entry)
    end
  end
  for name, count in pairs(counts) do
    designs[name] = fold(count)
  end
  return designs
end

return M
