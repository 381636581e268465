-- What the checks that alter tickets have in common: a session of each mechanism that has tickets and resumes, what is
-- said where there is none to alter, and what an answer to an altered one means. It alters nothing and offers nothing.

local ticket_keys = require "resum.analysis.ticket_key"

local M = {}

-- How a client notices that a server resumed under another secret than the session's: it can't open or verify what
-- should be the server's Finished.
local OTHER_SECRET = { record_mac = true, finished = true }

-- The code of the server's last alert.
local function alert_code(record)
  local alerts = record.facts and record.facts.alerts or {}
  local last = alerts[#alerts]
  return last and last.from == "server" and last.code or nil
end

--- What a server answered to an altered ticket.
-- @tparam table|nil record of a connection by the probe
-- @treturn string|nil "resumed"; "rekeyed": TLS 1.2 went on with the ticket, without a certificate, under a secret that
--   is not the session's, so it was read from bytes that had been altered; "full" (handshake); "alert"; "ended" (closed
--   or reset: by the server, or on the way); nil where the network failed
-- @treturn integer|nil the alert's code
function M.answer(record)
  local outcome, facts = record and record.outcome, record and record.facts
  if outcome == "alert" then
    return "alert", alert_code(record)
  elseif outcome == "resumed" then
    return "resumed"
  elseif outcome == "refused" then
    return "full"
  elseif outcome == "closed" or outcome == "reset" then
    return "ended"
  elseif outcome == "protocol_error" and facts and facts.certificate == false and OTHER_SECRET[facts.violation] then
    return "rekeyed"
  end
end

--- The connections of all mechanisms that have tickets.
-- @tparam {string,...} mechanisms
-- @tparam integer each of one of them
-- @treturn integer
function M.connections(mechanisms, each)
  local count = 0
  for _, mechanism in ipairs(mechanisms) do
    count = count + (mechanism == "session_id" and 0 or each)
  end
  return count
end

-- What is found of one mechanism, and how many altered tickets were offered.
local function look(context, mechanism, judge)
  local session = context:session(mechanism)
  local ticket = session and session:fields().ticket or ""
  if not session then
    return { verdict = "inconclusive", reason = "connection_failed", evidence = { mechanism = mechanism } }, 0
  elseif ticket_keys.is_cache_entry(#ticket) then
    return nil, 0
  end
  return judge(mechanism, session, ticket)
end

--- Has the tickets of each mechanism judged.
-- @tparam table context see resum.audit.context
-- @tparam function judge (mechanism, session, ticket): returns a finding, or nil where all is well; and how many
--   altered tickets were offered
-- @tparam function good (how many in all): returns the finding where all is well with all mechanisms
-- @treturn {table,...} findings
function M.run(context, judge, good)
  local list, asked, offered = {}, 0, 0
  for _, mechanism in ipairs(context:resuming()) do
    if mechanism ~= "session_id" then
      local found, count = look(context, mechanism, judge)
      asked, offered, list[#list + 1] = asked + 1, offered + count, found
    end
  end
  if #list > 0 then
    return list
  elseif offered == 0 then
    return { { verdict = "not_applicable", reason = asked == 0 and "does_not_resume" or "names_only" } }
  end
  return { good(offered) }
end

return M
