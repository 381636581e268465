-- What stands behind an address, as JSON; see resum.report.json. Pure.

local findings = require "resum.analysis.pool.findings"
local value = require "resum.report.json.value"

local list, hex, pick = value.list, value.hex, value.pick

local function interval(from)
  return from and { from[1], from[2] }
end

local function design(from)
  local out = pick(from, "attempted resumed refused errors rate runs_z")
  out.interval = interval(from.interval)
  return out
end

local function designs(from)
  local out = {}
  for name, counts in pairs(from or {}) do
    out[name] = design(counts)
  end
  return out
end

local function label(from)
  local out = pick(from, "name kind group connections share")
  out.value, out.interval = hex(from.value), interval(from.interval)
  return out
end

local function member(from)
  local out = pick(from, "how share connections")
  out.interval = interval(from.interval)
  return out
end

-- Sessions from the first offered at the second: a list of cells, so that names stay values.
local function matrix(from)
  local cells = {}
  for origin, row in pairs(from) do
    for at, cell in pairs(row) do
      local out = pick(cell, "resumed answered errors")
      out.from, out.at = origin, at
      cells[#cells + 1] = out
    end
  end
  table.sort(cells, function(a, b)
    return a.from < b.from or (a.from == b.from and a.at < b.at)
  end)
  return #cells > 0 and cells or nil
end

local OF_FINDING = table.concat(findings.fields, " ")

local function finding(from)
  return pick(from, OF_FINDING)
end

local function judged(from)
  local evidence = from.routing_evidence or {}
  local out = pick(from, "verdict reason routing groups effective_groups chao1 coverage changed_at")
  out.period = evidence.period
  out.groups_interval, out.effective_groups_interval = interval(from.groups_interval), interval(from.effective_interval)
  out.labels = list(from.labels, label)
  out.designs = designs(from.designs)
  out.member = from.member and member(from.member)
  out.sources = from.sources and matrix(from.sources)
  out.matrix = from.matrix and matrix(from.matrix)
  out.rival = from.rival and pick(from.rival, "verdict odds")
  out.fit = from.fit and pick(from.fit, "fits p certain against covariate")
  out.attribute, out.delay_s, out.scope = from.attribute, from.delay, from.scope
  out.fails = from.fails and pick(from.fails, "share p")
  if out.fails then
    out.fails.interval = interval(from.fails.interval)
  end
  return out
end

local function attempt(from)
  return pick(from, "order mechanism design from source outcome label group")
end

local function summary(from)
  if from.quick then
    return {
      verdict = from.verdict,
      headline = from.headline,
      evidence = list(from.evidence),
      findings = list(from.findings, finding),
      quick = from.quick,
    }
  end
  local out = judged(from)
  out.decided_by, out.headline, out.left_out = from.decided_by, from.headline, from.left_out
  out.evidence, out.findings = list(from.evidence), list(from.findings, finding)
  out.mechanisms = {}
  for name, result in pairs(from.mechanisms) do
    out.mechanisms[name] = judged(result)
  end
  out.attempts = list(from.attempts, attempt)
  return out
end

return {
  --- One address.
  summary = summary,
  --- All addresses of a target: sessions from one offered at another.
  across = function(from)
    local out = {}
    for name, one in pairs(from) do
      out[name] = { verdict = one.verdict, addresses = list(one.addresses), cells = matrix(one.matrix) }
    end
    return out
  end,
}
