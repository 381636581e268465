-- The page of HTML in a real browser, headless: nothing overflows or is cut off at phone and at desktop width, every
-- text stands out from what is behind it in light and in dark, no script runs, and no request leaves it.

local cjson = require "cjson"
local html = require "resum.report.html"
local pools = require "spec.support.real_pool"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local simulation = require "spec.support.simulation"
local watch_page = require "resum.report.watch.page"
local watch_words = require "resum.analysis.watch.words"

local LUA = "lua" .. _VERSION:match("%d%.%d")
local RESUM = process.ROOT .. "/lua/bin/resum"
local SOURCES = { "--source", "127.0.0.31", "--source", "127.0.0.32", "--source", "127.0.0.33" }
local ABOUT = { version = "9.9.9", started_at = "2001-02-03T04:05:06Z", command = "resum --resum_rate a.example" }
local WIDTHS = { 390, 1280 }
local CONTRAST = 4.5 -- WCAG 2.2, 1.4.3: of text that is not large

-- Tells the page around it what is wrong; and, by hand of a script of its own, what was asked for.
local MEASURE = process.read_file(process.ROOT .. "/spec/support/page_check.js")

-- A window is never as narrow as a phone; a frame can be.
local FRAME = [[<!DOCTYPE html><body style="margin:0"><script>const all = {}; addEventListener("message", e => {
  all[e.data.wide] = e.data;
  document.documentElement.setAttribute("data-measured", JSON.stringify(all));
})</script>%s</body>]]

