-- What one job will know, and another waits for: the session that a connection brings, for the connection that offers
-- it. Set once; it knows no session.

local M = {}

local LOOK_AGAIN = 0.005 -- seconds, on a host that can't be woken

--- A place to wait at. A host need not have one: then it is looked again and again.
-- @tparam table host
-- @treturn table waiter with wait() and wake(); whoever waits has to look whether it was in vain
function M.waiter(host)
  if host.waiter then
    return host.waiter()
  end
  return {
    wait = function()
      host.sleep(LOOK_AGAIN)
    end,
    wake = function() end,
  }
end

local Promise = {}
Promise.__index = Promise

--- Sets the value, unless it was; whoever waits goes on.
-- @function promise:set
-- @param value nil is one, too
function Promise:set(value)
  if not self.known then
    self.known, self.value = true, value
    for _, waiter in ipairs(self.waiters) do
      waiter:wake()
    end
  end
end

--- Waits for the value.
-- @function promise:get
-- @return value
function Promise:get()
  local waiter = not self.known and M.waiter(self.host) or nil
  self.waiters[#self.waiters + 1] = waiter
  while not self.known do
    waiter:wait()
  end
  return self.value
end

--- Does what the value comes of. It is set in the end, whatever happens: nobody waits for ever for a job that raised.
-- @function promise:settle
-- @tparam function action
-- @param ... its arguments
-- @return what it returns
function Promise:settle(action, ...)
  local given = table.pack(pcall(action, ...))
  self:set(nil)
  if not given[1] then
    error(given[2], 0)
  end
  return table.unpack(given, 2, given.n)
end

--- @tparam table host
-- @treturn table promise
function M.new(host)
  return setmetatable({ host = host, known = false, value = nil, waiters = {} }, Promise)
end

return M
