-- What the checks that alter tickets have in common: a session of each mechanism that has tickets and resumes, what is
-- said where there is none to alter, and what an answer to an altered one means. It alters nothing and offers nothing.

local poll = require "resum.audit.poll"
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

--- Words for a session that does not resume any more.
-- @tparam table evidence mechanism
-- @treturn string
function M.session_ended(evidence)
  return ("no altered ticket resumed, but in the end the session did not resume as it is, either (%s): the server has "
    .. "changed its keys, or has forgotten it"):format(evidence.mechanism)
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

-- Offers of a session as it is, after its altered tickets: the first may be lost; and behind a balancer they miss its
-- server with 5 in 100, squared.
local AS_IT_IS = 2

--- The connections of all mechanisms that have tickets.
-- @tparam {string,...} mechanisms
-- @tparam integer each of one of them, but for offers of sessions as they are
-- @treturn integer
function M.connections(mechanisms, each)
  local count = 0
  for _, mechanism in ipairs(mechanisms) do
    count = count + (mechanism == "session_id" and 0 or each + poll.MOST_MEMBERS * AS_IT_IS * poll.MOST_ROUNDS)
  end
  return count
end

-- Does a session still resume as it is? Else its altered tickets may have been refused for another reason: a server
-- that has changed its keys, or has forgotten the session, refuses all of them. (Whose time is over is asked no more.)
local function still_resumes(context, mechanism, session, member)
  if context.client:expired(session) then
    return true
  end
  for _ = 1, AS_IT_IS * (member.share and poll.rounds_of(member.share) or 1) do
    if context:attempt({ mechanism = mechanism, session = session, take_sessions = false }).outcome == "resumed" then
      return true
    end
  end
  return false
end

-- The groups of servers whose tickets are looked at, each with a session that it made: those that the scans told apart,
-- or the only one.
local function members_of(context, mechanism)
  local all, list = context.evidence:members(mechanism), {}
  if #all < 2 then
    return { { session = context:session(mechanism), count = 1 } }
  end
  local count = math.min(#all, poll.MOST_MEMBERS)
  for i = 1, count do
    list[i] = { letter = all[i].letter, share = all[i].share, count = count,
      session = context:session_of(mechanism, all[i].letter, poll.MOST_ROUNDS) }
  end
  return list
end

-- What is found of one group, and how many altered tickets were answered.
local function look(context, mechanism, member, judge)
  local session = member.session
  local ticket = session and session:fields().ticket or ""
  if not session then
    return { verdict = "inconclusive", reason = "connection_failed", evidence = { mechanism = mechanism } }, 0
  elseif poll.is_unmet(context, mechanism) then
    return { verdict = "inconclusive", reason = "not_met", evidence = { mechanism = mechanism } }, 0
  elseif ticket_keys.is_cache_entry(#ticket) then
    return nil, 0
  end
  local found, count = judge(mechanism, session, ticket, member)
  if not found and not still_resumes(context, mechanism, session, member) then
    found = { verdict = "inconclusive", reason = "session_ended", evidence = { mechanism = mechanism } }
  end
  return found, count
end

-- Adds a finding: to another group's where that is the same.
local function add(list, found, member)
  for _, one in ipairs(list) do
    if one.reason == found.reason and one.evidence.mechanism == found.evidence.mechanism then
      one.group, one.share = nil, one.share and one.share + member.share
      return
    end
  end
  found.group, found.share = member.letter, found.share or member.share
  list[#list + 1] = found
end

--- Has the tickets of each mechanism judged, those of each group of servers by themselves.
-- @tparam table context see resum.audit.context
-- @tparam function judge (mechanism, session, ticket, member): returns a finding, or nil where all is well; and how
--   many altered tickets were answered. member has the number of groups (count), and where there are several the letter
--   and share of this one
-- @tparam function good (how many in all): returns the finding where all is well with all mechanisms
-- @treturn {table,...} findings
function M.run(context, judge, good)
  local list, asked, offered = {}, 0, 0
  for _, mechanism in ipairs(context:resuming()) do
    for _, member in ipairs(mechanism ~= "session_id" and members_of(context, mechanism) or {}) do
      local found, count = look(context, mechanism, member, judge)
      asked, offered = asked + 1, offered + count
      if found then
        add(list, found, member)
        context:keep(found)
      end
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
