-- Are sessions of one mechanism still taken? A refusal begins a doubt; further offers, of sessions from before it and
-- of newer ones, end it: all from before a moment are lost, or none resumes any more, or sessions die of age, or it was
-- chance. Pure: it is told what was offered, and says what would best be offered next.

local chance = require "resum.analysis.watch.chance"
local statistics = require "resum.util.statistics"

local M = {}

--- Sessions from after a moment that have to resume at the age at which those from before it were refused: else it is
-- their age that they die of.
M.AGED = 2
--- Sessions that have to resume while older ones are refused, before that is called their lifetime.
M.BESIDE = 3
--- Offers of a doubt; when it is not ended by then it is dropped.
M.LONGEST = 192
--- Sessions that were offered a second time, by which it shows whether that is possible at all.
M.AGAIN = 3
--- Where so many of the offers resume, all servers take all sessions.
M.SHARED = 0.9
--- Seconds of a life that is short: at a round a minute few sessions are alive at a time, so that a doubt needs all of
-- those from before it, and asks those first that die first. With longer lives it asks the newest first, as sessions
-- from after it have to grow as old.
M.SHORT = 600
--- Seconds before the end of what was promised from which on a refusal says nothing: servers count whole seconds.
M.SLACK = 2
local RECENT = 100 -- offers of the share that is reported

local Acceptance = {}
Acceptance.__index = Acceptance

-- The offers of a doubt, and whose sessions were resumed and refused in it.
local function new_window()
  return { [true] = {}, [false] = {} }
end

-- Was it to resume, as far as its age goes?
function Acceptance:is_promised(offer)
  local promise = offer.promise or 0
  return (promise <= 0 or offer.age + M.SLACK < promise) and (not self.limit or offer.age < self.limit)
end

--- Would it resume if nothing had changed? What was refused after the end of what was promised, or where nothing was
-- promised at an age at which none has resumed yet, may have died of age: that says nothing of keys.
-- @function acceptance:is_alive
-- @tparam table offer see note
-- @treturn boolean
function Acceptance:is_alive(offer)
  return self:is_promised(offer) and ((offer.promise or 0) > 0 or offer.age <= self.known_age)
end

-- Have others come to that age? Not where they were as old to a second or two: what dies of age does so between them.
function Acceptance:is_reached(age)
  return age + M.SLACK <= self.known_age
end

-- What the offers of a doubt say: `cut` is when the newest of those was made that were refused. A refusal says nothing
-- before sessions have resumed that were as old, which those may do that are newer.
function Acceptance:weigh()
  local told = { refused = 0, resumed = 0, new_refused = 0, new_resumed = 0, aged = 0, cut = nil, age = math.huge,
    since = self.since }
  for _, one in ipairs(self.window) do
    if not one.good and one.issued <= self.since and self:is_reached(one.age) then
      told.cut, told.age = math.max(told.cut or 0, one.issued), math.min(told.age, one.age)
      told.since = math.min(told.since, one.time)
      told.refused = told.refused + 1
    end
  end
  for _, one in ipairs(self.window) do
    local is_new = told.cut and one.issued > told.cut
    if one.good then
      local count = is_new and "new_resumed" or "resumed"
      told[count] = told[count] + 1
      told.aged = told.aged + (is_new and one.age >= told.age and 1 or 0)
    elseif one.issued > self.since then
      told.new_refused = told.new_refused + 1
    end
  end
  return told
end

local function odds(share, refused, resumed)
  return refused * chance.weight(share, false) + resumed * chance.weight(share, true)
end

-- Are those from before the moment taken less often than all others: those from after it, and those that were offered
-- before there was a doubt? The first refusal began the doubt, and so is no evidence: one is met sooner or later.
-- `more` are others that may come, and resume.
local function is_no_chance(tally, told, by_chance, more)
  local good, bad = tally.good // 1, (tally.all - tally.good) // 1
  good, bad = good + told.new_resumed + (more or 0), bad + told.new_refused
  local resumed, refused = told.resumed, told.refused - 1
  return refused > 0 and resumed * bad < refused * good
    and statistics.fisher(resumed, refused, good, bad) < by_chance
end

-- Are those from before the moment gone, as far as what was usual goes, or as compared to all others?
function Acceptance:are_lost(told)
  return odds(self.tally:least(), told.refused, told.resumed) >= chance.ENOUGH - 1e-9
    or is_no_chance(self.tally, told, self:by_chance(told))
end

-- How often chance may be taken for a loss: more often where something changed at that moment, and all are refused.
function Acceptance:by_chance(told)
  local is_beside = told.refused >= chance.ALL_REFUSED and told.resumed == 0
    and self.is_beside_change(told.cut, told.since)
  return is_beside and chance.BESIDE_CHANGE or chance.BY_CHANCE
