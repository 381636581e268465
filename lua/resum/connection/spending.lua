-- Which sessions are spent: many servers drop a session when a connection that made it or offered it did not end in
-- order, and refuse it from then on. That is no word on resumption. So no offer of such a session counts that ended
-- after that connection began, whatever came of it: to count the resumptions and not the refusals would bend every
-- rate. A fresh session has to take its place. Others keep the session (stateless tickets know nothing of connections),
-- and which a server does, it shows: a session is offered again behind the first breaks of a kind, and is spent by none
-- as long as all that were seen behind one resumed. It makes no connection.
--
-- That a connection was disturbed, its own end shows: its handshake failed, it broke before our goodbye, it was reset
-- behind that, or it ended unlike this server's others. What a server does by habit, and be it every other time,
-- is no break; and what is a habit, more connections may show better. So what is spent now may turn out not to be, and
-- the other way round.

local statistics = require "resum.util.statistics"

local M = {}

-- Ends, the best first: "notify" (close_notify came), "fin" (the stream ended after our goodbye), "silent" (nothing
-- came in the time that there was), "early" (the stream ended before our goodbye), "reset" (after it), "broken" (it
-- broke before our goodbye). "left": we did not wait for it, so that there was none to be seen.
local RANK = { notify = 1, fin = 2, silent = 3, early = 4, reset = 5, broken = 6 }
-- What a server that ends in order does not do, so that one is odd in itself.
local ODD_IN_ITSELF = RANK.early

-- So many of a network's connections may be disturbed; a network that breaks more is beyond measuring. An end that
-- comes more often than they explain (by chance in 1 of 200 cases) is a habit.
local DISTURBED, BY_CHANCE = 0.05, 0.005
-- And so is what comes more often than in one of so many connections. What breaks before our goodbye is odd as long as
-- others do better more often. But no break of what was resumed is a habit where full handshakes end better: that is a
-- fault that only offers meet, as often as it may be.
local ONE_IN, BROKEN_ONE_IN = 4, 2
local KEPT = 16 -- connections of each kind whose end may turn out later to have been out of order

local states = setmetatable({}, { __mode = "k" }) -- session -> its state; whichever client offers it
local ticks = 0

local function tick()
  ticks = ticks + 1
  return ticks
end

-- causes: connections that spent it; offers: connections that offered it and were answered; made: how many
-- connections had begun when the one that brought it did.
local function state_of(session)
  local state = states[session]
  if not state then
    state = { causes = {}, offers = {}, made = nil }
    states[session] = state
  end
  return state
end

local function new_counts()
  return { total = 0, of = {} }
end

--- Nothing is known of how a server ends connections.
-- @treturn table connections (how many have begun), all and kinds (how often each end was seen, and to each kind of
--   connection: total, of), full (the same of full handshakes, by version), given_up (the same of probes that were
--   refused and left), groups (those that ended alike), trials (fates of sessions behind each kind of break)
function M.nothing_known()
  return { connections = 0, all = new_counts(), kinds = {}, full = {}, given_up = new_counts(), groups = {},
    trials = {} }
end

-- Connections that a server may well end alike.
local function kind_of(record)
  return ("%s %s %s %s"):format(record.engine, record.outcome, record.version or "", record.asked and "asked" or "")
end

-- Those that ended no better than this, of how many, and whether any did better. What broke says nothing of how the
-- others end.
local function compare(counts, rank)
  local broken = rank < RANK.broken and counts.of.broken or 0
  local as_bad = -broken
  for ended, often in pairs(counts.of) do
    as_bad = as_bad + (RANK[ended] >= rank and often or 0)
  end
  return as_bad, counts.total - broken
end

local most = {} -- of so many connections, disturbances explain at most so many

local function most_disturbed(total)
  local so_far = most[total]
  if not so_far then
    so_far = 0
    while statistics.binomial_tail(so_far + 1, total, DISTURBED) >= BY_CHANCE do
      so_far = so_far + 1
    end
    most[total] = so_far
  end
  return so_far
end

