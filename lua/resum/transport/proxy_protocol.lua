-- The header of the PROXY protocol (HAProxy's proxy-protocol.txt, sections 2.1 and 2.2), versions 1 and 2: what a
-- balancer says to a server before anything else, and what such a server waits for. The client it names is the truth:
-- ourselves. Pure: addresses in, bytes out.

local ip_address = require "resum.target.ip_address"

local M = {}

local SIGNATURE = "\r\n\r\n\0\r\nQUIT\n"
local COMMAND = { proxy = 0x21, ["local"] = 0x20 } -- with the version in the upper half
local FAMILY = { inet = 0x11, inet6 = 0x21 } -- over TCP
local NAME = { inet = "TCP4", inet6 = "TCP6" }

local function without_scope(address)
  return (address:gsub("%%.*", ""))
end

-- The family of both ends; nil where they have none in common: they are not told then.
local function common_family(from, to)
  local family = from.address and ip_address.family(from.address)
  return family and family == ip_address.family(to.address) and family or nil
end

local HEADERS = {}

HEADERS[1] = function(family, from, to)
  if not family then
    return "PROXY UNKNOWN\r\n"
  end
  return ("PROXY %s %s %s %d %d\r\n"):format(NAME[family], without_scope(from.address), without_scope(to.address),
    from.port, to.port)
end

HEADERS[2] = function(family, from, to)
  if not family then
    return SIGNATURE .. ("BB>I2"):pack(COMMAND["local"], 0, 0)
  end
  local addresses = ip_address.bytes(without_scope(from.address)) .. ip_address.bytes(without_scope(to.address))
    .. (">I2I2"):pack(from.port, to.port)
  return SIGNATURE .. ("BB>s2"):pack(COMMAND.proxy, FAMILY[family], addresses)
end

--- Is there such a version?
-- @tparam any version
-- @treturn boolean
function M.knows(version)
  return HEADERS[version] ~= nil
end

--- The header.
-- @tparam integer version 1 or 2
-- @tparam table from address and port of this end; address nil: not known
-- @tparam table to address (or a name, where a proxy looks it up) and port of the other
-- @treturn string
function M.header(version, from, to)
  return HEADERS[version](common_family(from, to), from, to)
end

return M
