-- What was raised in a job of host.parallel came back in a table of problems, which 13 of its callers dropped: a defect
-- of ours became "not supported", "broken", or evidence that nobody missed.

local cross_address = require "resum.scan.pool.cross_address"
local attempts = require "resum.connection.attempt"
local browser = require "resum.scan.browser"
local engine_choice = require "resum.connection.engine_choice"
local hunt = require "resum.scan.hunt"
local obtaining = require "resum.scan.obtain_sessions"
local process = require "spec.support.process"
local quick = require "resum.scan.quick"
local rate = require "resum.scan.rate"
local recorder = require "resum.scan.pool.recorder"
local resum = require "resum"
local sampling = require "resum.scan.pool.sampling"
local second_look = require "resum.scan.second_look"
local servers = require "spec.support.servers"
local side_by_side = require "resum.util.side_by_side"

local INJECTED = "a defect of ours, put in by a spec"
local HOSTS = { "uv", "luasocket", "cqueues" }

-- A client of a server that issues a session to everybody, and refuses each second offer; `raises` (given, and how
-- many of its design there were, and of all) says which attempt meets a defect.
local function client_of(host, raises, more)
  local client = { host = host, connections = 0, engines = {}, seen = {}, met = false, address = "192.0.2.1" }
  function client.cancelled() return false end
  function client.moved() return nil end
  function client.expired() return false end
  function client.attempt(self, given)
    local design = given.design or "none"
    self.connections, self.seen[design] = self.connections + 1, (self.seen[design] or 0) + 1
    if raises(given, self.seen[design], self.connections) then
      self.met = true
      error(INJECTED, 0)
    end
    local record = { mechanism = given.mechanism, design = design, engine = given.engine or "handshake", reused = false,
      outcome = "full", sessions = {}, timing = {}, facts = { tickets = {}, alerts = {}, session_id = "" },
      version = given.mechanism == "psk" and "TLSv1.3" or "TLSv1.2" }
    local session = given.late and given.late() or given.session
    if session then
      record.outcome = self.connections % 2 == 0 and "resumed" or "refused"
    end
    record.sessions = { { number = self.connections } }
    record.facts.tickets[1] = { ticket = ("%016d"):format(self.connections), lifetime_s = 300 }
    for name, value in pairs(more or {}) do
      record[name] = value
    end
    return record
  end
  return client
end

local function options(more)
  local all = { mechanisms = { "ticket" }, attempts = 20, concurrency = 2, retries = 0, engine = "handshake" }
  for name, value in pairs(more or {}) do
    all[name] = value
  end
  return all
end

local CONTROL = { version = "TLSv1.3", outcome = "full" }

local function at(design, number)
  return function(given, seen)
    return given.design == design and seen == (number or 1)
  end
end

local function rated(journal, more)
  local entry = {}
  entry.rate = rate.run(journal, CONTROL, options(more), entry)
  return entry
end

local function pool(client, more)
  local journal = recorder.new(client, 2)
  return sampling.run(journal, CONTROL, options(more), rated(journal, more))
end

local function at_failures(client)
  return second_look.at_failures(client, { ticket = { session = {}, seeds = {},
    fixed = { { outcome = "closed", error = { stage = "handshake" } } } } }, options())
end

-- What runs jobs: which attempt meets the defect, and the flow that makes it.
local FLOWS = {
  ["the quick test's sessions"] = { at("seed", 2), function(client)
    return quick.run(client, CONTROL, options())
  end },
  ["the quick test's offers"] = { at("quick", 3), function(client)
    return quick.run(client, CONTROL, options())
  end },
  ["the hunt"] = { at("old"), function(client)
    return hunt.run(recorder.new(client, 2), "ticket", { {} }, options(), {})
  end },
  ["offers beside full handshakes"] = { at("fixed"), at_failures },
  ["full handshakes beside offers"] = { at("beside", 2), at_failures },
  ["a handshake that is tried again, as it issued nothing"] = { at("seed", 2), function(client)
    return obtaining.obtain(client, "ticket", 0)
  end, { sessions = {} } },
  ["what looks for sessions"] = { at("seed", 2), function(client)
    return obtaining.seek(client, 5, 5, 2, function()
      return client:attempt({ design = "seed" })
    end)
  end },
  ["the rate's sessions"] = { at("seed", 3), function(client)
    return rated(recorder.new(client, 2))
  end },
  ["the rate's offers"] = { at("fixed", 3), function(client)
    return rated(recorder.new(client, 2))
  end },
  ["pairs"] = { at("pairs", 1), pool },
  ["the second of a pair"] = { at("pairs", 2), pool },
  ["chains"] = { at("chain", 2), pool },
  ["the closer look"] = { at("confirm"), pool },
  ["the browser"] = { at("browser", 2), function(client)
    return browser.run(recorder.new(client, 2), browser.FULL)
  end },
  ["addresses held against each other"] = { at("across"), function(client)
    local addresses, callers = {}, {}
    for i = 1, 2 do
      callers[i] = client
      addresses[i] = { address = "192.0.2." .. i, status = "completed",
        rate = { ticket = { design = "fixed", attempted = 1, resumed = 1 } } }
    end
    return cross_address.run(addresses, callers, options({ host = client.host }))
  end },
  ["engines held against each other"] = { function(given, seen)
    return given.engine == "handshake" and seen > 4
  end, function(client)
    return engine_choice.attempt(client, { mechanism = "ticket", session = {}, engine = "probe" },
      function(_, given, engine)
        local record = client:attempt({ mechanism = given.mechanism, engine = engine, design = "fixed" })
        record.outcome = engine == "probe" and "refused" or "resumed"
        return record
      end)
  end },
}

