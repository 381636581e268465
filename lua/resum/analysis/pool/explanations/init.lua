-- Every explanation of what a pool does. Adding one: a file, a line here, its words in resum.analysis.pool_words
-- and resum.analysis.advice, a class in spec/support/pools.lua.
--
-- `sharing`: who accepts whose sessions. Each has id, fit(evidence) -> list of parameters ({model (of
-- resum.analysis.pool.hidden), beside (the log likelihood of what that does not sum up), free (how many numbers are
-- learnt), choices (log of the ways to choose the rest), …}), verdict(parameters) where that is not its id, and
-- log_likelihood(evidence, parameters) where there is no model.
-- `conditions`: what a session has to be beside. Each has id, verdict, and bars(evidence) -> list of {barred (set of
-- offers that can't resume), free, choices, …}; any sharing goes with any condition, as the score puts them together.

return {
  sharing = {
    (require "resum.analysis.pool.explanations.all_shared"),
    (require "resum.analysis.pool.explanations.no_resumption"),
    (require "resum.analysis.pool.explanations.nothing_shared"),
    (require "resum.analysis.pool.explanations.one_way"),
    (require "resum.analysis.pool.explanations.bad_member"),
    (require "resum.analysis.pool.explanations.differs"),
    (require "resum.analysis.pool.explanations.rotated"),
    (require "resum.analysis.pool.explanations.sticky_source"),
    (require "resum.analysis.pool.explanations.sticky_session_id"),
    (require "resum.analysis.pool.explanations.arbitrary"),
  },
  conditions = {
    (require "resum.analysis.pool.explanations.restarted"),
    (require "resum.analysis.pool.explanations.forgets"),
    (require "resum.analysis.pool.explanations.late_cache"),
    (require "resum.analysis.pool.explanations.single_use"),
  },
}
