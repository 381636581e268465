-- Where a connection stalls that offers a session, and fails in the end, the session may have been spent by it: offers
-- that were made of it meanwhile count for nothing. Up to 36 of 100 were made of it all the same.

local plans = require "resum.scan.plan"
local random = require "resum.util.random"

-- Offers of a plan, so many at once, that end in their order; the first offers of `stalled` seeds never do. Returns how
-- often each seed was offered, and how often beside another offer of its own.
local function run(stalled, at_once)
  local sessions, offered, beside = {}, {}, 0
  for i = 1, plans.SEEDS do
    sessions[i] = i
  end
  local plan, open, stalls = plans.new(sessions, 100, at_once), {}, {}
  local _, seed = plan:next()
  local number = 0
  while seed do
    number = number + 1
    local offer = plan:begin(seed)
    offered[seed.number] = (offered[seed.number] or 0) + 1
    for _, other in ipairs(open) do
      beside = beside + (other.seed == seed and 1 or 0)
    end
    if seed.number <= stalled and not stalls[seed] then
      stalls[seed] = true
    else
      open[#open + 1] = { offer = offer, seed = seed, number = number }
    end
    if #open == at_once then
      local ends = table.remove(open, 1)
      plan:note(ends.offer, ends.number, "resumed")
    end
    _, seed = plan:next()
  end
  return offered, beside
end

describe("a session whose offer hangs", function()
  before_each(function()
    random.seed(5)
  end)

  it("is left alone, and the others are offered instead", function()
    local offered = run(2, 10)
    assert.is_true(offered[1] <= 9 and offered[2] <= 9, ("%d and %d of 100"):format(offered[1], offered[2]))
    local sum = 0
    for _, count in pairs(offered) do
      sum = sum + count
    end
    assert.equal(100, sum)
  end)

  it("is offered all the same where those of all hang", function()
    local offered = run(plans.SEEDS, 1)
    assert.is_true(offered[1] > 1)
  end)

  it("is not one whose offer is merely under way", function()
    local _, beside = run(0, 10)
    assert.is_true(beside > 50, beside .. " of 100 beside another offer of the session")
  end)
end)
