-- Three servers in turns, two of which share keys and cache, were said to "share nothing": they are two groups.

local words = require "resum.analysis.pool_words"

local function told(period, interval, verdict)
  local headline, evidence = words.of({ verdict = verdict or "nothing_shared", groups = 2, groups_interval = interval,
    routing = "round_robin", routing_evidence = { period = period }, findings = {}, mechanisms = {} })
  return headline, table.concat(evidence, " ")
end

local ALL, GROUPS = "The servers behind this address share nothing.",
  "The servers behind this address, or groups of them, share nothing with one another."

describe("servers in turns that share nothing", function()
  it("may be groups where there are more turns than groups", function()
    local headline, evidence = told(3, { 2, 2 })
    assert.equal(GROUPS, headline)
    assert.matches("Some servers share their sessions, then, or one has more turns than another%.", evidence)
    assert.equal(GROUPS, (told(5, { 2, 4 })))
  end)

  it("are none where there are as many, or where groups may be more", function()
    for _, case in ipairs({ { 2, { 2, 2 } }, { 3, { 2, 3 } }, { 3, { 2 } } }) do
      local headline, evidence = told(case[1], case[2])
      assert.equal(ALL, headline)
      assert.not_matches("Some servers share", evidence)
    end
  end)
end)
