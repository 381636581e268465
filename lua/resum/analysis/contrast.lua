-- What tells two causes apart that leave the same trace in one kind of attempts: another kind, made at the same time.
-- Do offers fail where full handshakes do not? Is a session refused at once, and taken a moment later? Is it taken
-- until its client sends a request? Pure: records in; out comes whether the two differ by more than chance.

local counting = require "resum.analysis.counting"
local statistics = require "resum.util.statistics"

local M = {}

-- Chance below which two kinds of attempts differ. Failures are held against each other at most three times in a scan,
-- and each time three mechanisms alone or in one of four sets: 21 comparisons, so that a scan blames a server by chance
-- in 1 of 476 cases at most. 8 of 8 against 0 of 8 has 0.00008; 13 of 138 against 0 of 138 have 0.00009.
local BY_CHANCE = 1e-4

-- Mechanisms whose offers fail alike are judged together: those of one are held against those of the others, and they
-- differ where chance does so more rarely (R. A. Fisher's usual measure, 1925). What is told of one by what the others
-- show, it has to show itself as well: so large a share of its offers has to fail, of theirs. Where two mechanisms fail
-- at 10 or 20 % and the third at the network's 2 %, that was blamed as well in 1 of 50 scans, and in 1 of 25 without.
local UNLIKE, LIKEWISE = 0.05, 0.5

local function failed(record, good)
  return not good[record.outcome] and counting.failed_in_handshake(record)
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

--- How many connections failed.
-- @tparam {record,...} offers
-- @tparam {record,...} others full handshakes
-- @treturn table {offers = {failed, made}, full = {failed, made}}
function M.failures(offers, others)
  return { offers = tally_failures(offers, ANSWERED), full = tally_failures(others, COMPLETED) }
end

-- A table of offers and full handshakes, as resum.util.statistics takes it.
local function table_of(both)
  return { both.offers.failed, both.offers.made - both.offers.failed, both.full.failed,
    both.full.made - both.full.failed }
end

-- Offers of all mechanisms: failed and made.
local function all_offers(tallies)
  local all = { failed = 0, made = 0 }
  for _, both in pairs(tallies) do
    all.failed, all.made = all.failed + both.offers.failed, all.made + both.offers.made
  end
  return all
end

-- Those mechanisms' tables whose offers fail about as often as all the others', and which they are.
local function alike(tallies, all)
  local names, tables = {}, {}
  for name, both in pairs(tallies) do
    local own, others = both.offers, all.failed - both.offers.failed
    names[name] = statistics.fisher(own.failed, own.made - own.failed, others, all.made - own.made - others) >= UNLIKE
    tables[#tables + 1] = names[name] and table_of(both) or nil
  end
  return names, tables
end

--- Of which mechanisms do connections fail more often that offer a session than others, whatever the kind of failure?
-- What keeps a server from answering for a moment befalls whatever is under way: so these have to have been made in
-- random order.
-- @tparam {string=table,...} beside mechanism -> offers, full (lists of records, of the same time)
-- @treturn {string=boolean,...}
function M.offers_fail(beside)
  local tallies, fail = {}, {}
  for name, both in pairs(beside) do
    tallies[name] = M.failures(both.offers, both.full)
  end
  local all = all_offers(tallies)
  local are_alike, tables = alike(tallies, all)
  local together = statistics.greater(tables) < BY_CHANCE
  for name, both in pairs(tallies) do
    local own = both.offers
    local likewise = own.failed * both.full.made > both.full.failed * own.made
      and own.failed * all.made >= LIKEWISE * all.failed * own.made
    fail[name] = statistics.greater({ table_of(both) }) < BY_CHANCE or together and are_alike[name] and likewise
  end
  return fail
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
  local resumed, refused = tally(fewer)
  local resumed_there, refused_there = tally(more)
  return statistics.greater({ { refused, resumed, refused_there, resumed_there } }) < BY_CHANCE
end

return M
