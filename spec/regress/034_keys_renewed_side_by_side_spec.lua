--- While one nginx renews its keys, old and new workers answer side by side for a moment. When tickets were first
-- looked at in that moment, they were called not shared; and so were new tickets that old workers refuse, although the
-- old key stayed good. Session IDs that met the new key only, as there was no other any more, were called led back to
-- their server.

local simulation = require "spec.support.simulation"

local OLD, NEW = "key 000000000001", "key 000000000002"
local RUNS = 10

local function keys_of(i, keys)
  return function(pool)
    pool.servers[i].keys = keys
  end
end

-- Two workers behind one address; what happens to each at which connection.
local function run(seed, first_keys, events)
  return simulation.run({
    servers = { { cache = "one", keys = { OLD } }, { cache = "one", keys = first_keys } },
    policy = "random", seed = seed, events = events,
  })
end

local function verdicts_of(first_keys, events_of)
  local seen = {}
  for seed = 1, RUNS do
    local summary = run(seed, first_keys, events_of())
    local of = summary.mechanisms
    seen[table.concat({ summary.verdict, summary.routing, of.session_id.verdict, of.ticket.verdict }, " ")] = true
  end
  return seen
end

describe("a server that renews its keys #unsanitized", function()
  it("has rotated, also when both keys are met from the first ticket on", function()
    local seen = verdicts_of({ NEW }, function()
      return { { at = 200, act = keys_of(1, { NEW }) } }
    end)
    assert.is_true(seen["rotated unknown all_shared rotated"])
    for verdicts in pairs(seen) do -- where the old key was seen but once or twice, it is not said what it was
      assert.is_truthy(verdicts:find("^rotated unknown") or verdicts:find("^unexplained"), verdicts)
    end
  end)

  it("has rotated, and leads no session ID back, when it is renewed late", function()
    assert.same({ ["rotated unknown all_shared rotated"] = true }, verdicts_of({ OLD }, function()
      return { { at = 300, act = keys_of(1, { NEW }) }, { at = 330, act = keys_of(2, { NEW }) } }
    end))
  end)

  it("shares all when the old key stays good, though new tickets were refused for a moment", function()
    assert.same({ ["all_shared unknown all_shared all_shared"] = true }, verdicts_of({ OLD }, function()
      return { { at = 115, act = keys_of(2, { NEW, OLD }) }, { at = 190, act = keys_of(1, { NEW, OLD }) } }
    end))
    local told = 0
    for seed = 1, RUNS do
      local summary = run(seed, { OLD }, {
        { at = 205, act = keys_of(2, { NEW, OLD }) }, { at = 280, act = keys_of(1, { NEW, OLD }) },
      })
      told = told + (table.concat(summary.evidence, " "):find("keys were renewed while", 1, true) and 1 or 0)
    end
    assert.is_true(told > RUNS / 2, "told " .. told)
  end)
end)
