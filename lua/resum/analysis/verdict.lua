-- What the attempts say of a mechanism: a verdict and a reason. Pure: records in, tables out. Its rules guard against
-- the known ways to be wrong: a ticket issued is not a ticket accepted, and a ticket that works once is not a fault of
-- the server. How attempts are counted stands in counting.lua; why there was nothing to offer, in without_session.lua.

local counting = require "resum.analysis.counting"
local explanation = require "resum.analysis.explanation"
local mechanisms = require "resum.connection.mechanism"
local single_use = require "resum.analysis.single_use"
local without_session = require "resum.analysis.without_session"

local M = {}

local function copy_counts(into, counts)
  for name, value in pairs(counting.plain(counts)) do
    into[name] = value
  end
  into.error_kinds, into.left_out = counts.error_kinds, counts.left_out
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

-- Which counts speak, and what they say. It is the design that resumed most; the other stays as evidence. Where fresh
-- sessions always resumed and an old one did not, neither is the whole answer, unless it is single use.
local function weigh(evidence, fixed, fresh)
  if not fresh or fresh.resumed <= fixed.resumed then
    return fixed, counting.of_counts(fixed)
  end
  local verdict, reason = counting.of_counts(fresh)
  if verdict ~= "supported" then
    return fresh, verdict, reason
  elseif single_use.seems_to_be(evidence.fixed, evidence.fails) then
    return fresh, verdict, "single_use_tickets"
  end
  local both = counting.together(fixed, fresh)
  return both, counting.of_counts(both)
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
  local counted = counting.count(old, evidence.fails)
  counts = counting.together(counts, counted)
  verdict.designs.old = counting.plain(counted)
  copy_counts(verdict, counts)
  verdict.verdict, verdict.reason = counting.of_counts(counts)
end

--- Judges one mechanism from all that was tried.
-- @tparam string name "session_id", "ticket" or "psk"
-- @tparam table evidence seeds (records of full handshakes), fixed (records: one session offered again and
--   again), pairs (records: each a fresh session offered once; or nil), later, after_request and
--   without_request (of resum.scan.second_look, or nil), full_after (boolean: a full handshake worked
--   after the offers), version_works (true: TLS of a version of this mechanism's was established elsewhere),
--   other_version_chosen (boolean: the server chose another one when all were offered), breaks (boolean: the control
--   had to do without tickets), other_version_around (boolean: another one was established right before and after more
--   of the seeds), interrupted (boolean: the scan was over before all was tried), old (records: old sessions, offered
--   where nothing had resumed; or nil), fails (boolean: offers fail that are made beside full handshakes) and beside
--   (these: {offers, full})
-- @treturn table verdict, reason, alert (its name, where the reason is one), version, attempted, resumed, refused,
--   errors, error_kinds, left_out (see left_out), designs (counts of each), attempts (every record), and what was
--   issued: session_id_length;
--   lifetime_hint_s (seconds), ticket_length; tickets_issued (more_tickets: at least), lifetime_s; cut_short (of
--   full_handshakes so many broke before a ticket could come; nil: none); again
--   (see resum.analysis.single_use); failures ({offers, full}, {failed, made}
--   each: offers fail more often); usable_after_s (a refused session was taken so much later)
function M.judge(name, evidence)
  local mechanism = mechanisms[name]
  local fixed = counting.count(evidence.fixed, evidence.fails)
  local fresh = evidence.pairs and counting.count(evidence.pairs, evidence.fails)
  local both = fresh and counting.together(fixed, fresh) or fixed
  local verdict = { designs = { fixed = counting.plain(fixed), pairs = fresh and counting.plain(fresh) } }
  local counts, judged, reason = weigh(evidence, fixed, fresh)
  copy_counts(verdict, counts)
  verdict.verdict, verdict.reason = judged, reason
  if #evidence.fixed == 0 then
    verdict.verdict, verdict.reason, verdict.version = without_session.explain(evidence, mechanism)
  elseif evidence.full_after and counts.errors >= counting.DROPPED and counts.errors == counts.attempted then
    verdict.reason = "errors_on_resumption"
  end
  if evidence.old then
    count_old(verdict, evidence, both)
  end
  if verdict.reason == "single_use_tickets" then
    single_use.explain(verdict, name, evidence.fixed, evidence.pairs)
  else
    explanation.apply(verdict, evidence)
  end
  if verdict.reason == "issued_not_always_accepted" and verdict.resumed == 0 and evidence.later then
    count_old(verdict, evidence, both) -- those offered later did resume
  end
  if evidence.interrupted then
    M.cut_off(verdict)
  end
  add_issued(verdict, evidence.seeds, mechanism)
  add_cut_short(verdict, evidence.seeds)
  verdict.attempts = {}
  local lists = { evidence.seeds, evidence.fixed, evidence.pairs or {}, evidence.after_request or {},
    evidence.without_request or {}, evidence.old or {} }
  for _, look in ipairs(evidence.later or {}) do
    lists[#lists + 1] = look.records
  end
  for _, records in ipairs(lists) do
    table.move(records, 1, #records, #verdict.attempts + 1, verdict.attempts)
  end
  verdict.alert = verdict.alert or counting.name_of_alert(verdict.reason, verdict.attempts)
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
    other_version_chosen = without_session.other_version_chosen(name, control),
    other_version_around = other_version_around,
    breaks = control.without_tickets,
  })
end

return M
