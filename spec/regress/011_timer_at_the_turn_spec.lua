-- A wait of the main chunk that a timer ended at the very beginning of a turn of the loop went on until the next event.

local host = require "resum.host.uv"
local uv = require "luv"

describe("a wait in the main chunk", function()
  it("ends when a timer that is due already wakes it, whatever else is to come", function()
    local waiter = host.waiter()
    local due, far = uv.new_timer(), uv.new_timer()
    due:start(1, 0, function()
      waiter:wake()
    end)
    far:start(60000, 0, function() end)
    local started = host.now()
    while host.now() < started + 0.01 do end -- so that it is due when the turn begins
    assert.is_true(waiter:wait())
    local seconds = host.now() - started
    due:close()
    far:close()
    uv.run("nowait")
    assert.is_true(seconds < 30, ("took %g s"):format(seconds))
  end)
end)
