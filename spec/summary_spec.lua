-- Summaries of results, folded and as people read them.

local growth = require "spec.support.growth"
local summaries = require "resum.analysis.summary"
local text = require("resum.report.text.summary").text

local KEY_A, KEY_B = ("A"):rep(16), ("B"):rep(16)

local function verdict(word, more)
  local v = { verdict = word, attempted = 5, attempts = {} }
  for name, value in pairs(more or {}) do
    v[name] = value
  end
  return v
end

local function record(...)
  local tickets = {}
  for i, key in ipairs({ ... }) do
    tickets[i] = { ticket = key .. ("t"):rep(160) }
  end
  return { facts = { tickets = tickets } }
end

local function result(host, addresses)
  return { target = { text = host, host = host, port = 443 }, status = "completed", addresses = addresses }
end

local function failed(host, status, code)
  return { target = { text = host }, status = status, error = { code = code, message = "x" }, addresses = {} }
end

-- One address whose tickets are made with this key.
local function with_key(host, address, key)
  return result(host, { { address = address, status = "completed", support = {
    ticket = verdict("supported", { lifetime_hint_s = 300, attempts = { record(key), record(key) } }),
  } } })
end

local function fold(results)
  local summary = summaries.new()
  for _, one in ipairs(results) do
    summary:add(one)
  end
  return summary:fold()
end

