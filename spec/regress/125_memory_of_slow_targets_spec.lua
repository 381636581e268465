--- 10,000 targets that never answered took 64 KB each, of which libssl held 44 for a handshake that had only begun.
-- Where many wait for a first byte, libssl's part is let go of; who answers after all is asked again.

local allocated = require "spec.support.allocated"
local clients = require "resum.connection.client"
local memory = require "spec.support.memory"
local scanner = require "resum.scanner"
local options_of = require "resum.options"
local uv_host = require "resum.host.uv"

local CROWD = 5000 -- others that wait
local MOST = 30 * 1024 -- bytes a target

-- A stream whose peer says nothing until somebody calls answer(bytes, or nil and why).
local function late_stream()
  local stream, waiter = {}, uv_host.waiter()
  function stream.write()
    return true
  end
  function stream:read(deadline)
    if not self.said and not waiter:wait(deadline) then
      return nil, "timeout"
    end
    return self.said[1], self.said[2]
  end
  function stream:answer(...)
    self.said = { ... }
    waiter:wake()
  end
  function stream.close()
    waiter:close()
  end
  return stream
end

-- A stream to a server in this process.
local function tls_stream(server)
  local stream, connection, out, ended = {}, server:accept(), "", nil
  function stream.write(_, bytes)
    local state, more = connection:step(bytes)
    out = out .. more
    if state == "closed" then
      out, ended = out .. connection:shutdown(), "eof"
    end
    return true
  end
  function stream.read()
    local piece = out
    out = ""
    if piece == "" then
      return nil, ended or "timeout"
    end
    return piece
  end
  function stream.close() end
  return stream
end

local function host_with(connect)
  return setmetatable({ connect = connect }, { __index = uv_host })
end

local function load_of(awaited)
  local load = clients.new_load()
  load.awaited = awaited
  return load
end

-- A client of a server of which each connection is the next of the list.
local function client_of(streams, awaited)
  local made = 0
  local function connect()
    made = made + 1
    local stream = streams[made]
    if not stream then
      return nil, "connect: refused", "refused"
    end
    return stream
  end
  local load = load_of(awaited)
  local options = { host = host_with(connect), timeout = 60, load = load }
  return clients.new({ address = "192.0.2.1", port = 443 }, options), load
end

-- Runs a function in a job, beside one that goes on when all that it waits for is true.
local function beside(work, is_time, go_on)
  local jobs = { work, function()
    while not is_time() do
      uv_host.sleep(0.01)
    end
    go_on()
  end }
  assert.same({}, uv_host.parallel(jobs))
end

describe("a target that does not answer", function()
  it("takes 30 KB at most where there are thousands #unsanitized", function()
    local COUNT = 200
    local streams, load = {}, load_of(CROWD)
    local host = host_with(function()
      local stream = late_stream()
      streams[#streams + 1] = stream
      return stream
    end)
    local many = assert(scanner.new(options_of.check({ host = host, timeout = 60, retries = 0 }, 1)))
    many.options.load = load
    local answered, before, held = 0, nil, nil
    local function run_all()
      local jobs = {}
      for i = 1, COUNT do
        jobs[i] = function()
          local result = many:run(("192.0.2.%d:443"):format(i))
          answered = answered + 1
          assert.equal("unreachable", result.status)
        end
      end
      collectgarbage()
      collectgarbage()
      before = allocated()
      assert.same({}, uv_host.parallel(jobs))
    end
    beside(run_all, function()
      return #streams == COUNT and load.awaited == CROWD
    end, function()
      collectgarbage()
      collectgarbage()
      held = (allocated() - before) / COUNT
      host.connect = function()
        return nil, "connect: reset", "reset"
      end
      for _, stream in ipairs(streams) do
        stream:answer(nil, "reset")
      end
    end)
    assert.equal(COUNT, answered)
    assert.is_true(held > 5 * 1024 and held < MOST, ("%.1f KB each"):format(held / 1024))
  end)

  it("is asked again when it answers after all, and then awaited with everything", function()
    local late = late_stream()
    local client, load = client_of({ late, tls_stream(memory.server()) }, CROWD)
    local record
    beside(function()
      record = client:attempt({ mechanism = "control" })
    end, function()
      return load.under_way == 1 and load.awaited == CROWD
    end, function()
      late:answer("\22\3\3")
    end)
    assert.equal("full", record.outcome)
    assert.is_true(record.put_off)
    assert.equal(2, client.connections)
    assert.equal(CROWD, load.awaited)
  end)

  it("has its silence told as ever", function()
    local late = late_stream()
    local client = client_of({ late }, CROWD)
    client.timeout = 0.3
    local record = client:attempt({ mechanism = "control" })
    assert.same({ "timeout", "connection: no answer in time" }, { record.outcome, record.error.message })
    assert.equal(1, client.connections)
    assert.equal(0, record.facts.bytes_in)
  end)

  for name, case in pairs({
    ["where few wait"] = { awaited = 499, options = { mechanism = "control" } },
    ["where it was offered a session, which that may spend"] = { awaited = CROWD, offers = true },
    ["where its messages are wanted"] = { awaited = CROWD, options = { mechanism = "control", transcript = true } },
  }) do
    it("is not let go of " .. name, function()
      local late = late_stream()
      local options = case.options
      if case.offers then
        local session = memory.visit(memory.server({ max_version = "TLSv1.2" })).session
        options = { mechanism = "ticket", session = session }
      end
      local client, load = client_of({ late }, case.awaited)
      client.timeout = 0.6 -- longer than the least patience
      local record = client:attempt(options)
      assert.equal("timeout", record.outcome)
      assert.is_nil(record.put_off)
      assert.equal(1, client.connections)
      assert.equal(case.awaited, load.awaited)
    end)
  end
end)
