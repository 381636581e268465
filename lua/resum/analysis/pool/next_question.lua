-- Which connections would tell the two best explanations apart? Plans that a scan can carry out side by side, one for
-- each mechanism at most, as what one mechanism's offers meet says nothing of another's. Pure.

local statistics = require "resum.util.statistics"

local M = {}

local MAY_FAIL = 0.2 -- chance that offers fail so much more often than full handshakes: worth a look
local FAILURES = 6 -- such looks at most: there are as many full handshakes then as offers
-- Offers before it is judged again, of so many sessions in question; those that resume are offered no more. With ten
-- connections at once that is four of them, one after another; with fewer offers a scan waits, rather than asks.
local ROUND, SUSPECTS = 40, 4
local OF_EACH = 20 -- offers of one session in a round: one of a pool of seven is met with 95 in 100
local LONG_ROUND = 60 -- where a "no" takes a few hundred; by then the sessions offered are old, and others are asked
local BUDGET = 120 -- connections for each mechanism: a third of what the samples took
local MOST = 2 * BUDGET -- where only a "no" is left, and offers are missing that it needs
local MOST_ALONE = 4 * BUDGET -- where no other mechanism is asked about: what they leave
-- New sessions at a time: whether they fare alike shows in eight offers each.
local FRESH = { sessions = 4, times = 8 }
-- The same where it has to be seen whether sessions resume equally often: the more offers of each the better.
local RATES = { sessions = 4, times = 20 }
-- Session IDs that show ticket keys: all offers of all sessions meet one of two keys each only by chance once in 2^40.
local MARKS = { sessions = 8, times = 6 }
-- Connections open at the same time, so often: a crowd of full handshakes, and its sessions offered in others. Of ten
-- offers each of three sees each of four servers with 94 in 100.
local CROWD = { sessions = 10, times = 3, most = 2 }
local IDENTITIES = 24 -- connections that offer one PSK of each key: a rotation of eight shows itself three times
local LOOKS = 40 -- full handshakes, to see a member of a twelfth that issues nothing three times

-- Full handshakes whose client sends a request, and as many offers of their sessions: 12 of 24 that are not answered,
-- beside none, are no chance (1 in 13,000); where all mechanisms' break so, 14 of 72. Twice, where that does not do.
local SERVED, MOST_SERVED = 24, 2

local NAMES = { "psk", "ticket", "session_id" }

