-- What has changed at one address, as far as its connections show: observations in, events out. It has no clock and
-- makes no connection: whoever calls it says when and what, and asks what would best be looked at next. An event needs
-- connections that agree, see chance.lua; a single one that went wrong is none. Its memory is bounded. Pure.

local acceptance = require "resum.analysis.watch.acceptance"
local histories = require "resum.analysis.watch.history"
local losses = require "resum.analysis.watch.losses"
local mechanisms = require "resum.connection.mechanism"
local names = require "resum.analysis.watch.names"
local presence = require "resum.analysis.watch.presence"
local promises = require "resum.analysis.watch.promise"
local replaced_keys = require "resum.analysis.watch.replaced_key"

local M = {}

--- Events that are kept for whoever shows them.
M.EVENTS = histories.EVENTS
local EARLY = 64 -- offers that are kept until it is certain whether a key was replaced

local Watch = {}
Watch.__index = Watch

-- Keys and certificates -----------------------------------------------------------------------------------------------

local KEY_EVENTS = { replaced = "key_replaced", one_replaced = "member_replaced", came = "key_came", went = "key_went" }
local CERTIFICATE_EVENTS = { replaced = "certificate_replaced", one_replaced = "certificate_replaced_in_part",
  came = "certificate_came", went = "certificate_went" }

local function fields_of(change)
  return { new = change.new, old = change.gone, there = change.there, since = change.since,
    until_then = change.until_then }
end

-- The time in which it happened; where an old process and a new one were there side by side, that takes a while.
local function span_of(change)
  local from = change.until_then or change.since
  return { from = math.min(from, change.since), to = math.max(from, change.since) }
end

function Watch:note_certificate(name)
  local change = self.certificates:see(name, self.history.time)
  if change then
    self.history:remember("certificate", span_of(change))
    self.history:tell(CERTIFICATE_EVENTS[change.kind], fields_of(change))
  end
end

-- A key that is in the place of others: what becomes of their sessions is told with it, so it waits for offers.
function Watch:note_key(name)
  local change = self.keys:see(name, self.history.time)
  if not change then
    return
  end
  self:conclude_key()
  local span = span_of(change)
  self.history:remember("key", span)
  if change.kind ~= "replaced" or #change.new == 0 then
    self.history:tell(change.kind == "replaced" and "key_went" or KEY_EVENTS[change.kind], fields_of(change))
    return
  end
  self.key_change = replaced_keys.new(change, span)
  self.caches = { before = change.until_then or change.since, since = change.since, kept = 0 }
  self.key_change:note_early(self.early)
  self.early = {}
end

function Watch:conclude_key()
  local pending = self.key_change
  if not pending then
    return
  end
  self.key_change = nil
  local fields = pending:fields(self.history, fields_of(pending.change))
  for _, mechanism in ipairs({ "ticket", "psk" }) do
    if self.mechanisms[mechanism] and fields.old_key ~= "kept" then
      self.mechanisms[mechanism].acceptance:forget()
    end
  end
  self.history:tell("key_replaced", fields)
end

-- Sessions ------------------------------------------------------------------------------------------------------------

function Watch:tell_verdict(mechanism, verdict)
  if verdict.kind == "lost" then
    self.history:remember("lost", { from = verdict.cut, to = verdict.since })
    self.losses:wait(mechanism, verdict)
  elseif verdict.kind == "stopped" then
    self.history:tell("resumption_stopped", { mechanism = mechanism, since = verdict.since, refused = verdict.refused })
  elseif verdict.kind == "back" then
    self.history:tell("resumption_back", { mechanism = mechanism, since = verdict.since, stopped = verdict.stopped })
  else
    self.history:tell("lifetime_reached", { mechanism = mechanism, since = verdict.since, alive_s = verdict.alive,
      dead_s = verdict.dead, promised_s = verdict.promise })
  end
end

-- A key that was replaced asks whether sessions in caches outlived it: they do in a reload, and not in a restart. Each
-- is asked once. Where two resume it is clear; where one is refused, a doubt goes on.
function Watch:note_caches(offer)
  local caches = self.caches
  if caches and offer.mechanism == "session_id" and offer.good and offer.issued < caches.before
    and offer.time >= caches.since then
    caches.kept = caches.kept + 1
    self.caches = caches.kept < replaced_keys.KEPT and caches or nil
  end
end