describe("a summary", function()
  it("counts targets by status, errors by kind, verdicts by mechanism and address", function()
    local folded = fold({
      result("a.example", {
        { address = "192.0.2.1", status = "completed", support = {
          session_id = verdict("not_supported"), ticket = verdict("supported"), psk = verdict("supported"),
        } },
        { address = "192.0.2.2", status = "completed", support = {
          session_id = verdict("supported"), ticket = verdict("supported"), psk = verdict("not_applicable"),
        } },
        { address = "192.0.2.3", status = "unreachable" },
      }),
      failed("b.example", "unreachable", "timeout"),
      failed("c.example", "unreachable", "refused"),
      failed("d.example", "unreachable", "timeout"),
      failed("e.example", "error", "not_tls"),
    })
    assert.same({
      targets = 5,
      statuses = { completed = 1, unreachable = 3, error = 1 },
      addresses = 2,
      mechanisms = {
        session_id = { supported = 1, not_supported = 1 },
        ticket = { supported = 2 },
        psk = { supported = 1, not_applicable = 1 },
      },
      lifetimes = {},
      errors = { timeout = 2, refused = 1, not_tls = 1 },
      shared_keys = {},
      keys_forgotten = false,
    }, folded)
  end)

  it("takes a rate's verdict before the support scan's, if it had attempts", function()
    local function entry(rate)
      return result("a.example", { { address = "192.0.2.1", status = "completed",
        support = { psk = verdict("supported") }, rate = { psk = rate } } })
    end
    assert.same({ partially_supported = 1, supported = 1 }, fold({
      entry(verdict("partially_supported")),
      entry(verdict("inconclusive", { attempted = 0 })),
    }).mechanisms.psk)
  end)

  it("puts lifetimes into classes, each with its upper end", function()
    local results = {}
    for i, seconds in ipairs({ 0, 1, 60, 61, 300, 7200, 86400, 604800, 604801, 2147483647 }) do
      results[i] = result("a.example", { { address = "192.0.2.1", status = "completed",
        support = { ticket = verdict("supported", { lifetime_hint_s = seconds }) } } })
    end
    results[#results + 1] = result("a.example", { { address = "192.0.2.1", status = "completed",
      support = { psk = verdict("supported", { lifetime_s = 7200 }) } } })
    assert.same({
      ticket = {
        { up_to_s = 0, count = 1 }, { up_to_s = 60, count = 2 }, { up_to_s = 300, count = 2 },
        { up_to_s = 7200, count = 1 }, { up_to_s = 86400, count = 1 }, { up_to_s = 604800, count = 1 }, { count = 2 },
      },
      psk = { { up_to_s = 7200, count = 1 } },
    }, fold(results).lifetimes)
  end)

  it("finds ticket keys that several addresses share, the most widespread first", function()
    local results = {
      with_key("alone.example", "192.0.2.9", ("C"):rep(16)),
      with_key("b1.example", "192.0.2.1", KEY_B),
      with_key("b2.example", "192.0.2.2", KEY_B),
    }
    for i = 1, 12 do
      results[#results + 1] = with_key(("a%d.example"):format(i), ("198.51.100.%d"):format(i), KEY_A)
    end
    assert.same({
      { name = ("41"):rep(16), targets = 12, addresses = 8, more_addresses = true, places = 8, more_places = true,
        examples = { "a1.example", "a2.example", "a3.example" } },
      { name = ("42"):rep(16), targets = 2, addresses = 2, places = 2, examples = { "b1.example", "b2.example" } },
    }, fold(results).shared_keys)
  end)

  it("finds keys that five services and names on one address share", function()
    local results = { with_key("a.example", "192.0.2.1", KEY_A) }
    for i = 1, 4 do
      results[i + 1] = with_key(("%d.example"):format(i), "192.0.2.1", KEY_A)
      results[i + 1].target[i % 2 == 0 and "port" or "sni"] = i % 2 == 0 and 8440 + i or i .. ".example"
    end
    assert.same({ { name = ("41"):rep(16), targets = 5, addresses = 1, places = 5,
      examples = { "a.example", "1.example", "2.example" } } }, fold(results).shared_keys)
  end)

  it("counts a target once, of however many addresses", function()
    local two, other = with_key("a.example", "192.0.2.1", KEY_A), with_key("a.example", "192.0.2.2", KEY_A)
    two.addresses[2] = other.addresses[1]
    local key = fold({ two }).shared_keys[1]
    assert.same({ 1, 2, 2 }, { key.targets, key.addresses, key.places })
  end)

  it("takes no target that stands there twice for sharing, nor what begins a single ticket for a key's name", function()
    assert.same({}, fold({
      with_key("a.example", "192.0.2.1", KEY_A),
      with_key("a.example", "192.0.2.1", KEY_A),
      result("b.example", { { address = "192.0.2.2", status = "completed", control = record(KEY_A) } }),
    }).shared_keys)
  end)

  it("reads results from JSON just so", function()
    local function from_json(address)
      local attempt = { facts = { tickets = { { key_name = ("41"):rep(16), length = 176 } } } }
      return result("a.example", { { address = address, status = "completed", control = attempt, support = {
        psk = verdict("supported", { lifetime_s = 7200, attempts = { attempt } }),
      } } })
    end
    local folded = fold({ from_json("192.0.2.1"), from_json("192.0.2.2") })
    assert.same({ { name = ("41"):rep(16), targets = 2, addresses = 2, places = 2,
      examples = { "a.example", "a.example" } } },
      folded.shared_keys)
  end)

  it("takes bounded memory, and says when it had to forget names of keys", function()
    local summary = summaries.new(200)
    local count = 0
    local function add_many()
      for i = count + 1, count + 4000 do
        summary:add(with_key(("%d.example"):format(i), ("address %d"):format(i), ("%016d"):format(i)))
      end
      count = count + 4000
    end
    assert.is_true(growth(add_many) < 50)
    assert.same({ true, {} }, { summary:fold().keys_forgotten, summary:fold().shared_keys })
    summary:add(with_key("again.example", "another address", ("%016d"):format(count)))
    assert.equal(1, #summary:fold().shared_keys)
  end)
end)

describe("a summary's text", function()
  it("is a few lines", function()
    local results = { failed("x.example", "unreachable", "timeout"), failed("y.example", "error", "not_tls\27[31m"),
      failed("z.example", "unreachable", "timeout") }
    for i = 1, 4 do
      results[#results + 1] = with_key(("a%d.example"):format(i), ("192.0.2.%d"):format(i), KEY_A)
    end
    assert.equal([[
Summary: 4 targets scanned, 2 unreachable, 1 with an error; 4 services
                       Session ID  Ticket  TLS 1.3 ticket
  supported                     0       4               0
  partially supported           0       0               0
  not supported                 0       0               0
  not applicable                0       0               0
  inconclusive                  0       0               0
  Lifetime of a ticket: up to 5 min at 4 services
  Ticket keys in use at several addresses, ports or names: 1
    41414141414141414141414141414141
      4 targets, 4 addresses: a1.example, a2.example, a3.example, ...
  Targets that could not be scanned: timeout 2, not_tls\x1b[31m 1
]], text(fold(results)))
  end)

  it("shows the ten most widespread keys, and says that there are more", function()
    local results = {}
    for i = 1, 12 do
      results[#results + 1] = with_key("a.example", "192.0.2.1", ("%016d"):format(i))
      results[#results + 1] = with_key("b.example", "192.0.2.2", ("%016d"):format(i))
    end
    local shown = text(fold(results))
    assert.equal(10, select(2, shown:gsub("2 targets, 2 addresses: a.example, b.example\n", "")))
    assert.is_truthy(shown:find("addresses, ports or names: 12\n", 1, true))
    assert.is_truthy(shown:find("    and 2 more\n", 1, true))
  end)

  it("names lifetimes in the units people use", function()
    local results = {}
    for i, seconds in ipairs({ 0, 30, 3600, 86400, 9999999 }) do
      results[i] = result("a.example", { { address = "192.0.2.1", status = "completed",
        support = { ticket = verdict("supported", { lifetime_hint_s = seconds }) } } })
    end
    assert.is_truthy(text(fold(results)):gsub("%s+", " "):find(
      "Lifetime of a ticket: not said at 1 service, up to 1 min at 1 service, up to 1 h at 1 service, up to 1 d at 1 "
      .. "service, more at 1 service", 1, true))
  end)

  it("is there for no result at all", function()
    assert.is_truthy(text(fold({})):find("^Summary: 0 targets scanned; 0 services\n"))
  end)
end)
