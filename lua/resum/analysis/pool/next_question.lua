-- Which connection would tell the two best explanations apart? A plan that a scan can carry out, or none. Pure.

local M = {}

local MAY_FAIL = 0.2 -- chance that offers fail so much more often than full handshakes: worth a look
local FAILURES = 6 -- such looks at most: there are as many full handshakes then as offers
local ROUND = 20 -- offers of one session, before it is judged again
local BUDGET = 120 -- connections for each mechanism: a third of what the samples took
local MOST = 2 * BUDGET -- where only a "no" is left, and offers are missing that it needs
-- New sessions at a time: whether they fare alike shows in eight offers each.
local FRESH = { sessions = 4, times = 8 }
-- Session IDs that show ticket keys: all offers of all sessions meet one of two keys each only by chance once in 2^40.
local MARKS = { sessions = 8, times = 6 }
local IDENTITIES = 24 -- connections that offer one PSK of each key: a rotation of eight shows itself three times
local LOOKS = 40 -- full handshakes, to see a member of a twelfth that issues nothing three times

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

-- The session that was offered most, of those that never resumed; of the younger ones, as a restart kills the old ones.
local function suspect(evidence)
  local best
  local now = evidence.entries[#evidence.entries].order
  for _, one in ipairs(sessions_of(evidence)) do
    if one.resumed == 0 and now - one.from <= YOUNG and (not best or one.offered > best.offered
      or (one.offered == best.offered and one.from > best.from)) then
      best = one
    end
  end
  return best
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

-- A session of a name, or else any, that was never seen to resume, and may yet be good: it was not offered often
-- enough.
local function unsettled(evidence)
  local fates, youngest, best = {}, {}, nil
  for _, entry in ipairs(evidence.entries) do
    local name = evidence.label[entry.order]
    if name and entry.issued and entry.awaited then
      fates[name] = fates[name] or { resumed = 0, offered = 0 }
      youngest[name] = entry.order
    end
  end
  for _, offer in ipairs(evidence.offers) do
    local name = offer.issuer
    if name and fates[name] then
      fates[name].offered = fates[name].offered + 1
      fates[name].resumed = fates[name].resumed + (offer.resumed and 1 or 0)
    end
  end
  for name, fate in pairs(fates) do
    if fate.resumed == 0 and fate.offered < BUDGET and (not best or fate.offered > best.offered
      or (fate.offered == best.offered and youngest[name] > best.from)) then
      best = { from = youngest[name], offered = fate.offered }
    end
  end
  if best or next(fates, (next(fates))) then
    return best
  end
  local one = suspect(evidence)
  return one and one.offered < BUDGET and one or nil
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
  if evidence.single_use then
    more.sessions, more.times = (more.sessions or FRESH.sessions) * (more.times or FRESH.times) // 2, 1
  end
  more.sessions, more.times = more.sessions or FRESH.sessions, more.times or FRESH.times
  more.cost = more.sessions * (1 + more.times) + (more.others or 0)
  return more
end

-- Once refused for good, or used, no session tells more where each is good for one connection.
local function again(evidence, from, times)
  if evidence.single_use then
    return fresh(evidence, {})
  end
  return { kind = "again", mechanism = evidence.mechanism, from = from, times = times, until_resumed = true,
    cost = #from * times }
end

-- Sessions refused, or forgotten: new ones, after the same pause, or after as many others; or at once and after a
-- pause.
local function about_time(evidence, judged)
  local forgets, late = among(judged, "forgets"), among(judged, "late_cache")
  local condition = forgets and forgets.condition
  if late then
    return fresh(evidence, { pause_s = math.max(0.3, 2 * (late.condition.delay or 0)), singly = true })
  elseif condition and condition.how == "capacity" and condition.limit < BUDGET then
    return fresh(evidence, { sessions = 1, others = math.ceil(condition.limit) + 2, times = 4, singly = true })
  elseif condition and condition.how == "lifetime" then
    return fresh(evidence, { sessions = 2, pause = condition.limit, times = 4, singly = true })
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

local function undecided(evidence, result, asked)
  local judged = result.judged
  if not judged.best or evidence.issued == 0 then
    return nil
  elseif judged.decisive and (not judged.beats_nothing or hides_under_a_key(judged) and (asked or 0) == 0) then
    return fresh(evidence, {})
  elseif is_settled(judged, result) then
    local how = says_nothing_against(judged)
    local one = how and unsettled(evidence)
    return how == "issues_nothing" and look(evidence) or one and again(evidence, { one.from }, ROUND) or nil
  elseif judged.short then
    local one, times = suspect(evidence), math.min(ROUND, judged.short)
    return one and again(evidence, { one.from }, times) or fresh(evidence, { sessions = 1, times = times })
  elseif not judged.rival then
    return nil
  end
  local plan = about_time(evidence, judged)
  local one = unsettled(evidence)
  if plan then
    return plan
  elseif (judged.best.parameters.how or judged.rival.parameters.how) == "issues_nothing" then
    return look(evidence)
  elseif one then
    return again(evidence, { one.from }, ROUND)
  end
  return fresh(evidence, {})
end

-- What a mechanism's servers show besides, where there are several keys.
local function about_identity(all, results, asked)
  local psk, ids = all.psk, all.session_id
  local keys = psk and results.psk and one_of_each_key(psk, results.psk.group_of) or {}
  if #keys > 1 and not asked.identities then
    return { kind = "identities", mechanism = "psk", from = keys, times = IDENTITIES, cost = IDENTITIES }
  end
  local several = #keys > 1 or (results.ticket and (results.ticket.groups or 1) > 1)
  if several and ids and results.session_id and ids.offers_tally.resumed > 0 and not asked.marked then
    local from = alive(ids, MARKS.sessions)
    return { kind = "marked", mechanism = "session_id", from = from, times = MARKS.times, cost = #from * MARKS.times }
  end
end

-- More full handshakes, where offers seem to fail more often.
local function about_failures(all, results, asked)
  for name, result in pairs(results) do
    local failing = result.failing
    if failing and not failing.certain and failing.p < MAY_FAIL and (asked.failures or 0) < FAILURES then
      asked.failures = (asked.failures or 0) + 1
      return { kind = "look", mechanism = all[name].mechanism, times = LOOKS, cost = LOOKS }
    end
  end
end

--- How many connections all questions cost at most, where none fails.
-- @tparam {string,...} mechanisms
-- @treturn integer
function M.most(mechanisms)
  local most = FAILURES * LOOKS
  for _, name in ipairs(mechanisms) do
    most = most + MOST + ROUND + (name == "psk" and IDENTITIES or 0)
      + (name == "session_id" and MARKS.sessions * MARKS.times or 0)
  end
  return most
end

--- The next question worth asking.
-- @tparam table all mechanism -> evidence
-- @tparam table results mechanism -> result of resum.analysis.pool.verdict
-- @tparam table asked kind of plan -> true for those that are asked once; mechanism -> connections spent so far
-- @treturn table|nil plan: kind, mechanism, cost (connections at most), and
--   "again": offer the sessions issued at `from` (orders), each `times` times (until_resumed: at most, until it
--   resumes); "fresh": obtain so many `sessions`, wait pause_s seconds (or `pause` on the journal's clock), make
--   `others` full handshakes, and offer each session `times` times (singly: one connection at a time); "look": make so
--   many full handshakes; "marked": as again, with a ticket extension beside the session ID; "identities": offer the
--   PSKs issued at `from` all at once, `times` times
function M.of(all, results, asked)
  local plan = about_identity(all, results, asked) or about_failures(all, results, asked)
  if plan then
    return plan
  end
  local names = { "psk", "ticket", "session_id" }
  table.sort(names, function(a, b) -- what was asked about least
    return (asked[a] or 0) < (asked[b] or 0) or ((asked[a] or 0) == (asked[b] or 0) and a < b)
  end)
  for _, name in ipairs(names) do
    local judged = results[name] and results[name].judged
    local left = (judged and judged.short and MOST or BUDGET) - (asked[name] or 0)
    plan = judged and left > 0 and undecided(all[name], results[name], asked[name])
    if plan and plan.cost <= left + ROUND then
      return plan
    end
  end
end

return M
