-- With few attempts, each seed was offered too rarely to see that its ticket is good for one connection: such a server
-- was said to resume at times only. With few attempts behind a balancer, tickets looked like that though they are not.

local listener = require "spec.support.listener"
local resum = require "resum"
local servers = require "spec.support.servers"
local random = require "resum.util.random"

local function psk_rate(address, options)
  options.mechanisms, options.rate = { "psk" }, true
  return assert(resum.run(address, options)).addresses[1].rate.psk
end

describe("the rate of a server whose tickets are good for one connection", function()
  for _, attempts in ipairs({ 2, 3, 5, 10, 40 }) do
    it(("is 100 %% in %d attempts"):format(attempts), function()
      -- Against replay of early data, OpenSSL takes each ticket once.
      local server = listener.start({ tickets = false, max_early_data = 1024 })
      local rate = psk_rate(server.address, { support = false, attempts = attempts })
      server.close()
      assert.same({ "supported", "fresh", attempts, attempts },
        { rate.verdict, rate.design, rate.attempted, rate.resumed })
    end)
  end

  it("needs no attempts in vain when the support scan has seen it", function()
    local server = listener.start({ tickets = false, max_early_data = 1024 })
    local result = assert(resum.run(server.address, { mechanisms = { "psk" }, support = true, rate = true }))
    server.close()
    local found = result.addresses[1]
    assert.same({ "single_use_tickets", "fresh", 100 },
      { found.support.psk.reason, found.rate.psk.design, found.rate.psk.resumed })
  end)
end)

-- Did no session resume twice?
local function each_resumed_once(sequence)
  local resumed = {}
  for _, entry in ipairs(sequence) do
    if entry.outcome == "resumed" then
      if resumed[entry.seed] then
        return false
      end
      resumed[entry.seed] = true
    end
  end
  return true
end

describe("the rate of servers that share nothing", function()
  after_each(servers.stop_all)

  it("is that of old sessions, though of few attempts each resumed once", function()
    local backends, count = {}, 5
    for i = 1, count do
      backends[i] = listener.start({ min_version = "TLSv1.3" })
    end
    local balancer = servers.balancer({ backends = backends })
    local looked_so = 0
    for run = 1, 10 do
      math.randomseed(run) -- one connection after another, in an order that is the same every day: no chance is left
      random.seed(run)
      local rate = psk_rate(balancer.address, { support = false, attempts = 20, concurrency = 1 })
      assert.same({ "fixed", 20 }, { rate.design, rate.attempted })
      looked_so = looked_so + (each_resumed_once(rate.sequence) and 1 or 0)
    end
    assert.is_true(looked_so >= 1, "the case did not happen")
    for i = 1, count do
      backends[i].close()
    end
  end)
end)
