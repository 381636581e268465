-- Does a session resume under another server name, under none, or under the same in capitals? RFC 6066 forbids the
-- first in TLS 1.2, RFC 9846 allows it: none of that is bad by itself, and what can be reached that way is another
-- check's business. It tells what happens.

local poll = require "resum.audit.poll"

local M = {
  id = "sni-rules",
  title = "Does a session resume under another name?",
  severity = "info",
  class = "active",
  on_request = true, -- it costs more connections than it can find
  sources = { "RFC 6066, section 3", "RFC 9846, 4.3.11 and 4.7.1" },
  advice = "Bind sessions to the server name that they were made under.",
}

local OTHER = "resumption-test.invalid" -- a name that nobody has (RFC 6761, section 6.4)

-- What happens in one way, and at how many of the connections where it is not the same at all servers.
local function words_of(evidence, way)
  local share = evidence[way .. "_share"]
  return share and ("%s (%.0f %%)"):format(evidence[way], 100 * share) or evidence[way]
end

M.reasons = {
  by_name = function(evidence)
    return ("under another name: %s; without a name: %s; in capitals: %s"):format(words_of(evidence, "other"),
      words_of(evidence, "none"), words_of(evidence, "capitals"))
  end,
  mixed_answers = "a session resumed under another name once, and not again",
  no_name = "there is no server name to leave out: the target is an address",
}

--- The ways of naming the server, in order.
M.WAYS = {
  { name = "other", of = function() return OTHER end },
  { name = "none", of = function() return false end },
  { name = "capitals", of = string.upper },
}

local OPEN = { mixed_answers = true, not_met = true }
local WORDS = { resumed = "resumes", refused = "full handshake", alert = "alert" }

--- What answers come to.
-- @tparam string mechanism
-- @tparam table outcomes name of the way -> outcome: "resumed", "refused" or "alert"; the reason where that can't be
--   told
-- @tparam[opt] table shares name of the way -> share of the connections that resume, where not all do
-- @treturn table verdict, reason, evidence
function M.decide(mechanism, outcomes, shares)
  local evidence, told, open = { mechanism = mechanism }, 0, nil
  for _, way in ipairs(M.WAYS) do
    local outcome = outcomes[way.name]
    evidence[way.name], evidence[way.name .. "_share"] = WORDS[outcome], shares and shares[way.name]
    told = told + (WORDS[outcome] and 1 or 0)
    open = OPEN[outcome] and outcome or open
  end
  if told < #M.WAYS then
    return { verdict = "inconclusive", reason = open or "connection_failed",
      evidence = evidence }
  end
  return { verdict = "info", reason = "by_name", evidence = evidence }
end

-- One way, with sessions that were not offered before. The probe proves by the server's Finished that it resumed.
local function ask_way(context, mechanism, way)
  local name = context.client.server_name
  local resumed, where = poll.ask(context, mechanism, function(session)
    local outcome = context:ask({ mechanism = mechanism, session = session, engine = "probe",
      server_name = way.of(name), take_sessions = false }).outcome
    if WORDS[outcome] then
      return outcome == "resumed", outcome
    end
  end, function()
    return context:spare_session(mechanism)
  end)
  if resumed then
    return "resumed", where.share
  elseif resumed == nil then
    return where.why
  end
  return where.code
end

local function ask(context, mechanism)
  local outcomes, shares = {}, {}
  for _, way in ipairs(M.WAYS) do
    outcomes[way.name], shares[way.name] = ask_way(context, mechanism, way)
  end
  return M.decide(mechanism, outcomes, shares)
end

--- @tparam table context see resum.audit.context
-- @treturn {table,...} what was found, of each mechanism that resumes
function M.run(context)
  if not context.client.server_name then
    return { { verdict = "not_applicable", reason = "no_name" } }
  end
  local list = {}
  for _, mechanism in ipairs(context:resuming()) do
    list[#list + 1] = ask(context, mechanism)
  end
  return #list > 0 and list or { { verdict = "not_applicable", reason = "does_not_resume" } }
end

--- One server takes twelve for each mechanism.
function M.connections(options)
  return #options.mechanisms * #M.WAYS * (poll.CONNECTIONS + 2 * options.retries)
end

return M
