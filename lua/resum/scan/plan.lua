-- Which session the plain figure offers next. A few seeds do while all of their offers end alike; where fates differ,
-- the server that issued a session decides, and four seeds are four draws of it, however often each is offered: there
-- every few offers get a seed of their own. In random order, so that no rotation of a balancer falls into step with
-- ours. It makes no connection.

local random = require "resum.util.random"

local M = {}

--- Seeds to begin with. All of eight come from the one half of a pool whose sessions everybody takes in 1 of 256 scans;
-- of four it is 1 of 16, and the interval then covers the truth in 90 of 100.
M.SEEDS = 8
-- Offers of each seed: of one that begins, and of one that came when fates differed. With 100 offers the interval then
-- covers 94 to 97 of 100 (pools of 2 to 8, a bad member, groups, one way, weights to 10:1); with 4 it is wider.
M.OFFERS = 3
local AT_HAND = 6 -- seeds among which the next offer is drawn
-- An offer hangs beside which so many times the offers at once have ended: where they end in random order, 1 in 7 does
-- (e ^ -2). With 3, half as many more count for nothing.
local HANGS = 2

local Plan = {}
Plan.__index = Plan

--- Adds a seed.
-- @function plan:add
-- @param session
function Plan:add(session)
  self.seeds[#self.seeds + 1] = { number = #self.seeds + 1, session = session, offered = 0, under_way = {} }
end

--- An offer of a seed begins.
-- @function plan:begin
-- @tparam table seed
-- @treturn table for note()
function Plan:begin(seed)
  local offer = { seed = seed, ended_before = self.ended }
  seed.under_way[offer] = true
  return offer
end

--- Notes how an offer ended.
-- @function plan:note
-- @tparam table offer from begin()
-- @tparam integer number which of the offers it was
-- @tparam string outcome
function Plan:note(offer, number, outcome)
  offer.seed.under_way[offer], self.ended = nil, self.ended + 1
  if outcome == "resumed" then
    self.last_resumed = math.max(self.last_resumed, number)
  elseif outcome == "refused" or outcome == "alert" then
    self.first_refused = math.min(self.first_refused, number)
  end
end

-- Do fates differ? Where nothing resumes any more once one was refused, all have met the same, new keys or a cache that
-- ran over: more seeds would be sessions of another time.
function Plan:is_mixed()
  return self.last_resumed >= self.first_refused + self.at_once
end

-- Does an offer of a seed hang? Where that fails, it may have spent the session, and all that are made of it meanwhile
-- count for nothing.
function Plan:hangs(seed)
  for offer in pairs(seed.under_way) do
    if self.ended - offer.ended_before >= HANGS * self.at_once then
      return true
    end
  end
  return false
end

-- Seeds none of whose offers hangs; where there are none, all.
function Plan:free_seeds()
  local free = {}
  for _, seed in ipairs(self.seeds) do
    free[#free + 1] = not self:hangs(seed) and seed or nil
  end
  return #free > 0 and free or self.seeds
end

-- The seeds that were offered less than often enough; where there are none, those that were offered least.
function Plan:at_hand()
  local least, list, free = math.huge, {}, self:free_seeds()
  for _, seed in ipairs(free) do
    least = math.min(least, seed.offered)
  end
  for _, seed in ipairs(free) do
    list[#list + 1] = seed.offered < math.max(M.OFFERS, least + 1) and seed or nil
  end
  return list
end

--- What is next: nil when all offers are made.
-- @function plan:next
-- @treturn[1] string "offer"
-- @treturn[1] table seed {number, session, offered}
-- @treturn[2] string "seed": one more is wanted, to be added
function Plan:next()
  if self.made >= self.attempts then
    return nil
  end
  local list = self:at_hand()
  local open = self.coming
  for _, seed in ipairs(list) do
    open = open + (seed.offered < M.OFFERS and 1 or 0)
  end
  local can_use = open * M.OFFERS < self.attempts - self.made and self.asked * M.OFFERS < self.attempts
  if self:is_mixed() and open < AT_HAND and can_use then
    self.asked, self.coming = self.asked + 1, self.coming + 1
    return "seed"
  end
  local seed = list[random.integer(#list)]
  seed.offered, self.made = seed.offered + 1, self.made + 1
  return "offer", seed
end

--- A seed that was asked for has come, or has not.
-- @function plan:has_come
-- @param[opt] session
function Plan:has_come(session)
  self.coming = self.coming - 1
  if session then
    self:add(session)
  end
end

--- @tparam {session,...} sessions to begin with
-- @tparam integer attempts offers
-- @tparam integer at_once so many of them may overtake each other
-- @treturn table plan; its field seeds is the list of seeds
function M.new(sessions, attempts, at_once)
  local plan = setmetatable({
    seeds = {}, made = 0, ended = 0, asked = 0, coming = 0, attempts = attempts, at_once = at_once, last_resumed = 0,
    first_refused = math.huge,
  }, Plan)
  for _, session in ipairs(sessions) do
    plan:add(session)
  end
  return plan
end

return M
