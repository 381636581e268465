-- The cases in which other tools are wrong, and balancers in front of real servers: verdicts and rates.

local resum = require "resum"
local servers = require "spec.support.servers"

local MECHANISMS = { "session_id", "ticket", "psk" }

local function nginx(options)
  options = options or {}
  options.session_cache = options.session_cache or "shared:SSL:1m"
  options.session_tickets = options.session_tickets or "on"
  return servers.nginx(options)
end

local function three_nginx()
  return { nginx(), nginx(), nginx() }
end

-- What stands behind the address is another spec's business.
local function run(server, options)
  options.balancer = false
  local result = assert(resum.run(server.address, options))
  assert.equal("completed", result.status)
  return result.addresses[1]
end

local function field(verdicts, name)
  local values = {}
  for mechanism, v in pairs(verdicts) do
    values[mechanism] = v[name]
  end
  return values
end

local function every(value)
  return { session_id = value, ticket = value, psk = value }
end

describe("behind a balancer", function()
  after_each(servers.stop_all)

  for _, case in ipairs({ { "HAProxy", servers.haproxy }, { "our own balancer", servers.balancer } }) do
    it("three servers that share nothing are supported partially, a third of the time (" .. case[1] .. ")", function()
      local address = run(case[2]({ backends = three_nginx() }), { support = true, rate = true })
      assert.same(every("partially_supported"), field(address.support, "verdict"))
      assert.same(every("partially_supported"), field(address.rate, "verdict"))
      for _, mechanism in ipairs(MECHANISMS) do
        local rate = address.rate[mechanism]
        assert.same({ 100, 100, 0 }, { rate.attempted, #rate.sequence, rate.errors }, mechanism)
        -- A third of them, in random order: once in a hundred million times it is less or more than that.
        assert.is_true(rate.resumed > 7 and rate.resumed < 62, mechanism .. " resumed " .. rate.resumed)
        assert.is_true(rate.interval[1] < rate.rate and rate.rate < rate.interval[2])
        assert.equal(rate.resumed / 100, rate.rate)
      end
    end)
  end

  it("three servers that share their ticket keys resume all tickets, and not their session ids", function()
    local keys = servers.ticket_keys(1)
    local backends = {}
    for i = 1, 3 do
      backends[i] = nginx({ ticket_keys = keys })
    end
    local address = run(servers.haproxy({ backends = backends }), { support = true, rate = true })
    local expected = { session_id = "partially_supported", ticket = "supported", psk = "supported" }
    assert.same(expected, field(address.support, "verdict"))
    assert.same(expected, field(address.rate, "verdict"))
    assert.same({ 1, 1 }, { address.rate.ticket.rate, address.rate.psk.rate })
  end)

  it("a ticket that is renewed while it resumes counts as resumed", function()
    local keys = servers.ticket_keys(2)
    local backends = { nginx({ ticket_keys = keys }), nginx({ ticket_keys = { keys[2], keys[1] } }) }
    local address = run(servers.haproxy({ backends = backends }),
      { support = true, rate = true, mechanisms = { "ticket", "psk" } })
    assert.same({ ticket = "supported", psk = "supported" }, field(address.support, "verdict"))
    assert.same({ ticket = 100, psk = 100 }, field(address.rate, "resumed"))
    local renewed = 0
    for _, record in ipairs(address.support.ticket.attempts) do
      renewed = renewed + (record.outcome == "resumed" and #record.facts.tickets or 0)
    end
    assert.is_true(renewed > 0, "no ticket was renewed: the case did not happen")
  end)

  it("a member that does not resume lowers the rate by its share", function()
    local keys = servers.ticket_keys(1)
    local backends = { nginx({ ticket_keys = keys }), nginx({ ticket_keys = keys }),
      nginx({ session_cache = "off", session_tickets = "off" }) }
    local address = run(servers.haproxy({ backends = backends }), { rate = true, mechanisms = { "ticket" } })
    local rate = address.rate.ticket
    assert.equal("partially_supported", rate.verdict)
    -- 66 or 67 by the rotation alone; comparing the engines takes a few of its turns
    assert.is_true(rate.resumed >= 58 and rate.resumed <= 76, "resumed " .. rate.resumed)
  end)
end)

describe("a server that forgets sessions without close_notify", function()
  after_each(servers.stop_all)

  for _, arguments in ipairs({ { "-no_ticket" }, {} }) do
    it("resumes every time, because we send it: s_server " .. table.concat(arguments, " "), function()
      local address = run(servers.s_server({ args = arguments }), { rate = true, mechanisms = { "session_id", "psk" } })
      assert.same({ session_id = 100, psk = 100 }, field(address.rate, "resumed"))
    end)
  end
end)

describe("tickets that are good for one connection", function()
  after_each(servers.stop_all)

  it("are supported, and the rate uses a fresh one each time", function()
    local server = servers.s_server({ www = false, args = { "-early_data" } })
    local address = run(server, { support = true, rate = true, mechanisms = { "psk" } })
    local support, rate = address.support.psk, address.rate.psk
    assert.same({ "supported", "single_use_tickets", 5, 5 },
      { support.verdict, support.reason, support.resumed, support.attempted })
    assert.same({ "fresh", 100, 100, 1 }, { rate.design, rate.attempted, rate.resumed, rate.rate })
  end)
end)

describe("one connection in 50 that is dropped", function()
  after_each(servers.stop_all)

  local expected = { fin = "closed", rst = "reset", stall = "timeout" }
  for fault, kind in pairs(expected) do
    it("is an error of its kind, and changes no verdict: " .. fault, function()
      local server = servers.balancer({ backends = { nginx() }, fault = fault .. ":50" })
      local address = run(server, { support = true, rate = true, timeout = fault == "stall" and 2 or nil })
      assert.same(every("supported"), field(address.support, "verdict"))
      assert.same(every("supported"), field(address.rate, "verdict"))
      local errors = 0 -- the mechanisms are side by side: which one is met is chance
      for _, mechanism in ipairs(MECHANISMS) do
        local rate = address.rate[mechanism]
        -- Offers that were under way beside a connection that stalls for seconds count neither way: nothing was
        -- offered after it that would show whether its session was lost with it.
        local left_out = rate.left_out or {}
        assert.same({ failed = left_out.failed }, left_out)
        assert.is_true(fault == "stall" or left_out.failed == nil, fault)
        assert.equal(100, rate.resumed + rate.errors + (left_out.failed or 0), mechanism)
        errors = errors + rate.errors
        assert.same({ [kind] = rate.errors > 0 and rate.errors or nil }, rate.error_kinds)
        assert.equal(1, rate.rate)
      end
      assert.is_true(errors >= 4 and errors <= 8, "errors " .. errors)
    end)
  end
end)

describe("a server that speaks one version", function()
  after_each(servers.stop_all)

  it("is not called TLS 1.3 only when every second connection is dropped", function()
    local server = servers.balancer({ backends = { nginx() }, fault = "fin:2" })
    local address = run(server, { support = true })
    for mechanism, v in pairs(address.support) do
      assert.is_not.equal("not_applicable", v.verdict, mechanism)
      assert.is_not.equal("not_supported", v.verdict, mechanism)
    end
  end)
end)
