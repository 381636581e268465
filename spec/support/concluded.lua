--- What mechanisms come to, in few words, and what is concluded of them all. It must not know what is expected.

local whole = require "resum.analysis.pool.whole"

local M = {}

--- What one mechanism came to.
-- @tparam string verdict
-- @tparam[opt] table more fields
-- @treturn table as of resum.analysis.pool.verdict
function M.result(verdict, more)
  local one = { verdict = verdict, list = {}, routing = "unknown", routing_evidence = {}, resumed = 50,
    group_of = function(label)
      return label
    end }
  for name, value in pairs(more or {}) do
    one[name] = value
  end
  return one
end

--- Evidence that shows nothing more than the verdict says.
-- @tparam[opt] table more fields
-- @treturn table as of resum.analysis.pool.evidence
function M.evidence(more)
  local one = { entries = {}, sequence = {}, label = {}, offers_tally = { resumed = 0, refused = 0, failed = 0 },
    full_tally = { answered = 0, failed = 0, cut_short = 0 } }
  for name, value in pairs(more or {}) do
    one[name] = value
  end
  return one
end

--- What is concluded.
-- @tparam table results mechanism -> what it came to
-- @tparam[opt] table evidence of each; else none shows anything
-- @treturn table summary
function M.of(results, evidence)
  local all = {}
  for name in pairs(results) do
    all[name] = evidence or M.evidence()
  end
  return whole.conclude(results, all, {})
end

return M
