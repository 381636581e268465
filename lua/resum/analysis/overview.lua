-- A result at a glance: how bad it is, the one sentence that says the most, what that costs, what to do. Reports begin
-- with it, all of them with the same. Pure.

local advice = require "resum.analysis.advice"
local conclusion = require "resum.analysis.conclusion"
local configuration = require "resum.analysis.configuration"
local cost = require "resum.analysis.cost"
local mechanisms = require "resum.connection.mechanism"
local vocabulary = require "resum.analysis.vocabulary"

local M = {}

--- How bad it is, worst first: "broken" (returning clients pay, or are dropped), "unreachable" (there is no result),
-- "impaired" (some pay, or will), "unknown", "good".
M.severities = { "broken", "unreachable", "impaired", "unknown", "good" }

local RANK = {}
for i, severity in ipairs(M.severities) do
  RANK[severity] = i
end

local OF_POOL = {
  all_shared = "good", healthy = "good", inconclusive = "unknown", unexplained = "unknown", not_applicable = "unknown",
  keys_shared_caches_not = "impaired", sticky_session_id = "impaired", late_cache = "impaired", rotated = "impaired",
  sticky_source = "impaired",
}
-- It may be worse: where tickets are issued and refused, session IDs that are led back help few clients.
local AT_LEAST = { sticky_session_id = true }
local OF_MECHANISM = { supported = "good", not_applicable = "good", inconclusive = "unknown" }

--- The worse of two severities.
-- @tparam string|nil one
-- @tparam string|nil other
-- @treturn string
function M.worse(one, other)
  if not one or not other then
    return one or other
  end
  return RANK[one] < RANK[other] and one or other
end

-- Where something else resumes each time, what is not issued is a setting; and clients without tickets, who need
-- session IDs, are few.
local function severity_of(name, judged, others_work)
  local severity = OF_MECHANISM[judged.verdict] or "broken"
  if severity == "broken" and others_work then
    return judged.verdict == "not_supported" and judged.reason == "not_issued" and "good"
      or name == "session_id" and "impaired" or severity
  end
  return severity
end

local function of_mechanisms(entry)
  local worst, works = nil, 0
  for _, name in ipairs(mechanisms.names) do
    local judged = conclusion.judged(entry, name)
    works = works + (judged and judged.verdict == "supported" and 1 or 0)
  end
  for _, name in ipairs(mechanisms.names) do
    local judged = conclusion.judged(entry, name)
    worst = M.worse(worst, judged and severity_of(name, judged, works > 0))
  end
  return worst
end

local OF_FINDING = { critical = "broken", high = "broken", medium = "impaired" }

-- The gravest of what the audit found, where it is grave.
local function worst_finding(entry)
  local worst, severity
  for _, finding in ipairs(entry.audit or {}) do
    local own = finding.verdict == "bad" and OF_FINDING[finding.severity]
    if own and (not worst or own ~= severity and M.worse(own, severity) == own
      or finding.severity == "critical" and worst.severity ~= "critical") then
      worst, severity = finding, own
    end
  end
  return worst, severity
end

--- How bad is it at one address?
-- @tparam table entry one of a result's addresses
-- @treturn string one of M.severities
function M.severity(entry)
  local interrupted = entry.error and entry.error.code == "interrupted"
  if entry.status ~= "completed" and not interrupted then
    return "unreachable"
  end
  local severity = of_mechanisms(entry)
  if entry.balancer then
    local pool = OF_POOL[entry.balancer.verdict] or "broken"
    local decides = pool == "impaired" and not AT_LEAST[entry.balancer.verdict] or entry.balancer.quick
    severity = decides and pool or M.worse(severity, pool)
  end
  severity = M.worse(severity, select(2, worst_finding(entry)))
  for _, step in ipairs(severity == "good" and advice.of(entry) or {}) do
    severity = step.optional and severity or "impaired"
  end
  if interrupted and severity == "good" then
    return "unknown" -- so far
  end
  return severity or "unknown"
end

-- What a step is for, where all that was measured resumes.
local function why_impaired(entry)
  for _, step in ipairs(advice.of(entry)) do
    if step.why then
      return step.why
    end
  end
end

