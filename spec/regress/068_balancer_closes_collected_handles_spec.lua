-- The specs' balancer kept its sockets as keys of a weak table, and asked luv which of them were open. Lua shows a key
-- that was finalized for one more cycle, and luv 1.48 crashes when it is asked about such a handle.

local process = require "spec.support.process"
local uv = require "luv"

local PROGRAM = [=[
local balancer = require "spec.support.balancer"
local uv = require "luv"

local silent = assert(balancer.listen({ odd = "silent" }))
local waker, over = uv.new_timer(), 0
waker:start(1, 1, function() end)
for _ = 1, 20 do
  local client = uv.new_tcp()
  client:connect("127.0.0.1", silent.port, function()
    client:close(function() over = over + 1 end)
  end)
end
while silent.accepted < 20 or over < 20 do
  uv.run("once")
end
for _ = 1, 20 do
  uv.run("once") -- the balancer's side sees the ends
end
for _ = 1, 3 do
  collectgarbage()
  silent.close()
end
waker:close()
uv.run()
print("closed")
]=]

describe("a balancer whose connections were closed and collected", function()
  it("closes", function()
    for collector in pairs({ incremental = true, generational = true }) do
      local result = process.run({
        command = { uv.exepath(), "-e", ("collectgarbage(%q)\n"):format(collector) .. PROGRAM },
        environment = { LUA_PATH = "./?.lua;" .. package.path },
        working_directory = process.ROOT,
      })
      assert.same({ 0, 0, "closed\n" }, { result.code, result.signal, result.stdout }, result.stderr)
    end
  end)
end)