end

-- The doubt is over: it was chance, or sessions live shorter than before, and those that are older say nothing again.
function Acceptance:drop_doubt()
  local oldest = 0
  for _, one in ipairs(self.window) do
    if one.counts or not one.good and self:is_reached(one.age) then
      self.tally:add(one.good)
    end
    oldest = one.good and math.max(oldest, one.age) or oldest
  end
  self.known_age = oldest > 0 and math.min(self.known_age, oldest) or self.known_age
  self.window, self.since = new_window(), nil
end

-- Sessions from before a moment are gone: whatever was known of their ages is, too.
function Acceptance:start_again()
  self.window, self.since, self.beyond, self.known_age = new_window(), nil, nil, 0
end

function Acceptance:end_doubt()
  local share, told = self.tally:least(), self:weigh()
  if odds(share, told.refused, told.resumed) <= 0 and told.resumed > 0 then
    self:drop_doubt()
  elseif self:are_lost(told) and told.aged >= M.AGED
    and odds(share, told.new_refused, told.new_resumed) <= 0 then
    local verdict = { kind = "lost", since = told.since, cut = told.cut, refused = told.refused }
    self:start_again()
    return verdict
  elseif self:are_lost(told) and odds(share, told.new_refused, told.new_resumed) >= chance.ENOUGH - 1e-9 then
    local verdict = { kind = "stopped", since = told.since, refused = told.refused + told.new_refused }
    self:start_again()
    self.stopped = { since = verdict.since, back = 0 }
    return verdict
  elseif #self.window >= M.LONGEST then
    self:drop_doubt()
  end
end

