--- How much memory work leaves behind, whatever ran before it in this busted. It must not know what the work is.

--- Kilobytes that stay when work is done once more. The first time does not count: then Lua's own table of strings may
-- double, by 64 KB or more, and by what else this busted has run so far it does or does not.
-- @tparam function work
-- @treturn number
return function(work)
  work()
  collectgarbage()
  collectgarbage() -- what the first one finalized
  local before = collectgarbage("count")
  work()
  collectgarbage()
  collectgarbage()
  return collectgarbage("count") - before
end