-- The browser has errands of its own: they are to fail here.
local ALONE = { "--host-resolver-rules=MAP * ~NOTFOUND", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--no-first-run" }

-- Runs the browser on a file; returns what it printed.
local function browse(path, more)
  local command = { "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
    "--window-size=1400,900", "--user-data-dir=" .. process.temporary_directory() }
  for _, list in ipairs({ ALONE, more }) do
    table.move(list, 1, #list, #command + 1, command)
  end
  command[#command + 1] = "file://" .. path
  return process.run({ command = command, seconds = 120 }).stdout
end

-- The same page, but it may run the one script that measures it, and would be allowed to load what it asks for.
-- Returns what was measured at each width.
local function measured(page, scheme)
  local folder, frames = process.temporary_directory(), {}
  local text = page:gsub('<meta http%-equiv="Content%-Security%-Policy"[^>]*>', "", 1)
  process.write_file(folder .. "/measured.html", (text:gsub("</body>", function()
    return "<script>" .. MEASURE .. "</script></body>"
  end)))
  for i, width in ipairs(WIDTHS) do
    frames[i] = ('<iframe src="measured.html" style="border:0" width="%d" height="900"></iframe>'):format(width)
  end
  process.write_file(folder .. "/frame.html", FRAME:format(table.concat(frames)))
  local dom = browse(folder .. "/frame.html",
    { "--dump-dom", "--virtual-time-budget=20000", "--blink-settings=preferredColorScheme=" .. scheme })
  local json = assert(dom:match('data%-measured="([^"]*)"'), "the browser measured nothing")
  local found = cjson.decode((json:gsub("&quot;", '"'):gsub("&lt;", "<"):gsub("&gt;", ">"):gsub("&amp;", "&")))
  for _, width in ipairs(WIDTHS) do
    assert(found[tostring(width)], ("nothing was measured at %d"):format(width))
  end
  return found
end

-- What a page asks for, from the log of the browser's network; without the browser's own errands.
local function asked_by(path)
  local log = process.temporary_directory() .. "/net.json"
  browse(path, { "--log-net-log=" .. log, "--net-log-capture-mode=Everything", "--dump-dom" })
  local asked, seen = {}, {}
  for line in process.read_file(log):gmatch("[^\n]+") do
    local url, by = line:match('"url":"(%a+:[^"]*)"'), line:match('"initiator":"([^"]*)"')
    if url and by and by ~= "not an origin" and not url:find("^data:") and not seen[url] then
      seen[url] = true
      asked[#asked + 1] = url
    end
  end
  return asked
end

local function result_of(name, entry)
  entry.address, entry.status, entry.connections = entry.address or "192.0.2.1", entry.status or "completed", 321
  return { status = entry.status, addresses = { entry }, elapsed_s = 1, error = entry.error,
    target = { text = name, host = name, port = 443 } }
end

local function pool_of(options)
  local summary, _, rate = simulation.run(options)
  return { balancer = summary, rate = rate }
end

-- Two of three share a key; and the last has none.
local function unlike()
  local list = simulation.servers(3)
  list[2].keys = list[1].keys
  return list
end

local function many_servers()
  return pool_of({ servers = simulation.servers(12), policy = "random", seed = 9 })
end

local PAGES = {
  ["a pool of which one is left out"] = function()
    return { result_of("mail.example", pool_of({ servers = unlike(), policy = "roundrobin", seed = 5 })) }
  end,
  ["more servers than fit the picture"] = function()
    return { result_of("a-very-long-name-of-a-host-that-nobody-would-want-to-type.example", many_servers()) }
  end,
  ["a server without resumption"] = function()
    local verdict = { verdict = "not_supported", reason = "not_issued", attempted = 0, resumed = 0, refused = 0,
      errors = 0, error_kinds = {}, designs = {}, version = "TLSv1.3" }
    return { result_of("a.example", { support = { psk = verdict, session_id = verdict, ticket = verdict } }) }
  end,
  ["many targets"] = function()
    local list = { result_of("pool.example", many_servers()) }
    for i = 2, 20 do
      list[i] = result_of(("host-%d.example"):format(i), { status = "unreachable",
        error = { message = "connect: " .. ("x"):rep(30 * i), code = "refused" } })
    end
    return list
  end,
}

local function write_page(results)
  local page = html.new(ABOUT)
  for _, result in ipairs(results) do
    page:add(result)
  end
  return page:finish({ elapsed_s = 1 })
end

local function assert_readable(page, most_scripts)
  local backgrounds = {}
  for scheme = 0, 1 do
    for width, found in pairs(measured(page, scheme)) do
      local where = ("%s pixels, scheme %d"):format(width, scheme)
      assert.same({}, found.out, where .. ": sticks out")
      assert.same({}, found.cut, where .. ": cut off")
      assert.same({}, found.faint, where .. ": contrast below " .. CONTRAST)
      assert.same({}, found.requests, where)
      assert.equal(most_scripts or 0, found.scripts, where)
      assert.is_true(found.scroll <= found.wide, ("%s, but %d wide"):format(where, found.scroll))
      assert.is_true(found.texts > 10, where)
      backgrounds[scheme] = found.background
    end
  end
  assert.are_not.equal(backgrounds[0], backgrounds[1])
end

describe("the page of HTML in a browser #heavy", function()
  local path, page

  setup(function()
    path = process.temporary_directory() .. "/page.html"
    local balancer = servers.haproxy({ backends = pools.start("nothing"), balance = "source" })
    local run = process.run({ command = { LUA, RESUM, "--resum", "--resum_rate", "--quiet", "--html_out", path,
      balancer.address, table.unpack(SOURCES) }, seconds = 120 })
    assert.same({ 0, "" }, { run.code, run.stderr })
    page = process.read_file(path)
    servers.stop_all()
    assert.is_truthy(page:find("<title>" .. balancer.address .. ": ", 1, true))
    assert.is_truthy(page:find("<code>resum --resum --resum_rate --quiet --html_out ", 1, true))
  end)

  it("of a real pool is readable on a phone and on a desk, in light and in dark", function()
    assert_readable(page)
  end)

  for name, results in pairs(PAGES) do
    it("of " .. name .. " is readable on a phone and on a desk, in light and in dark", function()
      assert_readable(write_page(results()))
    end)
  end

  it("of a watch is readable on a phone and on a desk, in light and in dark", function()
    local events = {}
    for i, kind in ipairs(watch_words.kinds) do
      events[i] = { kind = kind, time = 3600 * i, since = 3600 * i, old = { ("8f"):rep(16) }, new = { ("ae"):rep(16) },
        there = { ("c0"):rep(16), ("d1"):rep(16) }, old_key = "dropped", mechanism = "psk", alive_s = 1, dead_s = 2,
        promised_s = 3, promised_before_s = 4, by_s = 5, stopped = 1, down = 1,
        problem = { message = "connection: no answer in time" } }
    end
    local one = { target = "a-very-long-name-of-a-host-that-nobody-would-want-to-type.example:443", state = {
      is_up = true, address = "2001:db8::1", now = 100000, time = 100000, from = 0, events = events, counts = {},
      keys = { { name = ("8f"):rep(16), first = 0, last = 9, share = 1 } },
      certificates = { { name = ("ab"):rep(32), first = 0, last = 9, share = 1 } },
      mechanisms = { ticket = { rate = 0.5, offers = 30, known_age_s = 1234.5, works = true } }, sessions = {} } }
    local function minute(time)
      return os.date("!%Y-%m-%d %H:%M", time)
    end
    one.clock = { minute = minute, second = minute }
    local written = watch_page.text({ one, one }, { version = "1", written_at = "now", every = 60, command = "resum" })
    assert_readable((written:gsub('<meta http%-equiv="refresh"[^>]*>', "", 1)))
  end)

  it("would be found out if it were not", function()
    local bad = page:gsub("<main>", function()
      return '<main><p style="color:#999;background:#fff">faint</p><div style="width:2000px">wide</div>'
        .. '<div style="overflow:hidden;width:40px;white-space:nowrap">cut without a sign</div>'
        .. '<svg width="50" height="20"><text x="0" y="15">longer than the picture</text></svg><script></script>'
    end, 1)
    for _, found in pairs(measured(bad, 1)) do
      assert.is_truthy(table.concat(found.out, " "):find("DIV", 1, true))
      assert.is_truthy(table.concat(found.cut, " "):find("cut without a sign", 1, true))
      assert.is_truthy(table.concat(found.cut, " "):find("longer than the picture", 1, true))
      assert.is_truthy(table.concat(found.faint, " "):find("faint", 1, true))
      assert.equal(1, found.scripts)
      assert.is_true(found.scroll > found.wide)
    end
  end)

  it("asks nobody for anything", function()
    assert.same({}, asked_by(path))
  end)

  it("would be found out if it did", function()
    local control = process.temporary_directory() .. "/control.html"
    process.write_file(control, '<img src="http://127.0.0.1:9/pixel.png">')
    assert.same({ "http://127.0.0.1:9/pixel.png" }, asked_by(control))
  end)

  it("fits paper of A4", function()
    local pdf = process.temporary_directory() .. "/page.pdf"
    browse(path, { "--print-to-pdf=" .. pdf, "--no-pdf-header-footer" })
    local width, height = process.read_file(pdf):match("/MediaBox %[0 0 ([%d.]+) ([%d.]+)%]")
    assert.is_true(math.abs(width - 595) < 2 and math.abs(height - 842) < 2, ("%s x %s points"):format(width, height))
  end)
end)