--- The one sentence.
-- @tparam table entry one of a result's addresses
-- @treturn string
function M.headline(entry)
  local headline, finding = conclusion.headline(entry), worst_finding(entry)
  local resumes = of_mechanisms(entry)
  if finding and (not resumes or resumes == "good") then
    headline = ("%s %s."):format(finding.title, finding.message)
  elseif resumes == "good" and M.severity(entry) == "impaired" then
    headline = why_impaired(entry) or headline
  end
  if entry.error and entry.error.code == "interrupted" then
    return "The scan was stopped early" .. (headline and ". So far: " .. headline or ".")
  elseif entry.status ~= "completed" then
    return vocabulary.problem(entry)
  end
  return headline or "Nothing was tested."
end

--- What to do, as one text.
-- @tparam table entry one of a result's addresses
-- @treturn string|nil nil where nothing is known to be done, and something may have to be
function M.todo(entry)
  local list = {}
  for i, step in ipairs(advice.of(entry)) do
    list[i] = step.text
  end
  return #list > 0 and table.concat(list, " ") or advice.nothing_to_do({ entry })
end

--- What it all means, for those who read on: the sentence that says the most and what speaks for it, what to do, and
-- what is left to say of the mechanisms.
-- @tparam table entry one of a result's addresses
-- @treturn {string,...} paragraphs
function M.paragraphs(entry)
  local list, todo = {}, M.todo(entry)
  local pool = entry.balancer
  if pool then
    list[1] = table.concat({ pool.headline, table.unpack(pool.evidence or {}) }, " ")
    list[2] = todo
  end
  for _, sentence in ipairs(conclusion.of_mechanisms(entry)) do
    list[#list + 1] = sentence
  end
  if not pool and #advice.of(entry) > 0 then
    list[#list + 1] = todo
  end
  return list
end

-- Do the addresses accept each other's sessions?
local ACROSS = {
  not_shared = "The addresses do not share their sessions.",
  partly = "Some of the addresses do not share their sessions.",
}

local function across_of(result)
  for _, name in ipairs({ "psk", "ticket", "session_id" }) do
    local one = result.across and result.across[name]
    if one and ACROSS[one.verdict] then
      return ACROSS[one.verdict]
    end
  end
end

local function steps_of(result)
  local steps, known = {}, {}
  for _, entry in ipairs(result.addresses) do
    for _, step in ipairs(advice.of(entry)) do
      if not known[step.text] then
        known[step.text] = true
        steps[#steps + 1] = step
      end
    end
  end
  return steps
end

-- The blocks of one server for all topics of the steps.
local function topics_of(steps)
  local topics, known = {}, {}
  for _, step in ipairs(steps) do
    if step.topic and not known[step.topic] then
      known[step.topic] = true
      topics[#topics + 1] = step.topic
    end
  end
  return topics
end

--- A target at a glance.
-- @tparam table result what resum.run returned
-- @treturn table severity; headline; at (list of the addresses that it is said of; nil where it is all of them), steps
--   (see resum.analysis.advice), nothing_to_do (the sentence that says so, or nil), topics (of the steps, for
--   resum.analysis.configuration), server (of the same, where it was recognised), software (what it calls itself),
--   costs (list of sentences), command and lead (what to run, and what for; nil where no command tells)
function M.of(result)
  local overview = { steps = steps_of(result), nothing_to_do = advice.nothing_to_do(result.addresses), costs = {} }
  local worst
  for _, entry in ipairs(result.addresses) do
    local severity = M.severity(entry)
    if not worst or M.worse(severity, overview.severity) ~= overview.severity then
      worst, overview.severity = entry, severity
    end
    overview.software = overview.software or entry.server_software
  end
  overview.server = configuration.recognise(overview.software)
  overview.headline = worst and M.headline(worst) or vocabulary.problem(result)
  overview.severity = overview.severity or "unreachable"
  overview.costs = worst and cost.sentences(worst) or {}
  local across = across_of(result)
  if across and overview.severity ~= "broken" then
    overview.severity, overview.headline, overview.nothing_to_do = "broken", across, nil
    table.insert(overview.steps, 1, advice.TICKET_KEYS)
  elseif #result.addresses > 1 then
    overview.at = {}
    for _, entry in ipairs(result.addresses) do
      overview.at[#overview.at + 1] = M.headline(entry) == overview.headline and entry.address or nil
    end
    overview.at = #overview.at < #result.addresses and overview.at or nil
  end
  overview.command, overview.lead = advice.command(result.target, overview.steps)
  overview.topics = topics_of(overview.steps)
  return overview
end

return M
