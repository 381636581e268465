-- What a session ticket's bytes say to who does not hold its key. Pure.

local hex = require "resum.util.hex"

local M = {}

-- Bytes at a ticket's start that name its key in most servers (RFC 5077, section 4). What is not longer than twice
-- that is no ticket of that kind, but the name of an entry in a cache.
local KEY_NAME = 16

--- The name of the key that a ticket is made with, as it would stand in it.
-- @tparam string ticket
-- @treturn string|nil hex; nil when the ticket is too short to have one
function M.key_name(ticket)
  if #ticket <= 2 * KEY_NAME then
    return nil
  end
  return hex(ticket:sub(1, KEY_NAME))
end

return M
