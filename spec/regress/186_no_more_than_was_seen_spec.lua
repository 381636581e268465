--- Reports said more than was seen: a round-robin over three servers was "spread unevenly, as over 2.6 equal ones", an
-- estimate whose interval reached beyond three; the picture of a scan from one address named one server where there may
-- be many, and had "not seen" for session IDs that were refused a hundred times; a page without intervals explained
-- whiskers.

local html = require "resum.report.html"
local markup = require "resum.report.html.markup"
local pool_words = require "resum.analysis.pool_words"
local topology = require "resum.report.html.topology"

local function groups_told(effective, interval)
  local _, evidence = pool_words.of({ verdict = "nothing_shared", groups = 3, groups_interval = { 3, 3 },
    effective_groups = effective, effective_interval = interval, findings = {} })
  return evidence[1]
end

describe("servers that are spread unevenly", function()
  it("are told where that is certain", function()
    local even = "There are 3 servers, or groups of servers, with sessions of their own."
    assert.equal(even, groups_told(2.6, { 2.1, 3.2 }))
    assert.equal(even, groups_told(2.6, { 2.1 }))
    assert.equal(even, groups_told(2.6))
    assert.equal(even, groups_told(2.8, { 2.5, 2.9 }))
    assert.equal(even:sub(1, -2) .. "; connections are spread unevenly, as over 1.8 equal ones.",
      groups_told(1.8, { 1.5, 2.4 }))
  end)
end)

describe("the picture of one server, or of what looks like one", function()
  local function lane(resumed)
    local model = topology.of({ balancer = { verdict = "all_shared", attempts = {}, findings = {}, mechanisms = {
      session_id = { verdict = "inconclusive", labels = {},
        designs = { fixed = { resumed = resumed, refused = 100 }, pairs = { resumed = 0, refused = 4 } } },
      ticket = { verdict = "all_shared", labels = {}, designs = {} },
    } } })
    return model.lanes[1].own[1]
  end

  it("shows that no session was accepted, and nothing where some were", function()
    assert.is_false(lane(0))
    assert.is_nil(lane(1))
  end)
end)

describe("the page of a support scan", function()
  local function page()
    local new = html.new({ version = "9.9.9", started_at = "2001-02-03T04:05:06Z", command = "resum a.example" })
    new:add({ target = { text = "a.example", host = "a.example", port = 443 }, status = "completed", elapsed_s = 1,
      addresses = { { address = "192.0.2.1", status = "completed", connections = 5,
        browser = { attempted = 4, resumed = 3, errors = 0, share = 0.75, tickets_after_full = 2 },
        support = { ticket = { verdict = "supported", version = "TLSv1.2", attempted = 5, resumed = 5, refused = 0,
          errors = 0, error_kinds = {}, attempts = {} } } } } })
    return new:finish({ elapsed_s = 1 })
  end

  it("breaks no option behind its dashes, but in what is to be pasted", function()
    local text = markup.text("p", nil, "Scan with --source <a>, or --resum_rate.")
    assert.equal('<p>Scan with <span class="option">--source</span> &lt;a&gt;, or <span class="option">--resum_rate'
      .. "</span>.</p>", text)
    assert.equal("<code>resum --resum_rate a</code>", markup.text("code", nil, "resum --resum_rate a"))
    assert.equal("<p>a--b ----</p>", markup.text("p", nil, "a--b ----"))
  end)

  it("names no number of servers, and no whiskers where none are drawn", function()
    local text = page()
    assert.is_truthy(text:find(">server(s)<", 1, true), "the server has another name")
    assert.is_truthy(text:find("A browser: each ticket once", 1, true))
    assert.is_nil(text:find("Whiskers", 1, true))
  end)
end)
