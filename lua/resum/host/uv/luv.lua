-- luv, loaded so that it can call back as long as the program runs. Up to 1.48 it calls back on the coroutine that
-- loaded it (luvit/luv#503), and its loop goes with the module's table; a collected one of either takes the process
-- down. So both are kept for good here, and nobody else of us loads luv.
--
-- On the main thread all is well. In a coroutine luv is loaded on one of ours, which ends at once: on a coroutine that
-- has ended nothing runs that a callback could get in the way of. Where somebody else has loaded luv, it is told to
-- call back on the main thread; where it can't be told (its loop runs just now, or it hides its functions), we hear
-- where it calls back when the loop turns next, and keep that coroutine.

local KEY = "resum.host.uv.luv"

local libraries = package.loaded
-- Modules can be unloaded (busted does it for each file of specs), what is in the registry stays.
local registry = libraries.debug and libraries.debug.getregistry() or libraries

local function load_aside()
  local thread = coroutine.create(function()
    return require "luv"
  end)
  local loaded, uv = coroutine.resume(thread)
  if not loaded then
    error(uv, 0)
  end
  return uv, thread
end

-- A handle that runs in each turn of the loop, and neither keeps the loop alive nor keeps it from waiting. It is never
-- closed: luv 1.44 crashes at the end of a program in which a closed handle has not had a turn.
local function find_thread(uv, kept)
  local handle = assert(uv.new_prepare())
  handle:start(function()
    kept.thread = coroutine.running()
    handle:stop()
  end)
  handle:unref()
end

local function move_to_main(uv)
  local found, luv_thread = pcall(require, "resum.host.luv_thread")
  return found and not uv.loop_mode() and luv_thread.call_back_on_main(uv.run)
end

local function load()
  if libraries.luv or registry.luv_context then -- luv's own key, which stays when the module is unloaded
    local kept = { luv = require "luv" }
    if not move_to_main(kept.luv) then
      find_thread(kept.luv, kept)
    end
    return kept
  elseif select(2, coroutine.running()) then
    return { luv = require "luv" }
  end
  local uv, thread = load_aside()
  return { luv = uv, thread = thread }
end

local kept = registry[KEY]
if not kept then
  kept = load()
  registry[KEY] = kept
end

return kept.luv
