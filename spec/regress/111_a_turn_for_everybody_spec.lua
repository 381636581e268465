--- With --max_connections 10000 all jobs were started before the loop turned: 7 s without timers or Ctrl-C, and
-- deadlines of 5 s became 46. And who always had bytes ready was read without a look at the clock: a flood of
-- KeyUpdates held a connection for 5.9 s at a timeout of 0.7.

local clients = require "resum.connection.client"
local host = require "resum.host.uv"
local memory = require "spec.support.memory"
local script = require "spec.support.script"
local uv = require "luv"

local function work_for(seconds)
  local deadline = uv.hrtime() + seconds * 1e9
  repeat until uv.hrtime() >= deadline
end

describe("jobs that take time to start", function()
  it("let timers have their turn in between, and none of theirs begins before its own start", function()
    local started, turns, timer = 0, {}, uv.new_timer()
    timer:start(1, 1, function()
      turns[#turns + 1] = started
    end)
    local jobs, early = {}, 0
    for i = 1, 300 do
      jobs[i] = function()
        started = started + 1
        work_for(0.001)
        local began = host.now()
        host.sleep(0.01)
        early = early + (host.now() - began < 0.01 and 1 or 0)
      end
    end
    assert.same({}, host.parallel(jobs))
    timer:close()
    local between = 0
    for _, count in ipairs(turns) do
      between = between + (count > 0 and count < 300 and 1 or 0)
    end
    assert.is_true(between >= 3, between .. " turns while jobs were started")
    assert.equal(0, early)
  end)

  it("start in their order all the same", function()
    local order, jobs = {}, {}
    for i = 1, 100 do
      jobs[i] = function()
        order[#order + 1] = i
        work_for(0.001)
      end
    end
    host.parallel(jobs)
    for i = 1, 100 do
      assert.equal(i, order[i])
    end
  end)
end)

-- A host of its own time at whose peer there is always something to read: a record of a byte, or more, at each read.
local function flooding_host(before_finished, size, step)
  local flooded = script.host({}, { tls_server = memory.server(), pause = step })
  local connect = flooded.connect
  flooded.reads = 0
  function flooded.connect(...)
    local stream = connect(...)
    local read = stream.read
    function stream.read(self, deadline)
      local bytes, why = nil, "timeout"
      if not before_finished then
        bytes, why = read(self, deadline)
      end
      if bytes or why ~= "timeout" then
        return bytes, why
      end
      flooded.reads = flooded.reads + 1
      assert(flooded.reads < 20000, "it is read for ever")
      if before_finished then
        flooded.sleep(step)
        return "\21\3\3\0\2\1\112" -- a warning, unrecognized_name, which is passed over
      end
      return self.connection:write(("x"):rep(size))
    end
    return stream
  end
  return flooded
end

describe("a flood", function()
  for _, size in ipairs({ 1, 1000, 16000 }) do
    it(("of records of %d bytes behind Finished ends with the deadline"):format(size), function()
      local flooded = flooding_host(false, size, 0.001)
      local client = clients.new_client({ address = "192.0.2.1", port = 443 }, { host = flooded, timeout = 0.7 })
      local record = client:attempt({ mechanism = "ticket", want_tickets = true })
      assert.equal("full", record.outcome)
      assert.is_true(flooded.now() < 0.7 + 1 + 0.5, flooded.now() .. " s")
    end)
  end

  it("of warnings in the middle of the handshake does, too", function()
    local flooded = flooding_host(true, 1, 0.01)
    local client = clients.new_client({ address = "192.0.2.1", port = 443 }, { host = flooded, timeout = 0.7 })
    local record = client:attempt({ mechanism = "ticket" })
    assert.is_true(record.outcome == "timeout" or record.outcome == "protocol_error", record.outcome)
    assert.is_true(flooded.now() < 0.7 + 256 * 0.01 * 2 + 0.1, flooded.now() .. " s")
  end)
end)
