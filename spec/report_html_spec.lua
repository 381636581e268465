-- The page of HTML: what stands in it, in which order, that it asks for nothing, that what a server sent stays text.

local docs = require "spec.support.page"
local html = require "resum.report.html"
local simulation = require "spec.support.simulation"
local texts = require "resum.report.text"
local vocabulary = require "resum.analysis.vocabulary"

local ABOUT = { version = "9.9.9", started_at = "2001-02-03T04:05:06Z", command = "resum --resum_rate 'a b'" }

local function entry_of(options, more)
  local summary, _, rate = simulation.run(options, more)
  return { address = "192.0.2.1", status = "completed", balancer = summary, rate = rate, connections = 320 }
end

local function page(...)
  local new = html.new(ABOUT)
  for _, result in ipairs({ ... }) do
    new:add(result)
  end
  return new:finish({ elapsed_s = 1.25 })
end

local function named(name, ...)
  local first = ...
  return { status = first and first.status or "unreachable", elapsed_s = 1, addresses = { ... },
    target = { text = name, host = name, port = 443 } }
end

local function result_of(...)
  return named("a.example", ...)
end

-- Every tag is closed, in order; what it gives up on is an error.
local function check_nesting(text)
  local open, void = {}, { meta = true, link = true }
  for slash, name, rest in text:gsub("<!DOCTYPE html>", ""):gmatch("<(/?)(%w+)([^>]*)>") do
    if slash == "/" then
      assert.equal(name, table.remove(open))
    elseif not rest:find("/$") and not void[name] then
      open[#open + 1] = name
    end
  end
  assert.same({}, open)
end

local function assert_in_order(text, list)
  local last = 0
  for _, words in ipairs(list) do
    last = assert(text:find(words, last + 1, true), words .. " is missing, or not in its place")
  end
end

-- What a reader sees: without tags, without the style, and without what is to be pasted.
local function words_of(text)
  return (text:gsub("<style>.-</style>", ""):gsub("<code>.-</code>", ""):gsub("<pre>.-</pre>", ""):gsub("<[^>]*>", " "))
end

local function count(text, words)
  local _, n = text:gsub((words:gsub("%p", "%%%0")), "")
  return n
end

local OK = { attempted = 5, resumed = 5, refused = 0, errors = 0, error_kinds = {}, designs = {}, version = "TLSv1.3",
  verdict = "supported", attempts = {} }
local OFF = { attempted = 0, resumed = 0, refused = 0, errors = 0, error_kinds = {}, designs = {}, version = "TLSv1.2",
  verdict = "not_supported", reason = "not_issued", attempts = {} }

local function supported(ticket)
  return { address = "192.0.2.1", status = "completed", support = { psk = OK, ticket = ticket or OK } }
end

describe("the page", function()
  local text = page(result_of(entry_of({ servers = simulation.servers(3), policy = "roundrobin", seed = 5 })))

  it("has the conclusion first, its cost, what to do, the picture; then the evidence; last how it was found", function()
    assert_in_order(text, { "<title>a.example:443: broken", "<h1", "a.example:443",
      "at 192.0.2.1, 320 connections, 1.0 s", "Broken", "The servers behind this address share nothing.",
      "returning clients pay a full handshake", "What to do", "resum --resum_rate a.example",
      '<svg aria-label="Client, balancer', "What was found", "How often do sessions resume?",
      "Do the servers behind the address share", "What the servers showed", "Who accepts whose sessions?",
      "Which server answered, connection by connection?", "Every attempt (", "Configuration to paste",
      "resum --resum_rate &#39;a b&#39;", "2001-02-03T04:05:06Z", "1.2 s", "320 connections", "resum 9.9.9" })
    assert.equal(3, select(2, text:gsub("ticket key <code>%x+</code>", "")))
  end)

  it("has one figure for each question and mechanism", function()
    local _, questions = text:gsub('<div class="question">', "")
    local _, rates = text:gsub('<div class="rate">', "")
    assert.same({ 3, 9 }, { questions, rates })
    for design in pairs({ fixed = true, pairs = true, chain = true }) do
      local words = vocabulary.questions[design]:gsub("^%l", string.upper)
      assert.equal(1, count(text, "<h4>" .. words .. "</h4>"))
    end
  end)

  it("has two strips for a mechanism whose servers show letters, and one for another", function()
    local strips = text:match("connection by connection.-Every attempt")
    local mechanisms = select(2, strips:gsub("<h4>", ""))
    local drawn = select(2, strips:gsub('<div aria%-label="[^"]*" class="strip"', ""))
    assert.same({ 3, 6 }, { mechanisms, drawn })
    local unnamed = page(result_of(entry_of({ servers = simulation.servers(2), policy = "random", seed = 5 },
      { mechanisms = { "session_id" } })))
    strips = unnamed:match("connection by connection.-Every attempt")
    assert.equal(1, select(2, strips:gsub('<div aria%-label="[^"]*" class="strip"', "")))
  end)

  it("shows no code of JSON, but its words", function()
    local said, codes = words_of(text), 0
    for _, row in ipairs(docs.rows(docs.text("json.md"):match("\n## Values\n.*"))) do
      if row.code:find("_", 1, true) then
        codes = codes + 1
        assert.is_nil(said:find("%f[%w_]" .. row.code .. "%f[^%w_]"), row.code)
      end
    end
    assert.is_true(codes > 50)
  end)

  it("asks for nothing and runs nothing", function()
    assert.is_nil(text:find("<script", 1, true))
    assert.is_nil(text:find("https?://"))
    assert.is_nil(text:find("url(", 1, true))
    assert.is_nil(text:find("@import", 1, true))
    assert.is_nil(text:find(" src=", 1, true))
    for href in text:gmatch('href="([^"]*)"') do
      assert.equal("data:,", href)
    end
    assert.is_truthy(text:find("default-src 'none'", 1, true))
  end)

  it("closes every element, and is plain ASCII", function()
    check_nesting(text)
    assert.is_nil(text:find("[^\n\32-\126]"))
  end)

  it("says that there is nothing to do only where there is nothing", function()
    assert.is_truthy(page(result_of(supported())):find("Nothing to do.", 1, true))
    local off = page(result_of(supported(OFF)))
    assert.is_nil(off:find("Nothing to do.", 1, true))
    assert.is_truthy(off:find("no ticket is issued", 1, true))
    assert.equal(1, count(off, "Resumption works by TLS 1.3 ticket, but not by ticket.")) -- not as evidence once more
  end)

  it("compares local addresses, and the addresses of a name", function()
    local sources = { "192.0.2.11", "192.0.2.12", "192.0.2.13" }
    local with_sources = page(result_of(entry_of({ servers = simulation.servers(3), policy = "source", seed = 5,
      sources = sources, placed = { ["192.0.2.11"] = 1, ["192.0.2.12"] = 2, ["192.0.2.13"] = 3 } })))
    assert_in_order(with_sources, { "By local address", "192.0.2.12" })
    check_nesting(with_sources)
    local two = result_of(entry_of({ servers = simulation.servers(1), policy = "roundrobin", seed = 5 }), supported())
    local cell, none = { resumed = 3, answered = 3, errors = 0 }, { resumed = 0, answered = 3, errors = 0 }
    two.across = { ticket = { verdict = "not_shared", addresses = { "192.0.2.1", "192.0.2.2" }, matrix = {
      ["192.0.2.1"] = { ["192.0.2.1"] = cell, ["192.0.2.2"] = none },
      ["192.0.2.2"] = { ["192.0.2.1"] = none, ["192.0.2.2"] = cell },
    } } }
    local across = page(two)
    local grid = across:match("Do the addresses share their sessions.*")
    assert.same({ 2, 2 }, { count(grid, '<td class="all">3/3<'), count(grid, '<td class="none">0/3<') })
    assert.is_truthy(grid:find(">not shared<", 1, true))
    check_nesting(across)
  end)

  it("says, as text does, how the target was reached and what it wants of a client", function()
    local entry = supported()
    entry.address, entry.resolved_by, entry.client_certificate = "a.example", "proxy", "optional"
    entry.client_hello = { code = "no_hybrid_share", bytes = 317, usual_bytes = 1552, usual_outcome = "timeout" }
    entry.server_software = "Sendmail 9"
    local result = result_of(entry)
    result.target.starttls, result.target.proxy = "smtp", "socks5h://proxy.example:1080"
    local said = { "STARTTLS of smtp, through socks5h://proxy.example:1080",
      "Client certificate: asked for; the handshake passes without one.", "without a hybrid key share (317 bytes)",
      "Sendmail 9" }
    local plain = tostring(texts.target(result, {})):gsub("%s+", " ")
    local pages = { page(result), page(result, named("b.example")) }
    for _, words in ipairs(said) do
      assert.is_truthy(plain:find(words, 1, true), words)
      for _, shown in ipairs(pages) do
        assert.is_truthy(shown:find(words, 1, true), words)
      end
    end
    assert.is_truthy(plain:find("the name is looked up by the proxy", 1, true)) -- each in its own words
    assert.is_truthy(pages[1]:find("The proxy looked the name up", 1, true))
  end)

  it("keeps what a server sent text, wherever it stands", function()
    local evil = "\27[2J<script>alert(1)</script>&\"'\255"
    local shown_as = "\\x1b[2J&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;&#39;\\xff"
    local broken = { status = "error", error = { message = evil, code = "x" }, addresses = {},
      target = { text = evil, host = evil, port = 443 } }
    local good = supported()
    good.server_software, good.address = evil, evil
    for _, shown in ipairs({ page(broken), page(result_of(good)), page(broken, result_of(good)) }) do
      assert.is_nil(shown:find("<script", 1, true))
      assert.is_truthy(shown:find(shown_as, 1, true))
      assert.is_nil(shown:find("[^\n\32-\126]"))
      check_nesting(shown)
    end
    assert.is_truthy(page(broken):find("<title>" .. shown_as, 1, true))
  end)

  it("shows the quick check, and the audit", function()
    local quick = { verdict = "broken", headline = "Sessions are refused.", advice = "Look closer.", quick = {
      ticket = { verdict = "broken", resumed = 1, refused = 2, errors = 0 } } }
    local entry = { address = "192.0.2.1", status = "completed", balancer = quick, audit = { { id = "known-key",
      title = "A known key.", severity = "low", verdict = "bad", message = "it is <public>", advice = "Renew." } } }
    local shown = page(result_of(entry))
    assert_in_order(shown, { "Sessions are refused.", "What resumption gives away", ">low<", "it is &lt;public&gt;",
      "Is resumption in order?" })
    check_nesting(shown)
  end)
end)

describe("the page of many targets", function()
  local list = {}
  for i = 1, 12 do
    list[i] = named(("host-%d.example"):format(i), i % 4 ~= 0 and supported() or nil)
    list[i].error = i % 4 == 0 and { message = "connect: refused", code = "refused" } or nil
  end
  list[5] = named("pool.example", entry_of({ servers = simulation.servers(2), policy = "roundrobin", seed = 5 }))
  local text = page(table.unpack(list))

  it("begins with a table, the worst first, and leads from each row to the details, in the same order", function()
    assert.is_truthy(text:find("<title>12 targets: 1 broken, 3 not scanned, 8 in order", 1, true))
    assert_in_order(text, { 'href="#t5">pool.example:443<', 'href="#t4">host-4.example:443<',
      'href="#t8">host-8.example:443<', 'href="#t1">host-1.example:443<', '<article class="broken" id="t5">',
      '<article class="unreachable" id="t4">', '<article class="good" id="t1">' })
    for link in text:gmatch('href="#(t%d+)"') do
      assert.equal(1, count(text, ('id="%s"'):format(link)))
    end
    local row = text:match('href="#t5".-</tr>')
    assert.is_truthy(row:find("%d+ %%<"), row)
    check_nesting(text)
  end)

  it("has the ticket keys that several addresses share", function()
    local function holder(address)
      local entry = supported()
      local ticket = { ticket = ("k"):rep(16) .. ("x"):rep(100), lifetime_s = 300 }
      entry.address = address
      entry.control = { facts = { tickets = { ticket, ticket } } }
      return entry
    end
    local shown = page(named("a.example", holder("192.0.2.1")), named("b.example", holder("192.0.2.2")))
    assert_in_order(shown, { "Ticket keys in use at several addresses, ports or names",
      ("6b"):rep(16), "a.example, b.example" })
    assert.is_nil(text:find("Ticket keys in use", 1, true))
  end)

  it("is bounded, and says what it leaves out", function()
    local most, rows = html.MOST, html.MOST_ROWS
    html.MOST, html.MOST_ROWS = 1, 3
    local short = page(table.unpack(list))
    html.MOST, html.MOST_ROWS = most, rows
    assert.is_truthy(short:find("12 targets: 1 broken, 3 not scanned, 8 in order", 1, true))
    assert.equal(1, count(short, "<article"))
    assert.is_truthy(short:find("The details of 11 targets are not here", 1, true))
    for _, name in ipairs({ "host-4.example", "host-8.example", "pool.example" }) do
      assert.is_truthy(short:find(name, 1, true), name) -- what is not in order has a row all the same
    end
    assert.is_nil(short:find("host-11.example", 1, true))
    check_nesting(short)
  end)

  it("is whole where there is no target", function()
    local none = page()
    assert.is_truthy(none:find("<title>No target", 1, true))
    check_nesting(none)
  end)
end)