function Watch:note_offer(one, seen)
  local session = seen.session
  local offer = { id = session.id, time = seen.time, mechanism = seen.mechanism, issued = session.issued,
    age = session.age, again = session.again, promise = session.promise, key = session.key,
    good = seen.outcome == "resumed" }
  offer.is_alive = one.acceptance:is_alive(offer)
  self:note_caches(offer)
  if self.key_change then
    self.key_change:note(offer)
  else
    self.early[#self.early + 1] = offer
    if #self.early > EARLY then
      table.remove(self.early, 1)
    end
  end
  local verdict = not self:is_of_gone_key(offer) and one.acceptance:note(offer)
  if verdict then
    self:tell_verdict(seen.mechanism, verdict)
  end
end

-- Refused, as is no wonder: its key is not there any more.
function Watch:is_of_gone_key(offer)
  return not offer.good and offer.key ~= nil and #self.keys.list > 0 and not self.keys:has(offer.key)
end

-- Connections ---------------------------------------------------------------------------------------------------------

-- Changes beside which sessions may have been lost.
local CHANGES = { "key", "certificate", "away", "lost" }

function Watch:new_mechanism(saved)
  saved = saved or {}
  local function is_beside_change(from, to)
    return self.history:changed_any(CHANGES, from, to)
  end
  return { acceptance = acceptance.new(saved.acceptance, is_beside_change), presence = presence.new(saved.presence),
    issuing = presence.new(saved.issuing), has_issued = saved.has_issued, has_keys = saved.has_keys,
    forms = names.new(saved.forms), promise = promises.new(saved.promise), has_worked = saved.has_worked }
end

function Watch:mechanism(name)
  self.mechanisms[name] = self.mechanisms[name] or self:new_mechanism()
  return self.mechanisms[name]
end

-- Is all of the server down, or a mechanism alone?
function Watch:note_presence(one, seen)
  local failed = seen.outcome == "failed"
  local verdict, since, failed_last
  if one.has_worked or self.worked_at == 0 or not failed then -- else this mechanism has never worked here
    verdict, since, failed_last = self.presence:note(seen.time, not failed, seen.problem)
  end
  if verdict == "down" then
    self.history:tell("server_down", { since = self.presence.since, problem = self.presence.problem })
  elseif verdict == "up" then
    self.history:remember("away", { from = since, to = seen.time })
    self.history:tell("server_up", { since = self.presence.back_since, down = since, down_until = failed_last })
  end
  if not self.presence.is_down and (one.has_worked or not failed) then
    local alone, alone_since = one.presence:note(seen.time, not failed, seen.problem)
    if alone == "down" and self.worked_at > one.presence.since then
      self.history:tell("mechanism_failing", { mechanism = seen.mechanism, since = one.presence.since,
        problem = seen.problem })
      one.is_told = true
    elseif alone == "up" and one.is_told then
      self.history:tell("mechanism_works", { mechanism = seen.mechanism, since = one.presence.back_since,
        down = alone_since })
      one.is_told = nil
    end
  end
  if not failed then
    one.has_worked, self.worked_at = true, seen.time
  end
end

-- Does the server still issue sessions of this mechanism?
function Watch:note_issuing(one, seen)
  if seen.issued == nil or not one.has_issued and not seen.issued then
    return
  elseif not one.has_issued and one.has_met_none then
    self.history:tell("issuing_began", { mechanism = seen.mechanism, since = seen.time })
  end
  one.has_issued = true
  local verdict, since = one.issuing:note(seen.time, seen.issued)
  if verdict == "down" then
    self.history:tell("issuing_stopped", { mechanism = seen.mechanism, since = one.issuing.since })
  elseif verdict == "up" then
    self.history:tell("issuing_began", { mechanism = seen.mechanism, since = one.issuing.back_since, stopped = since })
  end
end

-- Tickets are sealed with a key, or are names of entries in a cache; a server that changes that refuses the others.
function Watch:note_form(one, seen)
  local change = one.forms:see(seen.is_stateful and losses.CACHED or losses.SEALED, self.history.time)
  if change then
    self.history:remember(seen.mechanism, span_of(change))
  end
end

-- How long they lived says nothing of new sessions that are promised to live shorter or longer.
function Watch:note_promise(one, seen)
  local change = one.promise:note(seen.promise or 0, seen.time)
  if change then
    one.acceptance:take_promise(change.promised_s)
    change.mechanism = seen.mechanism
    self.history:tell("lifetime_changed", change)
  end
end

function Watch:note_handshake(one, seen)
  if self.key_change then
    self.key_change.handshakes = self.key_change.handshakes + 1
  end
  self.losses:note_handshake(seen.key ~= nil)
  if seen.certificate then
    self:note_certificate(seen.certificate)
  end
  if seen.key then
    one.has_keys = true
    self:note_key(seen.key)
  elseif one.has_keys and seen.issued ~= nil then
    self:note_key(nil)
  end
  if seen.is_stateful ~= nil then
    self:note_form(one, seen)
    self:note_promise(one, seen)
  end
  self:note_issuing(one, seen)
end

--- Notes a connection.
-- @function watch:observe
-- @tparam table seen time (seconds, never going back), mechanism, outcome ("full", "resumed", "refused", "failed";
--   "unknown": a full handshake, and nothing was refused by it), problem ({code, message}, where it failed), issued
--   (did a full handshake bring a session? nil: can't be told), key (name of the key of the ticket that a full
--   handshake brought, where it names one), is_stateful (is that ticket the name of an entry in a cache? nil: there is
--   none), certificate (fingerprint), session (what was offered: id, issued, age, again, promise, see
--   resum.analysis.watch.acceptance; key)
-- @treturn {table,...} events, see docs/watch.md: kind, time, since and what belongs to the kind
function Watch:observe(seen)
  local told = self.history:begin(seen.time)
  self.began = self.began or seen.time
  local one = self:mechanism(seen.mechanism)
  self:note_presence(one, seen)
  if seen.outcome ~= "resumed" and seen.outcome ~= "failed" then
    self:note_handshake(one, seen)
  end
  if seen.outcome == "resumed" or seen.outcome == "refused" then
    self:note_offer(one, seen)
  end
  if self.key_change and self.key_change:is_clear(self.certificates:wants_more()) then
    self:conclude_key()
  end
  self.losses:tell(self)
  return told
end

--- Notes what happened at our own end: the clock was set, or nobody watched for a while.
-- @function watch:note_own
-- @tparam string kind "clock_set" or "not_watched"
-- @tparam number time seconds
-- @tparam table fields by_s, or since
-- @treturn {table,...} events
function Watch:note_own(kind, time, fields)
  local told = self.history:begin(time)
  self.history:tell(kind, fields)
  return told
end

--- What would best be offered next, the best first.
-- @function watch:wants
-- @tparam string mechanism
-- @treturn {table,...} see resum.analysis.watch.acceptance; or key (a set of names: a session of one of these),
--   not_since, is_promised (true: whose promised lifetime has not passed)
function Watch:wants(mechanism)
  local one = self.mechanisms[mechanism]
  if not one or self.presence.is_down then
    return {}
  elseif self.key_change and one.has_keys then
    return { { key = self.key_change.old, not_since = self.key_change.change.since, is_promised = true } }
  end
  local list, caches = one.acceptance:wants(), self.caches
  if #list == 0 and caches and not one.has_keys then
    list[1] = one.acceptance:older(caches.before, caches.since)
  end
  return list
end

--- Would more full handshakes tell something that is not certain yet?
-- @function watch:wants_handshakes
-- @treturn string|nil "key": those whose tickets name keys; "any"; nil: no
function Watch:wants_handshakes()
  if self.presence.is_down then
    return nil
  elseif self.keys:wants_more() or self.losses:are_waiting() and #self.keys.list > 0 then
    return "key"
  end
  return self.certificates:wants_more() and "any" or nil
end

-- What is known now ---------------------------------------------------------------------------------------------------

local function state_of(one)
  local known = one.acceptance
  return { rate = known.recent:share(), offers = known.offers, known_age_s = known.known_age, limit_s = known.limit,
    stopped_since = known.stopped and known.stopped.since or nil, issues = one.has_issued and not one.issuing.is_down,
    works = one.has_worked and not one.presence.is_down }
end

--- What is known now.
-- @function watch:state
-- @treturn table is_up (nil: nothing is known yet), down_since, problem, keys and certificates (lists: name, first,
--   last, share; the newest one first), mechanisms (name -> rate, offers, known_age_s, limit_s, stopped_since, issues,
--   works), counts (kind of event -> how many), events (the newest ones, the oldest first), from (seconds: its first
--   connection; nil before that)
function Watch:state()
  local list = {}
  for _, name in ipairs(mechanisms.names) do
    list[name] = self.mechanisms[name] and state_of(self.mechanisms[name]) or nil
  end
  local is_up = nil
  if self.presence.is_down or self.worked_at > 0 then
    is_up = not self.presence.is_down
  end
  return { is_up = is_up, down_since = self.presence.is_down and self.presence.since or nil,
    problem = self.presence.problem, keys = self.keys:all(), certificates = self.certificates:all(),
    mechanisms = list, counts = self.history.counts, events = self.history.events, from = self.began }
end

--- What has to be kept over a restart; it holds no secret.
-- @function watch:save
-- @treturn table
function Watch:save()
  local list = {}
  for name, one in pairs(self.mechanisms) do
    list[name] = { acceptance = one.acceptance:save(), presence = one.presence:save(), issuing = one.issuing:save(),
      has_issued = one.has_issued, has_keys = one.has_keys, forms = one.forms:save(), promise = one.promise:save(),
      has_worked = one.has_worked }
  end
  return { keys = self.keys:save(), certificates = self.certificates:save(), presence = self.presence:save(),
    mechanisms = list, counts = self.history.counts, events = self.history.events, changes = self.history.changes,
    worked_at = self.worked_at, began = self.began }
end

--- @tparam[opt] table saved see save
-- @treturn table watch
function M.new(saved)
  saved = saved or { mechanisms = {}, counts = {}, events = {}, worked_at = 0 }
  local watch = setmetatable({ keys = names.new(saved.keys), certificates = names.new(saved.certificates),
    presence = presence.new(saved.presence), history = histories.new(saved), losses = losses.new(), mechanisms = {},
    worked_at = saved.worked_at, began = saved.began, early = {}, key_change = nil, caches = nil }, Watch)
  for name, one in pairs(saved.mechanisms) do
    watch.mechanisms[name] = watch:new_mechanism(one)
  end
  return watch
end

return M