-- What is seen of a kind for the first time is held against all.
local function counts_for(ends, kind)
  local counts = ends.kinds[kind]
  return counts and counts.total > 1 and counts or ends.all
end

-- Does a connection that was resumed break, where full handshakes of its version do not?
local function is_met_by_offers_only(ends, resumed, rank)
  local full = rank >= RANK.reset and resumed and ends.full[resumed]
  return full and full.total >= ONE_IN and ((full.of.reset or 0) + (full.of.broken or 0)) * ONE_IN <= full.total
end

-- Is an end out of order, as far as is known now? `resumed` is the version of a kind that was resumed.
local function is_out_of_order(ends, kind, ended, resumed)
  local rank = RANK[ended]
  if is_met_by_offers_only(ends, resumed, rank) then
    return true
  end
  local as_bad, total = compare(counts_for(ends, kind), rank)
  if rank < RANK.broken and as_bad * ONE_IN > total and as_bad <= most_disturbed(total) then
    as_bad, total = compare(ends.all, rank) -- often, but of so few that disturbances may explain it
  end
  if rank >= ODD_IN_ITSELF and as_bad == 1 then
    return true
  elseif rank == RANK.broken then
    return as_bad * BROKEN_ONE_IN < total
  end
  return rank > RANK.notify and as_bad * ONE_IN <= total and as_bad <= most_disturbed(total)
end

-- A probe that is refused breaks the handshake off: what it offered was not taken, and nothing was made.
local function was_given_up(record)
  return record.engine == "probe" and record.outcome == "refused"
end

--- Has the server answered our goodbyes so far, most of the time? Then the answer is worth some patience.
-- @tparam table ends how connections with this server ended so far
-- @tparam table record of the connection, so far: engine, outcome, version, asked
-- @treturn boolean
function M.is_answered(ends, record)
  local counts = counts_for(ends, kind_of(record))
  return not was_given_up(record) and ONE_IN * (counts.of.silent or 0) < counts.total
end

--- Does the server leave us without an answer to our goodbyes, by habit?
-- @tparam table ends how connections with this server ended so far
-- @treturn boolean
function M.is_silent(ends)
  return ends.all.of.silent ~= nil and not is_out_of_order(ends, nil, "silent")
end

--- Does the server leave us without an answer where a probe was refused and broke its handshake off? Some end such a
-- connection only when we do (HAProxy). So many as are no chance have to have been waited for, and none answered.
-- @tparam table ends how connections with this server ended so far
-- @treturn boolean
function M.ignores_what_is_given_up(ends)
  local given_up = ends.given_up
  return given_up.total >= ONE_IN and given_up.of.silent == given_up.total
end

-- What spent a session, for people and machines.
local function break_of(one)
  if one.failed then
    return "failed"
  end
  return one.ending == "broken" and "cut" or one.ending == "reset" and "reset" or "unlike"
end

-- No session was found dead behind a break of this kind, and some were found alive.
local function is_harmless(trial)
  return trial.alive > 0 and trial.dead == 0
end

-- Has a connection spent its sessions, as far as one is concerned that offered them? Where breaks of its kind are not
-- harmless to all, what one resumption shows counts for those that began behind it: if it counted for itself, and for
-- those before it, sessions would count that resume, and not those that don't.
local function spends(cause, one)
  return cause ~= one and cause.began <= one.ended and not is_harmless(cause.trial)
    and not (cause.shown and cause.shown < one.began)
end

-- Whose offer counts for nothing: another connection had spent the session, or was about to. The first that did.
local function doubt_of(one)
  local first, before = nil, one.ended
  for _, state in ipairs(one.offered) do
    for cause in pairs(state.causes) do
      if cause.began <= before and spends(cause, one) then
        first, before = cause, cause.began
      end
    end
  end
  return first and break_of(first)
end

-- Where nobody saw the break, what became of the session has shown it (see set_aside).
local function weigh(one)
  local record, doubt = one.record, doubt_of(one) or one.record.lost and "unseen" or nil
  if doubt ~= record.doubt then
    record.doubt, record.outcome = doubt, doubt and "unknown" or record.answer
    if record.on_doubt then
      record.on_doubt()
    end
  end
