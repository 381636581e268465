-- What stands behind an address, as text and as JSON: on simulated pools, so that every picture is the same each time.

local cjson = require "cjson"
local json = require "resum.report.json"
local report = require "resum.report.text"
local simulation = require "spec.support.simulation"

local function result_of(options, more)
  local summary, _, rate = simulation.run(options, more)
  return { status = "completed", elapsed_s = 1, addresses = { { address = "192.0.2.1", status = "completed",
    rate = rate, balancer = summary } }, target = { text = "a.example", host = "a.example", port = 443 } }
end

local function lines_with(text, pattern)
  local found = {}
  for line in text:gmatch("[^\n]+") do
    found[#found + 1] = line:find(pattern) and line or nil
  end
  return found
end

describe("the text", function()
  local rotation = result_of({ servers = simulation.servers(3), policy = "roundrobin", seed = 11 })
  local text = report.target(rotation)

  it("has the conclusion first, then what to do, then the evidence, then what to paste", function()
    local places = {}
    for i, words in ipairs({ "a.example:443: The servers behind this address share nothing.\n", "\nWhat to do\n",
      "\nWhat was found\n", "\nHow often do sessions resume?\n", "\nDo the servers behind the address share their",
      "\nConfiguration to paste\n", "    ssl_session_ticket_key /etc/nginx/ticket-new.key;\n" }) do
      places[i] = assert(text:find(words, 1, true), words)
    end
    assert.equal(1, places[1])
    for i = 2, #places do
      assert.is_true(places[i - 1] < places[i])
    end
    assert.is_nil(text:find("not every server", 1, true))
  end)

  it("shows one rate for each question, with a bar and its interval", function()
    local function rates_of(question)
      return lines_with(text, "^    " .. question .. " +%d+ %%  #*=+%.*  %d+ to %d+ %%$")
    end
    assert.same({ 3, 3, 3 }, { #rates_of("an older session, offered again"),
      #rates_of("a new one, on the next connection"), #rates_of("always the newest one") })
  end)

  it("shows which server answered, in lower case where it refused", function()
    local strip = lines_with(text, "^    [ABCabc#]+$")
    assert.equal(2, #strip)
    assert.is_truthy(strip[1]:find("%u") and strip[1]:find("%l"), strip[1])
  end)

  it("names each ticket key once, whole, with its share", function()
    assert.equal(3, #lines_with(text, "^  [ABC]  +%d+ %% of the connections %(%d+ to %d+ %%%)$"))
    assert.equal(3, #lines_with(text, "^     ticket key " .. ("%x"):rep(32) .. "$"))
  end)

  it("is coloured only when asked, and the same without its colours", function()
    assert.is_nil(text:find("\27", 1, true))
    local coloured = report.target(rotation, { colour = true })
    assert.is_truthy(coloured:find("\27[38;5;32m", 1, true))
    assert.equal(text, (coloured:gsub("\27%[[%d;]*m", "")))
  end)

  it("has a grid of local addresses where there are several", function()
    local sources = { "192.0.2.11", "192.0.2.12" }
    local shown = report.target(result_of({ servers = simulation.servers(2), policy = "source", seed = 3,
      sources = sources,
      placed = { ["192.0.2.11"] = 1, ["192.0.2.12"] = 2 } }))
    assert.equal(2, #lines_with(shown, "^    192%.0%.2%.1[12]  +%d+/%d+  +%d+/%d+$"))
    assert.is_truthy(shown:gsub("%s+", " "):find("each client address meets the same server", 1, true))
  end)

  it("compares addresses in a grid", function()
    local cell, none = { resumed = 3, answered = 3, errors = 0 }, { resumed = 0, answered = 3, errors = 0 }
    local result = result_of({ servers = simulation.servers(1), policy = "roundrobin", seed = 3 })
    result.across = { ticket = { verdict = "not_shared", addresses = { "192.0.2.1", "2001:db8::1" }, matrix = {
      ["192.0.2.1"] = { ["192.0.2.1"] = cell, ["2001:db8::1"] = none },
      ["2001:db8::1"] = { ["192.0.2.1"] = none, ["2001:db8::1"] = cell },
    } } }
    local shown = report.target(result)
    assert.is_truthy(shown:find("Do the addresses share their sessions?", 1, true))
    assert.equal(1, #lines_with(shown, "^    2001:db8::1  +0/3  +3/3$"))
    local cells = cjson.decode(json.line(result)).across.ticket.cells
    assert.same({ 4, { from = "192.0.2.1", at = "2001:db8::1", resumed = 0, answered = 3, errors = 0 } },
      { #cells, cells[2] })
  end)

  it("has a line for each mechanism of a quick check, and no rate", function()
    local shown = report.target(result_of({ servers = simulation.servers(3), policy = "random", seed = 3 },
      { quick = true }))
    assert.equal(3, #lines_with(shown, "  broken  +%d+ resumed, %d+ refused$"))
    assert.is_nil(shown:find("How often", 1, true))
  end)
end)

describe("the JSON", function()
  it("has the verdict, its evidence and every attempt", function()
    local result = result_of({ servers = simulation.servers(3), policy = "roundrobin", seed = 11 })
    local address = cjson.decode(json.line(result)).addresses[1]
    local balancer = address.balancer
    assert.same({ "nothing_shared", "psk", "round_robin", 3, { 3, 3 }, 3, 3 },
      { balancer.verdict, balancer.decided_by, balancer.routing, balancer.period, balancer.groups_interval,
        balancer.groups, #balancer.labels })
    assert.is_true(math.abs(balancer.effective_groups - 3) < 0.1)
    assert.same({ "chain", "fixed", "pairs" }, (function(names)
      for name in pairs(balancer.designs) do
        names[#names + 1] = name
      end
      table.sort(names)
      return names
    end)({}))
    local fixed = balancer.designs.fixed
    assert.equal(fixed.attempted, fixed.resumed + fixed.refused + fixed.errors)
    assert.is_true(fixed.interval[1] < fixed.rate and fixed.rate < fixed.interval[2])
    assert.is_truthy(balancer.advice:find("the same ticket keys", 1, true))
    assert.same({ "nothing_shared", "nothing_shared", "nothing_shared" }, { balancer.mechanisms.session_id.verdict,
      balancer.mechanisms.ticket.verdict, balancer.mechanisms.psk.verdict })
    assert.equal(#result.addresses[1].balancer.attempts, #balancer.attempts)
    assert.same({ order = 1, mechanism = "session_id", design = "seed", outcome = "full", label = "?" },
      { order = 1, mechanism = balancer.attempts[1].mechanism, design = balancer.attempts[1].design,
        outcome = balancer.attempts[1].outcome, label = balancer.attempts[1].label })
    assert.equal(("6b6579203030303030303030303030"):sub(1, 8), balancer.labels[1].value:sub(1, 8))
  end)

  it("of a quick check has a verdict and no rate", function()
    local result = result_of({ servers = simulation.servers(1), policy = "random", seed = 3 }, { quick = true })
    local address = cjson.decode(json.line(result)).addresses[1]
    assert.is_nil(address.rate)
    assert.same({ "healthy", { verdict = "healthy", resumed = 46, refused = 0, errors = 0 } },
      { address.balancer.verdict, address.balancer.quick.psk })
  end)
end)
