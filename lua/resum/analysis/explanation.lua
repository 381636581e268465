-- Why a mechanism of one address is not simply supported: causes that show only where two kinds of attempts are held
-- against each other. Pure: records in; the verdict is changed where a cause is found.

local contrast = require "resum.analysis.contrast"
local counting = require "resum.analysis.counting"

local M = {}

local ANSWERED = { resumed = true, refused = true, alert = true }

local function set(verdict, judged, reason)
  verdict.verdict, verdict.reason = judged, reason
end

-- Offers that fail where full handshakes do not are no accidents: whoever comes back has to come again.
local function explain_failures(verdict, evidence)
  if evidence.fails and verdict.reason ~= "alert_on_resumption" then
    verdict.failures = contrast.failures(evidence.beside.offers, evidence.beside.full)
    set(verdict, verdict.resumed > 0 and "partially_supported" or "not_supported", "fails_on_resumption")
  end
  return evidence.fails
end

-- Sessions that are refused at once, and all taken a moment later, were written late.
local function explain_refusals(verdict, evidence)
  local accepted = 0
  for _, look in ipairs(evidence.later or {}) do
    accepted = accepted + counting.of_outcome(look.records, "resumed")
    if counting.of_outcome(look.records, "refused") == 0 and contrast.resumes_less(evidence.pairs, look.records)
      and not verdict.usable_after_s then
      set(verdict, "partially_supported", "late_cache")
      verdict.usable_after_s = look.after_s
    end
  end
  if accepted > 0 and verdict.verdict == "not_supported" then
    set(verdict, "partially_supported", "issued_not_always_accepted")
  end
end

-- Fresh sessions were wanted, and no offer of one was answered: an error is no refusal.
local function lacks_fresh(evidence)
  for _, record in ipairs(evidence.pairs or {}) do
    if ANSWERED[record.outcome] then
      return false
    end
  end
  return evidence.pairs ~= nil
end

--- Looks for causes that the counts alone do not show, and changes the verdict where one is found.
-- @tparam table verdict of resum.analysis.verdict: verdict, reason and counts; failures and usable_after_s are set
-- @tparam table evidence see resum.analysis.verdict.judge
function M.apply(verdict, evidence)
  if #evidence.fixed == 0 or explain_failures(verdict, evidence) then
    return
  end
  explain_refusals(verdict, evidence)
  if contrast.resumes_less(evidence.after_request or {}, evidence.without_request or {}) then
    set(verdict, "partially_supported", "forgotten_at_request")
  elseif verdict.verdict == "not_supported" and lacks_fresh(evidence) then
    local tried = table.move(evidence.pairs, 1, #evidence.pairs, #evidence.seeds + 1, { table.unpack(evidence.seeds) })
    set(verdict, "inconclusive", evidence.interrupted and "interrupted" or counting.failure_reason(tried))
  end
end

return M
