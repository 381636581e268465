-- An address's result as the structure that nmap writes into its XML: keys in the order in which they are set, numbers
-- and booleans as such. Pure; the table that keeps an order is the caller's (nmap's stdnse.output_table).

local mechanisms = require "resum.connection.mechanism"
local overview = require "resum.analysis.overview"
local escape = require "resum.util.escape"

local M = {}

local COUNTS = { "verdict", "reason", "version", "attempted", "resumed", "refused", "errors" }
local ISSUED = {
  "session_id_length", "ticket_length", "lifetime_hint_s", "tickets_issued", "more_tickets", "lifetime_s",
}
local MARKS = { resumed = "#", refused = "." }

local function copy(into, from, names)
  for _, name in ipairs(names) do
    into[name] = from[name]
  end
end

-- Offers that count neither way, by why.
local function left_out(from, new_table)
  local out, names = new_table(), {}
  for name in pairs(from) do
    names[#names + 1] = name
  end
  table.sort(names)
  copy(out, from, names)
  return out
end

local function support(verdict, new_table)
  local out = new_table()
  copy(out, verdict, COUNTS)
  copy(out, verdict, ISSUED)
  out.left_out = verdict.left_out and left_out(verdict.left_out, new_table)
  return out
end

local function sequence(entries)
  local marks = {}
  for i, entry in ipairs(entries) do
    marks[i] = MARKS[entry.outcome] or "x"
  end
  return table.concat(marks)
end

local function rate(measured, new_table)
  local out = new_table()
  copy(out, measured, COUNTS)
  copy(out, measured, { "rate", "rate_of_answered" })
  if measured.interval then
    out.interval_low = measured.interval[1]
    out.interval_high = measured.interval[2]
  end
  copy(out, measured, { "confidence", "design", "seeds", "concurrency" })
  out.left_out = measured.left_out and left_out(measured.left_out, new_table)
  out.sequence = sequence(measured.sequence)
  return out
end

local function each_mechanism(verdicts, convert, new_table)
  local out = new_table()
  for _, name in ipairs(mechanisms.names) do
    if verdicts[name] then
      out[name] = convert(verdicts[name], new_table)
    end
  end
  return out
end

local BROWSER = { "attempted", "resumed", "errors", "share", "tickets_after_full", "tickets_after_resumed" }

local JUDGED = { "verdict", "reason", "routing", "groups", "effective_groups" }

local function judged(from, new_table)
  local out = new_table()
  copy(out, from, JUDGED)
  return out
end

-- What stands behind the address; the connections themselves stay out.
local function balancer(entry, new_table)
  local summary = entry.balancer
  local out = judged(summary, new_table)
  copy(out, summary, { "decided_by", "headline" })
  out.evidence = summary.evidence
  out.advice = overview.todo(entry)
  out.mechanisms = each_mechanism(summary.mechanisms, judged, new_table)
  return out
end

local FOUND = { "id", "verdict", "severity", "reason", "message", "group", "share", "advice" }

-- What the audit has found: a list.
local function findings(list, new_table)
  local out = {}
  for i, one in ipairs(list) do
    out[i] = new_table()
    copy(out[i], one, FOUND)
    if next(one.evidence) then
      local names = {}
      for name in pairs(one.evidence) do
        names[#names + 1] = name
      end
      table.sort(names)
      out[i].evidence = new_table()
      copy(out[i].evidence, one.evidence, names)
    end
  end
  return out
end

--- The structure of one address's result.
-- @tparam table entry one of a result's addresses
-- @tparam function new_table makes an empty table that keeps the order in which its keys are set
-- @treturn table address, status, error (message, code; where the scan was cut short), client_hello (a code, where the
--   usual one would not do), support and rate: a table each, with one for each mechanism; browser: what a browser
--   meets; balancer: a verdict on what stands behind the address; audit: a list of what it has found
function M.address(entry, new_table)
  local out = new_table()
  out.address = escape(entry.address)
  out.status = entry.status
  if entry.error then
    out.error = new_table()
    out.error.message = escape(entry.error.message)
    out.error.code = entry.error.code
  end
  out.client_hello = entry.client_hello and entry.client_hello.code
  out.support = entry.support and each_mechanism(entry.support, support, new_table)
  out.rate = entry.rate and each_mechanism(entry.rate, rate, new_table)
  if entry.browser then
    out.browser = new_table()
    copy(out.browser, entry.browser, BROWSER)
  end
  out.balancer = entry.balancer and balancer(entry, new_table)
  out.audit = entry.audit and findings(entry.audit, new_table)
  return out
end

return M
