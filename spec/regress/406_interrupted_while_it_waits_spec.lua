-- On LuaSocket Ctrl-C came when a wait was over: 6 s later at a server that says nothing.

local process = require "spec.support.process"
local uv = require "luv"

local WAITED = 30 -- seconds: whoever is not interrupted stays so long
-- Seconds: half a second at most on an idle machine; a busy one has its time, and is far from WAITED.
local SOON = 10
local ASLEEP = 20 -- looks in a row at which a program sleeps: it waits, and does not just begin to

-- A server that takes connections and says nothing.
local function silent()
  local server = uv.new_tcp()
  assert(server:bind("127.0.0.1", 0))
  assert(server:listen(0, function() end))
  return server, math.floor(server:getsockname().port)
end

local CONNECTED = "local stream = assert(host.connect('127.0.0.1', PORT, { timeout = 9 })) "
local WAITS = {
  ["sleeps"] = "host.sleep(SECONDS)",
  ["reads"] = CONNECTED .. "stream:read(host.now() + SECONDS)",
  ["writes"] = CONNECTED .. "stream:write(('x'):rep(1 << 26), host.now() + SECONDS)",
}

local FRAME = [[
  local host = require "resum.host.luasocket"
  print "begins"
  io.stdout:flush()
  print(pcall(function() %s end))
]]

local function waits(child)
  local seen = 0
  return process.wait_until(process.PATIENCE, function()
    local asleep = process.read_file(("/proc/%d/stat"):format(child.pid)):find(") S ", 1, true)
    seen = asleep and seen + 1 or 0
    return seen >= ASLEEP
  end)
end

describe("Ctrl-C on LuaSocket", function()
  for what, program in pairs(WAITS) do
    it("is heard by whoever " .. what, function()
      local server, port = silent()
      local child = process.start_lua(FRAME:format(program:gsub("%u%u+", { PORT = port, SECONDS = WAITED })))
      assert.equal("begins", process.first_line(child))
      assert.is_truthy(waits(child))
      local began = uv.hrtime()
      child.kill("sigint")
      child.wait(process.PATIENCE)
      server:close()
      uv.run("nowait")
      assert.is_true((uv.hrtime() - began) / 1e9 < SOON)
      assert.is_truthy(child.stdout():find("interrupted!", 1, true), child.log())
    end)
  end
end)
