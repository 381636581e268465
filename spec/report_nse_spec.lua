-- The structure for nmap's XML: names, order, types.

local structure = require "resum.report.nse"

-- A table that keeps the order of its keys in `order`.
local function ordered()
  local order = {}
  return setmetatable({}, {
    __newindex = function(self, key, value)
      if value ~= nil then
        order[#order + 1] = key
        rawset(self, key, value)
      end
    end,
    order = order,
  })
end

local function order_of(value)
  return table.concat(getmetatable(value).order, " ")
end

local verdict = {
  verdict = "supported",
  version = "TLSv1.3",
  attempted = 5,
  resumed = 5,
  refused = 0,
  errors = 0,
  ticket_length = 240,
  tickets_issued = 2,
  lifetime_s = 300,
  attempts = { { secret = true } },
  designs = {},
}

local rate = {
  verdict = "partially_supported",
  reason = "issued_not_always_accepted",
  version = "TLSv1.2",
  attempted = 4,
  resumed = 2,
  refused = 1,
  errors = 1,
  rate = 2 / 3,
  interval = { 0.2, 0.9 },
  confidence = 0.95,
  design = "fixed",
  seeds = 4,
  concurrency = 10,
  sequence = { { outcome = "resumed" }, { outcome = "timeout" }, { outcome = "refused" }, { outcome = "resumed" } },
}

describe("the structure for nmap", function()
  it("has counts as numbers, in a fixed order, and none of the attempts", function()
    local out = structure.address({ address = "192.0.2.1", status = "completed", support = { psk = verdict } }, ordered)
    assert.equal("address status support", order_of(out))
    assert.equal("verdict version attempted resumed refused errors ticket_length tickets_issued lifetime_s",
      order_of(out.support.psk))
    assert.equal("integer", math.type(out.support.psk.resumed))
  end)

  it("has the mechanisms in the order of the reports", function()
    local all = { psk = verdict, ticket = verdict, session_id = verdict }
    local out = structure.address({ address = "192.0.2.1", status = "completed", support = all }, ordered)
    assert.equal("session_id ticket psk", order_of(out.support))
  end)

  it("has a rate with its interval, and the sequence as one mark an attempt", function()
    local out = structure.address({ address = "192.0.2.1", status = "completed", rate = { ticket = rate } }, ordered)
    assert.equal("verdict reason version attempted resumed refused errors rate interval_low interval_high confidence "
      .. "design seeds concurrency sequence", order_of(out.rate.ticket))
    assert.same({ 0.2, 0.9, "#x.#" },
      { out.rate.ticket.interval_low, out.rate.ticket.interval_high, out.rate.ticket.sequence })
  end)

  it("has what stands behind the address, without the connections that showed it", function()
    local judged = { verdict = "nothing_shared", routing = "round_robin", groups = 3, effective_groups = 2.9,
      attempts = {}, labels = {}, designs = {} }
    local summary = { decided_by = "ticket", headline = "They share nothing.", evidence = { "a", "b" },
      advice = "Share.", mechanisms = { ticket = judged } }
    for name, value in pairs(judged) do
      summary[name] = value
    end
    local out = structure.address({ address = "192.0.2.1", status = "completed", balancer = summary }, ordered)
    assert.equal("verdict routing groups effective_groups decided_by headline evidence advice mechanisms",
      order_of(out.balancer))
    assert.equal("verdict routing groups effective_groups", order_of(out.balancer.mechanisms.ticket))
  end)

  it("says why a scan was cut short, with what came from a server escaped", function()
    local out = structure.address(
      { address = "192.0.2.1", status = "error", error = { message = "it said \27[2J", code = "not_tls" } }, ordered)
    assert.equal("address status error", order_of(out))
    assert.equal("it said \\x1b[2J", out.error.message)
  end)
end)
