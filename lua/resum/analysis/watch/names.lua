-- Which names full handshakes show (of ticket keys, of certificates): which are there, which came, which went. A name
-- counts from its second connection on, as what is shown once may be random bytes. Behind a balancer several take
-- turns; so one is gone only when it was missed longer than its share allows. Pure.

local chance = require "resum.analysis.watch.chance"
local statistics = require "resum.util.statistics"

local M = {}

--- Names at one address; where there are more, nothing is said about them.
M.MOST = 64
--- Handshakes before a name that was not met before counts as new: until then, all belong to what is there.
M.LEARNING = 6
-- Names that were shown once; older ones are forgotten. As many as there may be in all: behind so many servers each is
-- met a second time after as many handshakes.
local CANDIDATES = M.MOST

local Names = {}
Names.__index = Names

local function index_of(list, name)
  for i, one in ipairs(list) do
    if one.name == name then
      return i
    end
  end
end

-- A name that was met once before has its second connection now.
function Names:admit(name, time)
  local at = index_of(self.candidates, name)
  if not at then
    self.candidates[#self.candidates + 1] = { name = name, first = time, order = self.order }
    if #self.candidates > CANDIDATES then
      self.forgot = table.remove(self.candidates, 1).order
    end
    return nil
  elseif #self.list >= M.MOST then
    self.is_crowded = true
    return nil
  end
  local met = table.remove(self.candidates, at)
  local one = { name = name, first = met.first, from = met.order, last = time, seen = 1,
    missed = self.order - met.order - 1, of = 1, is_new = self.order > M.LEARNING or nil }
  self.list[#self.list + 1] = one
  return one
end

-- Of the handshakes from when a name was met first until it was met last, how many showed it; and how many were since.
local function count(one, is_it)
  one.missed = one.missed + 1
  if is_it then
    one.of, one.seen, one.missed = one.of + one.missed, one.seen + 1, 0
    if one.of > chance.MOST then
      one.of, one.seen = one.of / 2, one.seen / 2
    end
  end
end

--- Names among which chance has one try. Where there are more, each has to be as much surer.
M.FEW = 4

function Names:by_chance()
  return chance.BY_CHANCE / math.max(1, (#self.list + #self.candidates) / M.FEW)
end

-- A name's entry -> what is worked out below, and for how often it was seen: it is asked for with every handshake.
local misses = setmetatable({}, { __mode = "k" })

-- The logarithm of the chance to miss it once. Its share is that from before it was missed, without the handshake by
-- which it was admitted, as names that are met twice soon are admitted sooner.
local function miss_of(one)
  local known = misses[one]
  if not known or known.seen ~= one.seen or known.of ~= one.of then
    local low = statistics.wilson(math.max(0, one.seen - 1), one.of)
    known = { seen = one.seen, of = one.of, log = math.log(1 - math.min(chance.BEST, low)) }
    misses[one] = known
  end
  return known.log
end

-- Missed longer than its share allows? 1: yes; less: how far it is there.
local function goneness(one, by_chance)
  return one.missed * miss_of(one) / math.log(by_chance) + 1e-9
end

-- Would it have been met before, had it been there? Fisher's test of how often since, and that it never was before, as
-- far back as is known of what was met once.
local function was_absent(one, forgot, by_chance)
  local seen, of = one.seen // 1 | 0, (one.of + one.missed) // 1 | 0
  local before = math.max(0, math.min(one.from - 1 - forgot, chance.MOST)) // 1 | 0
  return statistics.fisher(seen, of - seen, 0, before) < by_chance
end

--- Connections that have shown a new name; if it is not certain by then that it was not there before, it was.
M.ABSORBED = 12
--- How far on the way to "gone" a name is called fading.
M.FADING = 0.3
-- How far on the way to "gone" a name has to be before more handshakes are asked for.
local SUSPECT = 0.5

-- New names, and what has become of those that were there: gone, still there, or not yet certain.
function Names:sorted()
  local new, gone, there, open = {}, {}, {}, {}
  local first_new = math.huge
  for _, one in ipairs(self.list) do
    first_new = one.is_new and math.min(first_new, one.first) or first_new
  end
  local has_new = first_new < math.huge
  self.is_undecided = has_new
  for _, one in ipairs(self.list) do
    local far = goneness(one, self:by_chance())
    local list = one.is_new and new or far >= 1 and gone or has_new and one.last < first_new and open or there
    list[#list + 1] = one
    self.is_undecided = self.is_undecided or far >= SUSPECT
  end
  return new, gone, there, open
end

local function names_of(list)
  local names = {}
  for i, one in ipairs(list) do
    names[i] = one.name
  end
  return names
end

local function change(kind, new, gone, there)
  local since, until_then = math.huge, nil
  for _, one in ipairs(new) do
    since = math.min(since, one.first)
  end
  for _, one in ipairs(gone) do
    until_then = math.max(until_then or 0, one.last)
  end
  return { kind = kind, new = names_of(new), gone = names_of(gone), there = names_of(there),
    since = since < math.huge and since or until_then, until_then = until_then }
end

-- What was decided is what is there from now on.
function Names:settle(decided)
  for _, name in ipairs(decided.gone) do
    table.remove(self.list, index_of(self.list, name))
  end
  for _, name in ipairs(decided.new) do
    self.list[index_of(self.list, name)].is_new = nil
  end
  self.is_undecided = false
  return decided
end

--- Seconds for which an old process may go on taking connections when a new one is there already. Until then, what came
-- is not said to be there beside the old one.
M.OVERLAP = 60

-- The new ones that were met when those that went were there no more: they are in their place.
local function behind(new, gone)
  local list, ended = {}, 0
  for _, one in ipairs(gone) do
    ended = math.max(ended, one.last)
  end
  for _, one in ipairs(new) do
    list[#list + 1] = one.first + M.OVERLAP >= ended and one or nil
  end
  return list
end

-- Has one of them been missed for a while? Then it may be about to go, and a new one to take its place.
function Names:is_any_fading(there)
  for _, one in ipairs(there) do
    if goneness(one, self:by_chance()) >= M.FADING then
      return true
    end
  end
  return false
end

function Names:decide(time)
  local new, gone, there, open = self:sorted()
  if #open > 0 then
    return nil -- more handshakes will tell
  elseif #gone > 0 and #there == 0 and #new > 0 then
    return self:settle(change("replaced", new, gone, there))
  elseif #gone > 0 then
    local instead = behind(new, gone)
    return self:settle(change(#instead > 0 and "one_replaced" or "went", instead, gone, there))
  end
  if self:is_any_fading(there) then
    return nil
  end
  for _, one in ipairs(new) do
    local may_be_overlap = time - one.first < M.OVERLAP
    if not may_be_overlap and was_absent(one, self.forgot, self:by_chance()) then
      return self:settle(change("came", { one }, gone, there))
    end
    one.is_new = (may_be_overlap or one.seen < M.ABSORBED) or nil
  end
end

--- Notes what a full handshake has shown.
-- @function names:see
-- @tparam string|nil name nil: none
-- @tparam number time seconds
-- @treturn table|nil what has become certain: kind ("replaced": all of them, "one_replaced", "came", "went"), new,
--   gone and there (lists of names), since (when the first of the new ones was met, or the last of the gone ones was
--   missed), until_then (when one of the gone ones was met last)
function Names:see(name, time)
  self.order = self.order + 1
  local at = index_of(self.list, name)
  local admitted = name and not at and self:admit(name, time) or nil
  for _, one in ipairs(self.list) do
    count(one, one == admitted or one.name == name)
  end
  if at then
    self.list[at].last = time
  end
  if self.is_crowded then
    return nil
  end
  return self:decide(time)
end

--- Is this the name of something that is there, as far as is known?
-- @function names:has
-- @tparam string name
-- @treturn boolean
function Names:has(name)
  return index_of(self.list, name) ~= nil
end

--- Is it to be seen soon whether a name is new, or gone? Then more handshakes are of use.
-- @function names:wants_more
-- @treturn boolean
function Names:wants_more()
  return self.is_undecided or false
end

--- What is there: name, first and last (seconds), the newest one first.
-- @function names:all
-- @treturn {table,...}
function Names:all()
  local list = {}
  for i, one in ipairs(self.list) do
    list[i] = { name = one.name, first = one.first, last = one.last, share = one.seen / (one.of + one.missed) }
  end
  table.sort(list, function(a, b)
    return a.first > b.first or a.first == b.first and a.name < b.name
  end)
  return list
end

--- What has to be kept over a restart.
-- @function names:save
-- @treturn table
function Names:save()
  return { list = self.list, order = self.order, is_crowded = self.is_crowded or nil, candidates = self.candidates,
    forgot = self.forgot }
end

--- @tparam[opt] table saved see save
-- @treturn table names
function M.new(saved)
  saved = saved or { list = {}, order = 0, candidates = {}, forgot = 0 }
  return setmetatable({ list = saved.list, order = saved.order, is_crowded = saved.is_crowded,
    candidates = saved.candidates or {}, forgot = saved.forgot or saved.order }, Names)
end

return M
