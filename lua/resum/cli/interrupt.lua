-- Ctrl-C, or a plea to end: no new connection; those under way have a moment, then what is known is shown. The end
-- comes within half a second, also where nobody takes what is shown. A second one ends at once.

local escape = require "resum.util.escape"
local interruption = require "resum.util.interruption"
local leaving = require "resum.host.leave"
local say = require "resum.cli.say"

local at_once = leaving.at_once

local M = {}

-- Together less than the half second after which somebody at a terminal tries again.
local GRACE_MS = 250 -- for connections that are under way
local LAST_WORDS_MS = 150 -- for what is known to be written
-- What a shell says of a program that they ended.
local SIGNALS = { sigint = 130, sigterm = 143, sighup = 129 }
local HANGUP = 1 -- its number, whose bit is the first one of a mask

-- Does whoever started us, as nohup, have us ignore that our terminal goes?
local function ignores_hangup()
  local status = io.open("/proc/self/status")
  local mask = status and status:read("a"):match("SigIgn:%s*%x*(%x)")
  if status then
    status:close()
  end
  return mask ~= nil and tonumber(mask, 16) & HANGUP ~= 0
end

--- Watches for SIGINT, SIGTERM and SIGHUP while the loop of luv turns. (Without luv SIGINT reaches the jobs as an
-- error, Lua's own way.)
-- @tparam table host
-- @tparam table run gets `cancelled`, the exit code; run:conclude() shows what is known and returns the exit code, or
--   nil when that is under way already
-- @treturn function ends the watch
function M.watch(host, run)
  leaving.not_for_full_files()
  if host.name ~= "uv" then
    return function() end
  end
  local uv = require "resum.host.uv.luv"
  local timer, handles = uv.new_timer(), {}
  local function leave()
    at_once(run.cancelled)
  end
  local function conclude()
    timer:start(LAST_WORDS_MS, 0, leave)
    host.start(function() -- a callback can't wait for an output
      if run:conclude() then
        leave()
      end
    end, function(problem)
      if problem then
        say("internal error: %s", escape(problem, 300))
        leave()
      end
    end)
  end
  local function watch_for(name, code)
    local signal = uv.new_signal()
    handles[#handles + 1] = signal
    signal:start(name, function()
      if run.cancelled then
        at_once(code)
      end
      run.cancelled = code
      timer:start(GRACE_MS, 0, conclude)
    end)
  end
  for name, code in pairs(SIGNALS) do
    if name ~= "sighup" or not ignores_hangup() then
      watch_for(name, code)
    end
  end
  return function()
    timer:close()
    for _, signal in ipairs(handles) do
      signal:close()
    end
    uv.run("nowait")
  end
end

--- Is this error Ctrl-C, as a host without signals sees it?
-- @param problem what was raised
-- @treturn integer|nil the exit code, when it is
function M.is(problem)
  return interruption.is(problem) and SIGNALS.sigint or nil
end

return M
