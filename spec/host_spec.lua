-- The hosts: the same sentences for each of them, with calls from the main chunk and from a job; then what
-- only the one on luv promises. The peers are a process of their own, on loopback.

local host_peer = require "spec.support.host_peer"
local process = require "spec.support.process"
local uv = require "luv"

local PATIENCE = 20 -- seconds: how long anything may take on a busy machine
local SHORT = 0.12 -- seconds: for deadlines that are to pass
local FOREIGN_SOURCE = "203.0.113.7" -- kept for documentation: no address of this machine (RFC 5737)

local function elapsed(host, action)
  local started = host.now()
  action()
  return host.now() - started
end

-- A deadline that passes is neither missed nor passed early. (LuaSocket counts in milliseconds, hence the 0.95.)
local function assert_took_short(host, action)
  local seconds = elapsed(host, action)
  assert.is_true(seconds >= 0.95 * SHORT and seconds < PATIENCE, ("took %g s"):format(seconds))
end

-- All handles on the loop, also those being closed, but for the one against SIGPIPE, which stays.
local function handles()
  local count = {}
  uv.walk(function(handle)
    local kind = uv.handle_get_type(handle)
    count[kind] = kind ~= "signal" and (count[kind] or 0) + 1 or nil
  end)
  return count
end

-- From where a verb may be called.
local PLACES = {
  ["in the main chunk"] = function(_, action)
    action()
  end,
  ["in a job"] = function(host, action)
    local outcome
    host.parallel({ function()
      outcome = table.pack(pcall(action))
    end }, 1)
    if not outcome[1] then
      error(outcome[2], 0)
    end
  end,
  ["in somebody else's coroutine"] = function(_, action)
    local thread = coroutine.create(action)
    local fine, problem = coroutine.resume(thread)
    if not fine then
      error(problem, 0)
    end
    assert.equal("dead", coroutine.status(thread)) -- it was not yielded to us, who could not go on with it
  end,
}

