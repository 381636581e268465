--- nginx hands out session IDs without a cache by default. The support scan offered 238 of them in vain and said so;
-- then the connections of one address were used up before the balancer scan had offered as many itself, and it said
-- that there were too few attempts. What one scan has excluded, the next need not exclude again.

local analysis = require "resum.analysis.pool"
local simulation = require "spec.support.simulation"

local function servers(count)
  local list = simulation.servers(count)
  for i = 1, count do
    list[i].keys, list[i].cache, list[i].ids_without_cache = { "key 000000000001" }, false, true
  end
  return list
end

-- Where no connections are left for a closer look.
local function judge(support)
  local ask, asked = analysis.next_questions, nil
  analysis.next_questions = function(_, _, about)
    asked = about
    return {}
  end
  local fine, found = pcall(simulation.run, { servers = servers(3), policy = "roundrobin", seed = 5 },
    { support = support, mechanisms = { "session_id" } })
  analysis.next_questions = ask
  assert(fine, found)
  local judged = found.mechanisms.session_id
  return { judged.verdict, judged.reason, asked.refused_before.session_id }
end

describe("offers that the support scan made in vain", function()
  it("need not be made again to say that sessions are never accepted", function()
    assert.same({ "no_resumption", "issued_not_accepted", 238 },
      judge({ session_id = { resumed = 0, refused = 238 } }))
  end)

  it("count for nothing where there were too few, or one resumed", function()
    assert.same({ "inconclusive", "too_few_attempts" }, judge(nil))
    assert.same({ "inconclusive", "too_few_attempts", 5 }, judge({ session_id = { resumed = 0, refused = 5 } }))
    assert.same({ "inconclusive", "too_few_attempts" }, judge({ session_id = { resumed = 1, refused = 237 } }))
  end)
end)
