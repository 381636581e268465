-- Is the proof of a PSK checked? Who has seen a ticket on the wire, but not its secret, can't make its binder: a server
-- that resumes all the same has no proof. Four offers that it must not take: a wrong binder, a PSK without one, no
-- psk_key_exchange_modes, and a PSK that is not the last extension. After each, a full handshake: some servers die of
-- it.

local answers = require "resum.audit.answer"
local poll = require "resum.audit.poll"
local random = require "resum.util.random"

local M = {
  id = "binder",
  title = "Is the proof of a PSK checked?",
  severity = "critical",
  class = "intrusive",
  sources = { "RFC 9846, sections 4.3.9 and 4.3.11", "CVE-2026-1584" },
  advice = "Update the TLS library, and report the fault to its maker.",
}

M.reasons = {
  checked = "no PSK resumes under a wrong binder, without one, without its modes, or where it is not the last one",
  no_binder = "the server resumes a PSK that came without a binder: anybody who has seen a ticket can do that",
  not_checked = "the server resumes although the binder is wrong: anybody who has seen a ticket can do that",
  resumes_without_modes = "the server resumes a PSK that came without psk_key_exchange_modes",
  resumes_misplaced = "the server resumes a PSK that is not the last extension: its binder does not cover what follows",
  mixed_answers = function(evidence)
    return ("the server resumed once where it must not, and not again: %s"):format(evidence.after)
  end,
  full_without_modes = "a PSK without psk_key_exchange_modes is answered with a full handshake, not with an alert",
}

local EXTENSIONS = { "server_name", "supported_groups", "alpn", "signature_algorithms", "supported_versions",
  "key_share" }

local function with(...)
  return table.move({ ... }, 1, select("#", ...), #EXTENSIONS + 1, table.move(EXTENSIONS, 1, #EXTENSIONS, 1, {}))
end

local OFFERS = {
  { name = "a wrong binder", offer = { alter_binder = true }, resumed = "not_checked", severity = "critical" },
  { name = "no psk_key_exchange_modes", offer = { extensions = with("pre_shared_key") },
    resumed = "resumes_without_modes", severity = "medium", full = "full_without_modes" },
  { name = "a PSK that is not last", offer = { extensions = with("psk_key_exchange_modes", "pre_shared_key",
    { type = 0xfafa, body = "" }) }, resumed = "resumes_misplaced", severity = "high" },
  { name = "a PSK without a binder", behind_unknown = true, offer = { binders = 1 }, resumed = "no_binder",
    severity = "critical" },
}

local UNKNOWN = 128 -- bytes of a ticket that no server issued
local CONTROL = 3 -- a full handshake, with its retries

--- One server takes 28 at most, or 76 where it refuses without a word.
function M.connections()
  return #OFFERS * (2 * answers.ENDS * poll.CONNECTIONS + CONTROL)
end

-- The engine takes no PSK of a mode that it did not offer, so there is no Finished to prove it: the ServerHello that
-- selects the PSK has to do.
local SELECTED = { psk_ke = true, psk_dhe_ke = true }

local function outcome_of_record(record)
  local facts = record.facts
  if record.outcome == "protocol_error" and facts and SELECTED[facts.violation] and facts.selected_identity then
    return "resumed"
  end
  return record.outcome
end

-- An offer of a session; or of two, where the first has a ticket that nobody knows: the one binder that is sent belongs
-- to that one, and so to none that can be taken.
local function offer(context, case, session)
  local unknown = case.behind_unknown and session:derive({ ticket = random.bytes(UNKNOWN) })
  local record, is_end = context:hear_out({ mechanism = "psk", session = not unknown and session or nil,
    sessions = unknown and { unknown, session } or nil, engine = "probe", offer = case.offer })
  return is_end and "ended" or outcome_of_record(record)
end

local TELLS = { resumed = true, refused = true, alert = true, protocol_error = true, ended = true }

-- Has an offer this outcome, with two sessions? Nil where it can't be told.
local function comes_about(context, case, wanted)
  return poll.ask(context, "psk", function(session)
    local outcome = offer(context, case, session)
    if TELLS[outcome] then
      return outcome == wanted, outcome
    end
  end)
end

local function found(reason, severity, where)
  return { verdict = "bad", severity = severity, reason = reason, group = where.group, share = where.share }
end

-- What one offer has shown; nil where all is as it must be.
local function judge(context, case)
  local resumed, where = comes_about(context, case, "resumed")
  if resumed then
    return found(case.resumed, case.severity, where)
  elseif resumed == nil then
    return { verdict = "inconclusive", reason = where.why,
      evidence = { after = case.name } }
  elseif case.full and where.code == "refused" then
    local full, there = comes_about(context, case, "refused")
    return full and found(case.full, "low", there) or nil
  end
end

--- @tparam table context see resum.audit.context
-- @treturn {table,...} findings
function M.run(context)
  if not context:resumes("psk") then
    return { { verdict = "not_applicable", reason = "does_not_resume", evidence = { sessions = "TLS 1.3 tickets" } } }
  end
  local list = {}
  for _, case in ipairs(OFFERS) do
    local one = judge(context, case)
    list[#list + 1] = one
    context:keep(one)
    context:stay_sure(case.name)
  end
  return #list > 0 and list or { { verdict = "good", reason = "checked" } }
end

return M
