-- A server reset three of ten TLS 1.3 connections right after the handshake. The rate said "nothing to do", or blamed
-- it for issuing no ticket on a resumed connection, as a connection that broke before its tickets counted as one that
-- brought none.

local advice = require "resum.analysis.advice"
local findings = require "resum.analysis.pool.findings"
local listener = require "spec.support.listener"
local overview = require "resum.analysis.overview"
local resum = require "resum"
local simulation = require "spec.support.simulation"

-- The codes of findings by mechanism where so many of these full handshakes were cut short.
local function told(cut, answered)
  local found = findings.of({
    results = { psk = { verdict = "all_shared" } }, verdict = "all_shared", sources = { "a", "b", "c", "d", "e", "f" },
    all = { psk = { sequence = {}, label = {}, offers_tally = { failed = 0, resumed = 100, refused = 0 },
      full_tally = { failed = 0, answered = answered, cut_short = cut } } },
  })
  return found[1] and { found[1].code, found[1].mechanism, found[1].share }
end

describe("connections that break right after the handshake", function()
  -- 5 % of 28 are dropped 7 times or more once in 3,000 scans, and 8 times or more once in 20,000.
  it("are told where a network that drops 5 % would not do so", function()
    assert.same({ "cut_short", "psk", 8 / 28 }, told(8, 28))
    assert.is_nil(told(7, 28))
    assert.is_nil(told(0, 0))
  end)

  it("are something to do, and no headline of a browser's", function()
    local server = listener.start({ min_version = "TLSv1.3", num_tickets = 0 }, {
      established = function(link, bytes)
        link.send(bytes)
        if link.number > 1 and link.number % 10 < 4 then
          return link.drop("rst")
        end
        link.send(link.connection:issue_ticket())
      end,
    })
    local entry = assert(resum.run(server.address, { rate = true, mechanisms = { "psk" } })).addresses[1]
    server.close()
    assert.equal("all_shared", entry.balancer.verdict)
    assert.same({ 1, 1 }, { entry.browser.tickets_after_full, entry.browser.tickets_after_resumed })
    local step = advice.of(entry)[1]
    assert.same({ "connections", "cut_short" }, { step.id, step.code })
    assert.matches("^About %d+ %% of the connections with TLS 1%.3 broke right after the handshake",
      overview.headline(entry))
    assert.equal("impaired", overview.severity(entry))
  end)

  it("are not told on networks that drop what they carry", function()
    for seed = 1, 8 do
      local servers = simulation.servers(1 + seed % 3)
      for _, server in ipairs(servers) do
        server.keys, server.cache = { "key 000000000000" }, "one"
      end
      local whole = simulation.run({ servers = servers, policy = "random", breaks = 0.05, seed = seed })
      for _, finding in ipairs(whole.findings) do
        assert.not_equal("cut_short", finding.code)
      end
    end
  end)
end)