describe("a defect that a job meets ends", function()
  for _, host_name in ipairs(HOSTS) do
    local host = require("resum.host." .. host_name)

    for name, flow in pairs(FLOWS) do
      it(("%s, over %s"):format(name, host_name), function()
        local client = client_of(host, flow[1], flow[3])
        local ran, problem
        side_by_side.run(host, { function()
          ran, problem = pcall(flow[2], client)
        end })
        assert.is_true(client.met)
        assert.same({ false, INJECTED }, { ran, problem })
      end)
    end
  end
end)

describe("jobs side by side", function()
  for _, host_name in ipairs(HOSTS) do
    local host = require("resum.host." .. host_name)

    it("all end before what the first has raised is raised again: " .. host_name, function()
      local ended = {}
      local function job(number, problem)
        return function()
          host.sleep(0.001 * number)
          ended[#ended + 1] = number
          return problem and error(problem, 0)
        end
      end
      assert.error(function()
        side_by_side.run(host, { job(1), job(2, "second"), job(3, "third"), job(4) })
      end, "second")
      table.sort(ended) -- timers keep no order on a busy machine
      assert.same({ 1, 2, 3, 4 }, ended)
      local told = {}
      side_by_side.each(host, { job(1), job(2, "second"), job(3, "third") }, 1, function(number, problem)
        told[#told + 1] = { number, problem }
      end)
      assert.same({ { 2, "second" }, { 3, "third" } }, told)
    end)

    it("hand on Ctrl-C, whoever asked for the problems: " .. host_name, function()
      assert.error(function()
        side_by_side.each(host, { function() end, function()
          error("interrupted!", 0)
        end }, 1, function() end)
      end, "interrupted!")
    end)
  end

  it("are run by one module alone, so that nobody drops what they raise", function()
    local listing = process.run { command = { "grep", "-rlE", "[.:]parallel\\b", process.ROOT .. "/lua" } }
    local callers = {}
    for path in listing.stdout:gmatch("[^\n]+") do
      local code = process.read_file(path):gsub("%-%-[^\n]*", ""):gsub('"[^"\n]*"', "")
      local called = code:find("[.:]parallel%f[^%w_]") and not path:find("/resum/host/")
      callers[#callers + 1] = called and path:sub(#process.ROOT + 2) or nil
    end
    assert.same({ "lua/resum/util/side_by_side.lua" }, callers)
  end)
end)

describe("a defect of ours in a scan of a real server", function()
  local server, connect

  setup(function()
    server = servers.s_server({ args = { "-no_ticket" } })
    connect = attempts.connect
  end)

  after_each(function()
    attempts.connect = connect
  end)

  teardown(function()
    server.stop()
  end)

  -- Scans while the n-th connection meets the defect; returns what is known of the address.
  local function scan(host_name, n, more)
    local made = 0
    attempts.connect = function(...)
      made = made + 1
      if made == n then
        error(INJECTED, 0)
      end
      return connect(...)
    end
    more.host, more.attempts = require("resum.host." .. host_name), 20
    local result = assert(resum.run(server.address, more))
    assert.is_true(made >= n)
    return result, result.addresses[1]
  end

  for _, host_name in ipairs(HOSTS) do
    for name, given in pairs({
      support = { support = true }, rate = { rate = true }, quick = { rate = true, quick = true }
    }) do
      it(("is an error, and no verdict: %s, over %s"):format(name, host_name), function()
        for _, n in ipairs({ 2, 9 }) do
          local result, entry = scan(host_name, n, given)
          assert.same({ "error", "error", "internal" }, { result.status, entry.status, entry.error.code }, n)
          assert.is_truthy(entry.error.message:find(INJECTED, 1, true))
          assert.is_nil(entry[name == "quick" and "balancer" or name])
        end
      end)
    end
  end
end)
