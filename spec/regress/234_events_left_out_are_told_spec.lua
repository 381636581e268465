--- A watch keeps its newest 200 events. Its page did not say that older ones were left out, and its picture showed the
-- time of these as one in which nothing had happened.

local page = require "resum.report.watch.page"
local watches = require "resum.analysis.watch"

describe("the page of a watch", function()
  local CLOCK = { minute = function(time) return "minute " .. time end, second = tostring, time = tostring }

  -- A server that goes and comes again, so many times; an hour each.
  local function text_after(outages)
    local watch, now = watches.new(), 0
    local function observe(outcome)
      now = now + 600
      watch:observe({ time = now, mechanism = "ticket", outcome = outcome, problem = { code = "refused" } })
    end
    for _ = 1, 2 * outages do
      for _ = 1, 3 do observe("full") end
      for _ = 1, outages > 0 and 8 or 0 do observe("failed") end
      for _ = 1, 3 do observe("full") end
    end
    local state = watch:state()
    state.now, state.address, state.sessions = now, "192.0.2.1", {}
    return page.text({ { target = "a.example:443", state = state, clock = CLOCK } },
      { version = "1", written_at = "now", every = 60 }), state
  end

  it("says how many events are left out, and shows nothing of their time", function()
    local text, state = text_after(60) -- 120 times down and up
    assert.same({ watches.EVENTS, 120, 120 }, { #state.events, state.counts.server_down, state.counts.server_up })
    assert.is_truthy(text:find("The newest first; 40 older ones are left out, here and in the picture.", 1, true))
    assert.is_truthy(text:find("From minute " .. state.events[1].time, 1, true))
  end)

  it("says nothing of that where none is", function()
    local text, state = text_after(50)
    assert.equal(watches.EVENTS, #state.events)
    assert.is_truthy(text:find("The newest first.", 1, true))
    assert.is_truthy(text:find("From minute " .. state.from, 1, true))
  end)
end)
