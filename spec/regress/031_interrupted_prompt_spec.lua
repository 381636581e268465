--- Ctrl-C at Lua's prompt, while a scan waited for a server, took effect only when something came, and then ended the
-- prompt, not the scan: luv ends a program when a callback raises an error.

local process = require "spec.support.process"
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

describe("Ctrl-C at the prompt", function()
  for what, call in pairs({
    ["a scan"] = "resum.scan", ["a handshake"] = "resum.open", ["a rate"] = "resum.rate",
  }) do
    it("ends " .. what .. " and its connections, and nothing else", function()
      local silent = silent_server()
      local typed = process.start({
        command = { "script", "-qec", uv.exepath() .. " -lresum", "/dev/null" }, input = "pipe",
        working_directory = process.ROOT,
        environment = { TERM = "dumb", LUA_PATH = package.path, LUA_CPATH = package.cpath },
      })
      local function shows(words)
        return process.wait_until(process.PATIENCE, function()
          return typed.stdout():find(words, 1, true)
        end)
      end
      typed.write(("%s(%q, {timeout = 600})\n"):format(call, silent.address))
      assert.is_true(process.wait_until(process.PATIENCE, function()
        return silent.taken > 0
      end))
      typed.write("\3")
      assert(shows("interrupted!"), typed.stdout())
      typed.write("'six times ' .. 7\n")
      assert(shows("six times 7"), typed.stdout())
      assert.is_true(process.wait_until(process.PATIENCE, function()
        return silent.ended == silent.taken
      end))
      typed.write("os.exit()\n")
      typed.wait(process.PATIENCE)
      typed.stop()
      silent.close()
    end)
  end
end)