-- How each session fared: issued at `from`, offered so often, resumed so often.
local function sessions_of(evidence)
  local by_origin, list = {}, {}
  for _, offer in ipairs(evidence.offers) do
    local one = by_origin[offer.origin]
    if not one and offer.design ~= "fresh" then
      one = { from = offer.origin, offered = 0, resumed = 0 }
      by_origin[offer.origin], list[#list + 1] = one, one
    end
    if one then
      one.offered, one.resumed = one.offered + 1, one.resumed + (offer.resumed and 1 or 0)
    end
  end
  return list
end

-- An older session, by connections, may have made way for those that the scan obtained since: a cache may be small.
local YOUNG = 100

-- Those that were offered most first; of several the younger ones, as a restart kills the old ones.
local function by_doubt(list)
  table.sort(list, function(one, other)
    return one.offered > other.offered or (one.offered == other.offered and one.from > other.from)
  end)
  return list
end

-- The sessions that never resumed, the most doubtful first.
local function suspects(evidence)
  local now, list = evidence.entries[#evidence.entries].order, {}
  for _, one in ipairs(sessions_of(evidence)) do
    list[#list + 1] = one.resumed == 0 and now - one.from <= YOUNG and one or nil
  end
  return by_doubt(list)
end

-- Where the first of them were issued.
local function origins(list, most)
  local orders = {}
  for i = 1, math.min(most, #list) do
    orders[i] = list[i].from
  end
  return orders
end

-- Where sessions were issued that resumed since: the latest, then the one that resumed most seldom, as its group is
-- small, and so on in turns.
local function alive(evidence, most)
  local latest, orders, taken = {}, {}, {}
  for _, one in ipairs(sessions_of(evidence)) do
    latest[#latest + 1] = one.resumed > 0 and one or nil
  end
  local seldom = table.move(latest, 1, #latest, 1, {})
  table.sort(latest, function(a, b)
    return a.from > b.from
  end)
  table.sort(seldom, function(a, b)
    local one, other = a.resumed / a.offered, b.resumed / b.offered
    return one < other or (one == other and a.from > b.from)
  end)
  for i = 1, #latest do
    for _, one in ipairs({ latest[i], seldom[i] }) do
      orders[#orders + 1] = not taken[one] and #orders < most and one.from or nil
      taken[one] = true
    end
  end
  return orders
end

-- An order at which a PSK was issued, the latest, for each key group seen.
local function one_of_each_key(evidence, group_of)
  local latest, orders = {}, {}
  for _, entry in ipairs(evidence.entries) do
    local label = evidence.label[entry.order]
    if label and label.kind == "key" and entry.ticket then
      latest[group_of(label)] = entry.order
    end
  end
  for _, order in pairs(latest) do
    orders[#orders + 1] = order
  end
  table.sort(orders)
  return orders
end

-- How the sessions of each name fared.
local function fates_of(evidence)
  local fates = {}
  for _, entry in ipairs(evidence.entries) do
    local name = evidence.label[entry.order]
    if name and entry.issued and entry.awaited then
      fates[name] = fates[name] or { resumed = 0, offered = 0 }
      fates[name].from = entry.order
    end
  end
  for _, offer in ipairs(evidence.offers) do
    local fate = offer.issuer and fates[offer.issuer]
    if fate then
      fate.offered, fate.resumed = fate.offered + 1, fate.resumed + (offer.resumed and 1 or 0)
    end
  end
  return fates
end

-- A session of each name, or else any, that was never seen to resume, and may yet be good: it was not offered often
-- enough.
local function unsettled(evidence)
  local fates, named = fates_of(evidence), {}
  for _, fate in pairs(fates) do
    named[#named + 1] = fate.resumed == 0 and fate.offered < BUDGET and fate or nil
  end
  if #named > 0 or next(fates, (next(fates))) then
    return by_doubt(named)
  end
  local list = suspects(evidence)
  return list[1] and list[1].offered < BUDGET and list or {}
end

local function among(judged, id)
  for _, one in ipairs({ judged.best, judged.rival }) do
    if one.explanation.id == id or one.condition.explanation and one.condition.explanation.id == id then
      return one
    end
  end
end

local function fresh(evidence, more)
  more.kind, more.mechanism = "fresh", evidence.mechanism
  if evidence.single_use then -- as many offers
    more.sessions, more.times = (more.sessions or FRESH.sessions) * (more.times or FRESH.times), 1
  end
  more.sessions, more.times = more.sessions or FRESH.sessions, more.times or FRESH.times
  more.cost = more.sessions * (1 + more.times) + (more.others or 0)
  return more
end

-- Once refused for good, or used, no session tells more where each is good for one connection.
local function again(evidence, from, offers, until_resumed)
  if evidence.single_use then
    return fresh(evidence, {})
  end
  local times = math.min(OF_EACH, math.ceil(offers / #from))
  return { kind = "again", mechanism = evidence.mechanism, from = from, times = times,
    until_resumed = until_resumed or "each", cost = #from * times }
end

-- Seconds that a scan waits for sessions to age: beyond, a cache is not late but broken, and what lives longer outlives
-- the scan.
local LONGEST_PAUSE = 2

-- Sessions that have waited for so long, the youngest of them first. Nobody has to wait for them.
local function waited(evidence, seconds)
  local ended, now, list = {}, 0, {}
  for _, entry in ipairs(evidence.entries) do
    ended[entry.order] = entry.ended_s
    now = math.max(now, entry.ended_s or 0)
  end
  for _, one in ipairs(sessions_of(evidence)) do
    local since = ended[one.from]
    list[#list + 1] = since and now - since >= seconds and one or nil
  end
  table.sort(list, function(one, other)
    return one.from > other.from
  end)
  return list
end

-- Sessions that were refused at once, offered once they have waited; or new ones, where that was asked.
local function about_delay(evidence, delay, asked)
  local seconds = math.min(LONGEST_PAUSE, math.max(0.3, 2 * (delay or 0)))
  local old = not evidence.single_use and asked == 0 and waited(evidence, seconds) or {}
  if #old >= FRESH.sessions then
    local plan = again(evidence, origins(old, FRESH.sessions), FRESH.sessions * FRESH.times)
    plan.until_resumed = nil
    return plan
  end
  return fresh(evidence, { pause_s = seconds })
end

-- Sessions refused, or forgotten: some that have waited; or new ones, after as many others, or after the same pause.
local function about_time(evidence, judged, asked)
  local forgets, late = among(judged, "forgets"), among(judged, "late_cache")
  local condition = forgets and forgets.condition
  if late then
    return about_delay(evidence, late.condition.delay, asked)
  elseif condition and condition.how == "capacity" and condition.limit < BUDGET then
    return fresh(evidence, { sessions = 1, others = math.ceil(condition.limit) + 2, times = 4 })
  elseif condition and condition.how == "lifetime" then
    return fresh(evidence, { sessions = 2, times = 4,
      pause_s = condition.limit <= LONGEST_PAUSE and condition.limit or nil })
  end
end

local function is_settled(judged, result)
  return judged.decisive and result.verdict ~= "inconclusive"
end

local LIKE = 2 -- natural logarithms: the evidence does not tell which

-- Where it is only that two faults are rare, and not the evidence, that speaks against a bad member.
local function says_nothing_against(judged)
  for _, one in ipairs(judged.best.explanation.id ~= "bad_member" and judged.ranking or {}) do
    if one.explanation.id == "bad_member" and one.likelihood > judged.best.likelihood - LIKE then
      return one.parameters.how
    end
  end
end

local function look(evidence)
  return { kind = "look", mechanism = evidence.mechanism, times = LOOKS, cost = LOOKS }
end

-- That servers of one key differ in what nobody sees takes more than a few offers of each session.
local function hides_under_a_key(judged)
  local divided = judged.best.parameters.divided
  return divided and divided.kind == "key"
end

-- (Of sessions that a crowd had issued as well?)
local function is_refused_in_crowds(evidence, also_issued)
  for _, offer in ipairs(evidence.offers) do
    if offer.entry.crowd and not offer.resumed and (offer.issue.crowd or not also_issued) then
      return true
    end
  end
  return false
end

-- Did old sessions resume after the first crowd, all that were offered alone?
local function resumes_after(evidence)
  local crowd, resumed = nil, false
  for _, offer in ipairs(evidence.offers) do
    crowd = crowd or offer.entry.crowd
    if crowd and not offer.entry.crowd and offer.lag == 0 then
      if not offer.resumed then
        return false
      end
      resumed = true
    end
  end
  return resumed
end

-- Is it certain that time decides what is refused? Then old sessions are refused in crowds as everywhere.
local function is_of_time(evidence, result)
  local best = result.judged.best
  return is_settled(result.judged, result) and not (is_refused_in_crowds(evidence) and resumes_after(evidence))
    and (best.condition.explanation ~= nil or result.verdict == "rotated")
end

-- Does whom this mechanism's connections meet hang on how many are open, or on the moment? Crowds tell, as all of one
-- met the same.
local function minds_crowds(evidence, result)
  local fit = result.judged.fit
  return not is_of_time(evidence, result) and (fit ~= nil and fit.moment or is_refused_in_crowds(evidence))
end

-- What is settled is looked at in one crowd; what is not in two, also where only another mechanism's sessions mind
-- them.
local function most_crowds(evidence, result, any)
  local judged = result.judged
  local is_old_age = is_of_time(evidence, result) and not is_refused_in_crowds(evidence)
  if not any or evidence.issued == 0 or evidence.single_use or is_old_age then
    return 0
  elseif not is_settled(judged, result) or result.verdict == "unexplained" then
    return (judged.fit and judged.fit.moment or is_refused_in_crowds(evidence, true)) and CROWD.most or 1
  end
  return (result.verdict == "all_shared" or minds_crowds(evidence, result)) and 1 or 0
end

local function about_crowds(all, results, asked, plans)
  local any = false
  for name, result in pairs(results) do
    any = any or result.judged.best ~= nil and minds_crowds(all[name], result)
  end
  for _, name in ipairs(NAMES) do
    local result, made = results[name], asked[name .. " crowds"] or 0
    if result and result.judged.best and made < most_crowds(all[name], result, any) then
      asked[name .. " crowds"] = made + 1
      plans[name] = { kind = "crowd", mechanism = name, sessions = CROWD.sessions, times = CROWD.times,
        cost = CROWD.sessions * (1 + CROWD.times) }
    end
  end
end

local function undecided(evidence, result, asked)
  local judged = result.judged
  if not judged.best or evidence.issued == 0 or judged.evenness == "uneven" then
    return nil
  elseif judged.decisive and judged.evenness == "unknown" then
    return fresh(evidence, { sessions = RATES.sessions, times = RATES.times })
  elseif judged.decisive and (not judged.beats_nothing or hides_under_a_key(judged) and (asked or 0) == 0) then
    return fresh(evidence, {})
  elseif is_settled(judged, result) then
    local how = says_nothing_against(judged)
    local from = how and origins(unsettled(evidence), SUSPECTS) or {}
    return how == "issues_nothing" and look(evidence) or from[1] and again(evidence, from, ROUND) or nil
  elseif judged.short then
    local from, offers = origins(suspects(evidence), SUSPECTS), math.min(LONG_ROUND, judged.short)
    return from[1] and again(evidence, from, offers, "any")
      or fresh(evidence, { times = math.ceil(offers / FRESH.sessions) })
  elseif not judged.rival then
    return nil
  end
  local plan, from = about_time(evidence, judged, asked or 0), origins(unsettled(evidence), SUSPECTS)
  if plan then
    return plan
  elseif (judged.best.parameters.how or judged.rival.parameters.how) == "issues_nothing" then
    return look(evidence)
  end
  return from[1] and again(evidence, from, ROUND) or fresh(evidence, {})
end

-- What a mechanism's servers show besides, where there are several keys.
local function about_identity(all, results, asked, plans)
  local psk, ids = all.psk, all.session_id
  local keys = psk and results.psk and one_of_each_key(psk, results.psk.group_of) or {}
  if #keys > 1 and not asked.identities then
    plans.psk = { kind = "identities", mechanism = "psk", from = keys, times = IDENTITIES, cost = IDENTITIES }
  end
  local several = #keys > 1 or (results.ticket and (results.ticket.groups or 1) > 1)
  if several and ids and results.session_id and ids.offers_tally.resumed > 0 and not asked.marked then
    local from = alive(ids, MARKS.sessions)
    plans.session_id = { kind = "marked", mechanism = "session_id", from = from, times = MARKS.times,
      cost = #from * MARKS.times }
  end
end

-- More full handshakes, where offers seem to fail more often. Where these fail half as often, a member is down, and
-- each that meets it waits: then only to say that all is well.
local function is_worth_asking(failing)
  return not failing.certain and not failing.served and (failing.bars or not failing.alike and failing.p < MAY_FAIL)
end

local function about_failures(all, results, asked)
  for _, name in ipairs(NAMES) do
    local failing = results[name] and results[name].failing
    if failing and is_worth_asking(failing) and (asked.failures or 0) < FAILURES then
      asked.failures = (asked.failures or 0) + 1
      return { kind = "look", mechanism = all[name].mechanism, times = LOOKS, cost = LOOKS }
    end
  end
end

-- The chance that connections which were resumed break no more than full handshakes do; 1 where they don't.
local function chance_of_breaks(all)
  local broken, whole, full, others = 0, 0, 0, 0
  for _, evidence in pairs(all) do
    local breaks = evidence.breaks
    broken, whole = broken + breaks.offers.failed, whole + breaks.offers.answered
    full, others = full + breaks.full.failed, others + breaks.full.answered
  end
  return broken > 0 and statistics.fisher(broken, whole, full, others) or 1
end

-- Is a break behind the handshake a habit, or is no request answered? Once more, where that may yet be chance.
local function about_breaks(all, results, asked, plans)
  local rounds, open = asked.breaks or 0, false
  for _, result in pairs(results) do
    local failing = result.failing
    open = open or failing and failing.served and not failing.certain and failing.p < MAY_FAIL
  end
  if rounds == 0 and chance_of_breaks(all) < MAY_FAIL or rounds > 0 and rounds < MOST_SERVED and open then
    asked.breaks = rounds + 1
    for name, evidence in pairs(all) do
      plans[name] = evidence.breaks.offers.failed > 0 and { kind = "served", mechanism = name, times = SERVED,
        cost = 2 * SERVED } or plans[name]
    end
  end
end

--- How many connections all questions cost at most, where none fails.
-- @tparam {string,...} mechanisms
-- @treturn integer
function M.most(mechanisms)
  local most = FAILURES * LOOKS
  for _, name in ipairs(mechanisms) do
    most = most + (#mechanisms == 1 and MOST_ALONE or MOST) + ROUND + 2 * MOST_SERVED * SERVED
      + CROWD.most * CROWD.sessions * (1 + CROWD.times) + (name == "psk" and IDENTITIES or 0)
      + (name == "session_id" and MARKS.sessions * MARKS.times or 0)
  end
  return most
end

-- What each mechanism's rivals are asked, where nothing else is.
local function about_rivals(all, results, asked, plans)
  for _, name in ipairs(NAMES) do
    local judged = not plans[name] and results[name] and results[name].judged
    local most = judged and (judged.alone and MOST_ALONE or judged.short and MOST) or BUDGET
    local left = most - (asked[name] or 0)
    local plan = judged and left > 0 and undecided(all[name], results[name], asked[name])
    plans[name] = plan and plan.cost <= left + ROUND and plan or plans[name]
  end
end

--- The questions worth asking next, none of which waits for another's answer.
-- @tparam table all mechanism -> evidence
-- @tparam table results mechanism -> result of resum.analysis.pool.verdict
-- @tparam table asked kind of plan -> true for those that are asked once; mechanism -> connections spent so far
-- @treturn {table,...} plans, one for each mechanism at most and one for all, those first that were asked about least:
--   kind, mechanism, cost (connections at most), and
--   "again": wait pause_s seconds, and offer the sessions issued at `from` (orders), each `times` times (until_resumed
--   "each": at most, until it resumes; "any": until one of them does); "fresh": obtain so many `sessions`, wait pause_s
--   seconds, make `others` full handshakes, and offer each session `times` times; "look": make so many full
--   handshakes; "crowd": so many full handshakes that are open at the same time, and their `sessions` offered so,
--   `times` times; "served": so many full handshakes with a request each, and then an offer of its session with a
--   request; "marked": as again, with a ticket extension beside the session ID; "identities": offer the PSKs issued at
--   `from` all at once, `times` times
function M.of(all, results, asked)
  local plans, list = {}, {}
  about_crowds(all, results, asked, plans)
  if not next(plans) then
    about_identity(all, results, asked, plans)
  end
  if not next(plans) then
    about_breaks(all, results, asked, plans)
  end
  list[1] = about_failures(all, results, asked)
  if not next(plans) then
    about_rivals(all, results, asked, plans)
  end
  for _, name in ipairs(NAMES) do
    list[#list + 1] = plans[name]
  end
  table.sort(list, function(one, other)
    return (asked[one.mechanism] or 0) < (asked[other.mechanism] or 0)
      or ((asked[one.mechanism] or 0) == (asked[other.mechanism] or 0) and one.mechanism < other.mechanism)
  end)
  return list
end

return M
