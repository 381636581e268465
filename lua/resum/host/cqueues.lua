-- The host on cqueues: jobs are coroutines of its controller. A verb called in a coroutine of a controller, ours or
-- somebody else's, yields to it; called anywhere else it turns a controller of its own until it is done. It knows
-- nothing of TLS, targets or verdicts.
--
-- A coroutine made inside of a controller's needs cqueues' own wrap (cqueues.auxlib), as for everything of cqueues.

require("resum.host.nmap").refuse("cqueues")

local condition = require "cqueues.condition"
local cqueues = require "cqueues"
local dns = require "cqueues.dns"
local errno = require "cqueues.errno"
local record = require "cqueues.dns.record"
local sockets = require "cqueues.socket"

local common = require "resum.host.common"
local family_of = require("resum.target.ip_address").family
local file = require "resum.host.file"
local jobs = require "resum.host.jobs"
local streams = require "resum.host.stream"

local M = { name = "cqueues" }

local RESOLVE_SECONDS = 10

-- Errors that a network gives, as host codes; any other of connect is "unreachable"
local CODES = {
  [errno.ECONNREFUSED] = "refused",
  [errno.ECONNRESET] = "reset",
  [errno.ECONNABORTED] = "reset",
  [errno.EPIPE] = "reset",
  [errno.ETIMEDOUT] = "timeout",
}

--- Seconds on a clock that never goes back; its zero means nothing.
-- @function M.now
-- @treturn number
M.now = cqueues.monotime

local now = M.now

-- Waiting -----------------------------------------------------------------------------------------------------

-- Runs action(...) where it can wait: here when this is a controller's coroutine, else on a controller of its own.
local function wait_for(action, ...)
  if cqueues.running() then
    return action(...)
  end
  local outcome
  local arguments = table.pack(...)
  local controller = cqueues.new()
  controller:wrap(function()
    outcome = table.pack(pcall(action, table.unpack(arguments, 1, arguments.n)))
  end)
  local fine, problem = controller:loop()
  controller:close()
  if not fine then
    error(problem, 0)
  elseif not outcome[1] then
    error(outcome[2], 0)
  end
  return table.unpack(outcome, 2, outcome.n)
end

--- Waits.
-- @tparam number seconds
function M.sleep(seconds)
  wait_for(cqueues.sleep, math.max(0, seconds))
end

-- Names -------------------------------------------------------------------------------------------------------

local RECORDS = { inet = "A", inet6 = "AAAA" }

-- Can it be a name at all (RFC 1035, section 2.3.4)? What can't is not asked for.
local function is_name(text)
  if #text > 253 or not text:find("^[%w._-]+$") then
    return false
  end
  for label in text:gsub("%.$", ""):gmatch("([^.]*)%.?") do
    if #label > 63 then
      return false
    end
  end
  return true
end

