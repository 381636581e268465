-- One key for all that alternates with time: tickets were told by servers of keys of their own and a restart, and so
-- the pool as "caches shared, keys not", while nothing explained the PSKs, which the same keys seal.

local pools = require "spec.support.pools"
local simulation = require "spec.support.simulation"
local whole = require "resum.analysis.pool.whole"

local function result(verdict, kind)
  return { verdict = verdict, reason = verdict == "unexplained" and "order" or nil, list = {}, member = {}, groups = 1,
    judged = { best = { parameters = { divided = { kind = kind } } } } }
end

local EVIDENCE = { sequence = {}, label = {}, marked = {}, keys = {} }

local function refine(ticket, psk)
  local results = { ticket = ticket, psk = psk }
  whole.refine(results, { ticket = EVIDENCE, psk = EVIDENCE })
  return ticket, psk
end

describe("tickets and PSKs, which are sealed with the same keys,", function()
  it("have no story where keys alternate #unsanitized", function()
    local summary = simulation.run(pools.draw("keys_alternate", 9 * 7919))
    assert.same({ "unexplained", "unexplained", "unexplained" },
      { summary.verdict, summary.mechanisms.ticket.verdict, summary.mechanisms.psk.verdict })
  end)

  for _, verdict in ipairs({ "nothing_shared", "one_way", "bad_member" }) do
    it("have none of hidden servers for one of them: " .. verdict, function()
      local told = refine(result(verdict, "unnamed"), result("unexplained"))
      assert.same({ "unexplained", "order" }, { told.verdict, told.reason })
      assert.is_nil(told.member)
      local _, psk = refine(result("unexplained"), result(verdict, "unnamed"))
      assert.equal("unexplained", psk.verdict)
    end)
  end

  it("keep what names of keys show, and what is not refuted", function()
    assert.equal("nothing_shared", refine(result("nothing_shared", "key"), result("unexplained")).verdict)
    assert.equal("nothing_shared", refine(result("nothing_shared", "unnamed"), result("inconclusive")).verdict)
  end)
end)
