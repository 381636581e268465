-- Groups of servers that share nothing with each other.

local directives = require "resum.analysis.pool.directives"
local grouping = require "resum.analysis.pool.grouping"

return {
  id = "nothing_shared",
  headline = "The servers behind this address share nothing.",
  advice = { directives.TICKET_KEYS, directives.SHARED_CACHE },
  fit = function(evidence)
    return grouping.candidates(evidence, { keys = false })
  end,
}
