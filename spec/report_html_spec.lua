-- The page of HTML: what stands in it, that it asks for nothing, that what a server sent stays text.

local html = require "resum.report.html"
local simulation = require "spec.support.simulation"

local ABOUT = { version = "9.9.9", started_at = "2001-02-03T04:05:06Z" }

local function entry_of(options)
  local summary, _, rate = simulation.run(options)
  return { address = "192.0.2.1", status = "completed", balancer = summary, rate = rate }
end

local function page(result)
  return html.head(ABOUT) .. html.target(result) .. html.tail({ elapsed_s = 1.25 })
end

local function result_of(...)
  return { status = "completed", addresses = { ... }, target = { text = "a.example", host = "a.example", port = 443 } }
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

describe("the page", function()
  local text = page(result_of(entry_of({ servers = simulation.servers(3), policy = "roundrobin", seed = 5 })))

  it("has the verdict first, then rates, sequences, servers and every attempt", function()
    local last = 0
    for _, words in ipairs({ "nothing_shared", "What to do:", "The plain figure", "<h3>Rates</h3>",
      "<h3>Sequences</h3>", "<h3>Servers, by what they showed</h3>", "Every attempt", "Done in 1.2 s" }) do
      local at = assert(text:find(words, last + 1, true), words .. " is missing, or not in its place")
      last = at
    end
    assert.equal(3, select(2, text:gsub("ticket key <code>%x+</code>", "")))
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
    assert.is_truthy(text:find("default-src &#39;none&#39;", 1, true) or text:find("default-src 'none'", 1, true))
  end)

  it("closes every element", function()
    check_nesting(text)
  end)

  it("is plain ASCII", function()
    assert.is_nil(text:find("[^\n\32-\126]"))
  end)

  it("has a heat map where there are several local addresses", function()
    local sources = { "192.0.2.11", "192.0.2.12", "192.0.2.13" }
    local with_sources = page(result_of(entry_of({ servers = simulation.servers(3), policy = "source", seed = 5,
      sources = sources,
      placed = { ["192.0.2.11"] = 1, ["192.0.2.12"] = 2, ["192.0.2.13"] = 3 } })))
    assert.is_truthy(with_sources:find("<h3>Local addresses</h3>", 1, true))
    assert.is_truthy(with_sources:find('<li class="mono">192.0.2.12</li>', 1, true))
    check_nesting(with_sources)
  end)

  it("compares addresses", function()
    local result = result_of(entry_of({ servers = simulation.servers(1), policy = "roundrobin", seed = 5 }))
    local cell = { resumed = 3, answered = 3, errors = 0 }
    local none = { resumed = 0, answered = 3, errors = 0 }
    result.across = { ticket = { verdict = "not_shared", addresses = { "192.0.2.1", "192.0.2.2" }, matrix = {
      ["192.0.2.1"] = { ["192.0.2.1"] = cell, ["192.0.2.2"] = none },
      ["192.0.2.2"] = { ["192.0.2.1"] = none, ["192.0.2.2"] = cell },
    } } }
    local across = page(result)
    assert.is_truthy(across:find("Across addresses", 1, true))
    assert.equal(2, select(2, across:gsub(">3/3<", "")))
    check_nesting(across)
  end)

  it("keeps what a server sent text", function()
    local evil = "\27[2J<script>alert(1)</script>&\"'\255"
    local result = { status = "error", error = { message = evil, code = "x" }, addresses = {},
      target = { text = evil, host = evil, port = 443 } }
    local shown = page(result)
    assert.is_nil(shown:find("<script", 1, true))
    assert.is_truthy(shown:find("\\x1b[2J&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;&#39;\\xff", 1, true))
    check_nesting(shown)
  end)

  it("shows the quick check", function()
    local quick = { verdict = "broken", headline = "Sessions are refused.", advice = "Look closer.", quick = {
      ticket = { verdict = "broken", resumed = 1, refused = 2, errors = 0 } } }
    local shown = page(result_of({ address = "192.0.2.1", status = "completed", balancer = quick }))
    assert.is_truthy(shown:find("Sessions are refused.", 1, true))
    check_nesting(shown)
  end)
end)
