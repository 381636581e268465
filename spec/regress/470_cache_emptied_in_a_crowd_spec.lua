-- A single Tomcat's JVM dropped its session cache while a scan ran, just when many connections were open: "the balancer
-- goes by the number of open connections". There was none. What is lost is lost, also when the crowd has gone.

local findings = require "resum.analysis.pool.findings"

local function offer(list, count, resumed, crowd)
  for _ = 1, count do
    list[#list + 1] = { resumed = resumed, entry = { order = #list + 1, crowd = crowd } }
  end
end

-- Are crowds blamed, where this is what came before one, in it, and behind it: {resumed, refused} each?
local function are_blamed(before, crowd, after)
  local offers = {}
  for i, tally in ipairs({ before, crowd, after }) do
    offer(offers, tally[1], true, i == 2 and 1 or nil)
    offer(offers, tally[2], false, i == 2 and 1 or nil)
  end
  local seen = { sequence = {}, entries = {}, offers = offers, label = {}, full_tally = { failed = 0, answered = 0,
    cut_short = 0 }, offers_tally = { failed = 0, resumed = 0, refused = 0 } }
  for _, finding in ipairs(findings.of({ results = { session_id = {} }, all = { session_id = seen },
    verdict = "all_shared" })) do
    if finding.code == "crowds_are_refused" then
      return true
    end
  end
  return false
end

describe("crowds", function()
  it("are not blamed for sessions that are gone when the crowd is, too", function()
    assert.is_false(are_blamed({ 100, 0 }, { 0, 8 }, { 0, 1 }))
    assert.is_false(are_blamed({ 100, 0 }, { 0, 8 }, { 0, 3 }))
    assert.is_false(are_blamed({ 90, 10 }, { 0, 8 }, { 0, 3 }))
  end)

  it("are where others resume before and after", function()
    assert.is_true(are_blamed({ 100, 0 }, { 0, 8 }, { 3, 0 }))
    assert.is_true(are_blamed({ 100, 0 }, { 2, 6 }, { 1, 0 }))
    assert.is_true(are_blamed({ 90, 10 }, { 0, 8 }, { 2, 1 }))
  end)
end)