-- What came of one session counts once in a doubt: behind a balancer it belongs to one server, so its offers are alike.
-- Where it resumes again, it is the older for that. For the usual share counts only what would count as well if it had
-- gone the other way.
function Acceptance:add(offer, good)
  local met = offer.id and self.window[good][offer.id]
  if met then
    met.age = good and math.max(met.age, offer.age) or met.age
  else
    local one = { time = offer.time, issued = offer.issued, age = offer.age, good = good,
      counts = offer.is_due or offer.issued > self.since }
    self.window[#self.window + 1] = one
    if offer.id then
      self.window[good][offer.id] = one
    end
  end
  return self:end_doubt()
end

-- Older than any that has resumed so far: what is refused there may have come to the end of its life. If others resume
-- later that are as old, it may have been lost, too.
function Acceptance:look_beyond(offer)
  local beyond = self.beyond or { since = offer.time, least = math.huge, refused = 0, younger = 0, ages = {},
    beside = 0, older = 0, open = {} }
  self.beyond, beyond.promise = beyond, offer.promise
  if offer.is_promised then
    beyond.open[#beyond.open + 1], beyond.asks = offer, true
  end
  beyond.least, beyond.refused = math.min(beyond.least, offer.age), beyond.refused + 1
  beyond.younger = beyond.younger + (offer.issued > beyond.since and 1 or 0)
  if beyond.refused > M.LONGEST then
    self.beyond = nil
  end
end

-- What resumes meanwhile, and at what age: where sessions go on getting older than any before, they do not die of age.
function Acceptance:look_beside(offer, is_oldest)
  local beyond = self.beyond
  if not beyond then
    return
  end
  beyond.older = beyond.older + (is_oldest and offer.age < beyond.least and 1 or 0)
  beyond.beside = beyond.beside + (offer.age < beyond.least and 1 or 0)
  beyond.asks = beyond.asks and offer.issued > beyond.since
  beyond.ages[#beyond.ages + 1] = offer.age
  if #beyond.ages > M.LONGEST then
    table.remove(beyond.ages, 1)
  end
end

-- To a doubt belongs as well what is refused at an age that others have not come to; where they do, it counts.
function Acceptance:take_open()
  local verdict
  for _, offer in ipairs(self.beyond and self.beyond.open or {}) do
    verdict = self.since and self:add(offer, false) or verdict
  end
  if self.beyond then
    self.beyond.open = {}
  end
  return verdict
end

-- Others have come to the age at which some were refused.
function Acceptance:begin_late_doubt()
  for _, offer in ipairs(self.beyond and self.beyond.open or {}) do
    self.since = self:is_reached(offer.age) and math.max(self.since or 0, offer.time) or self.since
  end
end

-- Refusals that were taken for chance count against the server, until they turn out to have been the end of a life.
function Acceptance:count_as_chance(offers)
  for _, offer in ipairs(offers) do
    self.tally:add(false)
    self.taken_for_chance[#self.taken_for_chance + 1] = offer.age
    if #self.taken_for_chance > M.LONGEST then
      table.remove(self.taken_for_chance, 1)
    end
  end
end

function Acceptance:set_limit(age)
  self.limit = age
  for _, refused_at in ipairs(self.taken_for_chance) do
    if refused_at >= age then
      self.tally:take_back(false)
    end
  end
  self.taken_for_chance = {}
end

-- Is it their age that they die of? Either they die when it was promised, or those do as well that were made after the
-- first refusal: what is lost at one moment is older than that.
function Acceptance:end_of_life()
  local beyond, resumed = self.beyond, 0
  for _, age in ipairs(beyond and beyond.ages or {}) do
    resumed = resumed + (age >= beyond.least + M.SLACK and 1 or 0)
  end
  local weight = beyond and odds(self.tally:least(), beyond.refused, resumed + beyond.older) or 0
  if weight < 0 then
    self:count_as_chance(beyond.open)
    self.beyond = nil
  elseif weight >= chance.ENOUGH - 1e-9 and beyond.beside >= M.BESIDE then
    local promise = beyond.promise or 0
    if beyond.younger >= M.AGED or promise > 0 and beyond.least + M.SLACK >= promise then
      local is_told = self.limit ~= nil
      self:set_limit(beyond.least)
      self.beyond = nil
      -- servers count whole seconds: one may die at an age at which another was still alive
      return not is_told and { kind = "lifetime", since = beyond.since, alive = math.min(self.known_age, beyond.least),
        dead = math.max(self.known_age, beyond.least), promise = promise } or nil
    end
  end
end

-- A session that was offered before may be refused just for that.
function Acceptance:note_again(offer, good)
  if offer.again and not self.is_reusable then
    self.again_good, self.again_bad = self.again_good + (good and 1 or 0), self.again_bad + (good and 0 or 1)
    self.is_reusable = self.again_good >= M.AGAIN or nil
    self.is_single_use = self.again_good == 0 and self.again_bad >= M.AGAIN or nil
    return not good
  end
  return false
end

-- When nothing resumed any more: does it again?
function Acceptance:note_stopped(good, time)
  local stopped = self.stopped
  stopped.first = good and (stopped.back == 0 and time or stopped.first) or nil
  stopped.back = good and stopped.back + 1 or 0
  if stopped.back >= M.AGED then
    self.stopped = nil
    return { kind = "back", since = stopped.first, stopped = stopped.since }
  end
end

function Acceptance:note_resumed(offer)
  self:look_beside(offer, offer.age > self.known_age)
  self.known_age = math.max(self.known_age, offer.age)
  if not self.since then
    self:begin_late_doubt()
  end
  if self.since then
    return self:take_open() or self.since and self:add(offer, true)
  elseif offer.is_promised then
    self.tally:add(true)
  end
  return self:end_of_life()
end

-- Was it promised another lifetime than sessions are now, and has come to its end? That says nothing of theirs.
function Acceptance:is_of_earlier_promise(offer)
  local promise = offer.promise or 0
  return self.promised ~= nil and promise > 0 and promise ~= self.promised and offer.age + M.SLACK >= promise
end

function Acceptance:note_refused(offer)
  if self:is_of_earlier_promise(offer) then
    return nil
  elseif self.since and offer.issued > self.since and offer.is_promised then
    return self:add(offer, false)
  elseif not offer.is_due then
    self:look_beyond(offer)
    return self.since and self:take_open() or self:end_of_life()
  end
  self.since = self.since or offer.time
  return self:take_open() or self.since and self:add(offer, false)
end

--- Notes what came of an offer.
-- @function acceptance:note
-- @tparam table offer id (what stands for the session), time, issued (both seconds), age (seconds), again (it had
--   been offered before), promise (seconds that its server has promised; nil or 0: none), good (it was resumed; else it
--   was refused)
-- @treturn table|nil what has become certain: kind ("lost": those made before `cut` are refused, and younger ones
--   resume; "stopped": none resumes; "back": they do again; "lifetime": they are alive at `alive` seconds and dead at
--   `dead`), since (seconds), refused (how many)
function Acceptance:note(offer)
  self.offers, offer.is_promised = self.offers + 1, self:is_promised(offer)
  self.promise = (offer.promise or 0) > 0 and offer.promise or nil
  offer.is_due = offer.is_promised and self:is_reached(offer.age)
  if self:note_again(offer, offer.good) then
    return nil
  elseif self.stopped then
    return self:note_stopped(offer.good, offer.time)
  elseif offer.good then
    self.recent:add(true)
    return self:note_resumed(offer)
  end
  if self.known_age > 0 and offer.is_due then
    self.recent:add(false)
  end
  return self:note_refused(offer)
end

--- New sessions are promised another lifetime: at which age the others died does not count for them.
-- @function acceptance:take_promise
-- @tparam number promised seconds
function Acceptance:take_promise(promised)
  self.promised, self.limit, self.beyond = promised, nil, nil
end

--- Forgets what was seen of sessions, as the reason why they are refused is known.
-- @function acceptance:forget
function Acceptance:forget()
  self:start_again()
end

-- Would it end the doubt if as many newer sessions resumed as it has room for?
function Acceptance:would_newer_tell(told)
  return self:may_repeat() and is_no_chance(self.tally, told, self:by_chance(told), M.LONGEST - #self.window)
end

-- Do few sessions live at a time?
function Acceptance:is_short()
  return math.min(self.limit or math.huge, self.promise or math.huge) <= M.SHORT
end

--- What asks for a session from before a moment.
-- @function acceptance:older
-- @tparam number before made until then
-- @tparam number not_since not offered since then
-- @treturn table see wants
function Acceptance:older(before, not_since)
  local is_short = self:is_short()
  return { before = before, not_since = not_since, is_promised = true, oldest = is_short,
    at_most = is_short and self.limit and self.known_age - M.SLACK or nil }
end

--- What would best be asked next, the best first.
-- @function acceptance:wants
-- @treturn {table,...} before (made until then) or after (made later than that), at_least and at_most (seconds of age),
--   not_since (not offered since then, or at a lesser age only), is_promised (true: whose promised life is not over),
--   oldest (true: rather an old one than a new one): a session to offer; or fresh (true): a session to be made; {}:
--   nothing is in doubt
function Acceptance:wants()
  if self.stopped then
    return { { after = self.stopped.since } }
  elseif not self.since then
    local beyond = self.beyond
    return beyond and beyond.asks and { { before = beyond.since, not_since = beyond.since } } or {}
  end
  local told, older = self:weigh(), self:older(self.since, self.since)
  local newer = { after = told.cut or self.since, at_least = told.age < math.huge and told.age or 0,
    not_since = self.since } -- what counts once need not be offered twice
  local any_newer = { after = self.since, at_least = 0, not_since = self.since } -- the others have to grow older
  if self:are_lost(told) then
    return { newer, any_newer }
  end
  local fresh = self:would_newer_tell(told) and { fresh = true } or nil
  if older.oldest or #self.window % 3 > 0 then
    return { older, newer, any_newer, fresh }
  end
  return { newer, older, any_newer, fresh }
end

--- May sessions be offered again and again?
-- @function acceptance:may_repeat
-- @treturn boolean true also where that is not known yet
function Acceptance:may_repeat()
  return not self.is_single_use
end

--- Is a session that was refused of no further use? Where about each resumes, it is.
-- @function acceptance:spends_refused
-- @treturn boolean
function Acceptance:spends_refused()
  return (self.tally:share() or 1) >= M.SHARED
end

--- What has to be kept over a restart. A doubt is not: what made it is asked again.
-- @function acceptance:save
-- @treturn table
function Acceptance:save()
  return { tally = self.tally:save(), recent = self.recent:save(), known_age = self.known_age, limit = self.limit,
    again_good = self.again_good, again_bad = self.again_bad, offers = self.offers,
    taken_for_chance = self.taken_for_chance, promised = self.promised,
    stopped = self.stopped and { since = self.stopped.since, back = 0 } or nil }
end

local function never()
  return false
end

--- @tparam[opt] table saved see save
-- @tparam[opt] function is_beside_change did something change for certain between two moments?
-- @treturn table acceptance: known_age (the oldest session that resumed, in seconds), limit (age at which they die),
--   recent (tally of the newest offers), offers (how many in all)
function M.new(saved, is_beside_change)
  saved = saved or { known_age = 0, again_good = 0, again_bad = 0, offers = 0 }
  for _, age in ipairs(saved.taken_for_chance or {}) do
    assert(type(age) == "number") -- a damaged file says so here, and not later
  end
  local acceptance = setmetatable({ tally = chance.tally(saved.tally), recent = chance.tally(saved.recent, RECENT),
    known_age = saved.known_age, limit = saved.limit, again_good = saved.again_good, again_bad = saved.again_bad,
    offers = saved.offers, stopped = saved.stopped, taken_for_chance = saved.taken_for_chance or {},
    is_beside_change = is_beside_change or never, promised = saved.promised,
    window = new_window() }, Acceptance)
  acceptance.is_reusable = acceptance.again_good >= M.AGAIN or nil
  acceptance.is_single_use = acceptance.again_good == 0 and acceptance.again_bad >= M.AGAIN or nil
  return acceptance
end

return M
