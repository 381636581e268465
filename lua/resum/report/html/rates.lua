-- How often sessions resume: a figure for each question and mechanism, so that none stands twice with two values. Pure.

local chart = require "resum.report.html.chart"
local markup = require "resum.report.html.markup"
local mechanisms = require "resum.connection.mechanism"
local vocabulary = require "resum.analysis.vocabulary"

local M = {}

local element, escape, text = markup.element, markup.escape, markup.text

local function row(name, share, interval, counts)
  return element("div", { class = "rate" }, text("span", "name", name) .. chart.meter(share, interval)
    .. text("span", "share", vocabulary.percent(share) .. " %") .. text("span", "soft", interval
      and ("%s; %s"):format(vocabulary.interval(interval), counts) or counts))
end

local function counts_of(one)
  return ("%d of %d"):format(one.resumed, one.resumed + one.refused)
end

-- Of all, where it is offers that fail, as the text has it.
local function counts_of_rate(one)
  return one.failures and vocabulary.resumed(one) or counts_of(one)
end

-- What has to be known about how a rate was measured.
local function notes_of(name, rate)
  local list = { vocabulary.errors(rate) }
  local function add(words)
    list[#list + 1] = words or nil
  end
  add(vocabulary.left_out(rate))
  add(vocabulary.single_use(name, rate))
  add(rate.reason == "alert_on_resumption" and vocabulary.reason(name, rate))
  add(rate.failures and vocabulary.evidence(rate))
  add(rate.too_many_at_once and ("measured with %s at once, as %d were too many for the server"):format(
    vocabulary.count(rate.concurrency, "connection"), rate.too_many_at_once))
  add(rate.engine_moved and "measured with libssl only: " .. rate.engine_moved)
  return list
end

-- The plain figure.
local function of_rate(rate, design)
  local rows = {}
  for name, one in vocabulary.each_mechanism(rate or {}) do
    if one.rate and (one.design == "fresh") == (design == "fresh") then
      local notes = table.concat({ counts_of_rate(one), table.unpack(notes_of(name, one)) }, "; ")
      rows[#rows + 1] = row(mechanisms[name].title, one.rate, one.interval, notes)
    end
  end
  return table.concat(rows)
end

-- The others: what the look behind the address measured.
local function of_design(pool, design)
  local rows = {}
  for name, one in vocabulary.each_mechanism(pool and pool.mechanisms or {}) do
    local counts = one.designs[design]
    if counts and counts.rate then
      rows[#rows + 1] = row(mechanisms[name].title, counts.rate, counts.interval, counts_of(counts))
    end
  end
  return table.concat(rows)
end

local function of_browser(browser)
  return browser and row(mechanisms.psk.title, browser.share, nil, vocabulary.browser(browser)) or ""
end

-- Is there a rate of which offers that failed are a part?
local function counts_all(entry)
  for _, one in pairs(entry.rate or {}) do
    if one.failures then
      return true
    end
  end
  return false
end

--- All rates of an address.
-- @tparam table entry one of a result's addresses
-- @treturn string "" without a rate
function M.of(entry)
  local parts = {}
  local function add(design, rows)
    if rows ~= "" then
      parts[#parts + 1] = element("div", { class = "question" },
        text("h4", nil, (vocabulary.questions[design]:gsub("^%l", string.upper))) .. rows)
    end
  end
  add("fixed", of_rate(entry.rate, "fixed"))
  add("fresh", of_rate(entry.rate, "fresh"))
  add("pairs", of_design(entry.balancer, "pairs"))
  add("chain", of_design(entry.balancer, "chain"))
  add("browser", of_browser(entry.browser))
  return markup.section("How often do sessions resume?", #parts > 0 and element("div", { class = "questions" },
    table.concat(parts)) or "", ("Resumed of those that were answered%s, by what a client offers.%s"):format(
      counts_all(entry) and " (of all offers, where offers fail)" or "",
      (entry.rate or entry.balancer) and " Whiskers and ranges are 95 % intervals." or ""))
end

-- The same details as in the text report.
local function details(name, one)
  local list = {}
  for _, words in ipairs({ vocabulary.errors(one) or "", vocabulary.left_out(one) or "",
    vocabulary.reason(name, one) or "",
    vocabulary.evidence(one) or "", vocabulary.cut_short(one) or "", vocabulary.issued(name, one) or "" }) do
    list[#list + 1] = words ~= "" and words or nil
  end
  return table.concat(list, "; ")
end

local COLOURS = { supported = "good", partially_supported = "broken", not_supported = "broken" }

--- A verdict on a mechanism, with its colour.
local function verdict(one)
  return text("span", "word " .. (COLOURS[one.verdict] or "unknown"),
    vocabulary.verdicts[vocabulary.verdict_shown(one)])
end

--- Whether each mechanism is supported.
-- @tparam table entry one of a result's addresses
-- @treturn string "" where that was not asked
function M.support(entry)
  local rows = {}
  local function add(name, one)
    rows[#rows + 1] = { escape(mechanisms[name].title), escape(vocabulary.version(one.version)), verdict(one),
      escape(vocabulary.resumed(one) or ""), escape(details(name, one)) }
  end
  for name, one in vocabulary.each_mechanism(entry.support or {}) do
    add(name, one)
  end
  for name, one in vocabulary.each_mechanism(entry.rate or {}) do
    if not one.rate and not (entry.support and entry.support[name]) then
      add(name, one)
    end
  end
  return markup.section("Is resumption supported?", #rows > 0 and markup.table({ "mechanism", "version", "verdict",
    "attempts", "details" }, rows) or "")
end

return M
