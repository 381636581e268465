-- Ctrl-C: no new connection; those under way have a moment, then what is known is shown. A second one ends at once.

local M = {}

local GRACE_MS = 1500 -- for connections that are under way
local INTERRUPTED = 130 -- what a shell says of a program that SIGINT ended

--- Watches for SIGINT while the loop of luv turns. (Without luv it reaches the jobs as an error, Lua's own way.)
-- @tparam table host
-- @tparam table run gets `cancelled` = true; run:conclude() shows what is known and returns the exit code
-- @treturn function ends the watch
function M.watch(host, run)
  if host.name ~= "uv" then
    return function() end
  end
  local uv = require "luv"
  local signal, timer = uv.new_signal(), uv.new_timer()
  signal:start("sigint", function()
    if run.cancelled then
      os.exit(INTERRUPTED)
    end
    run.cancelled = true
    timer:start(GRACE_MS, 0, function()
      host.start(function() -- a callback can't wait for an output
        os.exit(run:conclude())
      end)
    end)
  end)
  return function()
    signal:close()
    timer:close()
    uv.run("nowait")
  end
end

--- Is this error Ctrl-C, as a host without signals sees it?
-- @param problem what was raised
-- @treturn boolean
function M.is(problem)
  return tostring(problem):find("interrupted!", 1, true) ~= nil -- Lua's own word
end

return M