end

-- All offers of the sessions of a connection that broke, or did not after all.
local function weigh_offers(one)
  one.record.unclean = one.trial and not is_harmless(one.trial) or nil
  for _, state in ipairs(one.spends) do
    for offer in pairs(state.offers) do
      weigh(offer)
    end
  end
end

-- What became of the sessions of a connection that broke: "alive" where one resumed on a connection that began behind
-- it; "dead" where one was refused there, or beside it. Of several that were offered at once, one resumes. Also when
-- the first of those that resumed ended.
local function fate_of(cause)
  local fate, shown
  for _, state in ipairs(cause.spends) do
    for offer in pairs(state.offers) do
      local answer = offer ~= cause and offer.record.answer
      if answer == "resumed" and #offer.offered == 1 and cause.ended < offer.began then
        fate, shown = "alive", math.min(shown or offer.ended, offer.ended)
      elseif answer == "refused" and cause.began <= offer.ended then
        fate = fate or "dead"
      end
    end
  end
  return fate, shown
end

-- Fates of connections that broke alike: how many there are of each, and the connections.
local function trial_of(ends, one)
  local name = ("%s %s"):format(one.record.mechanism or "", break_of(one))
  local trial = ends.trials[name] or { alive = 0, dead = 0, causes = setmetatable({}, { __mode = "k" }) }
  ends.trials[name] = trial
  return trial
end

local function count_fate(trial, fate, change)
  if fate then
    trial[fate] = trial[fate] + change
  end
end

local function set_fate(cause, fate, shown)
  local trial = cause.trial
  local was_harmless = is_harmless(trial)
  count_fate(trial, cause.fate, -1)
  count_fate(trial, fate, 1)
  cause.fate, cause.shown = fate, shown
  for one in pairs(is_harmless(trial) ~= was_harmless and trial.causes or { [cause] = true }) do
    weigh_offers(one)
  end
end

local function look_at(cause)
  local fate, shown = fate_of(cause)
  if fate ~= cause.fate or shown ~= cause.shown then
    set_fate(cause, fate, shown)
  end
end

-- From now on the sessions of a connection may be spent by it.
local function begin_spending(ends, one)
  one.trial = trial_of(ends, one)
  one.trial.causes[one] = true
  for _, state in ipairs(one.spends) do
    state.causes[one] = true
  end
  look_at(one)
  weigh_offers(one)
end

local function end_spending(one)
  set_fate(one, nil)
  one.trial.causes[one], one.trial = nil, nil
  for _, state in ipairs(one.spends) do
    state.causes[one] = nil
  end
  weigh_offers(one)
end

-- What ended alike is judged alike.
local function judge(ends)
  for _, group in pairs(ends.groups) do
    local is_odd = is_out_of_order(ends, group.kind, group.ending, group.resumed)
    if is_odd ~= group.is_odd then
      group.is_odd = is_odd
      for _, one in ipairs(group) do
        if is_odd then
          begin_spending(ends, one)
        else
          end_spending(one)
        end
      end
    end
  end
end

-- The tallies that the end of a connection belongs to.
local function tallies_of(ends, record)
  local kind, version = kind_of(record), record.version or ""
  ends.kinds[kind] = ends.kinds[kind] or new_counts()
  local list = { ends.kinds[kind], ends.all }
  if record.outcome == "full" then
    ends.full[version] = ends.full[version] or new_counts()
    list[3] = ends.full[version]
  end
  return list
end

