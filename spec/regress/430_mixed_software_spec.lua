-- Servers of different software behind one address: one keeps its sessions in a cache and takes each PSK once, another
-- has them in tickets, has no cache, and takes them as often as they come. Spent PSKs were told as more servers; and
-- what the pool does not share in TLS 1.3 was not said, as the headline was that a server has no tickets, and no
-- session IDs: which are two servers.

local concluded = require "spec.support.concluded"
local findings = require "resum.analysis.pool.findings"
local pool_words = require "resum.analysis.pool_words"
local simulation = require "spec.support.simulation"

local function with_cache(name)
  return { tickets = false, cache = "cache " .. name, single_use = true, cache_size = 256 }
end

local function with_key(name)
  return { keys = { "key of server " .. name .. "!" }, cache = false, ids_without_cache = true }
end

local function judge(servers, policy, seed)
  return simulation.run({ servers = servers, policy = policy, seed = seed })
end

describe("servers of different software that share nothing", function()
  for seed = 1, 2 do
    it("are as many as they are, with PSKs that one of them takes once: " .. seed, function()
      local summary = judge({ with_cache("a"), with_key("b") }, "random", seed)
      assert.same({ "nothing_shared", "psk", 2 }, { summary.verdict, summary.decided_by, summary.groups })
    end)
  end

  it("are as many as they are, with PSKs that two of them take once, and what those lack is told", function()
    local summary = judge({ with_cache("a"), with_key("b"), with_cache("c") }, "roundrobin", 1)
    assert.same({ "nothing_shared", "psk", 3 }, { summary.verdict, summary.decided_by, summary.groups })
    local _, evidence = pool_words.of(summary)
    assert.matches("meet a server without tickets", table.concat(evidence, " "))
  end)
end)

describe("a member that lacks tickets", function()
  -- Two with one ticket key, and PSKs in caches of their own, which a simulated server has not.
  it("is the headline where the others share their keys", function()
    local member = { share = 0.33, how = "issues_nothing" }
    local summary = concluded.of({
      psk = concluded.result("nothing_shared", { groups = 3 }),
      ticket = concluded.result("bad_member", { groups = 1, member = member }),
    })
    assert.equal("bad_member", summary.verdict)
  end)

  it("is not said to stand beside several others that nothing names", function()
    local member, met = { share = 0.33, how = "never_accepts" }, {}
    for _, named in ipairs({ false, true }) do
      local summary = concluded.of({
        ticket = concluded.result("all_shared"),
        session_id = concluded.result("bad_member", { groups = 2, named = named, member = member }),
      })
      met[named] = findings.with_code(summary.findings, "others_share_nothing") ~= nil
    end
    assert.same({ [false] = false, [true] = true }, met)
  end)
end)
