-- Does the server answer a short session ID with a longer one, filled up with memory (CVE-2016-9244)? It offers a
-- ticket with session IDs of several lengths and looks at the one in the ServerHello.

local core = require "resum.core"
local random = require "resum.util.random"

local M = {
  id = "ticketbleed",
  title = "Does the server leak memory behind a short session ID?",
  severity = "critical",
  class = "active",
  sources = { "CVE-2016-9244", "RFC 5077, section 3.4" },
  advice = "Install the update that CVE-2016-9244 names for the product; until then, switch session tickets off.",
}

-- Lengths of session IDs. Of 16 bytes on, a new ID that begins like ours by chance is out of the question; the single
-- byte comes last and never decides alone.
M.LENGTHS = { 16, 31, 1 }
local SERIES = 3 -- connections of each length, for each group of servers: one in three is met with 97 in 100
local MOST_GROUPS = 4
local LEAST_DECIDES = 16 -- bytes
local BYTE = "\xa5"
local CIPHER = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" -- what nearly all servers of TLS 1.2 have
local SECRET, TICKET, LIFETIME = 48, 192, 7200 -- of an invented session: bytes, bytes as OpenSSL's have, seconds

M.reasons = {
  leaks = function(evidence)
    return ("session IDs of %d bytes come back with %d more, which differ from one connection to the next"):format(
      evidence.sent_bytes, evidence.more_bytes)
  end,
  constant_tail = function(evidence)
    return ("session IDs of %d bytes come back with %d more, always the same"):format(evidence.sent_bytes,
      evidence.more_bytes)
  end,
  exact_echo = "session IDs come back as they were sent, or new ones do",
  no_answer = "the server answered none of the hellos with an unusual session ID",
  no_old_version = "the server does not speak TLS 1.2 or older",
}

-- What stands behind our bytes; nil where the server's ID is another, or no longer than ours.
local function tail_of(answer)
  local sent, got = answer.sent, answer.received
  return got and #got > #sent and got:sub(1, #sent) == sent and got:sub(#sent + 1) or nil
end

--- What one length's connections tell.
-- @tparam {table,...} series sent and received (session IDs; nil where no ServerHello came) of each
-- @treturn string "good", "leaks", "constant", "silent" (no answer), "unclear" (some answers are like that, some not)
-- @treturn integer bytes behind ours, 0 for none
-- @treturn integer connections that were answered so
function M.read_series(series)
  local tails, answered, differ = {}, 0, false
  for _, one in ipairs(series) do
    answered = answered + (one.received and 1 or 0)
    local tail = tail_of(one)
    if tail then
      differ = differ or tails[1] ~= nil and tails[1] ~= tail
      tails[#tails + 1] = tail
    end
  end
  if answered == 0 then
    return "silent", 0, 0
  elseif #tails == 0 then
    return "good", 0, 0
  elseif differ then
    return "leaks", #tails[1], #tails
  end
  return #tails >= 2 and "constant" or "unclear", #tails[1], #tails
end

--- What all lengths come to.
-- @tparam {table,...} all series, in the order of M.LENGTHS; one that is good ends it
-- @treturn table verdict, reason, evidence
function M.decide(all)
  local suspect, answered
  for _, series in ipairs(all) do
    local read, more, leaking = M.read_series(series)
    local sent = #series[1].sent
    local evidence = { sent_bytes = sent, more_bytes = more, connections = #series }
    if read == "good" then
      return { verdict = "good", reason = "exact_echo", evidence = { sent_bytes = sent, connections = #series } }
    elseif read == "leaks" and sent >= LEAST_DECIDES then
      return { verdict = "bad", reason = "leaks", evidence = evidence,
        share = leaking < #series and leaking / #series or nil }
    elseif sent >= LEAST_DECIDES and (read == "constant" or read == "unclear") then
      suspect = suspect or evidence
    end
    answered = answered or read ~= "silent"
  end
  if suspect then
    return { verdict = "inconclusive", reason = "constant_tail", evidence = suspect }
  end
  return { verdict = "inconclusive", reason = answered and "connection_failed" or "no_answer" }
end

local function invented(version, cipher)
  return assert(core.session({ version = version, cipher = cipher, secret = random.bytes(SECRET),
    ticket = random.bytes(TICKET), lifetime_s = LIFETIME, id = BYTE:rep(M.LENGTHS[1]) }))
end

-- A ticket that the server issued; where it issues none, or would not shake hands, an invented one. And whether it is
-- known to refuse the version.
local function ticket_session(context)
  local tickets = context.evidence:tickets_of("ticket")
  if tickets[#tickets] and tickets[#tickets].session then
    return tickets[#tickets].session, false
  end
  local session, records = context:session("ticket")
  if session and session:fields().ticket then
    return session, false
  end
  local last = records[#records]
  if last.outcome == "full" then
    return invented(last.version, last.cipher), false
  end
  return invented("TLSv1.2", CIPHER), last.outcome == "alert"
end

local function ask(context, session, length)
  local sent = BYTE:rep(length)
  local record = context:attempt({ mechanism = "ticket", session = assert(session:derive({ id = sent })),
    take_sessions = false })
  local facts = record.facts or {}
  return { sent = sent, received = facts.session_id_sent == sent and facts.session_id or nil }
end

--- @tparam table context see resum.audit.context
-- @treturn {table,...} what was found
function M.run(context)
  local session, is_refused = ticket_session(context)
  local groups = math.min(MOST_GROUPS, math.max(1, #context.evidence:members("ticket")))
  local all = {}
  for i, length in ipairs(M.LENGTHS) do
    all[i] = {}
    for number = 1, SERIES * groups do
      all[i][number] = ask(context, session, length)
      if groups == 1 and M.read_series(all[i]) == "good" then -- one server, one answer
        break
      end
    end
    local read = M.read_series(all[i])
    if read == "silent" and is_refused then
      return { { verdict = "not_applicable", reason = "no_old_version" } }
    elseif read == "good" then
      break
    end
  end
  return { M.decide(all) }
end

function M.connections(options)
  return 1 + options.retries + #M.LENGTHS * SERIES * MOST_GROUPS
end

return M
