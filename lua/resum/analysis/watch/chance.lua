-- How sure a watch has to be before it speaks: shares that were seen so far, and what outcomes in a row say against
-- them. The constants that decide about events stand here. Pure.

local statistics = require "resum.util.statistics"

local M = {}

--- No server is believed to be better than this: of a hundred connections one may go wrong with nothing changed.
M.BEST = 0.99
--- What is gone shows itself so often at most.
M.GONE = 1 - M.BEST
--- An event needs as much as so many failures in a row at the best of servers: odds of 99^4, which a server that fails
-- in one of a hundred by chance reaches in one of 10^8 connections.
M.IN_A_ROW = 4
M.ENOUGH = M.IN_A_ROW * math.log(M.BEST / M.GONE)
--- Where two groups of sessions are compared (those from before a moment, and those from after it), chance may make
-- such a difference in one of so many cases.
M.BY_CHANCE = 1e-6

--- The same beside a change that is certain (a key, a certificate, an outage, sessions of another mechanism that were
-- lost at that moment): such moments are few, and doubts are many. So where a watch is young, fewer refusals
-- are enough.
M.BESIDE_CHANGE = 1e-4
--- Refusals without a resumption among them that it takes even then: what refuses one session in twenty does so once in
-- 160,000 cases behind the first one.
M.ALL_REFUSED = 5

--- Outcomes of which a share is made; then older ones count half.
M.MOST = 512

local Tally = {}
Tally.__index = Tally

--- Adds an outcome.
-- @function tally:add
-- @tparam boolean good
function Tally:add(good)
  self.good, self.all = self.good + (good and 1 or 0), self.all + 1
  if self.all > self.most then
    self.good, self.all = self.good / 2, self.all / 2
  end
end

--- Takes an outcome back that was another one.
-- @function tally:take_back
-- @tparam boolean good
function Tally:take_back(good)
  local value = good and self.good or self.all - self.good
  local count = math.min(1, value) -- older ones count half
  self.good, self.all = self.good - (good and count or 0), self.all - count
end

--- The share of good ones.
-- @function tally:share
-- @treturn number|nil 0 to 1; nil where there was no outcome
function Tally:share()
  return self.all > 0 and self.good / self.all or nil
end

--- A share that is as high as this at least, with 97.5 %; never above BEST.
-- @function tally:least
-- @treturn number 0 to 1
function Tally:least()
  local low = statistics.wilson(self.good, self.all)
  return math.min(M.BEST, math.max(M.GONE, low or 0))
end

--- What has to be kept over a restart.
-- @function tally:save
-- @treturn table
function Tally:save()
  return { good = self.good, all = self.all }
end

--- A tally.
-- @tparam[opt] table saved see save
-- @tparam[opt] integer most outcomes of which the share is made
-- @treturn table tally
function M.tally(saved, most)
  saved = saved or { good = 0, all = 0 }
  return setmetatable({ good = saved.good, all = saved.all, most = most or M.MOST }, Tally)
end

--- What an outcome says for "it is gone" against "all is as it was": the logarithm of the odds.
-- @tparam number share how often it was good so far, GONE to BEST
-- @tparam boolean good the outcome
-- @treturn number
function M.weight(share, good)
  if good then
    return math.log(M.GONE / share)
  end
  return math.log(M.BEST / (1 - share))
end

return M
