-- Sessions from before a moment are lost: why, as far as it shows in what changed beside. Pure: it reads the watch, and
-- tells its event.

local replaced_key = require "resum.analysis.watch.replaced_key"

local M = {}

--- Sessions of a key that lives that have to be refused, beside those of a cache, before the cache is not blamed.
M.BESIDE = 2
--- Handshakes that show a key, after sessions were lost, before it is said that the keys are the same.
M.KEYS_AFTER = 3
--- What a ticket is: the name of an entry in a cache.
M.CACHED = "cached"
--- Or a session sealed with a key.
M.SEALED = "sealed"

local Losses = {}
Losses.__index = Losses

-- Keys that are named, and whether they changed at that moment; nil where none is.
local function keys_beside(watch, from, to)
  if #watch.keys.list == 0 then
    return nil
  end
  return watch.history:changed("key", from, to) and "changed" or "same"
end

-- Were those that are lost, and are those that are issued, entries of a cache?
local function are_in_cache(mechanism, one)
  return mechanism == "session_id" or #one.forms.list == 1 and one.forms:has(M.CACHED)
end

-- Are sessions of a key that lives refused as well, though they are not too old, and none is taken? Then what is
-- refused is not what a cache forgot: a server was configured anew, and binds sessions to that.
local function are_sealed_refused(watch, from, to)
  local good, bad = 0, 0
  for _, offer in ipairs(watch.early) do
    if offer.key and watch.keys:has(offer.key) and offer.issued <= from and offer.time >= to then
      good, bad = good + (offer.good and 1 or 0), bad + (not offer.good and offer.is_alive and 1 or 0)
    end
  end
  return good == 0 and bad >= M.BESIDE
end

local function tell(watch, mechanism, verdict)
  local one, history = watch.mechanisms[mechanism], watch.history
  local from, to = verdict.cut, verdict.since
  if one.has_keys and #watch.keys.list > 0 and history:changed("key", from, to) then
    return -- the key's own event says it
  end
  local is_bound, other_form = history:changed("certificate", from, to), history:changed(mechanism, from, to)
  local in_cache = are_in_cache(mechanism, one) and not other_form
  local sealed = in_cache and not is_bound
    and (are_sealed_refused(watch, from, to) or history:changed(M.SEALED, from, to))
  local has_keys = mechanism == "session_id" or one.has_keys or in_cache
  local tickets = other_form and (one.forms:has(M.CACHED) and M.CACHED or M.SEALED) or sealed and "refused" or nil
  if not in_cache and not other_form then
    history:remember(M.SEALED, { from = from, to = to })
  end
  history:tell(in_cache and not (is_bound or sealed) and "cache_emptied" or "sessions_lost", { mechanism = mechanism,
    since = to, until_then = from, refused = verdict.refused, keys = has_keys and keys_beside(watch, from, to) or nil,
    away = history:changed("away", from, to) or nil, certificate = is_bound and "changed" or nil, tickets = tickets })
end

--- Notes a loss; it is told when it is clear what changed beside.
-- @function losses:wait
-- @tparam string mechanism
-- @tparam table verdict see resum.analysis.watch.acceptance
function Losses:wait(mechanism, verdict)
  self.waiting[#self.waiting + 1] = { mechanism = mechanism, verdict = verdict, keys = 0, handshakes = 0 }
end

--- Is one to be told yet?
-- @function losses:are_waiting
-- @treturn boolean
function Losses:are_waiting()
  return #self.waiting > 0
end

--- Notes a full handshake.
-- @function losses:note_handshake
-- @tparam boolean has_key did its ticket name one?
function Losses:note_handshake(has_key)
  for _, lost in ipairs(self.waiting) do
    lost.handshakes, lost.keys = lost.handshakes + 1, lost.keys + (has_key and 1 or 0)
  end
end

--- Tells those that are clear. Why sessions were lost may show in names that are just being looked at: then it is told
-- when these are certain.
-- @function losses:tell
-- @tparam table watch see resum.analysis.watch
function Losses:tell(watch)
  local still = {}
  for _, one in ipairs(self.waiting) do
    local is_clear = #watch.keys.list == 0 or one.keys >= M.KEYS_AFTER and not watch.keys:wants_more()
      and not watch.key_change
    local is_open = watch.mechanisms[one.mechanism].forms:wants_more() or watch.certificates:wants_more()
    if is_clear and not is_open or one.handshakes >= replaced_key.PATIENCE then
      tell(watch, one.mechanism, one.verdict)
    else
      still[#still + 1] = one
    end
  end
  self.waiting = still
end

--- @treturn table losses
function M.new()
  return setmetatable({ waiting = {} }, Losses)
end

return M
