-- How long do sessions live? What tickets promise, against the bounds that the RFCs give and the end of the server's
-- certificate; and with `--lifetime` what becomes of them: resum.audit.lifetime.schedule waits and asks.

local certificate_end = require "resum.audit.lifetime.certificate_end"
local schedule = require "resum.audit.lifetime.schedule"

local HOUR, DAY = 3600, 24 * 3600

local M = {
  id = "lifetime",
  title = "How long does a session live?",
  severity = "low",
  class = "active",
  harmless = true,
  sources = { "RFC 5246, F.1.4", "RFC 9846, 4.7.1", "Springall et al. 2016", "Sy et al. 2018",
    "Go issue 77217" },
  advice = "Let sessions live for a day at most, and count their life from the full handshake on, also where a ticket "
    .. "is renewed.",
}

-- RFC 5246, F.1.4 suggests "an upper limit of 24 hours"; a week is the most that RFC 9846, 4.7.1 allows.
M.DAY, M.WEEK = 24 * HOUR, 7 * DAY

M.reasons = {
  long = function(evidence)
    return ("a %s promises to live for %d hours"):format(evidence.mechanism == "psk" and "PSK" or "ticket",
      evidence.lifetime_s // HOUR)
  end,
  outlives_certificate = function(evidence)
    local is_long = evidence.longer_s >= HOUR
    return ("sessions are promised to live %d %s longer than the server's certificate"):format(
      evidence.longer_s // (is_long and HOUR or 1), is_long and "hours" or "seconds")
  end,
  bounded = function(evidence)
    return ("sessions are promised to live for %d seconds at most"):format(evidence.lifetime_s)
  end,
  no_tickets = "no ticket says how long its session lives",
}
for reason, words in pairs(schedule.reasons) do
  M.reasons[reason] = words
end

-- The longest promise of each mechanism, and which connections it came with. 0 in TLS 1.2 says nothing (RFC 5077, 3.3).
local function promises(evidence)
  local list = {}
  for _, mechanism in ipairs({ "ticket", "psk" }) do
    local one = { mechanism = mechanism, lifetime_s = 0, connections = {} }
    for _, ticket in ipairs(evidence:tickets_of(mechanism)) do
      one.lifetime_s = math.max(one.lifetime_s, ticket.lifetime_s)
      one.connections[#one.connections + 1] = ticket.lifetime_s > M.DAY and ticket.connection or nil
    end
    list[#list + 1] = one.lifetime_s > 0 and one or nil
  end
  return list
end

local function end_of_certificate(evidence)
  local first
  for _, connection in ipairs(evidence.connections) do
    local at = connection.facts and certificate_end.seconds_of(connection.facts.leaf_not_after)
    first = at and math.min(at, first or at) or first
  end
  return first
end

local function judge_promise(one, evidence, is_certified)
  if one.lifetime_s <= M.DAY then
    return nil
  end
  local group, share = evidence:group_of(one.connections)
  return { verdict = "bad", reason = "long", group = group, share = share,
    severity = is_certified and "high" or one.lifetime_s > M.WEEK and "medium" or "low",
    evidence = { mechanism = one.mechanism, lifetime_s = one.lifetime_s, client_certificate = is_certified or nil } }
end

--- What tickets promise.
-- @tparam table evidence see resum.audit.evidence
-- @tparam integer now seconds since 1970
-- @tparam boolean is_certified the server asked for a client certificate, and got one
-- @treturn {table,...} verdict, reason, severity, evidence; one at least
function M.decide(evidence, now, is_certified)
  local list, longest = {}, 0
  for _, one in ipairs(promises(evidence)) do
    longest = math.max(longest, one.lifetime_s)
    list[#list + 1] = judge_promise(one, evidence, is_certified)
  end
  local ends = end_of_certificate(evidence)
  if longest > 0 and ends and ends > now and now + longest > ends then
    list[#list + 1] = { verdict = "bad", severity = "low", reason = "outlives_certificate",
      evidence = { lifetime_s = longest, longer_s = now + longest - ends },
      advice = "Have sessions end with the certificate: restart the server, or renew its ticket keys, with it." }
  end
  if #list == 0 then
    list[1] = longest == 0 and { verdict = "not_applicable", reason = "no_tickets" }
      or { verdict = "good", reason = "bounded", evidence = { lifetime_s = longest } }
  end
  return list
end

local function is_certified(context)
  local control = context.entry.control
  return context.options.has_certificate and control ~= nil and control.facts ~= nil
    and control.facts.certificate_request == true
end

--- @tparam table context see resum.audit.context
-- @treturn {table,...} what was found
function M.run(context)
  local certified = is_certified(context)
  local list = M.decide(context.evidence, os.time(), certified)
  if context.options.lifetime then
    local timed = schedule.run(context, certified)
    table.move(timed, 1, #timed, #list + 1, list)
  end
  return list
end

function M.connections(options)
  return options.lifetime and schedule.connections(options) or 0
end

return M
