-- Looks up no name twice: what is known is kept for a while, and whoever asks for a name that is being looked up waits
-- for that answer. It keeps a bounded number of names, those that were asked for last. A host that resolves comes in,
-- one that does it this way goes out.

local family_of = require("resum.target.ip_address").family
local lru = require "resum.util.lru"

local M = {}

local MOST = 20000 -- names in memory
local KEPT_S = 300 -- an answer may be so old
local FAILURE_KEPT_S = 30 -- and a failure so old: it may have been an accident

-- The lookup that others wait for. An error of the host reaches all of them.
local function look_up(host, lookup, name, family)
  lookup.fine, lookup.addresses, lookup.message, lookup.code = pcall(host.resolve, name, family)
  lookup.ended = true
  for i, waiter in ipairs(lookup) do
    lookup[i] = nil
    waiter:wake()
  end
end

local function wait_for(host, lookup)
  local waiter = host.waiter()
  lookup[#lookup + 1] = waiter
  waiter:wait()
end

local function answer(lookup)
  if not lookup.fine then
    error(lookup.addresses, 0)
  end
  return lookup.addresses, lookup.message, lookup.code
end

--- A host whose resolve asks for each name once.
-- @tparam table host
-- @tparam[opt=20000] integer most how many names it keeps in mind
-- @treturn table host; the lists that resolve returns are shared, so they must not be changed
function M.remember(host, most)
  local known, under_way = lru.new(most or MOST), {}

  local function resolve(name, family)
    if family_of(name) then
      return host.resolve(name, family) -- a literal is its own answer
    end
    local key = (family or "any") .. " " .. name:lower()
    local lookup = under_way[key] or known:get(key)
    if not lookup or (lookup.ended and lookup.until_s <= host.now()) then
      lookup = {}
      under_way[key] = lookup
      look_up(host, lookup, name, family)
      under_way[key] = nil
      if lookup.fine then
        lookup.until_s = host.now() + (lookup.addresses and KEPT_S or FAILURE_KEPT_S)
        known:set(key, lookup)
      end
    elseif not lookup.ended then
      wait_for(host, lookup)
    end
    return answer(lookup)
  end

  return setmetatable({ resolve = resolve }, { __index = host })
end

return M
