-- How far a run is, told by a clock that the spec turns.

local process = require "spec.support.process"
local progress = require "resum.cli.progress"
local uv = require "luv"

local function files_under(folder, found)
  found = found or {}
  for _, name in ipairs(process.list(process.ROOT .. "/" .. folder)) do
    local path = folder .. "/" .. name
    if uv.fs_stat(process.ROOT .. "/" .. path).type == "directory" then
      files_under(path, found)
    else
      found[#found + 1] = process.ROOT .. "/" .. path
    end
  end
  return found
end

local function new(options)
  local clock = { time = 100 }
  local line = progress.new({
    now = function() return clock.time end,
    total = options.total,
    skipped = function() return options.skipped or 0 end,
    expected = options.expected,
  })
  return line, clock
end

local function finish(line, count, code)
  for _ = 1, count do
    line:finished(code and { status = "error", error = { code = code } } or { status = "completed" })
  end
end

describe("progress", function()
  it("tells what is done, how fast, what went wrong, and how long it will take", function()
    local line, clock = new({ total = 100 })
    finish(line, 10)
    finish(line, 2, "timeout")
    finish(line, 1, "refused")
    for _ = 1, 40 do
      line:event({ kind = "attempt", record = { mechanism = "control", design = "control" } })
    end
    line:event({ kind = "started" })
    clock.time = 104
    assert.same({ done = 13, total = 100, skipped = 0, connections = 40, per_second = 3.25, elapsed_s = 4,
      errors = { timeout = 2, refused = 1 }, eta_s = 87 / 3.25 }, line:state())
    assert.equal("13 of 100 targets done, 40 connections made, 3.2 targets/s, errors: refused 1, timeout 2, 27 s left",
      progress.words(line:state()))
  end)

  it("takes what an earlier run has done for done, but not for speed", function()
    local line, clock = new({ total = 100, skipped = 50 })
    finish(line, 10)
    clock.time = 110
    local state = line:state()
    assert.same({ 60, 1, 40 }, { state.done, state.per_second, state.eta_s })
  end)

  it("has the speed of the last half minute, in bounded memory", function()
    local line, clock = new({ total = 100000 })
    for second = 1, 1000 do
      clock.time = 100 + second
      finish(line, second <= 900 and 10 or 2)
      line:state()
    end
    assert.is_true(math.abs(line:state().per_second - 2) < 0.1)
    assert.is_true(#line.samples < 40)
  end)

  it("promises nothing where it does not know", function()
    local line, clock = new({})
    assert.equal("0 targets done, 0 connections made", progress.words(line:state()))
    clock.time = 101
    finish(line, 1)
    assert.equal("1 targets done, 0 connections made, 1.0 targets/s", progress.words(line:state()))
    local none = new({ total = 5 })
    assert.equal("0 of 5 targets done, 0 connections made", progress.words(none:state()))
  end)

  for seconds, words in pairs({ [5] = "5 s left", [99] = "99 s left", [180] = "3 min left", [36000] = "10 h left" }) do
    it("tells the time left in the unit that fits: " .. words, function()
      assert.equal("1 of 9 targets done, 4 connections made, 0.5 targets/s, " .. words,
        progress.words({ done = 1, total = 9, connections = 4, per_second = 0.5, errors = {}, eta_s = seconds }))
    end)
  end
end)

describe("the progress of a single target", function()
  local function attempts(line, count, mechanism, design)
    for _ = 1, count do
      line:event({ kind = "attempt", record = { mechanism = mechanism, design = design } })
    end
  end

  local function single()
    return new({ total = 1, expected = function(addresses)
      return { least = 100 * addresses, most = 300 * addresses }
    end })
  end

  it("tells what is done there, how much of it, and how long it will take", function()
    local line, clock = single()
    assert.equal("looking up the address, 0 of 100 to 300 connections made", progress.words(line:state()))
    line:event({ kind = "started", result = { addresses = { {} } } })
    attempts(line, 1, "control", "control")
    clock.time = 101
    assert.equal("connecting, 1 of 100 to 300 connections made, about 99 s left", progress.words(line:state()))
    attempts(line, 49, "psk", "pairs")
    clock.time = 105
    assert.equal("TLS 1.3 ticket (PSK): offering fresh sessions, 50 of 100 to 300 connections made, about 5 s left",
      progress.words(line:state()))
    attempts(line, 70, "session_id", "confirm")
    clock.time = 112
    assert.same({ done = 0, total = 1, skipped = 0, connections = 120, errors = {}, elapsed_s = 12, eta_s = 18,
      connections_least = 100, connections_most = 300, mechanism = "session_id", phase = "confirm" }, line:state())
  end)

  it("counts all of its addresses", function()
    local line = single()
    line:event({ kind = "started", result = { addresses = { {}, {}, {} } } })
    assert.matches("0 of 300 to 900 connections", progress.words(line:state()))
  end)

  it("has no time left once it is done, and none to promise beyond the most", function()
    local line, clock = single()
    attempts(line, 400, "psk", "fixed")
    clock.time = 110
    assert.equal(0, line:state().eta_s)
    finish(line, 1)
    assert.equal(0, line:state().eta_s)
  end)

  it("has a word for every phase that a scan names", function()
    local named = {}
    for _, path in ipairs(files_under("lua/resum/scan", files_under("lua/resum/connection"))) do
      local text = process.read_file(path)
      for _, pattern in ipairs({ 'design = "([%l_]+)"', 'attempt%([%l.]*mechanism, "([%l_]+)"',
        'session, "([%l_]+)", options', 'seed, "([%l_]+)", sequence', 'self%.neighbours, "([%l_]+)"',
        'plan, "([%l_]+)"', 'asks and "([%l_]+)"' }) do
        for design in text:gmatch(pattern) do
          named[design] = true
        end
      end
    end
    -- What an offer is called afterwards, and the type of the option.
    named.spent, named.idle, named.string = nil, nil, nil
    local known = {}
    for phase in pairs(progress.PHASES) do
      known[phase] = true
    end
    assert.same(known, named)
  end)
end)