for _, host_name in ipairs { "uv", "luasocket" } do
  local host = require("resum.host." .. host_name)
  local peers

  local function soon()
    return host.now() + PATIENCE
  end

  local function connect(habit, options)
    local stream, message = host.connect("127.0.0.1", peers.ports[habit], options or { timeout = PATIENCE })
    return assert(stream, message)
  end

  -- Reads to the end: the bytes, why it ended, the largest piece.
  local function read_all(stream)
    local pieces, largest = {}, 0
    local bytes, why = stream:read(soon())
    while bytes do
      pieces[#pieces + 1] = bytes
      largest = math.max(largest, #bytes)
      bytes, why = stream:read(soon())
    end
    return table.concat(pieces), why, largest
  end

  local function read_exactly(stream, count)
    local bytes = ""
    while #bytes < count do
      bytes = bytes .. assert(stream:read(soon()))
    end
    return bytes
  end

  -- Writes until it fails, as the peer's reset takes its time; returns why.
  local function write_until_failure(stream)
    local written, why
    repeat
      host.sleep(0.01)
      written, why = stream:write("x", soon())
    until not written
    return why
  end

  describe("host " .. host_name, function()
    local before

    setup(function()
      peers = host_peer.start()
    end)

    teardown(function()
      peers.stop()
    end)

    before_each(function()
      before = handles()
    end)

    after_each(function()
      assert.same(before, handles()) -- nothing is left open on the loop
    end)

    it("says its name", function()
      assert.equal(host_name, host.name)
    end)

    for place, call in pairs(PLACES) do
      local function it_there(sentence, action)
        it(sentence .. ", " .. place, function()
          call(host, action)
        end)
      end

      it_there("sleeps as long as asked", function()
        assert_took_short(host, function()
          host.sleep(SHORT)
        end)
      end)

      it_there("connects, writes and reads", function()
        local stream = connect("echo")
        assert.is_true(stream:write("ping", soon()))
        assert.equal("ping", read_exactly(stream, 4))
        assert.is_true(stream:write("", soon()))
        assert.is_true(stream:write("pong", soon()))
        assert.equal("pong", read_exactly(stream, 4))
        stream:close()
      end)

      it_there("connects over IPv6", function()
        local stream = assert(host.connect("::1", peers.ports.echo6, { timeout = PATIENCE }))
        assert.is_true(stream:write("ping", soon()))
        assert.equal("ping", read_exactly(stream, 4))
        stream:close()
      end)

      it_there("connects without options", function()
        assert(host.connect("127.0.0.1", peers.ports.silent)):close()
      end)

      it_there("says that a connection was refused", function()
        assert.same({ nil, "connect: refused", "refused" },
          { host.connect("127.0.0.1", process.free_port(), { timeout = PATIENCE }) })
      end)

      it_there("gives up connecting at the timeout", function()
        assert_took_short(host, function()
          assert.same({ nil, "connect: no answer in time", "timeout" },
            { host.connect("127.0.0.1", peers.ports.full, { timeout = SHORT }) })
        end)
      end)

      it_there("does not take a name for an address", function()
        assert.same({ nil, "connect: no host: invalid address", "unreachable" },
          { host.connect("no host", peers.ports.echo, { timeout = PATIENCE }) })
      end)

      it_there("connects from the source address asked for", function()
        local stream = connect("who", { timeout = PATIENCE, source = "127.0.0.2" })
        local bytes, why = read_all(stream)
        assert.same({ "127.0.0.2", "eof" }, { bytes, why })
        stream:close()
      end)

      it_there("says that a source address can't be used", function()
        for _, source in ipairs { FOREIGN_SOURCE, "::1", "no address" } do
          local stream, message, code =
            host.connect("127.0.0.1", peers.ports.who, { timeout = PATIENCE, source = source })
          assert.is_nil(stream)
          assert.matches("^connect: .+", message)
          assert.equal("unreachable", code)
        end
      end)

      it_there("tells an end from a reset, again and again", function()
        local stream = connect("end_at_once")
        assert.same({ nil, "eof" }, { stream:read(soon()) })
        assert.same({ nil, "eof" }, { stream:read(soon()) })
        stream:close()
        stream = connect("reset")
        assert.equal("hello", read_exactly(stream, 5))
        assert.is_true(stream:write("x", soon()))
        assert.same({ nil, "reset" }, { stream:read(soon()) })
        assert.same({ nil, "reset" }, { stream:read(soon()) })
        assert.same({ nil, "reset" }, { stream:write("x", soon()) })
        assert.same({ nil, "reset" }, { stream:read(soon()) })
        stream:close()
      end)

      it_there("tells a reset that comes together with bytes", function()
        for _ = 1, 10 do
          local stream = connect("hello_and_reset")
          assert.is_true(stream:write("x", soon()))
          local bytes, why = read_all(stream)
          assert.equal("reset", why)
          assert.is_truthy(bytes == "hello" or bytes == "", bytes)
          stream:close()
        end
      end)

      it_there("gives what came before a reset that only a write has met", function()
        local stream = connect("reset")
        assert.equal("reset", write_until_failure(stream))
        local bytes, why = read_all(stream)
        assert.same({ "hello", "reset" }, { bytes, why })
        stream:close()
      end)

      it_there("says that a peer which ended the stream takes no more", function()
        local stream = connect("gone")
        assert.same({ nil, "eof" }, { stream:read(soon()) })
        assert.equal("eof", write_until_failure(stream))
        stream:close()
      end)

      it_there("gives large answers whole, in pieces of 16 KiB at most", function()
        local stream = connect("big")
        local bytes, why, largest = read_all(stream)
        assert.equal("eof", why)
        assert.is_true(bytes == ("0123456789abcdef"):rep(host_peer.BIG / 16), #bytes .. " bytes came")
        assert.is_true(largest <= 16 * 1024, largest .. " bytes at once")
        stream:close()
      end)

      it_there("ends a read at its deadline, and can read on afterwards", function()
        local stream = connect("echo")
        assert_took_short(host, function()
          assert.same({ nil, "timeout" }, { stream:read(host.now() + SHORT) })
        end)
        assert.same({ nil, "timeout" }, { stream:read(host.now() - 1) })
        assert.is_true(stream:write("late", soon()))
        assert.equal("late", read_exactly(stream, 4))
        stream:close()
      end)

      it_there("keeps an absolute deadline while bytes drip", function()
        local stream = connect("drip")
        local deadline, bytes, why = host.now() + SHORT, nil, nil
        assert_took_short(host, function()
          repeat
            bytes, why = stream:read(deadline)
          until not bytes or host.now() > deadline + PATIENCE
        end)
        assert.equal("timeout", why)
        stream:close()
      end)

      it_there("ends a write at its deadline where the peer reads nothing, or hardly anything", function()
        for _, habit in ipairs { "never_reads", "sip" } do
          local stream = connect(habit)
          assert_took_short(host, function()
            assert.same({ nil, "timeout" }, { stream:write(("x"):rep(64 * 1024 * 1024), host.now() + SHORT) })
          end)
          stream:close()
        end
      end)

      it_there("closes twice, and says that a closed stream is at its end", function()
        local stream = connect("drip")
        read_exactly(stream, 1)
        stream:close()
        stream:close()
        assert.same({ nil, "eof" }, { stream:read(soon()) })
        assert.same({ nil, "eof" }, { stream:write("x", soon()) })
      end)

      it_there("returns literals as they are", function()
        for _, address in ipairs { "127.0.0.1", "::1", "0:0:0:0:0:0:0:1", "fe80::1%lo" } do
          assert.same({ address }, host.resolve(address))
        end
        assert.same({ "127.0.0.1" }, host.resolve("127.0.0.1", "inet"))
        assert.same({ "::1" }, host.resolve("::1", "inet6"))
        assert.same({ nil, "resolve: no IPv4 address for ::1 (none of the family)", "unreachable" },
          { host.resolve("::1", "inet") })
        assert.same({ nil, "resolve: no IPv6 address for 127.0.0.1 (none of the family)", "unreachable" },
          { host.resolve("127.0.0.1", "inet6") })
      end)

      it_there("resolves names, and says where there is no address", function()
        assert.same({ "127.0.0.1" }, host.resolve("localhost", "inet"))
        -- names that the resolver refuses by itself: no name server is asked
        for _, name in ipairs { "no host", ("a"):rep(64) .. ".invalid" } do
          local addresses, message, code = host.resolve(name)
          assert.is_nil(addresses)
          assert.equal(("resolve: no address for %s ("):format(name), message:match("^.*%("))
          assert.equal("unreachable", code)
        end
      end)

      it_there("runs all jobs, starts them in order, and keeps to the limit", function()
        local running, most, started, ended = 0, 0, {}, 0
        local jobs = {}
        for number = 1, 10 do
          jobs[number] = function()
            running = running + 1
            most = math.max(most, running)
            started[#started + 1] = number
            host.sleep(0.01)
            running = running - 1
            ended = ended + 1
          end
        end
        assert.same({}, host.parallel(jobs, 3))
        assert.same({ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, started)
        assert.equal(10, ended)
        assert.equal(host.name == "uv" and 3 or 1, most)
      end)

      it_there("returns the errors of jobs by number and runs the others", function()
        local unprintable = setmetatable({}, { __tostring = function() error("no") end })
        local ended = {}
        local errors = host.parallel({
          function() error("first", 0) end,
          function() host.sleep(0.01) ended[2] = true end,
          function() host.sleep(0.01) error("third", 0) end,
          function() error(setmetatable({}, { __tostring = function() return "fourth" end })) end,
          function() error(unprintable) end,
          function() ended[6] = true end,
        }, 2)
        assert.same({ "first", nil, "third", "fourth", "error without a message" }, errors)
        assert.same({ [2] = true, [6] = true }, ended)
      end)

      it_there("runs jobs of jobs", function()
        local log = {}
        local function inner(outer, number)
          return function()
            local stream = connect("echo")
            assert(stream:write("ping", soon()))
            log[outer * 10 + number] = read_exactly(stream, 4)
            stream:close()
            assert(number ~= 2, "a job of a job")
          end
        end
        local inner_errors = {}
        local jobs = {}
        for outer = 1, 3 do
          jobs[outer] = function()
            inner_errors[outer] = #host.parallel({ inner(outer, 1), inner(outer, 2), inner(outer, 3) }, 2)
            error("outer", 0)
          end
        end
        assert.same({ "outer", "outer", "outer" }, host.parallel(jobs, 3))
        local expected = {}
        for outer = 10, 30, 10 do
          for number = 1, 3 do
            expected[outer + number] = "ping"
          end
        end
        assert.same(expected, log)
        for outer = 1, 3 do
          assert.is_true(inner_errors[outer] == 2 or inner_errors[outer] == 0) -- # of a list that begins at 2
        end
      end)

      it_there("takes an empty list, and thousands of jobs that end at once", function()
        assert.same({}, host.parallel({}, 0))
        assert.same({}, host.parallel({}))
        local count, jobs = 0, {}
        for number = 1, 5000 do
          jobs[number] = function()
            count = count + 1
          end
        end
        assert.same({}, host.parallel(jobs, 2))
        assert.same({}, host.parallel(jobs))
        assert.equal(10000, count)
      end)
    end

    it("does not count what a peer that ends its half still hears as lost", function()
      local stream = connect("half_close")
      local bytes, why = read_all(stream)
      assert.same({ "bye", "eof" }, { bytes, why })
      assert.is_true(stream:write("still ", soon()))
      assert.is_true(stream:write("here", soon()))
      stream:close()
      assert.equal("still here", peers.heard())
    end)

    it("refuses a limit below 1", function()
      assert.has_error(function()
        host.parallel({ function() end }, 0)
      end, "host.parallel: the limit must be 1 or more")
    end)

    it("has a clock that does not go back", function()
      local last = host.now()
      for _ = 1, 10000 do
        local time = host.now()
        assert(time >= last)
        last = time
      end
    end)

    -- A program of its own: here another module may have dealt with SIGPIPE already.
    it("outlives a write to a peer that is gone, and a program that ends right after a close", function()
      local result = process.run {
        command = { uv.exepath(), "-" },
        environment = { LUA_PATH = package.path, LUA_CPATH = package.cpath },
        working_directory = process.ROOT,
        input = ([[
          local host = require "resum.host.%s"
          local stream = assert(host.connect("127.0.0.1", %d, { timeout = %d }))
          local written, why
          repeat
            host.sleep(0.01)
            written, why = stream:write("x", host.now() + %d)
          until not written
          print(why)
          stream:close()
        ]]):format(host_name, peers.ports.gone, PATIENCE, PATIENCE),
      }
      assert.same({ code = 0, signal = 0, stdout = "reset\n", stderr = "" }, result)
    end)
  end)
end

describe("host uv", function()
  local host = require "resum.host.uv"
  local peers, at_start

  setup(function()
    process.wait_until(0, function() end) -- it keeps a timer from then on
    at_start = handles()
    peers = host_peer.start()
  end)

  teardown(function()
    peers.stop()
  end)

  local function connect(habit)
    return assert(host.connect("127.0.0.1", peers.ports[habit], { timeout = PATIENCE }))
  end

  it("runs jobs side by side", function()
    local jobs = {}
    for number = 1, 50 do
      jobs[number] = function()
        host.sleep(1)
      end
    end
    assert.is_true(elapsed(host, function()
      assert.same({}, host.parallel(jobs, 50))
    end) < PATIENCE)
  end)

  it("reads no further ahead than its buffer reaches", function()
    local stream = connect("flood")
    assert(stream:read(host.now() + PATIENCE))
    collectgarbage()
    local kilobytes = collectgarbage("count")
    host.sleep(SHORT)
    collectgarbage()
    assert.is_true(collectgarbage("count") - kilobytes < 512)
    -- and goes on where it stopped
    for _ = 1, 100 do
      assert.equal("x", assert(stream:read(host.now() + PATIENCE)):sub(-1))
    end
    stream:close()
  end)

  it("gives bytes that came in time although another job calculated past the deadline", function()
    local answer
    local errors = host.parallel({
      function()
        local stream = connect("echo")
        assert(stream:write("x", host.now() + PATIENCE))
        answer = { stream:read(host.now() + SHORT) }
        stream:close()
      end,
      function()
        local stream = connect("echo") -- so that the other one is about to read
        stream:close()
        local started = host.now()
        while host.now() < started + 3 * SHORT do end
      end,
    }, 2)
    assert.same({}, errors)
    assert.same({ "x" }, answer)
  end)

  it("serves others' handles while it waits, and lives beside their turning of the loop", function()
    local ticks = 0
    local timer = uv.new_timer()
    timer:start(10, 10, function()
      ticks = ticks + 1
    end)
    repeat
      host.sleep(0.02)
    until ticks > 2
    timer:close()
    uv.run("nowait")
    assert.is_true(process.wait_until(PATIENCE, function()
      return true
    end))
  end)

  it("wakes a job that reads or writes when another one closes the stream", function()
    local answers = {}
    local reader, writer = connect("silent"), connect("never_reads")
    local errors = host.parallel({
      function()
        answers.read = { reader:read(host.now() + PATIENCE) }
      end,
      function()
        answers.written = { writer:write(("x"):rep(64 * 1024 * 1024), host.now() + PATIENCE) }
      end,
      function()
        host.sleep(0.02)
        reader:close()
        writer:close()
      end,
    }, 3)
    assert.same({}, errors)
    assert.same({ read = { nil, "eof" }, written = { nil, "eof" } }, answers)
  end)

  it("refuses a second job that waits for the same stream", function()
    local stream = connect("silent")
    local function read()
      return stream:read(host.now() + SHORT)
    end
    local errors = host.parallel({ read, read }, 2)
    assert.is_nil(errors[1])
    assert.matches("another job is waiting for this stream", errors[2])
    stream:close()
  end)

  it("says so where it can't wait", function()
    local stream = connect("silent")
    local verbs = {
      function() host.sleep(0) end,
      function() host.resolve("localhost") end,
      function() host.connect("127.0.0.1", peers.ports.echo) end,
      function() host.parallel({ function() end }) end,
      function() stream:read(host.now() + 1) end,
      function() stream:write(("x"):rep(64 * 1024 * 1024), host.now() + 1) end,
    }
    -- below a C function, in a job that the loop has resumed
    local errors = host.parallel({ function()
      host.sleep(0)
      for number, verb in ipairs(verbs) do
        local fine, problem = pcall(table.sort, { 1, 2 }, verb)
        assert(not fine and problem:find("can't wait here", 1, true), number)
      end
    end })
    assert.same({}, errors)
    -- in a callback that is not ours
    local problems = {}
    local timer = uv.new_timer()
    timer:start(0, 0, function()
      for number, verb in ipairs(verbs) do
        problems[number] = select(2, pcall(verb))
      end
      timer:close()
    end)
    host.sleep(0.02)
    for number = 1, #verbs do
      assert.matches("host_spec.lua:%d+: .* can't wait here: the event loop is running", problems[number])
    end
    stream:close()
  end)

  it("does not wait for ever for what can't come", function()
    local ran, problem = pcall(host.parallel, { coroutine.yield }) -- a job must not yield by itself
    assert.is_false(ran)
    assert.matches("nothing is left on the event loop", problem)
  end)

  it("leaves nothing open on the loop after all of this", function()
    local count = handles()
    for _, kind in ipairs({ "tcp", "getaddrinfo", "timer" }) do
      assert.equal(at_start[kind], count[kind], kind)
    end
  end)
end)

describe("host luasocket", function()
  it("has a clock that goes on when the wall clock is set back", function()
    local socket = require "socket"
    local host = require "resum.host.luasocket"
    local real = socket.gettime
    local before = host.now()
    local wall = before - 1000
    socket.gettime = function()
      return wall
    end
    local first = host.now()
    wall = wall + 1
    local second = host.now()
    socket.gettime = real
    assert.equal(before, first)
    assert.is_true(math.abs(second - first - 1) < 0.001)
  end)
end)
