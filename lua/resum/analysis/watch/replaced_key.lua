-- A ticket key that is in the place of another: what has become of the old one shows in offers of its sessions. Pure.

local tables = require "resum.util.tables"

local M = {}

--- Sessions of an old key that have to resume before the key is called kept.
M.KEPT = 2
--- Sessions of an old key that have to be refused before it is called dropped.
M.DROPPED = 4
--- Handshakes after a key was replaced until which sessions of the old one can be offered; then its fate is unknown.
M.PATIENCE = 40

local ReplacedKey = {}
ReplacedKey.__index = ReplacedKey

--- Notes what came of an offer. A resumption under another key is a proof; a refusal is one when others agree, and none
-- where the session's life was over.
-- @function replaced_key:note
-- @tparam table offer see resum.analysis.watch.acceptance; and is_alive
function ReplacedKey:note(offer)
  if offer.key and self.old[offer.key] then
    local is_refusal = not offer.good and offer.is_alive
    self.kept, self.dropped = self.kept + (offer.good and 1 or 0), self.dropped + (is_refusal and 1 or 0)
  elseif offer.mechanism == "session_id" and offer.issued < (self.change.until_then or self.change.since) then
    self.caches_kept = self.caches_kept + (offer.good and 1 or 0)
  end
end

--- Notes refusals of sessions of the old key from before it was certain that it was not there any more. Resumptions of
-- that time say nothing: while a server is reloaded, its old process may take some connections.
-- @function replaced_key:note_early
-- @tparam {table,...} offers
function ReplacedKey:note_early(offers)
  for _, offer in ipairs(offers) do
    if offer.time >= self.change.since and not offer.good then
      self:note(offer)
    end
  end
end

function ReplacedKey:is_dropped()
  return self.kept == 0 and self.dropped >= M.DROPPED
end

--- Is it certain what has become of it, or will it never be?
-- @function replaced_key:is_clear
-- @tparam boolean is_certificate_open is it to be seen soon whether the certificate changed?
-- @treturn boolean
function ReplacedKey:is_clear(is_certificate_open)
  return self.kept >= M.KEPT or self:is_dropped() and not is_certificate_open or self.handshakes >= M.PATIENCE
end

-- Servers that bind sessions to a certificate refuse those of a key that they keep, too.
function ReplacedKey:fate(history)
  local refused = self:is_dropped()
  if self.kept >= M.KEPT then
    return { old_key = "kept" }
  elseif refused and history:changed("certificate", self.span.from, self.span.to) then
    return { old_key = "unknown", certificate = "changed", refused = self.dropped }
  end
  return { old_key = refused and "dropped" or "unknown" }
end

--- What there is to tell of it.
-- @function replaced_key:fields
-- @tparam table history see resum.analysis.watch.history
-- @tparam table fields of the change
-- @treturn table fields of the event
function ReplacedKey:fields(history, fields)
  fields = tables.merged(fields, self:fate(history))
  fields.caches = self.caches_kept >= M.KEPT and "kept" or nil
  fields.away = history:changed("away", self.span.from, self.span.to) or nil
  return fields
end

--- @tparam table change see resum.analysis.watch.names
-- @tparam table span from, to: when it happened
-- @treturn table replaced_key: change, old (a set of names), handshakes (to be counted by who has it)
function M.new(change, span)
  local old = {}
  for _, one in ipairs(change.gone) do
    old[one] = true
  end
  return setmetatable({ change = change, span = span, old = old, kept = 0, dropped = 0, handshakes = 0,
    caches_kept = 0 }, ReplacedKey)
end

return M
