-- A watch as one page that is written again and again: what is known now, a picture of the time, and the newest events.
-- No request leaves it, and no script is needed. Pure: states in, string out; what came from a server is escaped.

local fold = require "resum.report.html.fold"
local markup = require "resum.report.html.markup"
local mechanisms = require "resum.connection.mechanism"
local style = require "resum.report.html.style"
local timeline = require "resum.report.watch.timeline"
local vocabulary = require "resum.analysis.vocabulary"
local words = require "resum.analysis.watch.words"

local M = {}

local element, escape, text = markup.element, markup.escape, markup.text

local POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
local LEAST_REFRESH = 5 -- seconds after which a browser reads the page again, at least
local NAME = 16 -- digits of a key's name that are shown

local function name_of(one)
  return text("span", "mono", #one.name > NAME and one.name:sub(1, NAME) .. "..." or one.name)
end

local function names_table(title, name, list, now)
  local rows = {}
  for i, one in ipairs(list) do
    rows[i] = { name_of(one), escape(words.duration(now - one.first)),
      escape(vocabulary.percent(one.share or 0) .. " %") }
  end
  return #rows == 0 and "" or markup.section(title, markup.table({ name, "met for", "share of handshakes" }, rows))
end

local function mechanisms_table(state)
  local rows = {}
  for _, name in ipairs(mechanisms.names) do
    local known = state.mechanisms[name]
    if known and known.offers > 0 then
      rows[#rows + 1] = { escape(mechanisms[name].title), escape(known.rate and vocabulary.percent(known.rate) .. " %"
        or "-"), escape(words.duration(known.known_age_s)), escape(state.sessions[name] or 0) }
    end
  end
  return #rows == 0 and "" or markup.section("Sessions", markup.table({ "offered by", "resumed", "oldest that resumed",
    "held" }, rows), "Of the last 100 offers within their lifetime, at most.")
end

-- Events that are not kept any more.
local function left_out_of(state)
  local count = -#state.events
  for _, of_kind in pairs(state.counts) do
    count = count + of_kind
  end
  return math.max(0, count)
end

local function note_on_events(left_out)
  return left_out == 0 and "The newest first."
    or ("The newest first; %s left out, here and in the picture."):format(left_out == 1 and "an older one is"
      or left_out .. " older ones are")
end

local function events_table(state, clock, left_out)
  local rows = {}
  for i = #state.events, 1, -1 do
    local event = state.events[i]
    rows[#rows + 1] = { escape(clock.second(event.time)), escape(words.sentence(event, clock.minute)) }
  end
  return #rows == 0 and markup.section("Events", text("p", "soft", "None so far."))
    or markup.section("Events", markup.table({ "told at", "what happened" }, rows, "events"),
      note_on_events(left_out))
end

local BADGES = { good = "up", impaired = "impaired", broken = "down", unknown = "not seen yet" }

-- How each server is, and what was told of it last: where there are several, nobody reads all to find that out.
local function index(places)
  local rows = {}
  for i, one in ipairs(places) do
    local severity, now = words.now(one.state)
    local last = one.state.events[#one.state.events]
    rows[i] = { element("a", { href = "#p" .. i }, escape(one.target)),
      fold.badge(severity, BADGES[severity]) .. (severity == "impaired" and text("span", "why", now) or ""),
      last and escape(one.clock.minute(last.time) .. ": " .. words.sentence(last, one.clock.minute)) or "no event" }
  end
  return #rows < 2 and "" or element("section", { class = "overview" }, markup.table({ "target", "server",
    "the newest event" }, rows, "watched"))
end

local function article(one, clock, number)
  local state = one.state
  local severity, now = words.now(state)
  local left_out = left_out_of(state)
  return element("article", { class = severity, id = "p" .. number }, text("h2", "mono", one.target)
    .. text("p", "soft way", ("at %s, watched for %s"):format(state.address, words.duration(state.now - state.from)))
    .. element("div", { class = "lead small" }, text("p", "headline", (now:gsub("^%l", string.upper))))
    .. element("figure", nil, timeline.of(state, clock, left_out)) .. events_table(state, clock, left_out)
    .. names_table("Ticket keys", "key", state.keys, state.now)
    .. names_table("Certificates", "SHA-256", state.certificates, state.now)
    .. mechanisms_table(state))
end

--- The page.
-- @tparam {table,...} places target (label), state (see resum.watch.place, and from: when the watch of it began) and
--   clock (minute and second: functions that write a moment of it) of each
-- @tparam table about version, written_at (text), command (or nil), every (seconds)
-- @treturn string
function M.text(places, about)
  local parts = { index(places) }
  for i, one in ipairs(places) do
    parts[i + 1] = article(one, one.clock, i)
  end
  local title = ("%s watched"):format(vocabulary.count(#places, "address", "addresses"))
  return ('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
    .. '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
    .. '<meta http-equiv="refresh" content="%d">\n'
    .. '<meta http-equiv="Content-Security-Policy" content="%s">\n<title>%s - TLS session resumption</title>\n'
    .. '<link rel="icon" href="data:,">\n<style>%s%s</style></head>\n<body><header>'
    .. '<p class="kicker">TLS session resumption, watched</p><h1>%s</h1>'
    .. '<p class="soft">Written at %s. Times are those of the machine that watches.</p></header>\n'
    .. "<main>\n%s</main>\n"
    .. "<footer><p>resum %s%s</p></footer></body></html>\n"):format(math.max(LEAST_REFRESH, about.every // 1 | 0),
      POLICY, escape(title), style, timeline.STYLE, escape(title), escape(about.written_at), table.concat(parts, "\n"),
      escape(about.version), about.command and ": " .. text("code", nil, about.command) or "")
end

return M
