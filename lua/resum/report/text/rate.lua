-- How often sessions resume, for people: for each mechanism one rate for each question that is asked, and the sequence
-- of outcomes. Pure.

local escape = require "resum.util.escape"
local figure = require "resum.report.text.figure"
local layout = require "resum.report.text.layout"
local mechanisms = require "resum.connection.mechanism"
local vocabulary = require "resum.analysis.vocabulary"

local M = {}

local append, wrap = layout.append, layout.wrap

local QUESTION_WIDTH = 33
local BAR_FROM = 76 -- columns: with fewer the bar is left out
local BESIDE_FROM = 58 -- with fewer the figures come below their question

-- A resumed connection, a full handshake instead, an error; in colour and without.
local MARKS = { resumed = { "#", "good" }, refused = { ".", "bad" }, error = { "x", "strong" } }

local function strip(sequence, style)
  local lines, line, paint = {}, {}, style.paint
  for i, entry in ipairs(sequence) do
    local mark = MARKS[entry.outcome] or MARKS.error
    line[#line + 1] = paint(mark[1], mark[2])
    if #line == layout.strip_width(style.width) or i == #sequence then
      lines[#lines + 1] = "    " .. table.concat(line)
      line = {}
    end
  end
  return lines
end

-- One question: its rate, a bar where there is room, and the interval.
local function rate_lines(question, share, interval, note, style)
  if style.width < BESIDE_FROM then
    return { "    " .. question, ("      %3s %%  %s"):format(vocabulary.percent(share),
      interval and vocabulary.interval(interval) or note) }
  end
  local line = ("    %-" .. QUESTION_WIDTH .. "s %3s %%"):format(question, vocabulary.percent(share))
  if interval and style.width >= BAR_FROM then
    line = line .. "  " .. style.paint(figure.bar(interval), "faint")
  end
  return { line .. "  " .. (interval and vocabulary.interval(interval) or note) }
end

local function crowd_words(rate)
  if rate.too_many_at_once then
    return ("measured with %s at once, as %d were too many for the server"):format(
      vocabulary.count(rate.concurrency, "connection"), rate.too_many_at_once)
  end
end

-- What there is to say of a rate besides.
local function notes(mechanism, rate)
  local list = { vocabulary.resumed(rate) }
  list[#list + 1] = vocabulary.errors(rate)
  list[#list + 1] = vocabulary.left_out(rate)
  list[#list + 1] = vocabulary.single_use(mechanism, rate)
  list[#list + 1] = rate.reason == "alert_on_resumption" and vocabulary.reason(mechanism, rate) .. ", shown as x" or nil
  list[#list + 1] = rate.failures and vocabulary.evidence(rate) or nil
  list[#list + 1] = crowd_words(rate)
  list[#list + 1] = rate.engine_moved and "measured with libssl only: " .. rate.engine_moved or nil
  return table.concat(list, "; ")
end

local function mechanism_lines(name, rate, entry, style)
  local version = vocabulary.version(rate.version)
  local lines = wrap(escape(("%s%s: %s"):format(mechanisms[name].title, version ~= "" and ", " .. version or "",
    notes(name, rate))), style.width, "  ", "    ")
  append(lines, rate_lines(vocabulary.questions[rate.design == "fresh" and "fresh" or "fixed"], rate.rate,
    rate.interval, nil, style))
  local pool = entry.balancer and entry.balancer.mechanisms and entry.balancer.mechanisms[name]
  for _, design in ipairs({ "pairs", "chain" }) do
    local one = pool and pool.designs[design]
    if one and one.rate then
      append(lines, rate_lines(vocabulary.questions[design], one.rate, one.interval, nil, style))
    end
  end
  local browser = name == "psk" and entry.browser
  if browser then
    append(lines, rate_lines(vocabulary.questions.browser, browser.share, nil,
      ("%d of %d"):format(browser.resumed, browser.attempted), style))
    local failed = browser.errors > 0 and "; " .. vocabulary.count(browser.errors, "error") or ""
    append(lines, wrap(("(in a row, the first with nothing to offer; it got %s%s)"):format(
      vocabulary.browser_tickets(browser), failed), style.width, "      "))
  end
  append(lines, strip(rate.sequence, style))
  return lines
end

local function legend(attempted, style)
  local lines = layout.title("How often do sessions resume?", style)
  append(lines, wrap(("Up to %s each; ranges are 95 %% intervals%s. The strips show the first rate, attempt by "
    .. "attempt: # resumed, . full handshake instead, x error."):format(vocabulary.count(attempted, "attempt"),
    style.width >= BAR_FROM and ", = in the bars" or ""), style.width, "  "))
  return lines
end

-- What a browser meets, where no rate stands beside it.
local function browser_alone(entry, style)
  if not entry.browser then
    return {}
  end
  local lines = layout.title("What does a browser get? (It uses each ticket once.)", style)
  append(lines, wrap(("%s %%: %s. The first connection has nothing to offer."):format(
    vocabulary.percent(entry.browser.share), vocabulary.browser(entry.browser)), style.width, "  "))
  return lines
end

--- The rates of one address.
-- @tparam table entry one of a result's addresses
-- @tparam table style width, paint
-- @treturn {string,...} lines; none without a rate
function M.lines(entry, style)
  local lines, most, has_psk = {}, 0, false
  for name, rate in vocabulary.each_mechanism(entry.rate or {}) do
    if rate.rate then
      append(lines, mechanism_lines(name, rate, entry, style))
      most, has_psk = math.max(most, rate.attempted), has_psk or name == "psk"
    end
  end
  if #lines == 0 then
    return browser_alone(entry, style)
  end
  local all = legend(most, style)
  append(all, lines)
  if entry.browser and not has_psk then
    all[#all + 1] = ""
    append(all, browser_alone(entry, style))
  end
  return all
end

return M
