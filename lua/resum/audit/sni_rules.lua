-- Does a session resume under another server name, under none, or under the same in capitals? RFC 6066 forbids the
-- first in TLS 1.2, RFC 9846 allows it: none of that is bad by itself, and what can be reached that way is another
-- check's business. It tells what happens.

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

M.reasons = {
  by_name = function(evidence)
    return ("under another name: %s; without a name: %s; in capitals: %s"):format(evidence.other, evidence.none,
      evidence.capitals)
  end,
  no_name = "there is no server name to leave out: the target is an address",
}

--- The ways of naming the server, in order.
M.WAYS = {
  { name = "other", of = function() return OTHER end },
  { name = "none", of = function() return false end },
  { name = "capitals", of = string.upper },
}

local WORDS = { resumed = "resumes", refused = "full handshake" }

--- What answers come to.
-- @tparam string mechanism
-- @tparam table outcomes name of the way -> outcome
-- @treturn table verdict, reason, evidence
function M.decide(mechanism, outcomes)
  local evidence, told = { mechanism = mechanism }, 0
  for _, way in ipairs(M.WAYS) do
    local outcome = outcomes[way.name]
    evidence[way.name] = WORDS[outcome] or outcome
    told = told + ((WORDS[outcome] or outcome == "alert") and 1 or 0)
  end
  if told < #M.WAYS then
    return { verdict = "inconclusive", reason = "connection_failed", evidence = evidence }
  end
  return { verdict = "info", reason = "by_name", evidence = evidence }
end

-- Each way with a session that was not offered before. The probe proves by the server's Finished that it resumed.
local function ask(context, mechanism)
  local outcomes, name = {}, context.client.server_name
  for _, way in ipairs(M.WAYS) do
    local session = context:spare_session(mechanism)
    if not session then
      return nil
    end
    outcomes[way.name] = context:ask({ mechanism = mechanism, session = session, engine = "probe",
      server_name = way.of(name), take_sessions = false }).outcome
  end
  return outcomes
end

--- @tparam table context see resum.audit.context
-- @treturn {table,...} what was found, of each mechanism that resumes
function M.run(context)
  if not context.client.server_name then
    return { { verdict = "not_applicable", reason = "no_name" } }
  end
  local list = {}
  for _, mechanism in ipairs(context:resuming()) do
    local outcomes = ask(context, mechanism)
    list[#list + 1] = outcomes and M.decide(mechanism, outcomes)
      or { verdict = "inconclusive", reason = "connection_failed" }
  end
  return #list > 0 and list or { { verdict = "not_applicable", reason = "does_not_resume" } }
end

function M.connections(options)
  return #options.mechanisms * #M.WAYS * 2 * (1 + options.retries)
end

return M
