-- The host that serves where none is named. It knows which there are, and not how they work.

local nmap = require "resum.host.nmap"

local M = {}

--- Chooses a host: inside nmap nsock; elsewhere luv, or LuaSocket where luv is not installed.
-- @treturn table host
-- @raise when neither is installed: what was said of luv
function M.choose()
  if nmap.is_here() then
    return require("resum.host.nsock")
  end
  local found, host = pcall(require, "resum.host.uv")
  if found then
    return host
  end
  local found_other, other = pcall(require, "resum.host.luasocket")
  return found_other and other or error(host, 0)
end

return M
