-- The evidence that a scan's journal holds on each mechanism: what was offered, whose session it was, what was answered
-- and by whom, and what every connection showed. Read once, then only read. Pure; it knows no explanation.

local counting = require "resum.analysis.counting"
local sighting = require "resum.analysis.pool.sighting"
local ticket_keys = require "resum.analysis.ticket_key"

local M = {}

-- Of what is opened side by side some overtake others: whoever comes so many connections later, or more, is one kind.
local NEIGHBOURS = 4
local SAMPLING = { seed = true, pairs = true, chain = true, look = true }
-- Offers of tickets that are good once say nothing of sharing; nor do those that are made to see whether a request is
-- answered.
local ASIDE = { spent = true, browser = true, served = true }
local ANSWERED = { full = true, refused = true, resumed = true }

-- An alert to an offered session is a refusal where that is how the server answers offers, and no full handshakes, or
-- when it is about the version.
local function alerts_refuse(entries, offers_fail)
  local offered = {}
  for _, entry in ipairs(entries) do
    offered[#offered + 1] = entry.outcome and entry.from and entry or nil
  end
  return offers_fail and counting.count(offered, true).alerts > 0
end

-- How an offer ended: "resumed", "refused" or "failed". (That tickets are good once was seen by what spent ones get.)
local function result_of(entry, shown, by_alert)
  if entry.outcome == "resumed" or entry.outcome == "refused" then
    return entry.outcome
  elseif shown == sighting.OTHER_VERSION or (entry.outcome == "alert" and (by_alert or entry.design == "spent")) then
    return "refused"
  end
  return "failed"
end

-- The connection that issued the session which an entry leaves: itself, or where it resumed and got no new one, that
-- of the session resumed.
local function origin_of(entry, origins)
  if entry.ticket or entry.session_id or entry.issued then
    return entry.order
  end
  return entry.outcome == "resumed" and origins[entry.from] or entry.order
end

-- When the session was there, and when it was offered, at the earliest, on the clock of starts and ends: the server had
-- sent it by our goodbye, and where the offer waited for it that began with its ClientHello.
local function since_of(origin)
  return origin.goodbye or origin.ended
end

local function hello_of(entry)
  return entry.hello or entry.started
end

-- The same in seconds, where they are known.
local function ages_of(entry, origin)
  if not entry.started_s then
    return hello_of(entry) - since_of(origin), entry.ended - origin.started
  end
  return (entry.hello_s or entry.started_s) - (origin.goodbye_s or origin.ended_s), entry.ended_s - origin.started_s
end

-- Clocks of servers count seconds, so that a session may go up to one sooner, or later, than its lifetime has it.
local CLOCK = 1
local LIKELY = 0.9 -- in tenths, as resum.analysis.pool.cut has them: nobody knows better within that second

-- How likely the session was still good by what its own server says (RFC 5077, section 3.3; RFC 8446, section 4.6.1):
-- 0 where it had outlived the lifetime with which it was issued; nil where it had not.
local function alive_of(offer)
  local lifetime = offer.issue.lifetime_s
  if not lifetime or lifetime == 0 or not offer.entry.started_s or offer.age_at_most <= lifetime - CLOCK then
    return nil
  elseif offer.age >= lifetime then
    return 0
  end
  local share = (lifetime + CLOCK - (offer.age + offer.age_at_most) / 2) / (2 * CLOCK)
  return math.max(1 - LIKELY, math.min(LIKELY, math.floor(10 * share + 0.5) / 10))
end

-- What the offer was like, and what the session had been through.
local function new_offer(entry, origin, session, labels, shown)
  local lag = entry.order - entry.from
  local near = entry.design == "pairs" or entry.design == "chain"
  local age, age_at_most = ages_of(entry, origin)
  return {
    order = entry.order, origin = origin.order, entry = entry, issue = origin, design = entry.design,
    lag = near and math.min(lag, NEIGHBOURS) or 0,
    issuer = labels[origin.order], answerer = labels[entry.order],
    key = entry.design == "marked" and shown and shown.kind == "key" and shown or nil,
    started = hello_of(entry), ended = entry.ended, since = since_of(origin), age = age, age_at_most = age_at_most,
    beside = (entry.ended - entry.started + origin.ended - origin.started - 2) / 2,
    offered = session.offered, resumed_before = session.resumed, issued_since = session.issued,
    filled = session.kept, source = entry.source, home = origin.source,
  }
end

local function note_session(sessions, order)
  sessions[order] = sessions[order] or { offered = 0, resumed = 0 }
  return sessions[order]
end

-- Of what failed: so many got a ServerHello first.
local function count_begun(tally, failed)
  tally.begun = failed and failed.begun and (tally.begun or 0) + 1 or tally.begun
end

local function count(tally, is_bad)
  local name = is_bad and "failed" or "answered"
  tally[name] = tally[name] + 1
end

-- How connections went on behind their handshakes, of those that were resumed and of full ones: did they break, and
-- was a request answered where one was sent to see that?
local function note_what_follows(evidence, entry)
  local kind = entry.outcome == "resumed" and "offers" or entry.outcome == "full" and "full"
  if kind and entry.broke ~= nil then
    count(evidence.breaks[kind], entry.broke)
  end
  if kind and entry.design == "served" then
    count(evidence.served[kind], not entry.answered)
  end
end

local function new_pair()
  return { offers = { answered = 0, failed = 0 }, full = { answered = 0, failed = 0 } }
end

local Reader = {}
Reader.__index = Reader

-- Notes an offer. Which of several tickets of a connection was offered ("fresh") nobody wrote down: each is new.
function Reader:offer(entry)
  local evidence, origin = self.evidence, self.by_order[self.origins[entry.from]]
  local result = result_of(entry, self.shown[entry.order], self.by_alert)
  local tally = evidence.offers_tally
  tally[result] = tally[result] + 1
  count_begun(tally, result == "failed" and entry)
  if not origin or not origin.ended or not entry.ended then
    return
  end
  local session = entry.design == "fresh" and { offered = 0, resumed = 0 } or note_session(self.sessions, origin.order)
  session.issued = self.issued_by[entry.order] - self.issued_by[origin.order]
  session.kept = self.kept_before[entry.order] - self.kept_by[origin.order]
  local offer = new_offer(entry, origin, session, self.labels, self.shown[entry.order])
  offer.result, offer.resumed = result, result == "resumed"
  session.offered = session.offered + 1
  session.resumed = session.resumed + (offer.resumed and 1 or 0)
  offer.alive = alive_of(offer)
  if ASIDE[entry.design] or (offer.alive == 0 and result ~= "failed") then
    return
  elseif result == "failed" then
    evidence.failed[#evidence.failed + 1] = offer
    return
  end
  if entry.design == "marked" then
    evidence.marked[#evidence.marked + 1] = offer
  end
  local list = entry.design == "identities" and evidence.identities or evidence.offers
  list[#list + 1] = offer
  evidence.crowded = evidence.crowded + ((entry.crowd and origin.crowd) and 1 or 0)
end

-- Was it answered: with a session, without one, or by who lacks the version?
function Reader:is_answered(entry)
  return ANSWERED[entry.outcome] or self.shown[entry.order] == sighting.OTHER_VERSION
end

function Reader:full(entry)
  local evidence = self.evidence
  local answered = self:is_answered(entry)
  local tally = evidence.full_tally
  tally[answered and "answered" or "failed"] = tally[answered and "answered" or "failed"] + 1
  tally.cut_short = tally.cut_short + (entry.cut_short and 1 or 0)
  count_begun(tally, not answered and entry)
  evidence.issues_none = evidence.issues_none or entry.issued == false
end

-- Did a connection meet a server that the balancer chose, and show which?
function Reader:is_sampled(entry)
  return SAMPLING[entry.design] and self:is_answered(entry)
end

function Reader:read(entry)
  local evidence = self.evidence
  if not entry.outcome then
    return
  end
  self.origins[entry.order] = origin_of(entry, self.origins)
  note_what_follows(evidence, entry)
  if entry.from and self.origins[entry.from] then
    self:offer(entry)
  elseif not entry.from and entry.design ~= "identities" then
    self:full(entry)
  end
  if self.origins[entry.order] == entry.order and (entry.ticket or entry.issued) then
    evidence.issued = evidence.issued + 1
  end
  evidence.sequence[#evidence.sequence + 1] = self:is_sampled(entry) and entry or nil
  evidence.asked_for_tickets[#evidence.asked_for_tickets + 1] = entry.design == "marked" and entry or nil
end

-- The key that a server shows beside a session ID is another mechanism's.
local function labels_of(entries, labels)
  local own = {}
  for _, entry in ipairs(entries) do
    own[entry.order] = entry.design ~= "marked" and labels[entry.order] or nil
  end
  return own
end

-- How many sessions a connection left in its cache, as far as it shows. Tickets that hold all state leave none.
local function kept_of(entry)
  if entry.ticket then
    return ticket_keys.is_cache_entry(entry.ticket_length) and entry.sessions or 0
  end
  return entry.session_id and 1 or 0
end

-- The same where a session was resumed and nobody looked: as many as others of its kind left most often.
local function kept_unseen(entries)
  local counts, most = {}, {}
  for _, entry in ipairs(entries) do
    local name = entry.mechanism or ""
    if entry.outcome == "resumed" and entry.awaited and entry.ticket then
      counts[name] = counts[name] or {}
      local kept = kept_of(entry)
      counts[name][kept] = (counts[name][kept] or 0) + 1
      most[name] = counts[name][kept] >= (counts[name][most[name]] or 0) and kept or most[name]
    end
  end
  return most
end

-- How many sessions came until each connection: all that were seen, and those that caches may have to keep, with it and
-- without it.
local function count_issued(entries)
  local issued_by, issued, kept_by, kept_before, kept, unseen = {}, 0, {}, {}, 0, kept_unseen(entries)
  for _, entry in ipairs(entries) do
    kept_before[entry.order] = kept
    issued = issued + (entry.sessions or ((entry.ticket or entry.session_id) and 1) or 0)
    local is_unseen = entry.outcome == "resumed" and not entry.awaited
    kept = kept + (is_unseen and unseen[entry.mechanism or ""] or kept_of(entry))
    issued_by[entry.order], kept_by[entry.order] = issued, kept
  end
  return issued_by, kept_by, kept_before
end

-- The shortest lifetime with which sessions were issued, by any mechanism: session IDs come without one.
local function stated_lifetime(entries)
  local least
  for _, entry in ipairs(entries) do
    least = (entry.lifetime_s or 0) > 0 and math.min(least or entry.lifetime_s, entry.lifetime_s) or least
  end
  return least
end

local function read_mechanism(name, entries, context, offers_fail)
  local shown, by_order = context.labels, context.by_order
  local labels = labels_of(entries, shown)
  local evidence = {
    mechanism = name, entries = entries, label = labels, shown = shown, by_order = by_order, issued = 0,
    issues_none = false, crowded = 0,
    offers = {}, failed = {}, marked = {}, identities = {}, sequence = {}, asked_for_tickets = {},
    offers_tally = { resumed = 0, refused = 0, failed = 0 }, full_tally = { answered = 0, failed = 0, cut_short = 0 },
    breaks = new_pair(), served = new_pair(),
  }
  function evidence.epoch_of_crowds(order)
    return evidence.crowded > 0 and by_order[order].crowd and 2 or 1
  end
  local reader = setmetatable({
    evidence = evidence, labels = labels, shown = shown, by_order = by_order, origins = {}, sessions = {},
    issued_by = context.issued_by, kept_by = context.kept_by, kept_before = context.kept_before,
    by_alert = alerts_refuse(entries, offers_fail),
  }, Reader)
  for _, entry in ipairs(entries) do
    reader:read(entry)
  end
  evidence.origin = reader.origins
  return evidence
end

-- Names of ticket keys as they were met, whatever mechanism showed them: servers have one for all. Who resumed a
-- session and showed none has that of the session, as far as can be inferred: it may know several. (Whom a crowd met
-- says nothing of who is there when.)
local function keys_in_order(entries, labels)
  local list, carried = {}, {}
  for _, entry in ipairs(entries) do
    local label = labels[entry.order] or (entry.outcome == "resumed" and carried[entry.from]) or nil
    carried[entry.order] = label
    list[#list + 1] = label and label.kind == "key" and not entry.crowd
      and { order = entry.order, label = label, inferred = not labels[entry.order] } or nil
  end
  return list
end

--- Reads a journal.
-- @tparam {table,...} entries in the order in which the connections were started; see resum.analysis.pool.analyse
-- @tparam[opt] boolean offers_fail see there
-- @treturn table mechanism -> evidence: entries; offers (answered: {order, origin (the connection that issued the
--   session), issuer and answerer (labels, as far as shown), result ("resumed", "refused", "failed"), resumed, lag (to
--   the connection that gave the session, where they are neighbours, else 0), since, started, ended (on the clock of
--   starts and ends), age and age_at_most (seconds, or ticks of that clock), beside (connections at the same time),
--   offered and resumed_before (so often before), alive (the chance that its lifetime was not over; nil: it was not),
--   issued_since (sessions, by anyone), filled (those of them that a cache has to keep), source and home (local
--   addresses), entry, issue}), failed, marked and identities (the same, apart); sequence (answered connections of the
--   sampling designs), asked_for_tickets, label (order -> label), origin (order -> order), crowded (offers in crowds of
--   what others had issued), epoch_of_crowds (order -> 2 for connections of crowds, 1 for others), keys (names of
--   ticket keys as seen in order, of all mechanisms), issued (sessions), issues_none (a full handshake showed that it
--   brings none), offers_tally, full_tally (begun: so many of those failed behind a ServerHello; nil: none), breaks
--   (behind the handshake: offers that resumed, and full: each {answered, failed}), served (the same of those that sent
--   a request to see whether it is answered), stated_s (the shortest lifetime that a server stated, or nil)
function M.read(entries, offers_fail)
  local labels, by_order, lists, all = sighting.labels(entries), {}, {}, {}
  local issued_by, kept_by, kept_before = count_issued(entries) -- a cache may keep the sessions of all mechanisms
  local context = { labels = labels, by_order = by_order, issued_by = issued_by, kept_by = kept_by,
    kept_before = kept_before }
  for _, entry in ipairs(entries) do
    by_order[entry.order] = entry
    lists[entry.mechanism] = lists[entry.mechanism] or {}
    table.insert(lists[entry.mechanism], entry)
  end
  local keys, stated_s = keys_in_order(entries, labels), stated_lifetime(entries)
  for name, list in pairs(lists) do
    all[name] = read_mechanism(name, list, context, offers_fail)
    all[name].keys, all[name].stated_s = keys, stated_s
  end
  return all
end

return M
