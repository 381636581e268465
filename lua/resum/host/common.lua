-- What every host says in the same words: failures of connect and resolve, errors of jobs. And a clock that does not
-- go back, for where there is the wall clock only. It waits for nothing and knows no socket.

local family_of = require("resum.target.ip_address").family

local M = {}

--- Bytes that one stream:read returns at most.
M.READ_MOST = 16 * 1024

local WORDS = {
  refused = "refused",
  reset = "reset",
  timeout = "no answer in time",
}

--- What host.connect returns when it failed.
-- @tparam string|nil code "refused", "reset", "timeout"; nil: any other, "unreachable"
-- @tparam string|nil words why, for where the code has no words of its own
-- @tparam[opt] string what stands before that
-- @treturn nil
-- @treturn string message
-- @treturn string code
function M.not_connected(code, words, what)
  return nil, ("connect: %s%s"):format(what or "", WORDS[code] or words or "unknown reason"), code or "unreachable"
end

--- The first of these that is no address, but a name; host.connect takes literals only.
-- @tparam string|nil ... at least one
-- @treturn string|nil
function M.first_name(...)
  for _, literal in ipairs({ ... }) do
    if not family_of(literal) then
      return literal
    end
  end
end

local FAMILIES = { inet = "IPv4 ", inet6 = "IPv6 " }

--- What host.resolve returns when there is no address.
-- @tparam string name
-- @tparam string|nil family
-- @tparam string|nil words why; nil: there are some, but of the other family
-- @treturn nil
-- @treturn string message
-- @treturn string code
function M.no_address(name, family, words)
  return nil, ("resolve: no %saddress for %s (%s)"):format(FAMILIES[family] or "", name, words or "none of the family"),
    "unreachable"
end

--- Each address once, in their order.
-- @tparam {string,...} addresses
-- @treturn {string,...}
function M.unique(addresses)
  local list, seen = {}, {}
  for _, address in ipairs(addresses) do
    if not seen[address] then
      seen[address] = true
      list[#list + 1] = address
    end
  end
  return list
end

--- Makes a clock that does not go back. Where the wall clock is set back, this one goes on from where it was; where it
-- is set forward, waits end early.
-- @tparam function wall_clock returns seconds
-- @treturn function returns seconds; their zero means nothing
function M.monotonic(wall_clock)
  local latest, correction = 0, 0
  return function()
    local time = wall_clock() + correction
    if time < latest then
      correction = correction + latest - time
      time = latest
    end
    latest = time
    return time
  end
end

return M
