-- Ctrl-C at Lua's prompt, while luv waits. Lua's own answer to it, an error at the next instruction, would come in one
-- of libuv's callbacks, where luv ends the program; or late, as libuv goes on waiting. So libuv takes the signal there.
-- Anywhere else, in a script or a program that embeds Lua, signals are none of our business.

local uv = require "luv"

local M = {}

-- The interpreter's own table of its words: a script would stand at 0, and the interpreter before it.
local words = rawget(_G, "arg")
local is_prompt = type(words) == "table" and words[0] ~= nil and words[-1] == nil

local signal

--- Watches, at a prompt, until it shows again: for each line typed Lua takes the signal back, unknown to libuv.
-- @tparam function on_interrupt called at Ctrl-C, as a callback of libuv's
function M.watch(on_interrupt)
  if is_prompt then
    signal = signal or assert(uv.new_signal())
    signal:stop()
    signal:start("sigint", on_interrupt)
    signal:unref()
  end
end

return M
