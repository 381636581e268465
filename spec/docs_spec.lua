-- The worked examples of docs/write-a-host.md run as they stand there, and give what the host on luv gives.

local process = require "spec.support.process"
local resum = require "resum"
local servers = require "spec.support.servers"

local GUIDE = process.read_file("docs/write-a-host.md")

local function example(mark)
  local code = GUIDE:match("<!%-%- " .. mark .. " %-%->%s*```lua\n(.-)```")
  return assert(code, "docs/write-a-host.md has no example " .. mark)
end

local function assert_60_lines(code)
  local _, lines = code:gsub("[^\n]+", "")
  assert.is_true(lines <= 60, lines .. " lines")
end

describe("the guide's host on plain coroutines", function()
  local server, host

  setup(function()
    server = servers.nginx({ session_cache = "none", session_tickets = "on" })
    host = assert(load(example("loop") .. example("host"), "=write-a-host.md"))()
  end)

  teardown(function()
    server.stop()
  end)

  it("is five verbs in 60 lines", function()
    assert_60_lines(example("host"))
  end)

  it("gives what luv's gives", function()
    assert.equal(tostring(resum.scan(server.address)), tostring(resum.scan(server.address, { host = host })))
  end)

  it("runs jobs side by side, keeps to the limit, and keeps what they raise", function()
    local running, most, jobs = 0, 0, {}
    for i = 1, 20 do
      jobs[i] = function()
        running = running + 1
        most = math.max(most, running)
        host.sleep(0.01)
        running = running - 1
        if i == 7 then
          error("seven", 0)
        end
      end
    end
    assert.same({ [7] = "seven" }, host.parallel(jobs, 5))
    assert.equal(5, most)
  end)

  it("measures a rate, ten connections at a time", function()
    local result = resum.rate(server.address, { host = host, mechanisms = { "ticket" }, attempts = 40 })
    local rate = result.addresses[1].rate.ticket
    assert.same({ 40, 40, 0 }, { rate.attempted, rate.resumed, rate.errors })
  end)

  it("says what a network says", function()
    local answers = {}
    local port = process.closed_port()
    local silent = servers.odd({ kind = "silent" })
    assert.same({}, host.parallel({
      function()
        answers.refused = { host.connect("127.0.0.1", port, { timeout = 5 }) }
      end,
      function()
        local stream = host.connect("127.0.0.1", silent.port, { timeout = 5 })
        answers.silent = { stream:read(host.now() + 0.05) }
        stream:close()
      end,
    }))
    silent.stop()
    assert.same({ nil, "connect: refused", "refused" }, answers.refused)
    assert.same({ nil, "timeout" }, answers.silent)
  end)
end)

describe("the guide's host inside HAProxy #unsanitized", function()
  local CONFIG = [[
global
  nbthread 1
  lua-prepend-path %s/lua/?.lua
  lua-prepend-path %s/lua/?/init.lua
  lua-prepend-path %s/?.lua
  lua-prepend-path %s/build/%s/?.so cpath
  lua-load %s/task.lua
listen any
  bind unix@%s/any.sock
  timeout client 1s
  timeout connect 1s
  timeout server 1s
]]

  -- Which Lua the installed HAProxy has; it says "Built with Lua version : Lua 5.4.7".
  local function lua_version()
    local run = process.run({ command = { "haproxy", "-vv" }, environment = { LD_PRELOAD = false } })
    return assert(run.stdout:match("Lua version : Lua (%d+%.%d+)"), "HAProxy has no Lua")
  end

  -- Starts HAProxy with the guide's task; what it logs.
  local function run_task(target)
    local folder = process.temporary_directory()
    local task, replaced = example("haproxy task"):gsub('"127%.0%.0%.1:443"', ("%q"):format(target))
    assert.equal(1, replaced)
    process.write_file(folder .. "/resum_haproxy.lua", example("haproxy"))
    process.write_file(folder .. "/task.lua", task)
    local root = process.ROOT
    process.write_file(folder .. "/haproxy.cfg",
      CONFIG:format(root, root, folder, root, lua_version(), folder, folder))
    local child = process.start({
      command = { "haproxy", "-db", "-f", folder .. "/haproxy.cfg" },
      environment = { LUA_PATH = false, LUA_CPATH = false, LD_PRELOAD = false },
    })
    process.wait_until(process.PATIENCE, function()
      return child.exited or child.stderr():find("Is resumption supported", 1, true)
    end)
    local log = child.stderr()
    child.stop()
    return log
  end

  it("is five verbs in 60 lines", function()
    assert_60_lines(example("haproxy"))
  end)

  it("tells in HAProxy's log what resumes", function()
    local server = servers.nginx({ session_cache = "none", session_tickets = "on" })
    local log = run_task(server.address)
    local expected = tostring(resum.scan(server.address)):gsub("\n", ".") -- HAProxy logs lines only
    server.stop()
    assert.is_truthy(log:find(expected, 1, true), log)
  end)
end)
