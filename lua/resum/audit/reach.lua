-- Other ways to the servers of a target: the same address under another name, without the client's certificate, on
-- another port; the other names that the user gave. It makes clients, and no connection but to look names up.

local clients = require "resum.connection.client"
local identities = require "resum.connection.identity"
local target = require "resum.target"
local tables = require "resum.util.tables"

local M = {}

local Reach = {}
Reach.__index = Reach

-- Where a name is met: at the address that the user gave; at the target's own where the name has it, or has none that
-- can be looked up; else at its first.
local function address_of(reach, parsed)
  if parsed.address then
    return parsed.address
  end
  local addresses = reach.endpoints:addresses(parsed, reach.options.host)
  if not addresses or addresses.resolved_by or tables.contains(addresses, reach.endpoint.address) then
    return reach.endpoint.address
  end
  return addresses[1]
end

--- The other names that the user gave.
-- @function reach:others
-- @treturn {table,...} host, port, address, name ("b.example:443")
function Reach:others()
  local list = {}
  for i, text in ipairs(self.options.audit_names or {}) do
    local parsed = assert(target.parse(text, self.endpoint.port)) -- options_of.read has tried it
    list[i] = { host = parsed.host:gsub("%.$", ""), port = parsed.port, address = address_of(self, parsed),
      name = target.label(parsed) }
  end
  return list
end

--- Another address of the target's name: the next one of its list. One is enough, as each has its own turn.
-- @function reach:addresses
-- @treturn {string,...} none where there is one address only
function Reach:addresses()
  local all = self.all_addresses
  for i, address in ipairs(all) do
    if address == self.endpoint.address and #all > 1 then
      return { all[i % #all + 1] }
    end
  end
  return {}
end

--- A client of the same servers, or of other ones; what it sees is no evidence of the target's.
-- @function reach:client
-- @tparam[opt] table other one of others(), or {address, port, host} of which each may be absent
-- @tparam[opt] table how anonymous (true: it shows no certificate)
-- @treturn table client
function Reach:client(other, how)
  other, how = other or {}, how or {}
  local own = { contexts = how.anonymous and self.anonymous_contexts or self.options.contexts }
  if how.anonymous then
    own.identity = assert(identities.read({}))
  end
  local endpoint = tables.merged(self.endpoint, { address = other.address, port = other.port, name = other.host })
  if other.host then
    endpoint.server_name = not target.is_address(other.host) and other.host or nil
  end
  return clients.new(endpoint, tables.merged(self.options, own))
end

--- @tparam table endpoints see resum.transport.endpoint
-- @tparam table endpoint of the target's address
-- @tparam table options of resum.run, as read
-- @tparam {string,...} addresses of the target's name
-- @treturn table reach
function M.new(endpoints, endpoint, options, addresses)
  return setmetatable({ endpoints = endpoints, endpoint = endpoint, options = options, all_addresses = addresses,
    anonymous_contexts = {} }, Reach)
end

return M
