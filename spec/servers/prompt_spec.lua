--- Ctrl-C at Lua's prompt, while a scan waits for a server: it ends the scan and its connections, and the prompt goes
-- on. Lua takes the signal back with each line typed; libuv, stopped and started again, left it to the system in
-- between, which then ended the program.

local process = require "spec.support.process"
local servers = require "spec.support.servers"
local uv = require "luv"

-- A server that takes connections and says nothing: how many it took, and how many of them have ended.
local function silent_server()
  local listener, server = uv.new_tcp(), { taken = 0, ended = 0 }
  assert(listener:bind("127.0.0.1", 0))
  assert(listener:listen(16, function()
    local connection = uv.new_tcp()
    assert(listener:accept(connection))
    server.taken = server.taken + 1
    connection:read_start(function(_, bytes)
      if not bytes then
        server.ended = server.ended + 1
        connection:close()
      end
    end)
  end))
  server.address = "127.0.0.1:" .. math.floor(listener:getsockname().port)
  function server.close()
    listener:close()
    uv.run("nowait") -- luv ends badly with handles that it has not let go of
  end
  return server
end

local function at_prompt(command)
  local typed = process.start({
    command = process.on_terminal(command), input = "pipe",
    working_directory = process.ROOT,
    environment = { TERM = "dumb", LUA_PATH = package.path, LUA_CPATH = package.cpath },
  })
  function typed.shows(words)
    assert(process.wait_until(process.PATIENCE, function()
      return typed.stdout():find(words, 1, true)
    end), typed.stdout())
  end
  return typed
end

describe("Ctrl-C at the prompt", function()
  local good

  setup(function()
    good = servers.nginx({ session_cache = "shared:SSL:1m" }).address
  end)

  teardown(servers.stop_all)

  for what, command in pairs({
    ["lua -lresum"] = uv.exepath() .. " -lresum",
    ["resum --repl"] = process.ROOT .. "/lua/bin/resum --repl",
  }) do
    for _, call in ipairs({ "resum.scan(%q, {timeout = 600})", "resum.open(%q, {timeout = 600})",
      "resum.rate(%q, {timeout = 600})", "resum.scan_all({%q}, {timeout = 600}, print)" }) do
      it(("of %s ends %s and its connections, and nothing else"):format(what, call:match("[%l_.]+")), function()
        local silent, typed = silent_server(), at_prompt(command)
        typed.write(call:format(silent.address) .. "\n")
        assert.is_true(process.wait_until(process.PATIENCE, function()
          return silent.taken > 0
        end))
        typed.write("\3")
        typed.shows("interrupted!")
        typed.write("'six times ' .. 7\n")
        typed.shows("six times 7")
        assert.is_nil(typed.stdout():find("traceback", 1, true), typed.stdout()) -- it is no fault of anybody's
        assert.is_true(process.wait_until(process.PATIENCE, function()
          return silent.ended == silent.taken
        end))
        typed.write(("resum.scan(%q).status\n"):format(good))
        typed.shows("completed") -- what was interrupted has left nothing behind
        typed.write("os.exit()\n")
        assert.equal(0, (typed.wait(process.PATIENCE)))
        typed.stop()
        silent.close()
      end)
    end
  end
end)

describe("resum.host.sigint", function()
  local function run(code)
    return process.start({
      command = { uv.exepath(), "-e", "local sigint = require 'resum.host.sigint'\n" .. code },
      working_directory = process.ROOT,
      environment = { LUA_PATH = package.path, LUA_CPATH = package.cpath },
    })
  end

  it("has the signal from the first call on, also while it takes it again", function()
    local child = run([[
      sigint.take()
      print "ready"
      io.stdout:flush()
      local count = 0
      while count < 50 do
        sigint.take()
        count = count + (sigint.came() and 1 or 0)
      end
      print("heard " .. count)]])
    assert.is_truthy(process.wait_until(process.PATIENCE, function()
      if child.stdout():find("ready") and not child.exited then
        uv.kill(child.pid, "sigint")
      end
      return child.exited
    end))
    assert.equal("ready\nheard 50\n", child.stdout())
    child.stop()
  end)

  it("forgets what came while it was somebody else's", function()
    local child = run([[
      local uv = require "luv"
      sigint.take()
      uv.kill(uv.os_getpid(), "sigint")
      print(sigint.came(), sigint.came())
      uv.kill(uv.os_getpid(), "sigint")
      sigint.take() -- it is ours still: nothing is lost
      print(sigint.came())
      uv.kill(uv.os_getpid(), "sigint")
      uv.new_signal():start("sigint", function() end)
      sigint.take()
      print(sigint.came())]])
    assert.equal(0, (child.wait(process.PATIENCE)))
    assert.equal("true\tfalse\ntrue\nfalse\n", child.stdout())
    child.stop()
  end)
end)
