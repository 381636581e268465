--- A page of 29 addresses, and that of a watch of 23, had nothing on top that said which of them to look at. Beside a
-- rate of 50 % where offers fail stood "50 of 50". What else was cut or confusing on a page is here as well.

local conclusion = require "resum.analysis.conclusion"
local html = require "resum.report.html"
local vocabulary = require "resum.analysis.vocabulary"
local watch_page = require "resum.report.watch.page"

local function support(resumed)
  return { psk = { verdict = resumed == 5 and "supported" or "partially_supported", attempted = 5, resumed = resumed,
    refused = 5 - resumed, errors = 0, error_kinds = {}, version = "TLSv1.3",
    reason = resumed < 5 and "issued_not_always_accepted" or nil } }
end

local function entry(number, resumed)
  return { address = "192.0.2." .. number, status = "completed", support = support(resumed), connections = 9 }
end

local function result(name, ...)
  return { target = { text = name, host = name, port = 443 }, status = "completed", elapsed_s = 1, addresses = { ... } }
end

local function page(...)
  local new = html.new({ version = "1", started_at = "now", command = "resum a" })
  for _, one in ipairs({ ... }) do
    new:add(one)
  end
  return new:finish({ elapsed_s = 1 })
end

-- The links of a table, in their order; each leads to one place on the page.
local function links(text, class)
  local list = {}
  for place, name in text:match('<table class="' .. class .. '".-</table>'):gmatch('<a href="#(%w+)">([^<]+)</a>') do
    local _, there = text:gsub('id="' .. place .. '"', "")
    assert.equal(1, there, place)
    list[#list + 1] = name
  end
  return list
end

describe("a page of several addresses", function()
  it("begins with what each comes to, the worst first, and where it stands", function()
    local text = page(result("a.example", entry(1, 5), entry(2, 2), entry(3, 5)))
    assert.same({ "192.0.2.2", "192.0.2.1", "192.0.2.3" }, links(text, "targets"))
    assert.is_truthy(text:find("Its addresses", 1, true) < text:find('class="address"', 1, true))
    assert.is_nil(page(result("a.example", entry(1, 5))):find("Its addresses", 1, true))
  end)

  it("leads to each address of each target", function()
    local text = page(result("a.example", entry(1, 5), entry(2, 2)), result("b.example", entry(1, 5), entry(2, 2)))
    assert.same({ "a.example:443", "b.example:443" }, links(text, "targets"))
    local places = {}
    for place in text:gmatch('id="(t%d+a%d+)"') do
      assert.is_nil(places[place], place)
      places[place] = true
      assert.is_truthy(text:find('href="#' .. place .. '"', 1, true), place)
    end
    assert.same({ t1a1 = true, t1a2 = true, t2a1 = true, t2a2 = true }, places)
  end)
end)

describe("the page of a watch", function()
  local CLOCK = { minute = function() return "12:00" end, second = tostring, time = tostring }

  local function place(name, more)
    local state = { address = "192.0.2.1", now = 1000, from = 0, is_up = true, keys = {}, certificates = {},
      mechanisms = {}, sessions = {}, counts = {}, events = {} }
    for field, value in pairs(more or {}) do
      state[field] = value
    end
    return { target = name, state = state, clock = CLOCK }
  end

  local ABOUT = { version = "1", written_at = "now", every = 60 }
  local DOWN = { kind = "server_down", time = 900, since = 880, problem = { message = "no answer <yet>" } }

  it("begins with how each server is, and what was told of it last", function()
    local text = watch_page.text({ place("a:443"), place("b:443", { is_up = false, events = { DOWN },
      counts = { server_down = 1 } }) }, ABOUT)
    assert.same({ "a:443", "b:443" }, links(text, "watched"))
    local rows = text:match('<table class="watched".-</table>')
    assert.is_truthy(rows:find("no event", 1, true))
    assert.is_truthy(rows:find("12:00: the server is down, as seen from here: no answer &lt;yet&gt;", 1, true), rows)
  end)

  it("has no such table for one", function()
    assert.is_nil(watch_page.text({ place("a:443") }, ABOUT):find('class="watched"', 1, true))
  end)
end)

describe("a rate where offers fail", function()
  local FAILING = { verdict = "partially_supported", reason = "fails_on_resumption", attempted = 100, resumed = 50,
    refused = 0, errors = 50, error_kinds = { reset = 50 }, rate = 0.5, interval = { 0.4, 0.6 }, version = "TLSv1.3",
    design = "fixed", outcomes = {}, failures = { offers = { failed = 5, made = 8 }, full = { failed = 0, made = 8 } } }

  it("stands beside the counts that make it", function()
    local text = page(result("a.example", { address = "192.0.2.1", status = "completed", rate = { psk = FAILING } }))
    assert.is_truthy(text:find("50 of 100 resumed (of 50 that were answered); 50 errors (reset 50)", 1, true), text)
    assert.is_nil(text:find("50 of 50", 1, true))
    assert.is_truthy(text:find("of those that were answered (of all offers, where offers fail)", 1, true))
  end)
end)

describe("several mechanisms of which one is meant", function()
  it("are listed as English has it", function()
    assert.equal("a ticket", vocabulary.any_of({ "ticket" }))
    assert.equal("a session ID or a ticket", vocabulary.any_of({ "session ID", "ticket" }))
    assert.equal("a session ID, a ticket or a TLS 1.3 ticket",
      vocabulary.any_of({ "session ID", "ticket", "TLS 1.3 ticket" }))
  end)

  it("are so in a conclusion", function()
    local alerted = { verdict = "not_supported", reason = "alert_on_resumption", alert = "internal_error",
      attempted = 5, resumed = 0, refused = 5, errors = 0, error_kinds = {} }
    local said = table.concat(conclusion.of_mechanisms({ address = "192.0.2.1", status = "completed",
      support = { session_id = alerted, ticket = alerted, psk = alerted } }), "\n")
    assert.is_truthy(said:find("offers a session ID, a ticket or a TLS 1.3 ticket may be turned away", 1, true), said)
  end)
end)

describe("what stands below the picture", function()
  local function refused(count)
    local one = entry(1, 5)
    one.support.session_id = { verdict = "not_supported", reason = "issued_not_accepted", attempted = count,
      resumed = 0, refused = count, errors = 0, error_kinds = {}, version = "TLSv1.2" }
    return page(result("a.example", one)):match("<figure>.-</figure>")
  end

  it("is a count while it has room, and a share where it would touch its neighbour", function()
    assert.is_truthy(refused(5):find("0 of 5", 1, true))
    assert.is_nil(refused(238):find("0 of 238", 1, true))
    assert.is_truthy(refused(238):find("0 %", 1, true))
  end)
end)

describe("what answers, and is no TLS server", function()
  it("is not said to be unreachable", function()
    local none = { address = "192.0.2.1", status = "error", error = { code = "not_tls", message = "not a TLS server" } }
    local failed = result("a.example", none)
    failed.status, failed.error = "error", none.error
    local text = page(failed)
    assert.is_truthy(text:find("Not scanned", 1, true))
    assert.is_truthy(text:find('<p class="headline">Not a TLS server', 1, true), text)
    assert.is_nil(text:find(">Unreachable", 1, true))
  end)
end)
