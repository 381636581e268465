-- What every host promises, sentence by sentence, with what checks it. It runs wherever luassert does, so also inside
-- nmap, where there is no busted. The peers (host_peer.lua) are somebody else's process, on loopback.

local assert = require "luassert"

local M = {}

M.PATIENCE = 60 -- seconds: how long anything may take on a busy machine
M.SHORT = 0.12 -- seconds: for deadlines that are to pass

local PATIENCE, SHORT = M.PATIENCE, M.SHORT
local BIG_PATTERN = "0123456789abcdef"
local FOREIGN_SOURCE = "203.0.113.7" -- kept for documentation: no address of this machine (RFC 5737)

-- What a host does not do, by its nature.
local ONE_AFTER_ANOTHER = { luasocket = true }
local TELLS_NO_REFUSAL = { nsock = true }

--- How long an action takes, on the host's clock.
function M.elapsed(host, action)
  local started = host.now()
  action()
  return host.now() - started
end

-- A deadline that passes is neither missed nor passed early. (LuaSocket counts in milliseconds, hence the 0.95.)
local function assert_took_short(host, action)
  local seconds = M.elapsed(host, action)
  assert.is_true(seconds >= 0.95 * SHORT and seconds < PATIENCE, ("took %g s"):format(seconds))
end

-- What the sentences have in common: a host and its peers.
local Scene = {}
Scene.__index = Scene

function Scene:soon()
  return self.host.now() + PATIENCE
end

function Scene:connect(habit, options)
  local stream, message = self.host.connect("127.0.0.1", self.ports[habit], options or { timeout = PATIENCE })
  return assert(stream, message)
end

