-- What a finding of the audit is: its severities and verdicts, the reasons that all checks share, and how one is made
-- of what a check returned. Pure.

local M = {}

--- From the least to the gravest.
M.SEVERITIES = { "info", "low", "medium", "high", "critical" }

--- What a check may come to.
M.VERDICTS = { "good", "bad", "info", "not_applicable", "inconclusive" }

--- Reasons that any check may give.
M.REASONS = {
  budget = "more connections would have been needed than the check may make",
  interrupted = "the scan was over before there was enough to tell",
  connection_failed = "connections that are needed for the answer failed",
  server_went_away = function(evidence)
    return "the server stopped answering plain full handshakes while it was checked"
      .. (evidence.after and ", after " .. evidence.after or "")
  end,
  does_not_resume = function(evidence)
    return ("%s do not resume here, so there is nothing to check"):format(evidence.sessions or "sessions")
  end,
  not_met = "the servers that had made the sessions may not have been met: several servers with keys of their own take "
    .. "turns here",
  too_few_tickets = "too few tickets were seen",
  needs_certificate = "needs a client certificate (--cert)",
  needs_audit_names = "needs the name of another server (--audit_name)",
  needs_state = "needs what earlier runs saw (--state)",
}

local RANK = {}
for i, severity in ipairs(M.SEVERITIES) do
  RANK[severity] = i
end

--- Is a severity as grave as another?
-- @tparam string severity
-- @tparam string least
-- @treturn boolean
function M.is_at_least(severity, least)
  return RANK[severity] >= RANK[least]
end

--- Is it a severity?
-- @tparam string name
-- @treturn boolean
function M.is_severity(name)
  return RANK[name] ~= nil
end

local KNOWN = {}
for _, verdict in ipairs(M.VERDICTS) do
  KNOWN[verdict] = true
end

local PLAIN = { string = true, number = true, boolean = true }
local LONGEST = 200 -- bytes of text in evidence: names of alerts and layouts are shorter

-- Evidence is shown everywhere, so it must be what can be shown.
local function check_evidence(id, evidence)
  for name, value in pairs(evidence) do
    local is_text = type(value) == "string" and (#value > LONGEST or value:find("[^\32-\126]"))
    if not PLAIN[type(value)] or is_text then
      error(("audit: %s: evidence '%s' is not plain"):format(id, name), 0)
    end
  end
end

local function words(check, reason, evidence)
  local said = check.reasons[reason] or M.REASONS[reason]
  if type(said) == "function" then
    return said(evidence)
  end
  return said or error(("audit: %s has no words for the reason '%s'"):format(check.id, tostring(reason)), 0)
end

-- What a check runs with alone, as the command line has it.
local OPTIONS = { certificate = "--cert FILE", audit_names = "--audit_name NAME", state = "--state FILE" }

-- The options without which nobody would find this again.
local function options_of(check, found)
  local list = {}
  for _, need in ipairs(check.needs or {}) do
    list[#list + 1] = OPTIONS[need]
  end
  list[#list + 1] = (check.class == "intrusive" or found.is_intrusive) and "--intrusive" or nil
  return list
end

--- A whole finding.
-- @tparam table check see resum.audit
-- @tparam table found verdict, reason, and where they are known evidence, severity, group, share, advice, is_intrusive
--   (it took --intrusive, and not all of the check does)
-- @treturn table id, title, severity, verdict, reason, message (the reason in words), evidence, group, share, sources
--   (list), advice (nil unless something is to be done), options (what the command line needs for it beside --audit)
function M.make(check, found)
  local evidence = found.evidence or {}
  check_evidence(check.id, evidence)
  if not KNOWN[found.verdict] then
    error(("audit: %s has the verdict '%s'"):format(check.id, tostring(found.verdict)), 0)
  end
  return {
    id = check.id,
    title = check.title,
    severity = found.verdict == "bad" and (found.severity or check.severity) or "info",
    verdict = found.verdict,
    reason = found.reason,
    message = words(check, found.reason, evidence),
    evidence = evidence,
    group = found.group,
    share = found.share,
    sources = check.sources,
    options = options_of(check, found),
    advice = found.verdict == "bad" and (found.advice or check.advice) or found.advice,
  }
end

--- The findings of an address in the order in which people read them: bad ones first and the gravest of them on top,
-- then what is open, then what is good to know, then the rest.
-- @tparam {table,...} list
-- @treturn {table,...} sorted copy
function M.sorted(list)
  local place = { bad = 1, inconclusive = 2, info = 3, good = 4, not_applicable = 5 }
  local sorted, order = {}, {}
  for i, one in ipairs(list) do
    sorted[i], order[one] = one, i
  end
  table.sort(sorted, function(a, b)
    if a.verdict ~= b.verdict then
      return place[a.verdict] < place[b.verdict]
    elseif a.severity ~= b.severity then
      return RANK[a.severity] > RANK[b.severity]
    end
    return order[a] < order[b]
  end)
  return sorted
end

return M
