--- What was asked of a pool depended on the order in which Lua walks a table, which is another one in each process: the
-- closer look at offers that fail was shuffled from there, and which mechanism was asked about first hung on it. A seed
-- has to come to the same questions, or no spec that judges simulated pools says the same thing twice.

local pools = require "spec.support.pools"
local simulation = require "spec.support.simulation"

local usual = pairs

-- As pairs, from the last key to the first.
local function backwards(walked)
  local keys = {}
  for key in usual(walked) do
    keys[#keys + 1] = key
  end
  local at = #keys + 1
  return function()
    repeat
      at = at - 1
    until at < 1 or walked[keys[at]] ~= nil
    return keys[at], walked[keys[at]]
  end
end

local function questions(class, walk)
  local options = pools.draw(class, 4 * 7919)
  options.drops = 0.04
  rawset(_G, "pairs", walk)
  local fine, found, journal = pcall(simulation.run, options)
  rawset(_G, "pairs", usual)
  assert(fine, found)
  local list = {}
  for i, entry in ipairs(journal.entries) do
    list[i] = ("%s %s %s"):format(entry.mechanism, entry.design, entry.outcome)
  end
  return table.concat(list, "\n"), found.verdict
end

describe("the questions that a seed comes to #unsanitized", function()
  for _, class in ipairs({ "sticky_session_id", "fails_on_resumption", "one_way" }) do
    it("are the same whichever way tables are walked: " .. class, function()
      local forth, verdict = questions(class, usual)
      local back, same_verdict = questions(class, backwards)
      assert.equal(forth, back)
      assert.equal(verdict, same_verdict)
    end)
  end
end)
