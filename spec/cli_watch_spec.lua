--- The command's words about a watch: what goes with it, when it ends, and what stands in its lines, metrics and page.

local cjson = require "cjson"
local expectation = require "resum.cli.expectation"
local json = require "resum.report.watch.json"
local moment = require "resum.cli.moment"
local openmetrics = require "resum.report.watch.openmetrics"
local options = require "resum.cli.options"
local page = require "resum.report.watch.page"
local page_rows = require("spec.support.page")
local words = require "resum.analysis.watch.words"

local function parse(line)
  local list = {}
  for word in line:gmatch("%S+") do
    list[#list + 1] = word
  end
  local parsed, message = options.parse(list)
  return parsed, message
end

describe("a watch on the command line", function()
  it("takes its own options, and those of connections", function()
    local parsed, scan = parse("--watch --every 5 --max_per_minute 12 --until 90min --expect key-age<7d "
      .. "--expect psk>=95% --expect no-event=server-down --state x --starttls smtp --sni a.example mail.example.com")
    assert.same({ true, 5, 12, "x" }, { parsed.watch, parsed.every, parsed.max_per_minute, parsed.state })
    assert.is_true(parsed["until"] > os.time() + 5000)
    assert.same({ "smtp", "a.example" }, { scan.starttls, scan.sni })
    assert.is_true(parsed.show_text)
  end)

  for line, said in pairs({
    ["--every 5 a.example"] = "--every is about a watch: add --watch",
    ["--until 5h a.example"] = "--until is about a watch: add --watch",
    ["--max_per_minute 5 a.example"] = "--max_per_minute is about a watch: add --watch",
    ["--expect key-age<7d a.example"] = "--expect key-age<7d is about a watch: add --watch",
    ["--watch"] = "no target: name one or more as host:port (resum --help says more)",
    ["--watch 192.0.2.0/24"] = "a watch takes no range of addresses: name them one by one",
    ["--watch --audit a.example"] = "--audit does not go with --watch",
    ["--watch --resum_rate a.example"] = "--resum_rate does not go with --watch",
    ["--watch --targets_in x"] = "--targets_in does not go with --watch",
    ["--watch --delay 3 a.example"] = "--delay does not go with --watch: take --max_per_minute",
    ["--watch --expect balancer=all_shared a.example"] = "--expect balancer=all_shared is not what a watch finds out: "
      .. "key-age<7d, psk>=95%, no-event=KIND are",
    ["--watch --expect ticket=supported a.example"] = "--expect ticket=supported is not what a watch finds out: "
      .. "key-age<7d, psk>=95%, no-event=KIND are",
    ["--watch --json_out - --html_out - a.example"] = "--json_out and --html_out can't both go to stdout",
    ["--state x a.example"] = "--state is what the audit remembers, or a watch: add --audit or --watch",
  }) do
    it("is refused in a line: " .. line, function()
      assert.same({ nil, said }, { parse(line) })
    end)
  end

  it("is refused in a line that says what numbers and times there are", function()
    for line, said in pairs({ ["--watch --every 0 a.example"] = "--every takes a number of seconds from 0.1 to 86400",
      ["--watch --max_per_minute 1.5 a.example"] = "--max_per_minute takes a whole number from 1 to 60000",
      ["--watch --until yesterday a.example"] = "--until takes a time such as 18:00",
      ["--watch --until 2020-01-01T00:00 a.example"] = "--until 2020-01-01T00:00 has passed",
      ["--watch --expect key-age<soon a.example"] = "--expect takes rules such as",
      ["--watch --expect no-event=nothing a.example"] = "--expect takes rules such as" }) do
      local parsed, message = parse(line)
      assert.is_nil(parsed)
      assert.is_truthy(message:find(said, 1, true), message)
      assert.is_nil(message:find("\n"))
    end
  end)
end)

describe("a moment", function()
  local NOON = os.time({ year = 2026, month = 11, day = 29, hour = 12 })

  it("is a time of day, the next one", function()
    assert.equal(NOON + 6 * 3600, moment.read("18:00", NOON))
    assert.equal("2026-11-30 09:30", os.date("%Y-%m-%d %H:%M", moment.read("9:30", NOON)))
    assert.equal("2026-11-30 12:00", os.date("%Y-%m-%d %H:%M", moment.read("12:00", NOON)))
  end)

  it("is a date, of local time or of UTC", function()
    assert.equal("2027-01-02 03:04:05", os.date("%Y-%m-%d %H:%M:%S", moment.read("2027-01-02T03:04:05", NOON)))
    assert.equal("2027-01-02 03:04", os.date("!%Y-%m-%d %H:%M", moment.read("2027-01-02T03:04Z", NOON)))
  end)

  it("is a duration", function()
    for text, seconds in pairs({ ["30s"] = 30, ["90min"] = 5400, ["12h"] = 43200, ["7d"] = 604800, ["1.5h"] = 5400 }) do
      assert.equal(NOON + seconds, moment.read(text, NOON))
      assert.equal(seconds, moment.duration(text))
    end
  end)

  it("is nothing else", function()
    for _, text in ipairs({ "", "x", "25:00", "12:60", "2027-02-30T00:00", "2027-13-01T00:00", "7", "-7d", "0s", "7w",
      "99999999999999999999d" }) do
      assert.is_nil((moment.read(text, NOON)), text)
    end
  end)
end)

local function state(more)
  local one = { is_up = true, address = "192.0.2.1", now = 1000000, time = 1000000, from = 1000, events = {},
    counts = {}, keys = { { name = ("8f"):rep(16), first = 1000, last = 999000, share = 1 } },
    certificates = { { name = ("ab"):rep(32), first = 999000, last = 999000, share = 1 } },
    mechanisms = { ticket = { rate = 0.5, offers = 30, known_age_s = 1234.5, works = true, issues = true } },
    sessions = { ticket = 24 } }
  for name, value in pairs(more or {}) do
    one[name] = value
  end
  return one
end

describe("an expectation of a watch", function()
  local function check(rule, events, more)
    return { expectation.check_watch(assert(expectation.parse(rule)), state(more), events or {}) }
  end

  it("is about the age of the oldest key", function()
    assert.same({ true, "12 d" }, check("key-age<12d"))
    assert.same({ false, "12 d" }, check("key_age < 11d"))
    assert.is_true(check("key-age<1s", {}, { keys = {} })[1])
  end)

  it("is about a share, when there were offers enough", function()
    assert.same({ true, "0.50" }, check("ticket>=50%"))
    assert.same({ false, "0.50" }, check("ticket>=51%"))
    assert.same({ true }, check("psk>=51%"))
    assert.same({ true }, check("ticket>=51%", {}, { mechanisms = { ticket = { rate = 0, offers = 19 } } }))
  end)

  it("is about what must not happen", function()
    assert.same({ true, "server_down" }, check("no-event=server_down", { server_up = 1 }))
    assert.same({ false, "server_down" }, check("no-event=server-down", { server_down = 1 }))
  end)
end)

-- An event with every field that there is.
local FULL = { kind = "key_replaced", time = 20, since = 10, until_then = 9, mechanism = "psk", old = { "a" },
  new = { "b" }, there = {}, old_key = "dropped", caches = "kept", keys = "same", tickets = "cached",
  certificate = "changed", away = true, refused = 4,
  alive_s = 1, dead_s = 2, promised_s = 3, promised_before_s = 4, down = 1, down_until = 2, stopped = 2, by_s = 5,
  slept = true, problem = { code = "reset", message = "x\1" } }

local WHERE = { target = "a.example:443", address = "192.0.2.1", minute = tostring, iso = function(time)
  return "T" .. time
end }

describe("a line of JSON", function()
  it("has the fields of docs/watch.md, and no others", function()
    local written, listed = cjson.decode(json.line(FULL, WHERE)), {}
    for code, row in pairs(page_rows.by_heading(page_rows.text("watch.md"))["JSON lines"]) do
      assert(code)
      for name in row.cells[1]:gmatch("`([%l_]+)`") do
        listed[name] = true
      end
    end
    assert.same({}, page_rows.differences(written, listed))
    assert.same({ "T20", "T10", "x\\x01", 0 }, { written.at, written.since, written.error.message, #written.there })
  end)

  it("has a row in docs/watch.md for each kind", function()
    local listed, known = {}, {}
    for _, row in pairs(page_rows.by_heading(page_rows.text("watch.md")).Events) do
      for name in row.cells[1]:gmatch("`([%l_]+)`") do
        listed[name] = true
      end
    end
    for _, kind in ipairs(words.kinds) do
      known[kind] = true
    end
    assert.same({}, page_rows.differences(known, listed))
  end)
end)

describe("the metrics of a watch", function()
  it("are gauges and a counter, and end as OpenMetrics do", function()
    local text = openmetrics.text({ { target = 'a"b:443', state = state({ counts = { server_down = 2 } }) } })
    for _, line in ipairs({ 'resum_up{target="a\\"b:443",address="192.0.2.1"} 1',
      ('resum_ticket_key_age_seconds{target="a\\"b:443",address="192.0.2.1",key="%s"} 999000'):format(("8f"):rep(16)),
      'resum_rate{target="a\\"b:443",address="192.0.2.1",mechanism="ticket"} 0.5',
      'resum_events_total{target="a\\"b:443",address="192.0.2.1",event="server_down"} 2' }) do
      assert.is_truthy(("\n" .. text):find("\n" .. line .. "\n", 1, true), line .. "\n" .. text)
    end
    assert.is_truthy(text:find("# TYPE resum_events counter\n", 1, true))
    assert.equal("# EOF\n", text:sub(-6))
    assert.is_nil(text:find('mechanism="psk"', 1, true))
  end)

  it("count from nothing what has not happened yet, as else nobody sees the first one", function()
    local text = openmetrics.text({ { target = "a", state = state() } })
    for _, kind in ipairs(words.kinds) do
      assert.is_truthy(text:find(('event="%s"} 0\n'):format(kind), 1, true), kind)
    end
  end)

  it("say nothing of a server of which nothing is known", function()
    local unknown = state({ mechanisms = {}, keys = {}, certificates = {}, sessions = {} })
    unknown.is_up = nil
    assert.is_nil(openmetrics.text({ { target = "a", state = unknown } }):find("resum_up{", 1, true))
  end)
end)

describe("the page of a watch", function()
  local CLOCK = { minute = function(time) return "minute " .. time end, second = tostring,
    time = function(time) return "second " .. time end }
  local ABOUT = { version = "1", written_at = "now", every = 60, command = "resum --watch a.example" }

  local function write(more)
    return page.text({ { target = "a.example:443", state = state(more), clock = CLOCK } }, ABOUT)
  end

  it("says what is known now, and what has happened, the newest first", function()
    local text = write({ events = {
      { kind = "server_down", time = 500000, since = 500000, problem = { message = "<reset>" } },
      { kind = "server_up", time = 600000, since = 600000, down = 500000 },
      { kind = "cache_emptied", time = 700000, since = 700000, mechanism = "session_id", keys = "same" },
    } })
    assert.is_truthy(text:find("The server is up", 1, true))
    local up = text:find("the server is up again", 1, true)
    local down = text:find("the server is down, as seen from here: &lt;reset&gt;", 1, true)
    assert.is_true(up < down)
    assert.is_nil(text:find("<script", 1, true))
    assert.is_nil(text:find("<reset>", 1, true))
  end)

  it("tells the ends of a short picture to the second, as they have one minute", function()
    assert.is_truthy(write():find("From minute 1000 to minute 1000000", 1, true))
    assert.is_truthy(write({ from = 999500 }):find("From second 999500 to second 1000000", 1, true))
  end)

  it("repeats no heading as the head of a column", function()
    local text, sections = write(), 0
    for title, head in text:gmatch("<h3>([^<]+)</h3>.-<th[^>]*>([^<]+)</th>") do
      sections = sections + 1
      assert.is_true(title ~= head, title)
    end
    assert.is_true(sections >= 2, sections)
  end)

  it("says that the server is down, or that something has stopped", function()
    assert.is_truthy(write({ is_up = false }):find("The server is down", 1, true))
    assert.is_truthy(write({ mechanisms = { psk = { offers = 1, known_age_s = 1, stopped_since = 5, works = true } } })
      :find("The server is up; no TLS 1.3 ticket resumes any more", 1, true))
    assert.is_truthy(write({ mechanisms = { ticket = { offers = 1, known_age_s = 1, issues = false, works = true },
      session_id = { offers = 1, known_age_s = 1, works = false } } })
      :find("The server is up; connections for session IDs fail; no ticket is issued any more", 1, true))
  end)

  it("has every event in its picture, but those of our own end", function()
    local events, own = {}, { clock_set = true, server_up = true }
    for i, kind in ipairs(words.kinds) do
      events[i] = { kind = kind, time = 1000 * i, since = 1000 * i, old = { "a" }, new = { "b" }, there = { "c" },
        old_key = "kept", mechanism = "psk", alive_s = 1, dead_s = 2, by_s = 5, stopped = 1, down = 1,
        promised_s = 3, promised_before_s = 4 }
    end
    local figure = write({ events = events }):match("<figure>.-</svg>")
    for _, event in ipairs(events) do
      local title = event.kind == "server_down" and "down from" or event.kind == "not_watched" and "not watched from"
        or words.sentence(event, CLOCK.minute)
      local shown = figure:gsub("&#39;", "'"):find(title, 1, true) ~= nil
      assert.equal(not own[event.kind], shown, event.kind)
    end
  end)
end)
