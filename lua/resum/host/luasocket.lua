-- The host on LuaSocket, for where luv is not installed. Every verb blocks the whole program, and
-- host.parallel runs its jobs one after another: slower, but the same answers. It knows nothing of TLS,
-- targets or verdicts.

require("resum.host.nmap").refuse("luasocket")

local common = require "resum.host.common"
local family_of = require("resum.target.ip_address").family
local file = require "resum.host.file"
local interruption = require "resum.util.interruption"
local jobs = require "resum.host.jobs"
local socket = require "socket"
local streams = require "resum.host.stream"

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

-- Seconds of one wait: Ctrl-C is an error that Lua raises when no function of C is at work, and LuaSocket's wait on.
local SLICE = 0.1

-- How long the next wait may be.
local function slice(deadline)
  return deadline and math.max(0, math.min(SLICE, deadline - now())) or SLICE
end

local function is_over(deadline)
  return deadline ~= nil and now() >= deadline
end

--- Waits.
-- @tparam number seconds
function M.sleep(seconds)
  local deadline = now() + seconds
  repeat
    socket.sleep(slice(deadline))
  until is_over(deadline)
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

local Wire = {}
Wire.__index = Wire

-- LuaSocket says "closed" for an end as well as for a reset. After an end in order the connection still has a peer.
local function end_of(connection)
  return connection:getpeername() and "eof" or "reset"
end

-- receive(n) waits until it has all n bytes: wait for one, then take what else there is.
function Wire:receive(deadline)
  local connection = self.connection
  local first, failure
  repeat
    connection:settimeout(slice(deadline))
    first, failure = connection:receive(1)
  until failure ~= "timeout" or is_over(deadline)
  if first then
    connection:settimeout(0)
    local rest, _, part = connection:receive(common.READ_MOST - 1)
    return first .. (rest or part)
  end
  return nil, CODES[failure] == "timeout" and "timeout" or end_of(connection)
end

function Wire:send(bytes, deadline)
  local sent, failure
  local last = 0
  repeat
    self.connection:settimeout(slice(deadline))
    sent, failure, last = self.connection:send(bytes, last + 1)
  until failure ~= "timeout" or is_over(deadline)
  return sent and true, not sent and CODES[failure] or nil
end

function Wire:own_address()
  local address, port = self.connection:getsockname()
  return address, tonumber(port)
end

function Wire:close()
  self.connection:close()
end

-- Connections -------------------------------------------------------------------------------------------------

local function failed(connection, failure, what)
  connection:close()
  return common.not_connected(CODES[failure], failure:lower(), what)
end

-- LuaSocket's select takes no higher ones.
local HIGHEST = 1023

-- Waits in slices; asked again, connect says what has become of it.
local function connect(connection, address, port, deadline)
  connection:settimeout(0)
  local connected, problem = connection:connect(address, port)
  while not connected and problem == "timeout" and not is_over(deadline) do
    local _, writable = socket.select(nil, { connection }, slice(deadline))
    if writable[connection] then
      connected, problem = connection:connect(address, port)
      connected = connected or problem == "already connected"
    end
  end
  return connected, problem
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
  local name = common.first_name(address, options.source) -- which LuaSocket would resolve
  if name then
    return common.not_connected(nil, "invalid address", name .. ": ")
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
  local connected, problem
  if connection:getfd() <= HIGHEST then
    connected, problem = connect(connection, address, port, options.timeout and now() + options.timeout)
  else
    connection:settimeout(options.timeout and math.max(0, options.timeout))
    connected, problem = connection:connect(address, port)
  end
  if not connected then
    return failed(connection, problem)
  end
  connection:setoption("tcp-nodelay", true)
  return streams.new(setmetatable({ connection = connection }, Wire))
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
    if not done and interruption.is(jobs.message_of(problem)) then
      error(problem, 0) -- Ctrl-C ends all of them, and is nobody's fault
    end
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
