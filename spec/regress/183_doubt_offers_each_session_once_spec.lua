--- A doubt counts what came of a session once, and offered the same newer one again and again: connections that said
-- nothing, in the place of those that would have ended it.

local acceptance = require "resum.analysis.watch.acceptance"
local jars = require "resum.watch.jar"

describe("a doubt", function()
  local function doubtful()
    local one = acceptance.new()
    for i = 1, 40 do
      one:note({ id = "old " .. i, time = 1000 + i, issued = i, age = 1000, good = true })
    end
    return one
  end

  it("asks for no session that it has heard of", function()
    local one, jar, offered = doubtful(), jars.new(function() end), {}
    for i = 1, 12 do
      jar:put({ issued = 1000 + i }, 1500)
    end
    for i = 1, 12 do
      jar:put({ issued = 1400 + i }, 1500)
    end
    local time = 1300
    one:note({ id = "first", time = time, issued = 1100, age = 200, good = false })
    for _ = 1, 40 do
      time = time + 20
      for _, want in ipairs(one:wants()) do
        local session = want.at_least ~= 0 and jar:find(want, time) -- else it asks for any, to see that all is lost
        if session then
          assert.is_nil(offered[session], "offered twice")
          offered[session], session.offered = true, time
          one:note({ id = session, time = time, issued = session.issued, age = time - session.issued,
            good = session.issued > 1300 })
          break
        end
      end
    end
    local count = 0
    for _ in pairs(offered) do
      count = count + 1
    end
    assert.is_true(count >= 6, count)
  end)
end)
