-- What a connection's record says to a watch: outcome, the key that its ticket names, certificate, what it issued.
-- Pure.

local hex = require "resum.util.hex"
local key_names = require "resum.audit.keys.names"
local mechanisms = require "resum.connection.mechanism"
local ticket_keys = require "resum.analysis.ticket_key"

local M = {}

local COMPLETED = { full = true, resumed = true, refused = true, unknown = true }

-- The name of the key that a ticket shows; nil where what stands there is none, or the next ticket has another.
local function key_of(tickets)
  local first, last = tickets[1], tickets[#tickets]
  local name = first and ticket_keys.key_name(first.ticket)
  if name and ticket_keys.key_name(last.ticket) == name
    and not key_names.problem_of(first.ticket:sub(1, ticket_keys.LENGTH)) then
    return name
  end
end

local function issued(record, mechanism)
  if mechanism.issued(record.facts) then
    return true
  elseif record.outcome == "full" and not record.unseen then
    return false
  end
end

--- @tparam table record see resum.connection.client
-- @treturn table outcome, problem, issued, key, is_stateful, certificate (see resum.analysis.watch), promise (seconds)
function M.of(record)
  if not COMPLETED[record.outcome] then
    return { outcome = "failed", problem = { code = record.error.code, message = record.error.message } }
  end
  local mechanism, facts = mechanisms[record.mechanism], record.facts
  local tickets = mechanism.name ~= "session_id" and facts.tickets or {}
  local last = tickets[#tickets]
  return { outcome = record.outcome, issued = issued(record, mechanism), key = key_of(tickets),
    is_stateful = last and ticket_keys.is_cache_entry(#last.ticket),
    certificate = facts.leaf_sha256 and hex(facts.leaf_sha256) or nil, promise = last and last.lifetime_s or 0 }
end

return M
