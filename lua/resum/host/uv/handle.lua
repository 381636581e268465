-- Handles of libuv's that are kept for the next time. Who shares the loop may have closed all that was on it meanwhile,
-- as frameworks for tests do between two of them.

local M = {}

--- Can a handle that was kept still be used?
-- @tparam userdata|nil handle
-- @treturn boolean
function M.is_open(handle)
  return handle ~= nil and not handle:is_closing()
end

return M
