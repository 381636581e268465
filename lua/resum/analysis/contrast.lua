-- What tells two causes apart that leave the same trace in one kind of attempts: another kind, made at the same time.
-- Do offers fail where full handshakes do not? Is a session refused at once, and taken a moment later? Is it taken
-- until its client sends a request? Pure: records in; out comes whether the two differ by more than chance.

local statistics = require "resum.util.statistics"

local M = {}

-- Probability below which two shares differ: 5 of 5 against 0 of 5 has 0.008. It is asked for what already looks odd,
-- at one mechanism in many, and never of a server where all goes well.
local SIGNIFICANT = 0.01

-- The same of failures. Where a line mangles what it carries they look odd all the time, and it is asked after each of
-- three rounds: at 0.01 one scan in 100 blamed a server for it. 6 of 6 against 0 of 6 has 0.0022.
local FAILURES_DIFFER = 0.0025

-- What befell the handshake itself; who was not let in failed for another reason.
local function failed(record, good)
  return not good[record.outcome] and record.error ~= nil and record.error.stage == "handshake"
end

local ANSWERED, COMPLETED = { resumed = true, refused = true }, { full = true }

local function tally_failures(records, good)
  local tally = { failed = 0, made = 0 }
  for _, record in ipairs(records) do
    local is_failure = failed(record, good)
    tally.failed = tally.failed + (is_failure and 1 or 0)
    tally.made = tally.made + ((is_failure or good[record.outcome]) and 1 or 0)
  end
  return tally
end

--- Do two shares differ by more than chance?
-- @tparam integer a in one kind of attempts
-- @tparam integer b others in that kind
-- @tparam integer c in another kind
-- @tparam integer d others in that kind
-- @treturn boolean
function M.differs(a, b, c, d)
  return statistics.fisher(a, b, c, d) < SIGNIFICANT
end

--- How many connections failed.
-- @tparam {record,...} offers
-- @tparam {record,...} others full handshakes
-- @treturn table {offers = {failed, made}, full = {failed, made}}
function M.failures(offers, others)
  return { offers = tally_failures(offers, ANSWERED), full = tally_failures(others, COMPLETED) }
end

--- Do connections that offer a session fail more often than others, whatever the kind of failure? What keeps a server
-- from answering for a moment befalls whatever is under way: so these have to have been made in random order.
-- @tparam {record,...} offers
-- @tparam {record,...} others full handshakes of the same time
-- @treturn boolean
function M.offers_fail(offers, others)
  local both = M.failures(offers, others)
  local with, without = both.offers, both.full
  return with.failed * without.made > without.failed * with.made
    and statistics.fisher(with.failed, with.made - with.failed, without.failed, without.made - without.failed)
      < FAILURES_DIFFER
end

local function tally(records)
  local resumed, refused = 0, 0
  for _, record in ipairs(records) do
    resumed = resumed + (record.outcome == "resumed" and 1 or 0)
    refused = refused + (record.outcome == "refused" and 1 or 0)
  end
  return resumed, refused
end

--- Do fewer of these resume than of those?
-- @tparam {record,...} fewer
-- @tparam {record,...} more
-- @treturn boolean
function M.resumes_less(fewer, more)
  local resumed_a, refused_a = tally(fewer)
  local resumed_b, refused_b = tally(more)
  return resumed_a * refused_b < resumed_b * refused_a and M.differs(resumed_a, refused_a, resumed_b, refused_b)
end

return M
