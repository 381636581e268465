-- A peer that sends its last bytes and a reset at once was taken for one that ends in order: libuv reports an end where
-- both come in one turn of the loop. Peer and host share a loop here, so that they always do.

local host = require "resum.host.uv"
local uv = require "luv"

local RUNS = 50

-- Listens; an accepted connection that said something gets an answer, and then `ending`.
local function listen(ending)
  local server = uv.new_tcp()
  assert(server:bind("127.0.0.1", 0))
  assert(server:listen(RUNS, function()
    local client = uv.new_tcp()
    server:accept(client)
    client:read_start(function(failure, bytes)
      if bytes then
        client:write("last bytes", function()
          ending(client)
        end)
      elseif not client:is_closing() then
        client:close()
      end
      return failure
    end)
  end))
  return server
end

-- How each of so many connections ended: word -> number.
local function endings(port)
  local seen = {}
  host.parallel({ function()
    for _ = 1, RUNS do
      local stream = assert(host.connect("127.0.0.1", port, { timeout = 5 }))
      assert(stream:write("hello", host.now() + 5))
      local bytes, why
      repeat
        bytes, why = stream:read(host.now() + 5)
      until not bytes
      stream:close()
      seen[why] = (seen[why] or 0) + 1
    end
  end })
  return seen
end

describe("the host on luv, when the peer's last bytes and its end come together,", function()
  for word, ending in pairs({
    reset = function(client)
      client:close_reset()
    end,
    eof = function(client)
      client:shutdown()
    end,
  }) do
    it("says " .. word .. " where it is one", function()
      local server = listen(ending)
      local seen = endings(server:getsockname().port)
      server:close()
      uv.run("nowait")
      assert.same({ [word] = RUNS }, seen)
    end)
  end
end)
