--- Behind a hash of the source a member that does not resume was hidden: the servers were said to share nothing,
-- although all others do, and the operator was sent after caches and keys.

local simulation = require "spec.support.simulation"

local SOURCES = { "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5", "127.0.0.6", "127.0.0.7" }
local PLACED = { 1, 1, 2, 2, 3, 3 }

local function run(seed, off)
  local list, placed = simulation.servers(3), {}
  for i, server in ipairs(list) do
    server.keys, server.cache, server.off = { "key 000000000001" }, "one", i == 3 and off or nil
  end
  for i, source in ipairs(SOURCES) do
    placed[source] = PLACED[i]
  end
  return simulation.run({ servers = list, policy = "source", sources = SOURCES, placed = placed, seed = seed })
end

describe("a member that does not resume #unsanitized", function()
  for _, off in ipairs({ "silent", "mute" }) do
    it("is found behind a hash of the source, where it is " .. off, function()
      for seed = 1, 5 do
        local summary = run(seed, off)
        local of = summary.mechanisms
        assert.same({ "bad_member", "bad_member", "bad_member", "bad_member", "sticky" }, { summary.verdict,
          of.session_id.verdict, of.ticket.verdict, of.psk.verdict, summary.routing }, seed)
      end
    end)
  end
end)
