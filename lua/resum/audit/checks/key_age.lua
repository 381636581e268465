-- How long has the key of the tickets been in use? Each run writes down which keys it saw (`--state FILE`); the age is
-- at least the time between the first and the last of them, and at most the time since a run did not see it yet.

local key_names = require "resum.audit.keys.names"
local utc = require "resum.util.utc"

local HOUR, DAY = 3600, 24 * 3600

local M = {
  id = "key-age",
  title = "How long has the key of the tickets been in use?",
  severity = "low",
  class = "active",
  harmless = true,
  needs = { "state" },
  sources = { "RFC 9325 4.1", "RFC 9846 4.7.1", "RFC 9846 F.1", "Springall et al. 2016" },
  advice = "Make new ticket keys at least once a day, on all servers at once, and keep the old ones for one lifetime "
    .. "of a ticket only. A key in a file stays until somebody replaces the file and reloads the server.",
}

--- From when on an age is bad, the gravest first: a month (10 % of domains in Springall et al. 2016), a week (the
-- longest lifetime of a TLS 1.3 ticket, RFC 9846 4.7.1, and what RFC 9325 gives as an example), a day (RFC 5246 F.1.4).
M.LIMITS = { { 30 * DAY, "high" }, { 7 * DAY, "medium" }, { 24 * HOUR, "low" } }
local YOUNG = 24 * HOUR

--- An age in words.
-- @tparam table evidence age_hours
-- @treturn string
function M.in_words(evidence)
  if evidence.age_hours >= 48 then
    return ("%d days"):format(evidence.age_hours // 24)
  elseif evidence.age_hours == 0 then
    return "less than an hour"
  end
  return evidence.age_hours == 1 and "1 hour" or ("%d hours"):format(evidence.age_hours)
end

M.reasons = {
  old_key = function(evidence)
    return ("a ticket key has been in use for at least %s"):format(M.in_words(evidence))
  end,
  seen_once = "no earlier run has seen these ticket keys, so their age is not known yet",
  young_so_far = function(evidence)
    return ("the ticket keys have been seen for %s so far; they may be older"):format(M.in_words(evidence))
  end,
  renewed = function(evidence)
    return ("the ticket keys are not older than %d hours: an earlier run saw others"):format(evidence.at_most_hours)
  end,
  no_tickets = "no ticket that is long enough to name its key was seen",
  no_name = "the tickets name no key: no two connections brought tickets that begin alike",
  address = "the tickets begin with addresses of memory, which name no key",
  regular = "the name of the key is so regular that others may have the same",
  state_failed = "what was seen could not be written to the state file",
}

-- The same key at the same place: at this address and port, whatever name was asked for, or for this name, at whatever
-- address. Elsewhere an equal name may be that of another key.
local function is_here(entry, one)
  local same_address = entry.address == one.address and entry.port == one.port
  return entry.key == one.key and entry.layout == one.layout
    and (same_address or one.sni ~= nil and entry.sni == one.sni and entry.port == one.port)
end

-- Since when a key is known here, and until when it was not there yet (nil: no run can tell).
local function bounds_of(entry, others)
  local first, absent, returned, runs = entry.first, entry.absent, entry.returned, entry.runs
  for _, other in ipairs(others(entry.key)) do
    if other ~= entry and is_here(other, entry) then
      if other.first < first then
        first, absent = other.first, other.absent
      end
      returned, runs = math.max(returned, other.returned), math.max(runs, other.runs)
    end
  end
  return first, absent, returned, runs
end

local function severity_of(age)
  for _, limit in ipairs(M.LIMITS) do
    if age >= limit[1] then
      return limit[2]
    end
  end
end

local function verdict_of(oldest, youngest_bound)
  local severity = severity_of(oldest.age)
  if severity then
    return "bad", "old_key", severity
  elseif youngest_bound and youngest_bound < YOUNG then
    return "good", "renewed"
  elseif oldest.age == 0 then
    return "info", "seen_once"
  end
  return "info", "young_so_far"
end

--- What the keys' entries come to.
-- @tparam {table,...} entries of the keys that this run saw, as store:note returned them: at least one
-- @tparam function of_key key -> all its entries (store:of_key)
-- @treturn table verdict, reason, severity, evidence (age_hours, first_seen and last_seen in UTC, runs, keys at once,
--   returned, at_most_hours)
function M.decide(entries, of_key)
  local oldest, bound = { age = -1 }, 0
  for _, entry in ipairs(entries) do
    local first, absent, returned, runs = bounds_of(entry, of_key)
    local age = entry.last - first
    bound = bound and absent and math.max(bound, entry.last - absent) or nil
    if age > oldest.age then
      oldest = { age = age, first = first, last = entry.last, returned = returned, runs = runs }
    end
  end
  local verdict, reason, severity = verdict_of(oldest, bound)
  return { verdict = verdict, reason = reason, severity = severity, evidence = {
    age_hours = oldest.age // HOUR,
    first_seen = utc(oldest.first),
    last_seen = utc(oldest.last),
    runs = oldest.runs,
    keys = #entries,
    returned = oldest.returned > 0 and oldest.returned or nil,
    at_most_hours = bound and -(-bound // HOUR) or nil,
  } }
end

--- @tparam table context see resum.audit.context
-- @treturn {table,...} what was found
function M.run(context)
  local entries, instead = key_names.entries(context)
  if not entries then
    return { instead }
  end
  local found = M.decide(entries, function(key)
    return context.options.store:of_key(key)
  end)
  context.evidence.key_age_hours = found.evidence.age_hours -- others say what that means for them
  return { found }
end

function M.connections()
  return key_names.CONNECTIONS
end

return M
