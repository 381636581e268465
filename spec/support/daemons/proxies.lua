--- Proxies of Debian packages: tinyproxy (HTTP), microsocks (SOCKS 5).
-- Owns their configurations. It must not know what a spec asks of them.

local place = require "spec.support.daemons.place"
local servers = require "spec.support.servers"

local M = {}

local TINYPROXY = [[
Port {port}
Listen {host}
Timeout 60
MaxClients 100
LogLevel Connect
{credentials}
]]

--- tinyproxy.
-- @tparam[opt] table options user, password
function M.tinyproxy(options)
  options = options or {}
  return servers.launch("tinyproxy", options, function(here)
    place.identity(here, "nobody")
    local config = place.write(here, "tinyproxy.conf", TINYPROXY, {
      host = here.host, port = here.port,
      credentials = options.user and ("BasicAuth %s %s"):format(options.user, options.password) or "",
    })
    return place.as_nobody({ "tinyproxy", "-d", "-c", config })
  end)
end

--- microsocks.
-- @tparam[opt] table options user, password
function M.microsocks(options)
  options = options or {}
  return servers.launch("microsocks", options, function(here)
    local command = { "microsocks", "-i", here.host, "-p", here.port }
    if options.user then
      table.move({ "-u", options.user, "-P", options.password }, 1, 4, #command + 1, command)
    end
    return command
  end)
end

return M