-- Appends the addresses of one family; returns why there are none.
local function look_up(name, family, addresses)
  local answer, problem = dns.query(name, RECORDS[family], nil, RESOLVE_SECONDS)
  if not answer then
    return type(problem) == "number" and errno.strerror(problem):lower() or tostring(problem)
  end
  local count = #addresses
  for entry in answer:grep({ section = "answer", type = record[RECORDS[family]] }) do
    addresses[#addresses + 1] = entry:addr()
  end
  return #addresses == count and "unknown name" or nil
end

--- The addresses of a name, from /etc/hosts and from the name servers in /etc/resolv.conf.
-- @tparam string name a name, or a literal, which is returned as it is (an IPv6 one with its scope)
-- @tparam[opt] string family "inet" or "inet6"; both when not given
-- @treturn[1] table list of addresses, each once
-- @treturn[2] nil
-- @treturn[2] string message
-- @treturn[2] string code: "unreachable"
function M.resolve(name, family)
  local is = family_of(name)
  if is and family and is ~= family then
    return common.no_address(name, family)
  elseif is then
    return { name }
  elseif not is_name(name) then
    return common.no_address(name, family, "not a name")
  end
  local addresses, why = {}, nil
  for _, one in ipairs(family and { family } or { "inet", "inet6" }) do
    why = wait_for(look_up, name, one, addresses) or why
  end
  if #addresses == 0 then
    return common.no_address(name, family, why)
  end
  return common.unique(addresses)
end

-- Streams -----------------------------------------------------------------------------------------------------

local Wire = {}
Wire.__index = Wire

-- How long the next operation may wait; nil: for ever.
local function seconds_until(deadline)
  return deadline and math.max(0, deadline - now())
end

-- cqueues reads on until it has all that it was asked for, and forgets a reset that it meets then: wait for one byte,
-- then take what came with it.
function Wire:receive(deadline)
  local socket = self.socket
  local first, failure = wait_for(socket.xread, socket, -1, "b", seconds_until(deadline))
  if first then
    local more = math.min(socket:pending(), common.READ_MOST - 1)
    return more > 0 and first .. socket:recv(-more, "b") or first
  elseif failure == errno.ETIMEDOUT then
    socket:clearerr("r") -- else it would say so for ever
    return nil, "timeout"
  end
  return nil, failure and "reset" or "eof"
end

function Wire:send(bytes, deadline)
  local socket = self.socket
  local sent, failure = wait_for(socket.xwrite, socket, bytes, "bn", seconds_until(deadline))
  return sent and true, not sent and (failure == errno.ETIMEDOUT and "timeout" or "reset") or nil
end

function Wire:own_address()
  local _, address, port = self.socket:localname()
  return address, port
end

function Wire:close()
  self.socket:close()
end

-- Connections -------------------------------------------------------------------------------------------------

-- What a source address that can't be used leads to.
local SOURCE_ERRORS = {
  [errno.EACCES] = true,
  [errno.EADDRINUSE] = true,
  [errno.EADDRNOTAVAIL] = true,
  [errno.EAFNOSUPPORT] = true,
  [errno.EINVAL] = true,
}

-- cqueues raises errors by default; as a number it gives them back.
local function give_back(_, _, failure)
  return failure
end

local function open(address, port, source)
  local socket, failure = sockets.connect({
    host = address,
    port = port,
    family = family_of(address) == "inet6" and sockets.AF_INET6 or sockets.AF_INET,
    bind = source and { addr = source } or nil,
    nodelay = true,
    nosigpipe = true,
  })
  if socket then
    socket:onerror(give_back)
    socket:setbufsiz(common.READ_MOST)
  end
  return socket, failure
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
  local name = common.first_name(address, options.source) -- which cqueues would resolve
  if name then
    return common.not_connected(nil, "invalid address", name .. ": ")
  end
  local socket, failure = open(address, port, options.source)
  local connected
  if socket then
    connected, failure = wait_for(socket.connect, socket, options.timeout)
  end
  if not connected then
    local what = options.source and SOURCE_ERRORS[failure] and ("source address %s: "):format(options.source)
    if socket then
      socket:close()
    end
    return common.not_connected(CODES[failure], errno.strerror(failure):lower(), what)
  end
  return streams.new(setmetatable({ socket = socket }, Wire))
end

-- Jobs --------------------------------------------------------------------------------------------------------

local Waiter = {}
Waiter.__index = Waiter

--- A place where one job waits until another wakes it.
-- @treturn table waiter
function M.waiter()
  return setmetatable({ condition = condition.new() }, Waiter)
end

--- Waits until it is woken, or for the deadline.
-- @function waiter:wait
-- @tparam[opt] number deadline on host.now()'s clock
-- @treturn boolean true when woken, false at the deadline
function Waiter:wait(deadline)
  return wait_for(self.condition.wait, self.condition, seconds_until(deadline)) ~= nil
end

--- Ends the wait, if somebody waits here; otherwise it does nothing, and is not remembered.
-- @function waiter:wake
function Waiter:wake()
  self.condition:signal()
end

--- Lets go of it; here there is nothing to do.
-- @function waiter:close
function Waiter.close() end

local function spawn(work)
  cqueues.running():wrap(work)
end

--- Runs jobs side by side; returns when all have ended. They start in order, and a job may call it in its turn.
-- @tparam table|function list functions; or a function that returns the next job, and nil after the last one
-- @tparam[opt] integer limit how many at once; all, when not given
-- @treturn table what failed: number of the job -> its error as a string; {} when none did
function M.parallel(list, limit)
  jobs.check_limit(list, limit)
  return wait_for(jobs.run, { start = jobs.starter(spawn), waiter = M.waiter }, list, limit)
end

--- Opens a file, or standard input or output; see resum.host.file.
M.open = file.open

return M
