--- 10,000 targets that never answered took 64 KB each, of which libssl held 44 for a handshake that had only begun.
-- Where many wait for a first byte, libssl's part is let go of; whoever answers after all is asked again. And where
-- thousands are let in within one turn of the loop, no more handshakes begin than there is room for (they took 490 MB).

local allocated = require "spec.support.allocated"
local clients = require "resum.connection.client"
local connectivity = require "resum.connection.connectivity"
local core = require "resum.core"
local machines = require "resum.connection.machine"
local memory = require "spec.support.memory"
local scanner = require "resum.scanner"
local options_of = require "resum.options"
local uv_host = require "resum.host.uv"

local CROWD = 5000 -- others that wait
local MOST = 30 * 1024 -- bytes a target
local ROOM = 600 -- handshakes at once that may be put off

-- A stream whose peer says nothing until somebody calls answer(bytes, or nil and why). A patient one knows no deadline:
-- who calls time_out() ends a wait.
local function late_stream(is_patient)
  local stream, waiter = {}, uv_host.waiter()
  function stream:write()
    self.is_written = true
    return true
  end
  function stream:read(deadline)
    if not self.said and not waiter:wait(not is_patient and deadline or nil) then
      return nil, "timeout"
    end
    return self.said[1], self.said[2]
  end
  function stream:time_out()
    if self.is_written and not self.is_late then
      self.is_late = true
      waiter:wake(false)
    end
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

-- Runs with the machines counted that are open.
local function with_machines_counted(work)
  local usual, count = machines.handshake, { open = 0, most = 0, made = 0 }
  machines.handshake = function(...)
    local machine = usual(...)
    count.open, count.made = count.open + 1, count.made + 1
    count.most = math.max(count.most, count.open)
    local is_open = true
    return setmetatable({ close = function()
      count.open, is_open = count.open - (is_open and 1 or 0), false
      machine:close()
    end }, { __index = function(_, name)
      return function(_, ...)
        return machine[name](machine, ...)
      end
    end })
  end
  local fine, problem = pcall(work, count)
  machines.handshake = usual
  assert(fine, problem)
  return count
end

-- Attempts at once of clients that share a load; go_on(streams) when all are let in, and as many as may be have begun.
-- Then all streams are told of a reset.
local function crowd(count, machine_count, go_on, cancelled)
  local streams, records, load = {}, {}, clients.new_load()
  local host = host_with(function()
    local stream = late_stream(true)
    streams[#streams + 1] = stream
    return stream
  end)
  local function run_all()
    local jobs, contexts = {}, {}
    for i = 1, count do
      local options = { host = host, timeout = 60, load = load, contexts = contexts, cancelled = cancelled }
      local client = clients.new({ address = "192.0.2.1", port = 443 }, options)
      jobs[i] = function()
        records[i] = client:attempt({ mechanism = "control" })
      end
    end
    assert.same({}, uv_host.parallel(jobs))
  end
  beside(run_all, function()
    return #streams == count and machine_count.made >= ROOM
  end, function()
    go_on(streams)
    host.connect = function()
      return nil, "connect: reset", "reset"
    end
    for _, stream in ipairs(streams) do
      stream:answer(nil, "reset")
    end
  end)
  assert.same({ under_way = 0, awaited = 0, free = ROOM }, { under_way = load.under_way, awaited = load.awaited,
    free = load.room.free })
  return records
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

  it("finds a handshake's room among so many that are let in at once", function()
    local SO_MANY = 2 * ROOM + 100
    local count = with_machines_counted(function(count)
      crowd(SO_MANY, count, function(streams)
        assert.equal(ROOM, count.made)
        while count.made < SO_MANY do
          for _, stream in ipairs(streams) do
            stream:time_out()
          end
          uv_host.sleep(0)
        end
      end)
    end)
    assert.equal(ROOM, count.most)
    assert.equal(0, count.open)
  end)

  it("begins no handshake where the scan ends while there is no room", function()
    local is_over, records = false, nil
    local count = with_machines_counted(function(count)
      records = crowd(ROOM + 50, count, function()
        is_over = true
      end, function()
        return is_over
      end)
    end)
    assert.equal(ROOM, count.made)
    local interrupted = 0
    for _, record in ipairs(records) do
      interrupted = interrupted + (record.outcome == "interrupted" and 1 or 0)
    end
    assert.equal(50, interrupted)
  end)

  it("gives its room back when no handshake can be made, whatever the reason", function()
    for _, refuse in ipairs({ function()
      return nil, "not possible", "unsupported"
    end, function()
      error("on purpose")
    end }) do
      local client, load = client_of({ late_stream(), late_stream() }, 0)
      local usual = machines.handshake
      machines.handshake = refuse
      pcall(client.attempt, client, { mechanism = "control" })
      machines.handshake = usual
      assert.same({ ROOM, 0 }, { load.room.free, load.awaited })
    end
  end)

  it("costs no more handshakes than it has connections, to know that a smaller ClientHello is no remedy", function()
    local usual, made, contexts = core.handshake, 0, {}
    core.handshake = function(...)
      made = made + 1
      return usual(...)
    end
    for _ = 1, 3 do
      local connect = function()
        return late_stream()
      end
      local options = { host = host_with(connect), timeout = 0.05, contexts = contexts,
        versions = { max_version = "TLSv1.2" } }
      local client = clients.new({ address = "192.0.2.1", port = 443 }, options)
      connectivity.run(client, 2)
    end
    core.handshake = usual
    assert.equal(3 * 2 + 2, made) -- two connections each, and once a look at both sizes
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
    ["where few wait"] = { awaited = 199, options = { mechanism = "control" } },
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
