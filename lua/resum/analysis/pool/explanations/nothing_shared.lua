-- Groups of servers that share nothing with each other.

local grouping = require "resum.analysis.pool.grouping"

return {
  id = "nothing_shared",
  fit = function(evidence)
    return grouping.candidates(evidence, { keys = false })
  end,
}