-- Reads to the end: the bytes, why it ended, the largest piece.
function Scene:read_all(stream)
  local pieces, largest = {}, 0
  local bytes, why = stream:read(self:soon())
  while bytes do
    pieces[#pieces + 1] = bytes
    largest = math.max(largest, #bytes)
    bytes, why = stream:read(self:soon())
  end
  return table.concat(pieces), why, largest
end

function Scene:read_exactly(stream, count)
  local bytes = ""
  while #bytes < count do
    bytes = bytes .. assert(stream:read(self:soon()))
  end
  return bytes
end

-- Writes until it fails, as the peer's reset takes its time; returns why.
function Scene:write_until_failure(stream)
  local written, why
  repeat
    self.host.sleep(0.01)
    written, why = stream:write("x", self:soon())
  until not written
  return why
end

-- Writes until it fails: more than all buffers on the way can take.
local function write_much(stream, deadline)
  local piece = ("x"):rep(64 * 1024)
  local written, why
  repeat
    written, why = stream:write(piece, deadline)
  until not written
  return why
end

local function connecting(sentence, scene)
  local host = scene.host

  sentence("connects, writes and reads", function()
    local stream = scene:connect("echo")
    assert.is_true(stream:write("ping", scene:soon()))
    assert.equal("ping", scene:read_exactly(stream, 4))
    assert.is_true(stream:write("", scene:soon()))
    assert.is_true(stream:write("pong", scene:soon()))
    assert.equal("pong", scene:read_exactly(stream, 4))
    stream:close()
  end)

  sentence("connects over IPv6, or says that it can't where the machine has none", function()
    if not scene.ports.echo6 then
      local _, _, code = host.connect("::1", scene.ports.echo, { timeout = PATIENCE })
      return assert.equal("unreachable", code)
    end
    local stream = assert(host.connect("::1", scene.ports.echo6, { timeout = PATIENCE }))
    assert.is_true(stream:write("ping", scene:soon()))
    assert.equal("ping", scene:read_exactly(stream, 4))
    stream:close()
  end)

  sentence("knows its own end, as long as it is open, where it tells it at all", function()
    local stream = scene:connect("silent")
    if stream.own_address then
      local address, port = stream:own_address()
      assert.equal("127.0.0.1", address)
      assert.equal("integer", math.type(port))
      assert.is_true(port > 0 and port ~= scene.ports.silent)
      stream:close()
      assert.is_nil((stream:own_address()))
    end
    stream:close()
  end)

  sentence("connects without options", function()
    assert(host.connect("127.0.0.1", scene.ports.silent)):close()
  end)

  sentence("says that a connection was refused", function()
    local expected = { nil, "connect: refused", "refused" }
    if TELLS_NO_REFUSAL[host.name] then
      expected = { nil, "connect: refused or unreachable", "unreachable" }
    end
    assert.same(expected, { host.connect("127.0.0.1", scene.ports.closed, { timeout = PATIENCE }) })
  end)

  sentence("gives up connecting at the timeout", function()
    assert_took_short(host, function()
      assert.same({ nil, "connect: no answer in time", "timeout" },
        { host.connect("127.0.0.1", scene.ports.full, { timeout = SHORT }) })
    end)
  end)

  sentence("does not take a name for an address", function()
    assert.same({ nil, "connect: no host: invalid address", "unreachable" },
      { host.connect("no host", scene.ports.echo, { timeout = PATIENCE }) })
  end)

  sentence("connects from the source address asked for", function()
    local stream = scene:connect("who", { timeout = PATIENCE, source = "127.0.0.2" })
    local bytes, why = scene:read_all(stream)
    assert.same({ "127.0.0.2", "eof" }, { bytes, why })
    stream:close()
  end)

  sentence("says that a source address can't be used", function()
    for _, source in ipairs { FOREIGN_SOURCE, "::1", "no address" } do
      local stream, message, code =
        host.connect("127.0.0.1", scene.ports.who, { timeout = PATIENCE, source = source })
      assert.is_nil(stream)
      assert.matches("^connect: .+", message)
      assert.equal("unreachable", code)
    end
  end)
end

local function ends(sentence, scene)
  sentence("tells an end from a reset, again and again", function()
    local stream = scene:connect("end_at_once")
    assert.same({ nil, "eof" }, { stream:read(scene:soon()) })
    assert.same({ nil, "eof" }, { stream:read(scene:soon()) })
    stream:close()
    stream = scene:connect("reset")
    assert.equal("hello", scene:read_exactly(stream, 5))
    assert.is_true(stream:write("x", scene:soon()))
    assert.same({ nil, "reset" }, { stream:read(scene:soon()) })
    assert.same({ nil, "reset" }, { stream:read(scene:soon()) })
    assert.same({ nil, "reset" }, { stream:write("x", scene:soon()) })
    assert.same({ nil, "reset" }, { stream:read(scene:soon()) })
    stream:close()
  end)

  sentence("tells a reset that comes together with bytes", function()
    for _ = 1, 10 do
      local stream = scene:connect("hello_and_reset")
      assert.is_true(stream:write("x", scene:soon()))
      local bytes, why = scene:read_all(stream)
      assert.equal("reset", why)
      assert.is_truthy(bytes == "hello" or bytes == "", bytes)
      stream:close()
    end
  end)

  sentence("gives what came before a reset that only a write has met", function()
    local stream = scene:connect("reset")
    assert.equal("reset", scene:write_until_failure(stream))
    local bytes, why = scene:read_all(stream)
    assert.same({ "hello", "reset" }, { bytes, why })
    stream:close()
  end)

  sentence("says that a peer which ended the stream takes no more", function()
    local stream = scene:connect("gone")
    assert.same({ nil, "eof" }, { stream:read(scene:soon()) })
    assert.equal("eof", scene:write_until_failure(stream))
    stream:close()
  end)

  sentence("closes twice, and says that a closed stream is at its end", function()
    local stream = scene:connect("drip")
    scene:read_exactly(stream, 1)
    stream:close()
    stream:close()
    assert.same({ nil, "eof" }, { stream:read(scene:soon()) })
    assert.same({ nil, "eof" }, { stream:write("x", scene:soon()) })
  end)
end

local function deadlines(sentence, scene)
  local host = scene.host

  sentence("sleeps as long as asked", function()
    assert_took_short(host, function()
      host.sleep(SHORT)
    end)
  end)

  sentence("gives large answers whole, in pieces of 16 KiB at most", function()
    local stream = scene:connect("big")
    local bytes, why, largest = scene:read_all(stream)
    assert.equal("eof", why)
    assert.is_true(bytes == BIG_PATTERN:rep(scene.big // #BIG_PATTERN), #bytes .. " bytes came")
    assert.is_true(largest <= 16 * 1024, largest .. " bytes at once")
    stream:close()
  end)

  sentence("ends a read at its deadline, and can read on afterwards", function()
    local stream = scene:connect("echo")
    assert_took_short(host, function()
      assert.same({ nil, "timeout" }, { stream:read(host.now() + SHORT) })
    end)
    assert.same({ nil, "timeout" }, { stream:read(host.now() - 1) })
    assert.is_true(stream:write("late", scene:soon()))
    assert.equal("late", scene:read_exactly(stream, 4))
    stream:close()
  end)

  sentence("keeps an absolute deadline while bytes drip", function()
    local stream = scene:connect("drip")
    local deadline, bytes, why = host.now() + SHORT, nil, nil
    assert_took_short(host, function()
      repeat
        bytes, why = stream:read(deadline)
      until not bytes or host.now() > deadline + PATIENCE
    end)
    assert.equal("timeout", why)
    stream:close()
  end)

  sentence("ends a write at its deadline where the peer reads nothing, or hardly anything", function()
    for _, habit in ipairs { "never_reads", "sip" } do
      local stream = scene:connect(habit)
      assert_took_short(host, function()
        assert.equal("timeout", write_much(stream, host.now() + SHORT))
      end)
      stream:close()
    end
  end)
end

local function names(sentence, scene)
  local host = scene.host

  sentence("returns literals as they are", function()
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

  sentence("resolves names, and says where there is no address", function()
    assert.same({ "127.0.0.1" }, host.resolve("localhost", "inet"))
    -- names that the resolver refuses by itself: no name server is asked
    for _, name in ipairs { "no host", ("a"):rep(64) .. ".invalid" } do
      local addresses, message, code = host.resolve(name)
      assert.is_nil(addresses)
      assert.equal(("resolve: no address for %s ("):format(name), message:match("^.*%("))
      assert.equal("unreachable", code)
    end
  end)
end

local function running_jobs(sentence, scene)
  local host = scene.host

  sentence("runs all jobs, starts them in order, and keeps to the limit", function()
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
    assert.equal(ONE_AFTER_ANOTHER[host.name] and 1 or 3, most)
  end)

  sentence("returns the errors of jobs by number and runs the others", function()
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

  sentence("runs jobs of jobs", function()
    local log = {}
    local function inner(outer, number)
      return function()
        local stream = scene:connect("echo")
        assert(stream:write("ping", scene:soon()))
        log[outer * 10 + number] = scene:read_exactly(stream, 4)
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

  sentence("takes an empty list, and thousands of jobs that end at once", function()
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

-- Needs the peers' word for what they heard, so it is not among the others.
function M.half_close(scene)
  local stream = scene:connect("half_close")
  local bytes, why = scene:read_all(stream)
  assert.same({ "bye", "eof" }, { bytes, why })
  assert.is_true(stream:write("still ", scene:soon()))
  assert.is_true(stream:write("here", scene:soon()))
  stream:close()
end

-- From where a verb may be called.
local PLACES = {
  {
    "in the main chunk",
    function(_, action)
      action()
    end,
  },
  {
    "in a job",
    function(host, action)
      local outcome
      host.parallel({ function()
        outcome = table.pack(pcall(action))
      end }, 1)
      if not outcome[1] then
        error(outcome[2], 0)
      end
    end,
  },
  {
    "in somebody else's coroutine",
    function(_, action)
      local thread = coroutine.create(action)
      local fine, problem = coroutine.resume(thread)
      if not fine then
        error(problem, 0)
      end
      assert.equal("dead", coroutine.status(thread)) -- it was not yielded to us, who could not go on with it
    end,
  },
}

--- A host and its peers.
-- @tparam table host
-- @tparam table peers ports (habit -> port on 127.0.0.1; closed: one where nobody listens; echo6: on ::1, if any), big
--   (bytes that "big" sends)
-- @treturn table scene
function M.scene(host, peers)
  return setmetatable({ host = host, ports = peers.ports, big = peers.big }, Scene)
end

--- Calls sentence(text, check) for every promise, from every place where a verb may be called.
-- @tparam table scene
-- @tparam function sentence
function M.each(scene, sentence)
  for _, place in ipairs(PLACES) do
    local function sentence_there(text, check)
      sentence(text .. ", " .. place[1], function()
        place[2](scene.host, check)
      end)
    end
    for _, group in ipairs({ connecting, ends, deadlines, names, running_jobs }) do
      group(sentence_there, scene)
    end
  end
end

return M
