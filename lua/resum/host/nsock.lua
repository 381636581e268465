-- The host inside nmap: sockets of nsock, jobs as threads of NSE, so that other scripts go on while one waits. Every
-- verb has to be called in a script's thread. It knows nothing of TLS, targets or verdicts.
--
-- nmap lets about 20 threads at a time have sockets (--max-parallelism); whoever is beyond waits in host.connect, and
-- its timeout counts from when the wait is over. A stream belongs to the job that connected it: nsock never wakes a
-- thread whose socket another one closed.

local nmap = require "nmap"
local stdnse = require "stdnse"

local address_of = require("resum.target.ip_address").bytes
local common = require "resum.host.common"
local family_of = require("resum.target.ip_address").family
local jobs = require "resum.host.jobs"
local streams = require "resum.host.stream"

local M = { name = "nsock" }

--- Seconds on a clock that never goes back; its zero means nothing.
-- @function M.now
-- @treturn number
M.now = common.monotonic(nmap.clock)

local now = M.now

--- Waits.
-- @tparam number seconds
function M.sleep(seconds)
  stdnse.sleep(math.max(0, seconds))
end

-- Names -------------------------------------------------------------------------------------------------------

--- The addresses of a name. nmap asks the system, and waits for the answer as a whole: better scan addresses.
-- @tparam string name a name, or a literal, which is returned as it is
-- @tparam[opt] string family "inet" or "inet6"; both when not given
-- @treturn[1] table list of addresses, each once, in the resolver's order
-- @treturn[2] nil
-- @treturn[2] string message
-- @treturn[2] string code: "unreachable"
function M.resolve(name, family)
  local is = family_of(name)
  if is and family and is ~= family then
    return common.no_address(name, family)
  elseif is then
    return { name }
  end
  local found, addresses = nmap.resolve(name, family)
  if not found then
    return common.no_address(name, family, addresses:lower())
  end
  return common.unique(addresses)
end

-- Streams -----------------------------------------------------------------------------------------------------

local Wire = {}
Wire.__index = Wire

--- Wraps a socket that is connected: one that nmap's sslcert library gave, for example.
-- @tparam userdata|table socket with send, receive, set_timeout and close as nmap's sockets have them
-- @treturn table stream
function M.stream(socket)
  return streams.new(setmetatable({ socket = socket }, Wire))
end

local LEAST_MS, MOST_MS = 1, 24 * 3600 * 1000

-- Seconds as nsock's timeout; nil: for ever.
local function milliseconds(seconds)
  return seconds and math.floor(math.max(LEAST_MS, math.min(MOST_MS, seconds * 1000)) + 0.5) or -1
end

function Wire:set_deadline(deadline)
  self.socket:set_timeout(milliseconds(deadline and deadline - now()))
end

local WHY = { TIMEOUT = "timeout", EOF = "eof" } -- anything else is a reset

-- All that there is, up to some 600 KB.
function Wire:receive(deadline)
  self:set_deadline(deadline)
  local received, bytes = self.socket:receive()
  return received and bytes or nil, not received and (WHY[bytes] or "reset") or nil
end

function Wire:send(bytes, deadline)
  self:set_deadline(deadline)
  local sent, problem = self.socket:send(bytes)
  return sent or nil, not sent and (WHY[problem] or "reset") or nil
end

function Wire:own_address()
  if self.socket.get_info then -- what nmap's libraries give may have none
    local known, address, port = self.socket:get_info()
    return known and address or nil, known and port or nil
  end
end

function Wire:close()
  self.socket:close()
end

-- Connections -------------------------------------------------------------------------------------------------

local function failed(socket, code, words, what)
  socket:close()
  return common.not_connected(code, words, what)
end

-- nsock connects from any address when it can't have the one asked for, so it is asked afterwards.
local function is_from(socket, source)
  local known, local_address = socket:get_info()
  return known and address_of(local_address) == address_of(source)
end

--- Connects.
-- @tparam string address a literal, not a name
-- @tparam integer port
-- @tparam[opt] table options timeout (seconds; by default the system's patience), source (local address)
-- @treturn[1] table stream
-- @treturn[2] nil
-- @treturn[2] string message
-- @treturn[2] string code: "timeout", or "unreachable" (also: an unusable address or source; and a refusal, which
--   nsock does not tell from the rest)
function M.connect(address, port, options)
  options = options or {}
  local name = common.first_name(address, options.source) -- which nsock would resolve
  if name then
    return common.not_connected(nil, "invalid address", name .. ": ")
  end
  local socket = nmap.new_socket("tcp")
  socket:set_timeout(milliseconds(options.timeout))
  if options.source then
    socket:bind(options.source, 0)
  end
  local connected, problem = socket:connect(address, port)
  if not connected then
    return failed(socket, problem == "TIMEOUT" and "timeout" or nil, "refused or unreachable")
  elseif options.source and not is_from(socket, options.source) then
    return failed(socket, nil, "address not available", ("source address %s: "):format(options.source))
  end
  return M.stream(socket)
end

-- Jobs --------------------------------------------------------------------------------------------------------

local Waiter = {}
Waiter.__index = Waiter

--- A place where one job waits until another wakes it; here without a deadline. A thread that was woken goes on later,
-- when others may have run before it.
-- @treturn table waiter
function M.waiter()
  local waiter = setmetatable({}, Waiter)
  waiter.condition = nmap.condvar(waiter)
  return waiter
end

function Waiter:wait()
  self.condition("wait")
end

function Waiter:wake()
  self.condition("broadcast")
end

--- Runs jobs side by side; returns when all have ended. They start in order, and a job may call it in its turn.
-- @tparam table|function list functions; or a function that returns the next job, and nil after the last one
-- @tparam[opt] integer limit how many at once; all, when not given
-- @treturn table what failed: number of the job -> its error as a string; {} when none did
function M.parallel(list, limit)
  jobs.check_limit(list, limit)
  return jobs.run({ start = jobs.starter(stdnse.new_thread), waiter = M.waiter }, list, limit)
end

return M
