-- Ctrl-C at Lua's prompt, while luv waits. Lua's own answer to it is an error at the next instruction of the main
-- thread: that comes late, as the main thread waits in libuv, or in one of libuv's callbacks, where luv ends the
-- program. So the signal is taken over there, again with each line typed, as Lua takes it back. Anywhere else, in a
-- script or a program that embeds Lua, signals are none of our business.

local is_open = require("resum.host.uv.handle").is_open
local uv = require "resum.host.uv.luv"

local M = {}

-- The interpreter's own table of its words: a script would stand at 0, and the interpreter before it.
local words = rawget(_G, "arg")
local is_prompt = type(words) == "table" and words[0] ~= nil and words[-1] == nil
local found, sigint = false, nil
if is_prompt then
  found, sigint = pcall(require, "resum.host.sigint")
end

local poll

--- Watches, at a prompt, until it shows again.
-- @tparam function on_interrupt called at Ctrl-C, as a callback of libuv's
function M.watch(on_interrupt)
  local fd = found and sigint.take()
  if not fd or is_open(poll) then
    return
  end
  poll = assert(uv.new_poll(fd))
  poll:start("r", function()
    if sigint.came() then
      on_interrupt()
    end
  end)
  poll:unref()
end

return M
