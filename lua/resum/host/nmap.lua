-- Is this program nmap? There only nsock can be waited on: a host that turns a loop of its own, or blocks, holds up all
-- other scripts, and luv calls back on coroutines that nmap has collected. It needs nothing of nmap's, and reads no
-- global that `strict` would miss elsewhere.

local M = {}

-- What a host of ours needs of nmap; a module of somebody else's with that name has other functions.
local NEEDED = { "new_socket", "condvar", "clock" }

--- Does this code run inside nmap? NSE has its module among the loaded ones before it loads any script.
-- @treturn boolean
function M.is_here()
  local nmap = package.loaded.nmap
  for _, name in ipairs(NEEDED) do
    if type(nmap) ~= "table" or type(rawget(nmap, name)) ~= "function" then
      return false
    end
  end
  return true
end

--- Raises an error inside nmap.
-- @tparam string name of a host that can't be used there
function M.refuse(name)
  if M.is_here() then
    error(("resum: the host %s can't be used inside nmap, as it would hold up nmap's other scripts: leave the option "
      .. "host out, or give resum.host.nsock"):format(name), 0)
  end
end

return M
