-- The host on LuaSocket, for where luv is not installed. Every verb blocks the whole program, and
-- host.parallel runs its jobs one after another: slower, but the same answers. It knows nothing of TLS,
-- targets or verdicts.

local common = require "resum.host.common"
local family_of = require("resum.address").family
local file = require "resum.host.file"
local jobs = require "resum.host.jobs"
local socket = require "socket"

local M = { name = "luasocket" }

-- LuaSocket's words for what a network gives, as host codes; any other of connect is "unreachable"
local CODES = {
  ["connection refused"] = "refused",
  ["closed"] = "reset",
  ["timeout"] = "timeout",
}

--- Seconds on a clock that never goes back; its zero means nothing.
-- @function M.now
-- @treturn number
M.now = common.monotonic(function()
  return socket.gettime()
end)

local now = M.now

--- Waits.
-- @tparam number seconds
function M.sleep(seconds)
  socket.sleep(math.max(0, seconds))
end

-- Names -------------------------------------------------------------------------------------------------------

--- The addresses of a name.
-- @tparam string name a name, or a literal, which is returned as it is (an IPv6 one with its scope)
-- @tparam[opt] string family "inet" or "inet6"; both when not given
-- @treturn[1] table list of addresses, each once, in the resolver's order
-- @treturn[2] nil
-- @treturn[2] string message
-- @treturn[2] string code: "unreachable"
function M.resolve(name, family)
  local found, failure = socket.dns.getaddrinfo(name)
  local is_ipv6_literal = family_of(name) == "inet6"
  local addresses = {}
  for _, entry in ipairs(found or {}) do
    if not family or entry.family == family then
      addresses[#addresses + 1] = is_ipv6_literal and name or entry.addr
    end
  end
  if #addresses == 0 then
    return common.no_address(name, family, failure)
  end
  return common.unique(addresses)
end

-- Streams -----------------------------------------------------------------------------------------------------

local Stream = {}
Stream.__index = Stream

-- How long the next operation may block. LuaSocket takes a negative time for "for ever".
local function set_deadline(connection, deadline)
  connection:settimeout(deadline and math.max(0, deadline - now()))
end

-- LuaSocket says "closed" for an end as well as for a reset. After an end in order the connection still has a peer.
local function end_of(connection)
  return connection:getpeername() and "eof" or "reset"
end

--- Bytes from the peer, as soon as there are any.
-- @function stream:read
-- @tparam number deadline on host.now()'s clock; what has come already is returned also after it
-- @treturn[1] string 1 byte to 16 KiB
-- @treturn[2] nil
-- @treturn[2] string "eof" and "reset" (from then on for ever), "timeout" (it may be tried again)
function Stream:read(deadline)
  if self.ended then
    return nil, self.ended
  end
  local connection = self.connection
  -- receive(n) waits until it has all n bytes: wait for one, then take what else there is.
  set_deadline(connection, deadline)
  local first, failure = connection:receive(1)
  if first then
    connection:settimeout(0)
    local rest, _, part = connection:receive(common.READ_MOST - 1)
    return first .. (rest or part)
  elseif CODES[failure] == "timeout" then
    return nil, "timeout"
  end
  self.ended = self.broken or end_of(connection)
  return nil, self.ended
end

--- Sends bytes: all of them are with the system when it returns true.
-- @function stream:write
-- @tparam string bytes
-- @tparam number deadline on host.now()'s clock
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string "timeout" (part of the bytes may have gone: close it), "reset", or "eof" (the peer had ended the
--   stream before and takes nothing more)
function Stream:write(bytes, deadline)
  if self.closed then
    return nil, "eof"
  end
  if bytes == "" then
    return true
  end
  set_deadline(self.connection, deadline)
  local sent, failure = self.connection:send(bytes) -- goes on after a partial write by itself
  if sent then
    return true
  elseif CODES[failure] == "timeout" then
    return nil, "timeout"
  elseif self.ended == "eof" then
    return nil, "eof"
  end
  self.broken = "reset"
  return nil, "reset"
end

--- Closes the connection. Idempotent; afterwards read and write say "eof".
-- @function stream:close
function Stream:close()
  if not self.closed then
    self.closed, self.ended = true, "eof"
    self.connection:close()
  end
end

-- Connections -------------------------------------------------------------------------------------------------

local function failed(connection, failure, what)
  connection:close()
  return common.not_connected(CODES[failure], failure:lower(), what)
end

--- Connects.
-- @tparam string address a literal, not a name
-- @tparam integer port
-- @tparam[opt] table options timeout (seconds; by default the system's patience), source (local address)
-- @treturn[1] table stream
-- @treturn[2] nil
-- @treturn[2] string message
-- @treturn[2] string code: "refused", "timeout", "reset", "unreachable" (also: an unusable address or source)
function M.connect(address, port, options)
  options = options or {}
  for _, literal in ipairs { address, options.source } do -- LuaSocket would resolve a name
    if not family_of(literal) then
      return common.not_connected(nil, "invalid address", literal .. ": ")
    end
  end
  local connection, failure = (family_of(address) == "inet6" and socket.tcp6 or socket.tcp4)()
  if not connection then
    return common.not_connected(nil, failure:lower())
  end
  if options.source then
    local bound, problem = connection:bind(options.source, 0)
    if not bound then
      return failed(connection, problem, ("source address %s: "):format(options.source))
    end
  end
  connection:settimeout(options.timeout and math.max(0, options.timeout))
  local connected, problem = connection:connect(address, port)
  if not connected then
    return failed(connection, problem)
  end
  connection:setoption("tcp-nodelay", true)
  return setmetatable({ connection = connection, closed = false, ended = nil, broken = nil }, Stream)
end

-- Jobs --------------------------------------------------------------------------------------------------------

--- Runs jobs, here one after another; returns when all have ended. A job may call it in its turn.
-- @tparam table|function list functions; or a function that returns the next job, and nil after the last one
-- @tparam[opt] integer limit at most so many at once; all, when not given
-- @treturn table what failed: number of the job -> its error as a string; {} when none did
function M.parallel(list, limit)
  jobs.check_limit(list, limit)
  local errors, number = {}, 0
  for job in jobs.each(list) do
    number = number + 1
    local done, problem = pcall(job)
    errors[number] = not done and jobs.message_of(problem) or nil
  end
  return errors
end

local Waiter = {}
Waiter.__index = Waiter

--- A place where one job waits until another wakes it. As jobs run one after another here, there never is another.
-- @treturn table waiter
function M.waiter()
  return setmetatable({}, Waiter)
end

--- Waits for the deadline.
-- @function waiter:wait
-- @tparam[opt] number deadline on host.now()'s clock; without one it is an error, as nobody could end the wait
-- @treturn boolean false
function Waiter.wait(_, deadline)
  if not deadline then
    error("waiter:wait: jobs run one after another here, so nobody could end the wait", 2)
  end
  M.sleep(deadline - now())
  return false
end

function Waiter.wake() end

function Waiter.close() end

--- Opens a file, or standard input or output; see resum.host.file.
M.open = file.open

return M
