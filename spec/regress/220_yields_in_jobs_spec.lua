-- A function of the caller's that yields inside of a scan, as `on_event = coroutine.yield`, left a job that nobody
-- resumed: the scan said that nothing was left on the loop, or, where the caller had a handle of its own there, never
-- returned.

local resum = require "resum"
local servers = require "spec.support.servers"
local uv_host = require "resum.host.uv"
local uv = require "luv"

local WORDS = "must not yield: nobody would resume it"

describe("a yield in a job", function()
  local timer

  before_each(function()
    timer = uv.new_timer()
    timer:start(0, 1, function() end) -- the loop does not end by itself
  end)

  after_each(function()
    timer:close()
    uv.run("nowait") -- luv 1.44 crashes at the end where a closed handle has had no turn
  end)

  it("is an error of that job, in the words of where it was; the others go on", function()
    local after
    local errors = uv_host.parallel({
      function() coroutine.yield() end,
      function()
        uv_host.sleep(0.01)
        after = true
      end,
      function()
        uv_host.sleep(0.01)
        local inner = coroutine.wrap(coroutine.yield) -- that one is its own business
        inner()
        coroutine.yield("twice")
      end,
    })
    assert.matches("220_yields_in_jobs_spec.lua:%d+: what is called in a job of host.parallel, .*" .. WORDS, errors[1])
    assert.matches(WORDS, errors[3])
    assert.is_nil(errors[2])
    assert.is_true(after)
  end)

  it("can be caught there, and the job goes on, as often as it happens", function()
    local caught = {}
    assert.same({}, uv_host.parallel({ function()
      for i = 1, 3 do
        local fine, problem = pcall(function() coroutine.yield(i) end)
        uv_host.sleep(0.001)
        caught[i] = not fine and problem:find(WORDS, 1, true) ~= nil
      end
    end }))
    assert.same({ true, true, true }, caught)
    assert.is_nil(debug.gethook())
  end)

  it("is told to who started a job by itself", function()
    local told
    uv_host.start(coroutine.yield, function(problem)
      told = problem
    end)
    assert.matches(WORDS, told)
  end)

  it("by on_event, or by a function of scan_all's, ends the scan with that error", function()
    local server = servers.s_server()
    local function work()
      local result = resum.scan(server.address, { attempts = 2, on_event = function(event)
        if event.kind == "attempt" then
          coroutine.yield(event)
        end
      end })
      local yielded = { pcall(resum.scan_all, { server.address }, { attempts = 2 }, coroutine.yield) }
      return result, table.unpack(yielded)
    end
    local fine, result, passed, problem = coroutine.resume(coroutine.create(work))
    server.stop()
    assert.is_true(fine, result)
    assert.matches(WORDS, result.error.message)
    assert.is_false(passed)
    assert.matches(WORDS, problem)
  end)
end)
