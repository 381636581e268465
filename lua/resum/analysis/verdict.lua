-- What the attempts say: counts, a verdict and a reason for each mechanism. Pure: records in, tables out.
-- Its rules guard against the known ways to be wrong: what timed out is neither yes nor no, one dropped
-- connection is never "TLS 1.3 only", a ticket issued is not a ticket accepted, and a ticket that works
-- once is not a fault of the server.

local explanation = require "resum.analysis.explanation"
local mechanisms = require "resum.connection.mechanism"

local M = {}

local ERRORS = { timeout = true, reset = true, closed = true, unreachable = true, protocol_error = true,
  no_starttls = true }
local PROTOCOL_VERSION = 70 -- alerts of RFC 8446, section 6.2
local NOTHING_IN_COMMON = { [40] = true, [71] = true } -- handshake_failure, insufficient_security
local REPEATED = 2 -- the same alert so often is no accident
local DROPPED = 3 -- a connection dropped in the same way so often neither
local ALERTS_AMONG_RESUMPTIONS = 0.2 -- the share from which on they are the answer of some of the servers

local function count_outcome(records, outcome)
  local n = 0
  for _, record in ipairs(records) do
    n = n + (record.outcome == outcome and 1 or 0)
  end
  return n
end

local function last_alert(record)
  local alerts = record.facts and record.facts.alerts or {}
  return alerts[#alerts]
end

--- Was an offered session answered with a protocol_version alert? It is a refusal, even once: a server that does not
-- speak the session's version will never resume it, and makes full handshakes of others.
-- @tparam record record
-- @treturn boolean
function M.refuses_version(record)
  local last = record.outcome == "alert" and last_alert(record) or {}
  return last.code == PROTOCOL_VERSION
end

-- A server may answer an offered session with a fatal alert where it should fall back to a full handshake. That is its
-- answer when it does so again and again, and never to a full handshake. A few alerts among resumptions are accidents,
-- counted as errors.
local function alert_is_answer(records, seeds)
  local alerts = count_outcome(records, "alert")
  if alerts < REPEATED or count_outcome(seeds, "alert") > 0 then
    return false
  elseif count_outcome(records, "resumed") == 0 then
    return true
  end
  return #seeds > 0 and alerts >= ALERTS_AMONG_RESUMPTIONS * #records
end

-- Protocol_version alerts are answers of servers behind the address that lack the version where others went on
-- answering. A server that turns everybody away from some moment on gives no answer.
local function versions_answer(records)
  local met = false
  for _, record in ipairs(records) do
    if met and (record.outcome == "resumed" or record.outcome == "refused") then
      return true
    end
    met = met or M.refuses_version(record)
  end
  return false
end

--- Counts outcomes of attempts that offered a session.
-- @tparam {record,...} records
-- @tparam[opt] {record,...} seeds the full handshakes that went with them
-- @treturn table attempted, resumed, refused, errors (numbers), error_kinds (outcome -> number),
--   alerts (how many of the refused were fatal alerts)
function M.count(records, seeds)
  local counts = { attempted = #records, resumed = 0, refused = 0, errors = 0, alerts = 0, error_kinds = {} }
  local alert_refuses, version_refuses = alert_is_answer(records, seeds or {}), versions_answer(records)
  for _, record in ipairs(records) do
    local outcome = record.outcome
    if outcome == "unknown" then -- a spent session was refused
      counts.attempted = counts.attempted - 1
    elseif outcome == "resumed" then
      counts.resumed = counts.resumed + 1
    elseif outcome == "refused"
      or (outcome == "alert" and (alert_refuses or version_refuses and M.refuses_version(record))) then
      counts.refused = counts.refused + 1
      counts.alerts = counts.alerts + (outcome == "alert" and 1 or 0)
    elseif ERRORS[outcome] or outcome == "alert" then
      counts.errors = counts.errors + 1
      counts.error_kinds[outcome] = (counts.error_kinds[outcome] or 0) + 1
    else
      error("verdict.count: an attempt that offered nothing has no place here: " .. tostring(outcome), 2)
    end
  end
  return counts
end

--- The verdict that counts alone carry.
-- @tparam table counts from count()
-- @tparam[opt] table failures see judge: offers fail where other handshakes do not
-- @treturn string "supported", "partially_supported", "not_supported" or "inconclusive"
-- @treturn string|nil reason: "issued_not_accepted", "issued_not_always_accepted", "alert_on_resumption",
--   "fails_on_resumption", or the most frequent error
function M.of_counts(counts, failures)
  local answered = counts.resumed + counts.refused
  if failures then
    return counts.resumed > 0 and "partially_supported" or "not_supported", "fails_on_resumption"
  elseif answered == 0 or counts.errors > answered then
    return "inconclusive", explanation.most_frequent(counts.error_kinds) or "no_attempts"
  elseif counts.refused == 0 then
    return "supported"
  end
  local by_alert = counts.alerts == counts.refused and "alert_on_resumption"
  if counts.resumed > 0 then
    return "partially_supported", by_alert or "issued_not_always_accepted"
  end
  return "not_supported", by_alert or "issued_not_accepted"
end

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
    local last = last_alert(record)
    return "alert " .. (last and last.description or "unknown"), REPEATED, last and last.code
  elseif record.outcome == "closed" or record.outcome == "reset" then
    return record.outcome, DROPPED
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
      local enough = seen[how] >= often or alert == PROTOCOL_VERSION -- which says so itself
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
  local reason = explanation.most_frequent(unseen)
  return reason and "inconclusive", reason, version
end

-- Without a session to offer: why?
local function without_session(evidence, mechanism)
  local verdict, reason, version = without_issue(evidence.seeds, mechanism)
  if verdict then
    return verdict, reason, version
  end
  if version_is_missing(evidence, mechanism) then
    return "not_applicable", "version_not_supported"
  end
  local breaks = evidence.breaks and mechanism.name == "ticket"
  return "inconclusive", breaks and "breaks_with_tickets" or explanation.failure_reason(evidence.seeds)
end

-- A session that resumed on its first offer only, while fresh ones always do: every ticket is good for one connection
-- (RFC 8446, appendix C.4, wants clients to use them so). An offer that ended in an error may have been that first one.
local function looks_single_use(records)
  local spent, refused = false, 0
  for _, record in ipairs(records) do
    if record.outcome == "refused" then
      refused = refused + 1
      if not spent then
        return false
      end
    elseif record.outcome == "resumed" and (spent == "resumed" or refused > 0) then
      return false
    else
      spent = record.outcome == "resumed" and "resumed" or spent or "error"
    end
  end
  return refused > 0
end

local ABOUT_ALERTS = { alert = true, alert_on_resumption = true }

--- The name of the alert that a verdict's reason is about: the last one of its records.
-- @tparam string|nil reason
-- @tparam {record,...} records
-- @treturn string|nil
function M.name_of_alert(reason, records)
  for i = #records, 1, -1 do
    local alert = ABOUT_ALERTS[reason] and records[i].outcome == "alert" and last_alert(records[i])
    if alert then
      return alert.description
    end
  end
end

local function plain(counts)
  return {
    attempted = counts.attempted,
    resumed = counts.resumed,
    refused = counts.refused,
    errors = counts.errors,
  }
end

local function copy_counts(into, counts)
  for name, value in pairs(plain(counts)) do
    into[name] = value
  end
  into.error_kinds = counts.error_kinds
end

local NOTE_ISSUED = {}

function NOTE_ISSUED.session_id(verdict, facts)
  verdict.session_id_length = #facts.session_id
end

function NOTE_ISSUED.ticket(verdict, facts)
  verdict.lifetime_hint_s = facts.tickets[1].lifetime_s
  verdict.ticket_length = #facts.tickets[1].ticket
end

function NOTE_ISSUED.psk(verdict, facts, record)
  verdict.tickets_issued = #facts.tickets + (facts.tickets_forgotten or 0)
  verdict.more_tickets = record.tickets_cut and true or nil
  verdict.lifetime_s = facts.tickets[1].lifetime_s
  verdict.ticket_length = #facts.tickets[1].ticket
end

-- What the server handed out, from the first full handshake that got something.
local function add_issued(verdict, seeds, mechanism)
  for _, record in ipairs(seeds) do
    if record.outcome == "full" then
      verdict.version = verdict.version or record.version
      if mechanism.issued(record.facts) or verdict.reason == "lifetime_zero" then
        return NOTE_ISSUED[mechanism.name](verdict, record.facts, record)
      end
    end
  end
  if mechanism.name == "psk" and verdict.reason == "not_issued" then
    verdict.tickets_issued = 0
  end
end

-- Full handshakes, and those of them that broke before a ticket could come.
local function add_cut_short(verdict, seeds)
  local full, cut = 0, 0
  for _, record in ipairs(seeds) do
    full = full + (record.outcome == "full" and 1 or 0)
    cut = cut + (record.unseen == "cut_short" and 1 or 0)
  end
  if cut > 0 then
    verdict.full_handshakes, verdict.cut_short = full, cut
  end
end

local function together(a, b)
  local sum = { error_kinds = {} }
  for _, counts in ipairs({ a, b }) do
    for name, n in pairs(plain(counts)) do
      sum[name] = (sum[name] or 0) + n
    end
    for kind, n in pairs(counts.error_kinds) do
      sum.error_kinds[kind] = (sum.error_kinds[kind] or 0) + n
    end
  end
  sum.alerts = a.alerts + b.alerts
  return sum
end

-- Which counts speak, and what they say. It is the design that resumed most; the other stays as evidence. Where fresh
-- sessions always resumed and an old one did not, neither is the whole answer, unless it is single use.
local function weigh(evidence, fixed, fresh)
  if not fresh or fresh.resumed <= fixed.resumed then
    return fixed, M.of_counts(fixed)
  end
  local verdict, reason = M.of_counts(fresh)
  if verdict ~= "supported" then
    return fresh, verdict, reason
  elseif looks_single_use(evidence.fixed) then
    return fresh, verdict, "single_use_tickets"
  end
  local both = together(fixed, fresh)
  return both, M.of_counts(both)
end

local NEEDS_ALL = { not_supported = true, partially_supported = true }

--- Takes back what only all of the evidence can show, where the scan was over before there was all of it: that a
-- session is not accepted, or not always (a fresh one might be, or the next server might issue one).
-- @tparam table verdict verdict, reason, attempted; changed
function M.cut_off(verdict)
  if NEEDS_ALL[verdict.verdict] then
    verdict.verdict, verdict.alert = "inconclusive", nil
    verdict.reason = verdict.attempted > 0 and "interrupted" or "no_attempts"
  end
end

-- Where nothing had resumed, all old sessions that were offered then count as well: one that resumes is enough.
local function count_old(verdict, evidence, counts)
  local old = table.move(evidence.old or {}, 1, #(evidence.old or {}), 1, {})
  for _, look in ipairs(evidence.later or {}) do
    table.move(look.records, 1, #look.records, #old + 1, old)
  end
  local counted = M.count(old, evidence.seeds)
  counts = together(counts, counted)
  verdict.designs.old = plain(counted)
  copy_counts(verdict, counts)
  verdict.verdict, verdict.reason = M.of_counts(counts)
end

--- Judges one mechanism from all that was tried.
-- @tparam string name "session_id", "ticket" or "psk"
-- @tparam table evidence seeds (records of full handshakes), fixed (records: one session offered again and
--   again), pairs (records: each a fresh session offered once; or nil), later and after_request (of
--   resum.scan.second_look, or nil), full_after (boolean: a full handshake worked
--   after the offers), version_works (true: TLS of a version of this mechanism's was established elsewhere),
--   other_version_chosen (boolean: the server chose another one when all were offered), breaks (boolean: the control
--   had to do without tickets), other_version_around (boolean: another one was established right before and after more
--   of the seeds), interrupted (boolean: the scan was over before all was tried), old (records: old sessions, offered
--   where nothing had resumed; or nil)
-- @treturn table verdict, reason, alert (its name, where the reason is one), version, attempted, resumed, refused,
--   errors, error_kinds, designs (counts of each), attempts (every record), and what was issued: session_id_length;
--   lifetime_hint_s (seconds), ticket_length; tickets_issued (more_tickets: at least), lifetime_s; cut_short (of
--   full_handshakes so many broke before a ticket could come; nil: none); failures ({offers, full}, {failed, made}
--   each: offers fail more often); usable_after_s (a refused session was taken so much later)
function M.judge(name, evidence)
  local mechanism = mechanisms[name]
  local fixed = M.count(evidence.fixed, evidence.seeds)
  local fresh = evidence.pairs and M.count(evidence.pairs, evidence.seeds)
  local verdict = { designs = { fixed = plain(fixed), pairs = fresh and plain(fresh) } }
  local counts, judged, reason = weigh(evidence, fixed, fresh)
  copy_counts(verdict, counts)
  verdict.verdict, verdict.reason = judged, reason
  if #evidence.fixed == 0 then
    verdict.verdict, verdict.reason, verdict.version = without_session(evidence, mechanism)
  elseif evidence.full_after and counts.errors >= DROPPED and counts.errors == counts.attempted then
    verdict.reason = "errors_on_resumption"
  end
  if evidence.old then
    count_old(verdict, evidence, fresh and together(fixed, fresh) or fixed)
  end
  explanation.apply(verdict, evidence)
  if verdict.reason == "issued_not_always_accepted" and verdict.resumed == 0 and evidence.later then
    count_old(verdict, evidence, fresh and together(fixed, fresh) or fixed) -- those offered later did resume
  end
  if evidence.interrupted then
    M.cut_off(verdict)
  end
  add_issued(verdict, evidence.seeds, mechanism)
  add_cut_short(verdict, evidence.seeds)
  verdict.attempts = {}
  local lists = { evidence.seeds, evidence.fixed, evidence.pairs or {}, evidence.after_request or {},
    evidence.old or {} }
  for _, look in ipairs(evidence.later or {}) do
    lists[#lists + 1] = look.records
  end
  for _, records in ipairs(lists) do
    table.move(records, 1, #records, #verdict.attempts + 1, verdict.attempts)
  end
  verdict.alert = M.name_of_alert(verdict.reason, verdict.attempts)
  return verdict
end

--- Judges a mechanism that there was nothing to offer for.
-- @tparam string name of the mechanism
-- @tparam {record,...} seeds full handshakes, none of which gave a session
-- @tparam table control the record of the control, see resum.connection.connectivity
-- @tparam boolean other_version_around see judge
-- @treturn table see judge
function M.of_seeds(name, seeds, control, other_version_around)
  local spoken = mechanisms.speaks(mechanisms[name], control.version)
  return M.judge(name, {
    seeds = seeds,
    fixed = {},
    version_works = spoken or nil,
    other_version_chosen = M.other_version_chosen(name, control),
    other_version_around = other_version_around,
    breaks = control.without_tickets,
  })
end

return M