local function note_end(ends, one)
  local record, ended = one.record, one.ending
  local kind = kind_of(record)
  local name = kind .. ended
  for _, tally in ipairs(tallies_of(ends, record)) do
    tally.total, tally.of[ended] = tally.total + 1, (tally.of[ended] or 0) + 1
  end
  local group = ends.groups[name] or { kind = kind, ending = ended, is_odd = false,
    resumed = record.outcome == "resumed" and (record.version or "") or nil }
  if ended ~= "notify" and (group.is_odd or #group < KEPT) then
    ends.groups[name], group[#group + 1] = group, one
    if group.is_odd then
      begin_spending(ends, one)
    end
  end
  judge(ends)
end

--- A connection begins.
-- @tparam table ends how connections with this server ended so far; changed
-- @treturn table when, for finish()
function M.begin(ends)
  ends.connections = ends.connections + 1
  return { tick = tick(), number = ends.connections }
end

local function states_of(...)
  local list = {}
  for _, sessions in ipairs({ ... }) do
    for _, session in ipairs(sessions) do
      list[#list + 1] = state_of(session)
    end
  end
  return list
end

-- Nobody was reached, or nothing was offered: that is no end of a connection.
local function is_none(record)
  local problem = record.error
  return record.outcome == "interrupted" or problem ~= nil
    and (problem.stage ~= "handshake" or problem.code == "not_offered")
end

local ANSWERS = { resumed = true, refused = true }

local function note_answer(one)
  one.record.answer = one.record.outcome
  for _, state in ipairs(one.offered) do
    state.offers[one] = true
    for cause in pairs(state.causes) do
      look_at(cause)
    end
  end
  weigh(one)
end

-- Its end says nothing about sessions; and what was not waited for says nothing at all.
local function note_given_up(ends, ending)
  if RANK[ending] then
    local counts = ends.given_up
    counts.total, counts.of[ending] = counts.total + 1, (counts.of[ending] or 0) + 1
  end
end

--- A connection has ended: what that does to its sessions, and to what is known of them.
-- @tparam table ends how connections with this server ended so far; changed
-- @tparam table record of the connection: engine, outcome, version, error, sessions, ending (its end), asked (a request
--   was sent). An outcome "resumed" or "refused" is kept in answer; it may become "unknown", now or later, and it may
--   become what it was again (then record.on_doubt() is called, where there is one). doubt is set to why: the
--   connection that spent the session "failed" in its handshake, was "cut" before its end, was "reset", or ended
--   "unlike" others, or broke "unseen" (see set_aside). unclean is set where it did not end in order itself.
-- @tparam {session,...} offered
-- @tparam table began from begin()
function M.finish(ends, record, offered, began)
  for _, state in ipairs(states_of(record.sessions)) do
    state.made = state.made or began.number
  end
  if is_none(record) then
    return
  end
  local was_refused = record.outcome == "refused" -- and what was refused was not taken
  local one = { record = record, began = began.tick, ended = tick(), offered = states_of(offered),
    spends = states_of(record.sessions, was_refused and {} or offered), failed = record.error ~= nil,
    ending = record.ending, trial = nil, fate = nil, shown = nil }
  if one.failed then
    begin_spending(ends, one)
  elseif was_given_up(record) then
    note_given_up(ends, record.ending)
  elseif RANK[record.ending] then
    note_end(ends, one)
  end
  if ANSWERS[record.outcome] then
    note_answer(one)
  end
end

--- An offer was refused as its session had been lost to a connection that broke unseen: it counts for nothing either.
-- See resum.analysis.lost_session.
-- @tparam record record of the offer; doubt becomes "unseen" where nothing else is known
function M.set_aside(record)
  record.lost = true
  if record.outcome == "refused" then
    record.doubt, record.outcome = "unseen", "unknown"
    if record.on_doubt then
      record.on_doubt()
    end
  end
end

--- How many connections began since the one that brought a session? So many may have left a session in the server's
-- cache behind it, also those that go on.
-- @tparam session session
-- @tparam table|nil ends of the server's connections
-- @treturn integer 0 where that is not known
function M.connections_since(session, ends)
  local state = states[session]
  return ends and state and state.made and ends.connections - state.made or 0
end

--- Has a session been spent? As long as none was refused behind a break of its kind, it is worth another offer.
-- @tparam session session
-- @treturn boolean
function M.is_spent(session)
  local state = states[session]
  for cause in pairs(state and state.causes or {}) do
    if cause.trial.dead > 0 and cause.fate ~= "alive" then
      return true
    end
  end
  return false
end

return M
