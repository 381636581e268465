-- By session IDs alone, where nothing shows who answered, 10 of 30 pools in which each server accepts the sessions of
-- some others were still told as groups, with odds of 10,000,000: few groups of the right shares fit nearly any lists.
-- Groups of even shares are what sessions show that all resume equally often, and that is asked.

local misfit = require "resum.analysis.pool.misfit"
local next_question = require "resum.analysis.pool.next_question"
local pools = require "spec.support.pools"
local simulation = require "spec.support.simulation"

local function judge(options)
  local found, recorded = simulation.run(options, { mechanisms = { "session_id" } })
  return found.mechanisms.session_id, #recorded.entries
end

local function lists_of(seed)
  local options = pools.draw("random_matrix", seed)
  for _, server in ipairs(options.servers) do
    server.cache = "of all"
  end
  return options
end

-- Servers without tickets, in so many groups of as many.
local function groups_of(groups, each, policy, seed)
  local servers = simulation.servers(groups * each)
  for i, server in ipairs(servers) do
    server.tickets, server.cache = false, "cache " .. i % groups
  end
  return { servers = servers, policy = policy, seed = seed, drops = 0.02 }
end

local NO_BREAKS = { offers = { failed = 0, answered = 0 }, full = { failed = 0, answered = 0 } }

describe("session IDs alone #unsanitized", function()
  it("tell no story of lists in no order, of any number of servers", function()
    for _, i in ipairs({ 6, 8, 14, 22 }) do
      local found = judge(lists_of(i * 7919))
      assert.is_true(found.verdict == "inconclusive" or found.verdict == "unexplained", found.verdict .. " of " .. i)
      assert.equal("like_nothing", found.reason)
    end
  end)

  it("tell groups of even shares, met by lot and in turns", function()
    for _, case in ipairs({ { 2, 2, "random", 5 }, { 2, 1, "random", 5 }, { 3, 1, "roundrobin", 5 },
      { 8, 1, "random", 5 } }) do
      local found, connections = judge(groups_of(table.unpack(case)))
      assert.equal("nothing_shared", found.verdict, case[1] .. " groups")
      assert.is_true(connections <= 700, connections .. " connections")
    end
  end)

  it("tell that all is shared, as before", function()
    local found, connections = judge(groups_of(1, 4, "random", 5))
    assert.equal("all_shared", found.verdict)
    assert.is_true(connections < 200, connections .. " connections")
  end)
end)

describe("the evenness of sessions", function()
  -- Sessions that were offered so often each, and resumed as these numbers say in turns; of classes by these shares.
  local function evenness(sessions, offered, resumed, accept)
    local offers = {}
    for origin = 1, sessions do
      for i = 1, offered do
        offers[#offers + 1] = { origin = origin, lag = 0, design = "confirm",
          resumed = i <= resumed[origin % #resumed + 1] }
      end
    end
    return misfit.evenness({ view = { offers = offers }, parameters = { model = { count = 2, weights = { { 0.5, 0.5 } },
      accept = accept or function(a, b) return a == b end } } })
  end

  it("is doubted where their rates differ by more than chance", function()
    assert.equal("even", evenness(40, 20, { 10 }))
    assert.equal("even", evenness(40, 20, { 8, 12 }))
    assert.equal("even", evenness(60, 12, { 4, 8 })) -- p = 0.056
    assert.equal("uneven", evenness(64, 12, { 4, 8 })) -- p = 0.049
    assert.equal("uneven", evenness(40, 20, { 6, 14 }))
  end)

  it("is doubted where it is that of no whole number of groups", function()
    assert.equal("even", evenness(80, 20, { 10, 11 })) -- of 2, p = 0.097
    assert.equal("uneven", evenness(40, 20, { 11 })) -- p = 0.010
    assert.equal("even", evenness(40, 15, { 5 })) -- of 3
    assert.equal("uneven", evenness(40, 15, { 6 }))
    assert.equal("uneven", evenness(40, 20, { 14 }))
  end)

  it("is known where lists by lot among twenty servers would show, and before where it is plain", function()
    assert.equal("unknown", evenness(39, 14, { 7 }))
    assert.equal("even", evenness(40, 14, { 7 }))
    assert.equal("unknown", evenness(12, 13, { 4, 9 })) -- p = 0.019
    assert.equal("uneven", evenness(12, 12, { 3, 9 }))
    assert.equal("unknown", evenness(40, 20, { 0 }))
  end)

  it("leaves out sessions that are good everywhere, or nowhere, where there may be such", function()
    local function first_everywhere(a, b) return a == 1 or a == b end
    local function second_nowhere(a, b) return a == 1 and b == 1 end
    assert.equal("uneven", evenness(80, 20, { 20, 10 }))
    assert.equal("even", evenness(80, 20, { 20, 10 }, first_everywhere))
    assert.equal("uneven", evenness(80, 20, { 0, 10 }))
    assert.equal("even", evenness(80, 20, { 0, 10 }, second_nowhere))
  end)

  it("is asked for until it is known, and no more where they differ", function()
    local function plans(evenness_found)
      local evidence = { mechanism = "session_id", entries = {}, label = {}, issued = 8, offers = {},
        breaks = NO_BREAKS }
      local judged = { best = { parameters = {}, condition = {} }, decisive = true, beats_nothing = false, alone = true,
        evenness = evenness_found }
      return next_question.of({ session_id = evidence }, { session_id = { judged = judged } }, {})
    end
    assert.same({}, plans("uneven"))
    local plan = plans("unknown")[1]
    assert.same({ "fresh", 4, 20 }, { plan.kind, plan.sessions, plan.times })
  end)
end)
