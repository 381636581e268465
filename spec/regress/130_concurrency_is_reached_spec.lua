-- The command let ten connections be made in total for each target that was named, whatever --concurrency said; and one
-- that waited for the server's answer to its goodbye held up the next.

local listener = require "spec.support.listener"
local process = require "spec.support.process"
local uv = require "luv"

local WANTED = 20
local HELD_MS = 300 -- a first answer, until so many were seen at once that it is clear

-- Counts who is inside; keeps the first bytes of each until more are than the command once let in.
local function counting_hooks(seen)
  local inside = 0
  return {
    bytes = function(link, bytes)
      if link.counted then
        return false
      end
      inside, link.counted = inside + 1, true
      seen.most = math.max(seen.most, inside)
      local timer = uv.new_timer()
      timer:start(seen.most > 10 and 0 or HELD_MS, 0, function()
        timer:close()
        inside = inside - 1
        if not link.ended then
          link.take(bytes)
        end
      end)
      return true
    end,
  }
end

describe("--concurrency 20", function()
  it("has twenty connections at work for one target, and no more", function()
    local seen = { most = 0 }
    local server = listener.start({ min_version = "TLSv1.3" }, counting_hooks(seen))
    local run = process.run({ working_directory = process.ROOT, command = { "./lua/bin/resum", "--resum_rate",
      "--no_balancer", "--mechanisms", "psk", "--attempts", "60", "--concurrency", tostring(WANTED), server.address } })
    server.close()
    assert.equal(0, run.code, run.stderr)
    assert.is_true(seen.most > 10 and seen.most <= WANTED, seen.most)
  end)
end)
