-- Looks up no name twice: what is known is kept for a while, and who asks for a name that is being looked up waits for
-- that answer. It keeps a bounded number of names, those that were asked for last. A host that resolves comes in, one
-- that does it this way goes out.

local family_of = require("resum.address").family

local M = {}

local MOST = 20000 -- names in memory
local KEPT_S = 300 -- an answer may be so old
local FAILURE_KEPT_S = 30 -- and a failure so old: it may have been an accident

-- Two generations: names are put into the younger one; when that is half of all, the older one goes.
local Cache = {}
Cache.__index = Cache

function Cache:get(key, now)
  local entry = self.young[key] or self.old[key]
  if entry and entry.until_s > now then
    if not self.young[key] then
      self:put(key, entry)
    end
    return entry
  end
end

function Cache:put(key, entry)
  if not self.young[key] then
    self.count = self.count + 1
  end
  self.young[key] = entry
  if self.count >= self.half then
    self.old, self.young, self.count = self.young, {}, 0
  end
end

local function new_cache(most)
  return setmetatable({ young = {}, old = {}, count = 0, half = most // 2 }, Cache)
end

-- The lookup that others wait for. An error of the host reaches all of them.
local function look_up(host, lookup, name, family)
  lookup.fine, lookup.addresses, lookup.message, lookup.code = pcall(host.resolve, name, family)
  lookup.ended = true
  for _, waiter in ipairs(lookup) do
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
  local cache, under_way = new_cache(most or MOST), {}

  local function resolve(name, family)
    if family_of(name) then
      return host.resolve(name, family) -- a literal is its own answer
    end
    local key = (family or "any") .. " " .. name:lower()
    local lookup = cache:get(key, host.now()) or under_way[key]
    if not lookup then
      lookup = {}
      under_way[key] = lookup
      look_up(host, lookup, name, family)
      under_way[key] = nil
      if lookup.fine then
        lookup.until_s = host.now() + (lookup.addresses and KEPT_S or FAILURE_KEPT_S)
        cache:put(key, lookup)
      end
    elseif not lookup.ended then
      wait_for(host, lookup)
    end
    return answer(lookup)
  end

  return setmetatable({ resolve = resolve }, { __index = host })
end

return M
