-- The hosts: the same sentences for each of them, with calls from the main chunk and from a job; then what
-- only the one on luv promises. The peers are a process of their own, on loopback.

local contract = require "spec.support.host_contract"
local host_peer = require "spec.support.host_peer"
local process = require "spec.support.process"
local uv = require "luv"

local PATIENCE, SHORT = contract.PATIENCE, contract.SHORT
local elapsed = contract.elapsed
local MUCH = ("x"):rep(1024):rep(64 * 1024) -- in two steps: byte by byte it takes the sanitizer seconds

-- All handles on the loop, also those being closed, but for what stays: the one against SIGPIPE, and timers at rest.
local USED_AGAIN = { timer = true, idle = true, check = true } -- they count while they are active

local function handles()
  local count = {}
  uv.walk(function(handle)
    local kind = uv.handle_get_type(handle)
    if kind ~= "signal" and (not USED_AGAIN[kind] or handle:is_active() or handle:is_closing()) then
      count[kind] = (count[kind] or 0) + 1
    end
  end)
  return count
end

for _, host_name in ipairs { "uv", "luasocket", "cqueues" } do
  local host = require("resum.host." .. host_name)
  local peers
  local scene = contract.scene(host, {})

  describe("host " .. host_name, function()
    local before

    setup(function()
      peers = host_peer.start()
      scene.ports, scene.big = peers.ports, peers.big
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

    contract.each(scene, it)

    it("does not count what a peer that ends its half still hears as lost", function()
      contract.half_close(scene)
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

  local open = {} -- streams of one spec: what a failure leaves open keeps the loop going for the next

  after_each(function()
    for _, stream in ipairs(open) do
      stream:close()
    end
    open = {}
  end)

  local function connect(habit)
    local stream = assert(host.connect("127.0.0.1", peers.ports[habit], { timeout = PATIENCE }))
    open[#open + 1] = stream
    return stream
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

  -- Reads with a deadline while another job calculates past it, and `others` run beside them; returns what it gave.
  local function read_late(others)
    local answer
    local late = { about_to_read = host.waiter(), deadline = nil }
    local jobs = {
      function()
        assert(late.about_to_read:wait())
        -- What came by another connection came after those bytes. It is asked for without the loop.
        local socket = assert(require("socket").connect("127.0.0.1", peers.ports.echo))
        socket:settimeout(PATIENCE)
        for _ = 1, 2 do
          socket:send("y")
          assert.equal("y", socket:receive(1))
        end
        socket:close()
        while host.now() < late.deadline + 0.01 do end
      end,
      function()
        local stream = connect("echo")
        assert(stream:write("x", host.now() + PATIENCE))
        late.deadline = host.now() + SHORT
        late.about_to_read:wake(true)
        answer = { stream:read(late.deadline) }
        stream:close()
      end,
    }
    for number, job in ipairs(others or {}) do
      jobs[2 + number] = function()
        job(late)
      end
    end
    assert.same({}, host.parallel(jobs, #jobs))
    return answer
  end

  it("gives bytes that came in time although another job calculated past the deadline", function()
    assert.same({ "x" }, read_late())
  end)

  it("gives them also where others, whose time is up as well, calculate before it looks at its input", function()
    local others = {}
    for number = 1, 20 do
      others[number] = function(late)
        repeat
          host.sleep(0.001)
        until late.deadline
        host.sleep(late.deadline - host.now() + number * 0.001 - 0.01)
        local stop = host.now() + 0.01
        while host.now() < stop do end
        host.sleep(0.001)
      end
    end
    for _ = 1, 5 do
      assert.same({ "x" }, read_late(others))
    end
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
        answers.written = { writer:write(MUCH, host.now() + PATIENCE) }
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
    local stream, full = connect("silent"), connect("never_reads") -- who reads fast may take all of it at once
    local verbs = {
      function() host.sleep(0) end,
      function() host.resolve("localhost") end,
      function() host.connect("127.0.0.1", peers.ports.echo) end,
      function() host.parallel({ function() end }) end,
      function() stream:read(host.now() + 1) end,
      function() full:write(MUCH, host.now() + 1) end,
    }
    -- below a C function, in a job that the loop has resumed
    local errors = host.parallel({ function()
      host.sleep(0)
      for number, verb in ipairs(verbs) do
        local fine, problem = pcall(table.sort, { 1, 2 }, verb)
        assert(not fine and problem:find("can't wait here", 1, true), "verb " .. number)
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
    local ran, problem = pcall(host.parallel, { function()
      host.waiter():wait() -- nobody wakes it
    end })
    assert.is_false(ran)
    assert.matches("nothing is left on the event loop", problem)
  end)

  it("leaves nothing open on the loop after all of this", function()
    local count = handles()
    for _, kind in ipairs({ "tcp", "getaddrinfo", "timer", "idle", "check" }) do
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
