-- Why there was no session to offer: the server issues none, does not speak the mechanism's version, or nobody could
-- see. Pure: full handshakes in, a verdict and its reason out. One dropped connection is never "TLS 1.3 only".

local counting = require "resum.analysis.counting"
local mechanisms = require "resum.connection.mechanism"

local M = {}

local NOTHING_IN_COMMON = { [40] = true, [71] = true } -- handshake_failure, insufficient_security

--- Did the server choose a version that is not the mechanism's when it had the choice?
-- @tparam string name of the mechanism
-- @tparam table control the record of the control, see resum.connection.connectivity
-- @treturn boolean
function M.other_version_chosen(name, control)
  return control.outcome == "full" and not control.version_limit
    and not mechanisms.speaks(mechanisms[name], control.version)
end

-- How a handshake without an offer was refused (the same text means the same refusal), how often that has to
-- happen to be no accident, and the alert's code.
local function refusal(record)
  if record.outcome == "alert" then
    local last = counting.last_alert(record)
    return "alert " .. (last and last.description or "unknown"), counting.REPEATED, last and last.code
  elseif record.outcome == "closed" or record.outcome == "reset" then
    return record.outcome, counting.DROPPED
  end
end

-- The versions in the ServerHellos: does the server speak the mechanism's (true), another instead (false), or is
-- nothing known (nil)?
local function version_spoken(seeds, mechanism)
  local spoken
  for _, record in ipairs(seeds) do
    if record.version and mechanisms.speaks(mechanism, record.version) then
      return true
    elseif record.version then
      spoken = false
    end
  end
  return spoken
end

-- Whether the same refusal, seen often enough, shows that it is the version that the server refuses: only where another
-- version worked right before and after it. "Nothing in common" may as well mean ciphers or groups: then it must have
-- chosen another version when it had the choice.
local function proves_version(alert, evidence)
  return evidence.other_version_around and (not NOTHING_IN_COMMON[alert] or evidence.other_version_chosen)
end

-- Whether these full handshakes, all failed, show that the server does not speak the mechanism's version.
local function version_is_missing(evidence, mechanism)
  local spoken = evidence.version_works or version_spoken(evidence.seeds, mechanism)
  if spoken ~= nil then
    return not spoken
  end
  local seen = {}
  for _, record in ipairs(evidence.seeds) do
    local how, often, alert = refusal(record)
    if how then
      seen[how] = (seen[how] or 0) + 1
      local enough = seen[how] >= often or alert == counting.PROTOCOL_VERSION -- which says so itself
      if enough and proves_version(alert, evidence) then
        return true
      end
    end
  end
  return false
end

-- Why a server that completed handshakes gave no session; and what was not seen is not "nothing": where no connection
-- went on until the server had its say, it is what ended the most of them.
local function without_issue(seeds, mechanism)
  local unseen, version = {}, nil
  for _, record in ipairs(seeds) do
    if record.outcome == "full" then
      version = version or record.version
      if #record.facts.tickets > 0 and mechanism.name == "psk" then
        return "not_supported", "lifetime_zero", record.version
      elseif not record.unseen then
        return "not_supported", "not_issued", record.version
      end
      unseen[record.unseen] = (unseen[record.unseen] or 0) + 1
    end
  end
  local reason = counting.most_frequent(unseen)
  return reason and "inconclusive", reason, version
end

--- Without a session to offer: why?
-- @tparam table evidence see resum.analysis.verdict.judge
-- @tparam table mechanism
-- @treturn string verdict
-- @treturn string reason
-- @treturn string|nil the version that was spoken
function M.explain(evidence, mechanism)
  local verdict, reason, version = without_issue(evidence.seeds, mechanism)
  if verdict then
    return verdict, reason, version
  end
  if version_is_missing(evidence, mechanism) then
    return "not_applicable", "version_not_supported"
  end
  local breaks = evidence.breaks and mechanism.name == "ticket"
  return "inconclusive", breaks and "breaks_with_tickets" or counting.failure_reason(evidence.seeds)
end

return M
