-- A target's result for people: a block for the target, in it one for each address, in it a line for each
-- mechanism, and at its end what that means. Pure: result in, string out. What came from a server is escaped.

local audit = require "resum.report.text.audit"
local balancer = require "resum.report.text.pool"
local conclusion = require "resum.analysis.conclusion"
local escape = require "resum.util.escape"
local mechanisms = require "resum.connection.mechanism"
local target = require "resum.target"
local vocabulary = require "resum.analysis.vocabulary"

local M = {}

local STRIP_WIDTH = 50
local LONGEST_PROBLEM = 400 -- bytes
local COLOURS = { good = "32", bad = "31", mixed = "33", faint = "2", strong = "1",
  -- which server answered: colours that most people tell apart (Okabe and Ito's, as near as a terminal has them)
  label1 = "38;5;32", label2 = "38;5;208", label3 = "38;5;36", label4 = "38;5;175", label5 = "38;5;220",
  label6 = "38;5;75", label7 = "38;5;166",
}
local VERDICT_COLOURS = { supported = "good", partially_supported = "mixed", not_supported = "bad" }

-- A resumed connection, a full handshake instead, an error; in colour and without.
local STRIP_MARKS = { resumed = { "#", "good" }, refused = { ".", "mixed" }, error = { "x", "bad" } }

local function painter(colour)
  return function(text, name)
    if colour and COLOURS[name] then
      return ("\27[%sm%s\27[0m"):format(COLOURS[name], text)
    end
    return text
  end
end

local function append(list, more)
  table.move(more, 1, #more, #list + 1, list)
end

local function join(parts, separator)
  local present = {}
  for i = 1, parts.n do
    present[#present + 1] = parts[i] ~= "" and parts[i] or nil
  end
  return table.concat(present, separator)
end

local function line_start(mechanism, verdict)
  return ("      %-17s  %-7s  "):format(mechanisms[mechanism].title, vocabulary.version(verdict.version))
end

local function support_line(mechanism, verdict, paint)
  local words = vocabulary.verdicts[vocabulary.verdict_shown(verdict)]
  local details = join(table.pack(
    vocabulary.resumed(verdict),
    vocabulary.errors(verdict),
    vocabulary.reason(mechanism, verdict),
    vocabulary.evidence(verdict),
    vocabulary.cut_short(verdict),
    vocabulary.issued(mechanism, verdict)), "; ")
  return line_start(mechanism, verdict) .. paint(("%-21s"):format(words), VERDICT_COLOURS[verdict.verdict])
    .. escape(details)
end

local function strip(sequence, paint)
  local lines, line = {}, {}
  for i, entry in ipairs(sequence) do
    local mark = STRIP_MARKS[entry.outcome] or STRIP_MARKS.error
    line[#line + 1] = paint(mark[1], mark[2])
    if #line == STRIP_WIDTH or i == #sequence then
      lines[#lines + 1] = "        " .. table.concat(line)
      line = {}
    end
  end
  return lines
end

local function crowd_words(rate)
  if rate.too_many_at_once then
    return ("measured with %s at once: %d were too many for the server"):format(
      vocabulary.count(rate.concurrency, "connection"), rate.too_many_at_once)
  end
end

local function rate_lines(mechanism, rate, paint)
  if not rate.rate then
    return { support_line(mechanism, rate, paint) }
  end
  local words = ("%3s %%  (%s)"):format(vocabulary.percent(rate.rate), vocabulary.interval(rate.interval))
  local details = join(table.pack(
    vocabulary.resumed(rate),
    vocabulary.errors(rate),
    rate.design == "fresh" and vocabulary.reasons.single_use_tickets(mechanism) .. ": fresh ones were offered" or nil,
    rate.reason == "alert_on_resumption" and vocabulary.reason(mechanism, rate) .. ", here x" or nil,
    rate.failures and vocabulary.evidence(rate) or nil,
    crowd_words(rate),
    rate.engine_moved and "measured with libssl only: " .. rate.engine_moved or nil), "; ")
  local lines = strip(rate.sequence, paint)
  table.insert(lines, 1,
    line_start(mechanism, rate) .. paint(("%-21s"):format(words), VERDICT_COLOURS[rate.verdict]) .. "  "
      .. escape(details))
  return lines
end

local function problem_line(holder)
  return escape(vocabulary.problem(holder), LONGEST_PROBLEM)
end

local function legend(rate)
  for _, one in vocabulary.each_mechanism(rate) do
    if one.rate then
      return ("    Rate, by up to %s each  (# resumed, . full handshake instead, x error; 95 %% interval)"):format(
        vocabulary.count(one.attempted, "attempt"))
    end
  end
  return "    Rate"
end

local function address_lines(entry, paint)
  local lines = { "  " .. paint(escape(entry.address), "strong")
    .. (entry.resolved_by == "proxy" and " (looked up by the proxy: its addresses are not known here)" or "") }
  if entry.client_certificate then
    lines[#lines + 1] = "    Client certificate: " .. vocabulary.client_certificates[entry.client_certificate]
  end
  if entry.client_hello then
    lines[#lines + 1] = "    ClientHello: " .. vocabulary.client_hello(entry.client_hello)
  end
  if entry.status ~= "completed" then
    lines[#lines + 1] = "    " .. paint(problem_line(entry), "bad")
  end
  if entry.support then
    lines[#lines + 1] = "    Support"
    for mechanism, verdict in vocabulary.each_mechanism(entry.support) do
      lines[#lines + 1] = support_line(mechanism, verdict, paint)
    end
  end
  if entry.rate then
    lines[#lines + 1] = legend(entry.rate)
    for mechanism, rate in vocabulary.each_mechanism(entry.rate) do
      append(lines, rate_lines(mechanism, rate, paint))
    end
  end
  if entry.browser then
    lines[#lines + 1] = "    As a browser, each ticket once"
    lines[#lines + 1] = ("      %-17s  %s"):format(vocabulary.percent(entry.browser.share) .. " %",
      escape(vocabulary.browser(entry.browser)))
  end
  if entry.balancer then
    append(lines, balancer.lines(entry.balancer, paint))
  end
  if entry.audit then
    append(lines, audit.lines(entry.audit, paint))
  end
  local first = "    => "
  for _, sentence in ipairs(conclusion.of(entry)) do
    for _, line in ipairs(balancer.wrap(sentence, "")) do
      lines[#lines + 1] = first .. paint(line, "strong")
      first = "       "
    end
  end
  return lines
end

-- How the target was reached, where that was not at once.
local function way_words(described)
  local list = vocabulary.way(described)
  return escape(#list > 0 and ", " .. table.concat(list, ", ") or "")
end

--- The report of one target.
-- @tparam table result what resum.run returned
-- @tparam[opt] table options colour (boolean: with the terminal's escape sequences)
-- @treturn string lines, the last one ended
function M.target(result, options)
  local paint = painter(options and options.colour)
  local lines = { paint(escape(target.label(result.target)), "strong") .. way_words(result.target) }
  if #result.addresses == 0 then
    lines[2] = "  " .. paint(problem_line(result), "bad")
  end
  for _, entry in ipairs(result.addresses) do
    append(lines, address_lines(entry, paint))
  end
  append(lines, balancer.across(result.across, paint))
  return table.concat(lines, "\n") .. "\n"
end

--- The report of one address, for where something else has said whose it is.
-- @tparam table entry one of a result's addresses
-- @treturn string lines, the first ones not indented, the last one ended
function M.address(entry)
  local lines = address_lines(entry, painter(false))
  for i = 2, #lines do
    lines[i] = lines[i]:sub(5) .. "\n"
  end
  return table.concat(lines, "", 2)
end

return M
