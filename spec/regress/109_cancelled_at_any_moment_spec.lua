--- A scan that was cancelled, or ran out of its deadline, said "not supported", began handshakes after that, and lost
-- mechanisms that were finished. It is cancelled here at many moments, on a host whose time is its own, at servers that
-- are slow, and asked meanwhile what it knows so far, as Ctrl-C does.

local memory = require "spec.support.memory"
local resum = require "resum"
local script = require "spec.support.script"

local SLOW = 0.5 -- seconds for each read
local NOT_TESTED = { no_attempts = true, interrupted = true }

-- The truth of each server: mechanism -> verdict.
local SERVERS = {
  ["all that there is"] = { {}, { session_id = "supported", ticket = "supported", psk = "supported" } },
  ["no tickets of TLS 1.3"] = { { num_tickets = 0 }, { session_id = "supported", ticket = "supported",
    psk = "not_supported" } },
  ["nothing"] = { { num_tickets = 0, tickets = false, cache = false }, { session_id = "not_supported",
    ticket = "not_supported", psk = "not_supported" } },
}

local SCANS = {
  support = { support = true, rate = false },
  rate = { support = false, rate = true, balancer = false, attempts = 6 },
  quick = { support = false, rate = true, quick = true, attempts = 60 },
}

local OF_QUICK = { supported = "healthy", not_supported = "no_resumption" }

-- A host whose clock goes on with each read; what it does at a moment is noted.
local function host_of(options, moment)
  local host
  host = script.host({}, { tls_server = memory.server(options), pause = SLOW,
    names = { ["192.0.2.1"] = { "192.0.2.1" } }, on_data = function(connection)
      return connection:write("HTTP/1.0 200 OK\r\n\r\n")
    end, gate = function(_, _, flight)
      host.late = host.late + ((flight == 1 and host.is_over()) and 1 or 0)
    end })
  local connect = host.connect
  host.late = 0
  function host.is_over()
    return host.now() >= moment
  end
  function host.connect(...)
    host.late = host.late + (host.is_over() and 1 or 0)
    return connect(...)
  end
  return host
end

local function scan_until(moment, options, asked)
  local host = host_of(options, moment)
  local all = { host = host, cancelled = host.is_over, concurrency = 1, retries = 0, engine = "handshake" }
  for name, value in pairs(asked) do
    all[name] = value
  end
  return assert(resum.run("192.0.2.1:443", all)), host
end

-- What is said of a mechanism is the truth, or that it was not tested.
local function check(name, judged, truth, moment)
  if not judged then
    return
  elseif judged.verdict == "inconclusive" then
    assert(judged.reason == nil or NOT_TESTED[judged.reason], ("%s at %s: %s"):format(name, moment, judged.reason))
    return
  end
  assert.equal(truth, judged.verdict, ("%s at %s"):format(name, moment))
end

describe("a scan that is cancelled", function()
  for server, case in pairs(SERVERS) do
    for scan, asked in pairs(SCANS) do
      it(("says the truth, or that it did not test: %s, %s"):format(scan, server), function()
        local ended, moment, told = false, 0, 0
        while not ended do
          local result, host = scan_until(moment, case[1], asked)
          ended = result.status == "completed"
          assert.same({ 0, true }, { host.late, ended or result.addresses[1].error.code == "interrupted" })
          local entry = result.addresses[1]
          for name, truth in pairs(case[2]) do
            check(name, (entry.support or {})[name], truth, moment)
            check(name, (entry.rate or {})[name], truth, moment)
            check(name, entry.balancer and entry.balancer.quick[name], OF_QUICK[truth], moment)
            told = told + ((entry.support or {})[name] and 1 or 0)
          end
          moment = moment < 20 and moment + 1.3 or moment * 1.2 + 0.7
        end
        assert.is_true(scan ~= "support" or told > 10)
      end)
    end
  end
end)

-- Asks at a moment what is known, while the scan goes on.
local function ask_at(moment, options, asked)
  local host = host_of(options, math.huge)
  local prepared = assert(resum.prepare({ host = host, concurrency = 1, retries = 0, engine = "handshake",
    support = asked.support, rate = asked.rate, balancer = asked.balancer, quick = asked.quick,
    attempts = asked.attempts }))
  local result, known
  prepared:run("192.0.2.1:443", {
    on_event = function(event)
      result = result or event.kind == "started" and event.result or nil
      local entry = result.addresses[1]
      if entry and not known and host.now() >= moment then
        entry.so_far = entry.so_far and entry.so_far()
        known = { support = entry.support, rate = entry.rate, quick = entry.balancer and entry.balancer.quick }
      end
    end,
  })
  return known
end

describe("a scan that is not waited for", function()
  for server, case in pairs(SERVERS) do
    for scan, asked in pairs(SCANS) do
      it(("tells what is finished, and nothing untrue: %s, %s"):format(scan, server), function()
        local moment, most = 0, 0
        local known
        repeat
          known = ask_at(moment, case[1], asked)
          local decided = 0
          for name, truth in pairs(case[2]) do
            for _, list in pairs(known or {}) do
              check(name, list[name], list == known.quick and OF_QUICK[truth] or truth, moment)
              local counted = (list[name].resumed or 0) > 0 -- the quick check decides on all at about the same time
              decided = decided + ((list[name].verdict ~= "inconclusive" or counted) and 1 or 0)
            end
          end
          most = math.max(most, decided)
          moment = moment < 20 and moment + 2.3 or moment * 1.3 + 1.1
        until not known
        -- where nothing is issued, all is decided at the end of the last connection
        assert.is_true(most >= 1 or server == "nothing", "nothing was ever decided before the end")
      end)
    end
  end
end)
