-- A scan that is cancelled: no connection is made from then on, wherever in the scan that was, and what was not tested
-- is called that.

local resum = require "resum"
local servers = require "spec.support.servers"

local AT_ONCE = 10 -- connections

local function counting_host(allowed)
  local host = setmetatable({ made = 0, late = 0 }, { __index = resum.host.default() })
  function host.is_over()
    return host.made >= allowed
  end
  function host.connect(...)
    host.late = host.late + (host.is_over() and 1 or 0)
    host.made = host.made + 1
    return resum.host.default().connect(...)
  end
  return host
end

local function run(address, allowed, options)
  local host = counting_host(allowed)
  local all = { host = host, cancelled = host.is_over, attempts = 20, concurrency = AT_ONCE, retries = 2 }
  for name, value in pairs(options) do
    all[name] = value
  end
  local events = 0
  all.on_event = function(event)
    events = events + (event.kind == "attempt" and 1 or 0)
  end
  local result = assert(resum.run(address, all))
  return result, host, events
end

local SCANS = {
  support = { support = true, rate = false },
  rate = { support = false, rate = true, balancer = false },
  ["everything"] = { support = true, rate = true },
  quick = { support = false, rate = true, quick = true },
  ["everything on libssl"] = { support = true, rate = true, engine = "handshake" },
}

describe("a scan that is cancelled #unsanitized", function()
  local pool, members, dropping

  setup(function()
    members = { servers.nginx({ session_cache = "shared:SSL:1m" }), servers.nginx({ session_tickets = "off" }) }
    pool = servers.balancer({ backends = members })
    dropping = servers.odd({ kind = "reset" })
  end)

  teardown(servers.stop_all)

  for name, options in pairs(SCANS) do
    it("makes no connection from then on: " .. name, function()
      for _, allowed in ipairs({ 0, 1, 2, 3, 5, 9, 17, 40, 90, 150 }) do
        local result, host, events = run(pool.address, allowed, options)
        assert.same({ allowed, 0 }, { allowed, host.late })
        -- What was not made is no attempt; nor is what was over before its handshake began.
        assert.is_true(events <= host.made and events >= host.made - AT_ONCE, events .. " of " .. host.made)
        if host.is_over() then
          assert.equal("interrupted", result.addresses[1].error.code)
        end
      end
    end)
  end

  it("makes none where connections are dropped, and the control tries all that it has", function()
    for allowed = 0, 4 do
      local _, host = run(dropping.address, allowed, SCANS.support)
      assert.equal(0, host.late)
    end
  end)

  it("counts no error, and calls what it did not come to not tested", function()
    local untested = 0
    for allowed = 1, 22 do
      local result = run(members[1].address, allowed, { support = true, attempts = 3 })
      for _, verdict in pairs(result.addresses[1].support or {}) do
        assert.equal(0, verdict.errors)
        if verdict.attempted == 0 and verdict.verdict == "inconclusive" then
          assert.equal("no_attempts", verdict.reason)
          untested = untested + 1
        end
      end
      local words = tostring(result)
      assert.is_nil(words:find("too many errors", 1, true), words)
      if result.addresses[1].support and result.addresses[1].support.psk.attempted == 0 then
        assert.matches("not tested", words)
        assert.matches("TLS 1.3 ticket was not tested%.", (words:gsub("%s+", " ")))
      end
    end
    assert.is_true(untested > 3)
  end)
end)
