-- What the audit has found, in the form of nmap's vulns library: a report of what is bad, and behind it, in words, what
-- is open or good to know. It runs inside nmap only. That a server's setting is bad says nothing about a product: CVEs
-- stand among the references, and name no finding.

local stdnse = require "stdnse"
local vulns = require "vulns"

local escape = require "resum.util.escape"
local finding = require "resum.audit.finding"
local structure = require "resum.report.nse"
local text = require "resum.report.text.audit"
local vocabulary = require "resum.analysis.vocabulary"

local M = {}

-- Where somebody can read, replay or ride on a session it is a vulnerability; where it only might help, a likely one.
local function state_of(one)
  return finding.is_at_least(one.severity, "high") and vulns.STATE.VULN or vulns.STATE.LIKELY_VULN
end

-- The library's words; what has another one it drops without saying so.
local RISKS = { critical = "High", high = "High", medium = "Medium", low = "Low" }

-- The library shows one of those that have the same ID.
local function id_of(one, seen)
  local id = ("%s/%s"):format(one.id, one.reason)
  seen[id] = (seen[id] or 0) + 1
  return seen[id] == 1 and id or ("%s/%d"):format(id, seen[id])
end

local function add(report, one, seen)
  local more = { "Severity: " .. one.severity }
  more[#more + 1] = one.advice and escape(one.advice, 1000)
  local servers = vocabulary.servers(one)
  more[#more + 1] = servers and "Seen at: " .. servers or nil
  local taken = report:add_vulns({
    title = one.title,
    state = state_of(one),
    IDS = { RESUM = id_of(one, seen) },
    risk_factor = RISKS[one.severity],
    description = { escape(one.message, 1000) },
    extra_info = more,
    references = { table.unpack(one.sources) },
  })
  if not taken then
    error("nmap's vulns library does not take a finding of " .. one.id, 0)
  end
end

local function is_bad(one)
  return one.verdict == "bad"
end

local STYLE = { width = 100, paint = function(line) return line end }

-- What is not bad, in words; without the head, which the script's name is.
local function other_lines(list)
  local others = {}
  for _, one in ipairs(list) do
    others[#others + 1] = not is_bad(one) and one or nil
  end
  local lines = text.lines(others, STYLE)
  table.remove(lines, 1)
  return lines
end

--- Makes the output of a script.
-- @tparam string script its name
-- @tparam table host as nmap gives it to an action
-- @tparam table port
-- @tparam table entry of the address: a result's, with the findings (audit)
-- @treturn table what nmap writes into its XML: address, status, audit (the findings), vulnerabilities (of the library)
-- @treturn string what it shows
function M.report(script, host, port, entry)
  local report, seen = vulns.Report:new(script, host, port), {}
  for _, one in ipairs(finding.sorted(entry.audit)) do
    if is_bad(one) then
      add(report, one, seen)
    end
  end
  local found, words = report:make_output()
  local out = structure.address(entry, stdnse.output_table)
  out.vulnerabilities = found
  local lines = other_lines(entry.audit)
  return out, (words and words ~= "" and words or "") .. "\n" .. table.concat(lines, "\n")
end

return M
