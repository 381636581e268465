-- What a result says, item by item, for machines that count: a finding for each mechanism of each address, one for what
-- stands behind it, those of the audit, one where a browser's tickets run out, where connections fail, or where the
-- usual ClientHello would not do, one for each target or address that could not be scanned. Pure.

local advice = require "resum.analysis.advice"
local conclusion = require "resum.analysis.conclusion"
local mechanisms = require "resum.connection.mechanism"
local overview = require "resum.analysis.overview"
local target = require "resum.target"
local vocabulary = require "resum.analysis.vocabulary"

local M = {}

--- What kinds of finding there are, in order: id, and what is asked.
M.rules = {
  { id = "scanned", question = "Could the target be scanned?" },
  { id = "client_hello", question = "Does the server cope with a current ClientHello?" },
  { id = "session_id", question = "Do session IDs resume?" },
  { id = "ticket", question = "Do TLS 1.2 tickets resume?" },
  { id = "psk", question = "Do TLS 1.3 tickets (PSK) resume?" },
  { id = "pool", question = "Do the servers behind the address share their sessions?" },
  { id = "browser", question = "Does a browser, which uses each ticket once, get new ones when it resumes?" },
  { id = "connections", question = "Do connections come about, whatever they offer?" },
}

-- A verdict on a mechanism, as good or bad. What is not issued is a setting; what is issued and not accepted, a fault.
local OF_MECHANISM = {
  supported = "good",
  partially_supported = "bad",
  not_supported = "bad",
  not_applicable = "not_applicable",
  inconclusive = "inconclusive",
}

local function of_mechanism(judged)
  if judged.verdict == "not_supported" and judged.reason == "not_issued" then
    return "info"
  end
  return OF_MECHANISM[judged.verdict]
end

local OF_POOL = { all_shared = "good", healthy = "good", inconclusive = "inconclusive", unexplained = "inconclusive" }

local function words(name, judged)
  local parts = {}
  for _, part in ipairs({ vocabulary.verdicts[judged.verdict], vocabulary.resumed(judged) or "",
    vocabulary.errors(judged) or "", vocabulary.left_out(judged) or "", vocabulary.reason(name, judged) or "" }) do
    parts[#parts + 1] = part ~= "" and part or nil
  end
  return table.concat(parts, "; ")
end

local function add_address(list, name, entry)
  local function add(finding)
    finding.target, finding.address = name, entry.address
    list[#list + 1] = finding
  end
  if entry.status ~= "completed" then
    add({ id = "scanned", verdict = "error", code = entry.error and entry.error.code or "unknown",
      message = vocabulary.problem(entry) })
  end
  if entry.client_hello then
    add({ id = "client_hello", verdict = "bad", code = entry.client_hello.code,
      message = vocabulary.client_hello(entry.client_hello) })
  end
  for _, mechanism in ipairs(mechanisms.names) do
    local judged = conclusion.judged(entry, mechanism)
    if judged then
      add({ id = mechanism, verdict = of_mechanism(judged), code = judged.reason or judged.verdict,
        message = words(mechanism, judged), rate = judged.rate })
    end
  end
  local pool = entry.balancer
  if pool then
    add({ id = "pool", verdict = OF_POOL[pool.verdict] or "bad", code = pool.verdict, message = pool.headline,
      advice = overview.todo(entry) })
  end
  for _, step in ipairs(advice.of(entry)) do
    if step.id then
      add({ id = step.id, verdict = "bad", code = step.code, message = step.why, advice = step.text })
    end
  end
  for _, one in ipairs(entry.audit or {}) do
    local servers = vocabulary.servers(one)
    add({ id = one.id, verdict = one.verdict, code = one.reason,
      message = servers and ("%s (%s)"):format(one.message, servers) or one.message, advice = one.advice,
      title = one.title, severity = one.verdict == "bad" and one.severity or nil })
  end
end

--- The findings of a target.
-- @tparam table result what resum.run returned
-- @treturn {table,...} id (see rules), verdict ("good", "bad", "info", "not_applicable", "inconclusive", "error"), code
--   (reason or verdict), message, target ("host:port"), address (nil: the target has none), rate (0 to 1, where it was
--   measured), advice; of the audit also title (what is asked) and severity (of what is bad)
function M.of(result)
  local list = {}
  local name = result.target.port and target.label(result.target) or result.target.text
  if #result.addresses == 0 and result.status ~= "completed" then
    list[1] = { id = "scanned", verdict = "error", code = result.error and result.error.code or "unknown",
      message = vocabulary.problem(result), target = name }
  end
  for _, entry in ipairs(result.addresses) do
    add_address(list, name, entry)
  end
  return list
end

return M
