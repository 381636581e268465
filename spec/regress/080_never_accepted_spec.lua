-- The support scan said "issued, but never accepted" of pools of six or eight servers that share nothing: in every run
-- where they took turns, in one of six where they were drawn by lot. Ten offers need not meet a session's own server.

local pool = require "spec.support.pool"
local random = require "resum.util.random"
local simulation = require "spec.support.simulation"
local support = require "resum.scan.support"

local function scan(servers, policy, seed)
  math.randomseed(seed)
  random.seed(seed)
  local client = pool.client(pool.new({ servers = servers, policy = policy, seed = seed }))
  local control, mechanisms = { version = "TLSv1.3", outcome = "full" }, { "session_id", "ticket", "psk" }
  return support.run(client, control, { mechanisms = mechanisms, attempts = 5, retries = 2, concurrency = 10,
    engine = "handshake" }, {})
end

describe("the support scan of servers that share nothing", function()
  for _, policy in ipairs({ "roundrobin", "random" }) do
    it("never says that no session is accepted: " .. policy, function()
      for count = 2, 12 do
        for seed = 1, 3 do
          for mechanism, found in pairs(scan(simulation.servers(count), policy, 100 * count + seed)) do
            assert.not_equal("not_supported", found.verdict, ("%s, %d servers, seed %d"):format(mechanism, count, seed))
            assert.is_true(found.resumed > 0, "its counts do not show that some resumed")
            local old = found.designs.old
            assert.is_true(not old or old.attempted < 218, "it goes on although one resumed")
          end
        end
      end
    end)
  end
end)

describe("the support scan of a server that never accepts a session", function()
  -- A pool of 32 equal servers is missed by 218 offers once in 1,000: (31 / 32) ^ 218.
  it("says so after 218 offers of old sessions, and in how many offers", function()
    local servers = { { off = "mute" } }
    local found = scan(servers, "roundrobin", 1).session_id
    assert.same({ "not_supported", "issued_not_accepted", 218 },
      { found.verdict, found.reason, found.designs.old.attempted - 10 })
    assert.is_true(found.attempted >= 218 and found.resumed == 0)
  end)
end)
