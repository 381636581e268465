--- Three real nginx in the ways in which pools share or do not, and the verdict on what stands in front of them.
-- Owns the set-ups' names. It must not know which verdict is right.

local assert = require "luassert"
local resum = require "resum"
local servers = require "spec.support.servers"

local M = {}

local MEMBERS = 3

-- What nginx number i of a set-up is told.
local SET_UPS = {
  nothing = function()
    return {}
  end,
  keys = function(_, keys)
    return { ticket_keys = keys }
  end,
  keys_without_caches = function(_, keys)
    return { ticket_keys = keys, session_cache = "off" }
  end,
  member_off = function(i, keys)
    return i == MEMBERS and { session_cache = "off", session_tickets = "off" } or { ticket_keys = keys }
  end,
  two_of_three = function(i, keys)
    return i < MEMBERS and { ticket_keys = keys } or {}
  end,
}

--- Starts the members.
-- @tparam string name of a set-up: "nothing" (each has a cache and keys of its own), "keys" (the ticket key is shared),
--   "keys_without_caches", "member_off" (the ticket key is shared, one does not resume), "two_of_three" (share the key)
-- @treturn {table,...} servers
function M.start(name)
  local keys, members = servers.ticket_keys(1), {}
  for i = 1, MEMBERS do
    local options = SET_UPS[name](i, keys)
    options.session_cache = options.session_cache or "shared:SSL:1m"
    options.session_tickets = options.session_tickets or "on"
    members[i] = servers.nginx(options)
  end
  return members
end

--- Scans a balancer.
-- @tparam table balancer a server
-- @tparam[opt] {string,...} sources local addresses
-- @treturn table what resum says of what stands behind it
function M.judge(balancer, sources)
  local result = assert(resum.run(balancer.address, { rate = true, sources = sources }))
  assert(result.status == "completed", result.error and result.error.message)
  return result.addresses[1].balancer
end

--- The verdicts: of the whole, of session_id, ticket and psk; and the routing.
function M.verdicts(summary)
  local of = summary.mechanisms
  return { summary.verdict, of.session_id.verdict, of.ticket.verdict, of.psk.verdict, summary.routing }
end

--- Whether scans come to a verdict. One may be wrong by chance (the simulation says how often), and where it is, two
-- further ones have to be right.
-- @tparam function scan () -> summary
-- @tparam function expected (summary) -> what M.verdicts should give for it
-- @treturn table the summary of the last scan
function M.assert_verdicts(scan, expected)
  local summary = scan()
  if not pcall(assert.same, expected(summary), M.verdicts(summary)) then
    for _ = 1, 2 do
      summary = scan()
      assert.same(expected(summary), M.verdicts(summary))
    end
  end
  return summary
end

return M
