--- One of three servers, of which chance chooses one for each connection, failed on unknown tickets: its share was said
-- to be half of the connections, as they were counted from its first failure to its second. What is counted has an end
-- that does not hang on what is seen; and where keys tell the servers apart, the one that never answered is named.

local audit = require "spec.support.audit"
local faulty = require "spec.support.faulty"
local unknown_ticket = require "resum.audit.checks.unknown_ticket"

local RUNS, TRUE = 24, 1 / 3

-- The findings of a number of pools, one of whose three servers has the fault.
local function ask(fault, shares_keys)
  local list = {}
  for i = 1, RUNS do
    local first = faulty.new({})
    local like = shares_keys and first or nil
    local pool = faulty.listen({ first, faulty.new({ fault }, like), faulty.new({}, like) }, "random")
    local found = audit.run(unknown_ticket, pool.port, { resuming = { "psk" }, server_name = "a.example",
      seeds = 12 })
    pool.close()
    list[i] = found[1]
  end
  return list
end

describe("a server that fails on unknown tickets, of three that chance chooses among,", function()
  it("is named where keys tell them apart, with its share of all connections", function()
    local sum, named, bad = 0, 0, 0
    for _, one in ipairs(ask("unknown_alert")) do
      if one.verdict == "bad" then
        bad, named, sum = bad + 1, named + (one.group and 1 or 0), sum + (one.share or 1)
      end
    end
    assert.is_true(bad >= 0.8 * RUNS, bad)
    assert.is_true(named >= 0.6 * bad, named)
    assert.near(TRUE, sum / bad, 0.1)
  end)

  it("has a share that is true in the mean where nothing tells them apart", function()
    local sum, bad = 0, 0
    for _, one in ipairs(ask("unknown_alert", true)) do
      if one.verdict == "bad" then
        bad, sum = bad + 1, sum + (one.share or 1)
      end
    end
    assert.is_true(bad >= 0.6 * RUNS, bad)
    assert.near(TRUE, sum / bad, 0.13)
  end)
end)
