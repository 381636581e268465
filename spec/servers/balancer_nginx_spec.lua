-- nginx as a TCP balancer in front of three real nginx: the verdict is the set-up.

local pools = require "spec.support.real_pool"
local process = require "spec.support.process"
local resum = require "resum"
local servers = require "spec.support.servers"
local uv = require "luv"

local SOURCES = { "127.0.0.21", "127.0.0.22", "127.0.0.23", "127.0.0.24", "127.0.0.25", "127.0.0.26" }

local NOTHING = { "nothing_shared", "nothing_shared", "nothing_shared", "nothing_shared" }

-- set-up, balancer, sources, expected as in real_pool.verdicts, tag
local CASES = {
  { "nothing", {}, nil, NOTHING, "round_robin", " #heavy" },
  { "nothing", { balance = "hash $remote_addr" }, SOURCES,
    { "sticky_source", "sticky_source", "sticky_source", "sticky_source" }, "sticky" },
  { "keys", {}, nil, { "keys_shared_caches_not", "nothing_shared", "all_shared", "all_shared" }, "round_robin",
    " #heavy" },
  { "keys_without_caches", {}, nil, { "all_shared", "no_resumption", "all_shared", "all_shared" }, "unknown",
    " #heavy" },
  { "member_off", {}, nil, { "bad_member", "bad_member", "bad_member", "bad_member" }, "round_robin", " #heavy" },
  { "nothing", { weights = { 5, 1, 1 } }, nil, NOTHING, "round_robin", " #heavy" },
  { "nothing", { balance = "least_conn" }, nil, NOTHING, "round_robin", " #heavy" },
  { "nothing", { balance = "random" }, nil, NOTHING, "random", " #heavy" },
  { "two_of_three", { balance = "random" }, nil, { "mixed_groups", "nothing_shared", "mixed_groups", "mixed_groups" },
    "random", " #heavy" },
}

describe("behind nginx's stream module, three nginx are called what they are:", function()
  after_each(servers.stop_all)

  for _, case in ipairs(CASES) do
    local set_up, options, sources, expected, routing = table.unpack(case, 1, 5)
    local weights = options.weights and ", weights " .. table.concat(options.weights, ":") or ""
    it(("%s, %s%s%s"):format(set_up:gsub("_", " "), options.balance or "a rotation", weights, case[6] or ""), function()
      options.backends = pools.start(set_up)
      local balancer = servers.nginx_stream(options)
      pools.assert_verdicts(function()
        return pools.judge(balancer, sources)
      end, function(found)
        -- of three servers a lot can't always be told from turns that others disturb
        local untold = routing == "random" and found.routing == "unknown"
        return { expected[1], expected[2], expected[3], expected[4], untold and "unknown" or routing }
      end)
    end)
  end
end)

describe("one nginx that gets new ticket keys while it is scanned", function()
  after_each(servers.stop_all)

  it("has rotated its keys #heavy", function()
    local keys = servers.ticket_keys(1)
    local server = servers.nginx({ ticket_keys = keys, session_cache = "off", session_tickets = "on" })
    local offered = 0
    local result = assert(resum.run(server.address, { rate = true, mechanisms = { "ticket", "psk" },
      on_event = function(event)
        offered = offered + ((event.record and event.record.design == "fixed") and 1 or 0)
        if offered == 50 then
          offered = offered + 1
          process.write_file(keys[1], uv.random(80))
          uv.kill(server.pid, "sighup")
        end
      end }))
    local summary = result.addresses[1].balancer
    assert.same({ "rotated", "rotated" }, { summary.verdict, summary.mechanisms.ticket.verdict })
    assert.are_not.equal("nothing_shared", summary.mechanisms.psk.verdict) -- old workers may take a while to go
  end)
end)
