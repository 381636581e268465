-- The host on luv: connections side by side on libuv's default loop, written in direct style. A verb called in
-- a coroutine of host.parallel yields it, and a libuv callback resumes it; called anywhere else (main chunk,
-- REPL, a coroutine of somebody else's) it turns the loop until it is done, so other handles on the loop, as
-- the one for Ctrl-C, live on meanwhile. It knows nothing of TLS, targets or verdicts.
--
-- Who may wait where: only coroutines made here are yielded, as nobody but we would resume them; a job must not
-- yield by itself. In a libuv callback of somebody else's there is no way to wait: that is an error.

local uv = require "luv"

local M = { name = "uv" }

local READ_MOST = 16 * 1024 -- bytes that one read returns
local READ_AHEAD = 64 * 1024 -- bytes buffered when we stop reading; libuv reads at most as much again at a time
local TIMER_MOST = 24 * 3600 -- seconds; a longer wait is made of several

-- libuv's names of errors that a network gives, as host codes; any other of connect is "unreachable"
local CODES = {
  ECONNREFUSED = "refused",
  ECONNRESET = "reset",
  ECONNABORTED = "reset",
  ETIMEDOUT = "timeout",
}

local WORDS = {
  refused = "refused",
  reset = "reset",
  timeout = "no answer in time",
  EACCES = "permission denied",
  EADDRINUSE = "address already in use",
  EADDRNOTAVAIL = "address not available",
  EAFNOSUPPORT = "address family not supported",
  EAI_AGAIN = "temporary failure",
  EAI_FAIL = "permanent failure",
  EAI_NONAME = "unknown name",
  EHOSTUNREACH = "host is unreachable",
  EINVAL = "invalid address",
  EMFILE = "too many open files",
  ENETDOWN = "network is down",
  ENETUNREACH = "network is unreachable",
  EPERM = "operation not permitted",
}

--- Seconds on a clock that never goes back; its zero means nothing.
-- @treturn number
function M.now()
  return uv.hrtime() / 1e9
end

local now = M.now

-- Waiting -----------------------------------------------------------------------------------------------------

local ours = setmetatable({}, { __mode = "k" }) -- the coroutines that may be yielded

local function can_yield()
  return ours[coroutine.running()] and coroutine.isyieldable()
end

-- loop_mode() says whether the loop turns now; libuv can't be entered twice.
local function check_place(verb, level)
  if uv.loop_mode() and not can_yield() then
    error(verb .. " can't wait here: the event loop is running, and this is not a coroutine of host.parallel "
      .. "(or it is below a C function, as in table.sort)", level or 3)
  end
end

local closing = 0 -- handles that libuv has not let go of

local function on_closed()
  closing = closing - 1
end

local function close_handle(handle)
  if not handle:is_closing() then
    closing = closing + 1
    handle:close(on_closed)
  end
end

-- Lets go of closed handles: luv 1.44 crashes at the end of a program that closed one and never turned the
-- loop again. Where the loop turns anyhow, who turns it does this.
local function settle()
  while closing > 0 and not uv.loop_mode() and not can_yield() do
    uv.run("nowait")
  end
end

-- Gives control away until waiter.waiting is false: to the callbacks, one of which resumes us, or to the loop.
local function block(waiter)
  if can_yield() then
    waiter.thread = coroutine.running()
    repeat
      coroutine.yield()
    until not waiter.waiting
    return
  end
  while waiter.waiting do
    local alive = uv.run("once")
    if waiter.waiting and not alive then
      waiter.waiting = false
      error("nothing is left on the event loop that could end the wait", 0)
    end
  end
  settle()
end

-- One place to wait at: until wake(), or the deadline. It has at most one timer, which is not stopped when the
-- wait ends but asked, when it fires, whether somebody waits and until when.
local Waiter = {}
Waiter.__index = Waiter

local function new_waiter()
  return setmetatable({ waiting = false, woken = false }, Waiter)
end

function Waiter:start_timer(seconds)
  seconds = math.max(0, math.min(seconds, TIMER_MOST))
  self.due = now() + seconds
  self.timer = self.timer or assert(uv.new_timer())
  self.on_timer = self.on_timer or function()
    self:check_deadline()
  end
  uv.update_time() -- a timer counts from when the loop last looked at the clock
  self.timer:start(math.ceil(seconds * 1000), 0, self.on_timer)
end

-- The timer has fired. Timers come before input in a turn of the loop: after a long calculation of some other
-- job, bytes that came in time lie unread behind an expired timer. So the input has one more turn.
function Waiter:check_deadline()
  self.due = nil
  if not self.waiting or not self.deadline then
    return
  end
  local left = self.deadline - now()
  if left > 0 then
    self:start_timer(left)
  elseif not self.last_turn then
    self.last_turn = true
    self:start_timer(0.001)
  else
    self:wake(false)
  end
end

-- Returns true when woken, false at the deadline (nil: none).
function Waiter:wait(deadline)
  self.waiting, self.woken, self.last_turn, self.deadline = true, false, false, deadline
  if deadline and not (self.due and self.due <= deadline) then
    self:start_timer(deadline - now())
  end
  block(self)
  return self.woken
end

function Waiter:wake(woken)
  if not self.waiting then
    return
  end
  self.waiting, self.woken = false, woken
  local thread = self.thread
  if thread then
    self.thread = nil
    coroutine.resume(thread) -- it catches its own errors: see work()
  end
end

function Waiter:close()
  if self.timer then
    close_handle(self.timer)
  end
end

--- Waits.
-- @tparam number seconds
function M.sleep(seconds)
  check_place("host.sleep")
  local waiter = new_waiter()
  waiter:wait(now() + seconds)
  waiter:close()
  settle()
end

-- Names -------------------------------------------------------------------------------------------------------

local FAMILIES = { inet = "IPv4 ", inet6 = "IPv6 " }

local function unresolved(name, family, code)
  return nil, ("resolve: no %saddress for %s (%s)"):format(FAMILIES[family] or "", name, WORDS[code] or code or
    "none of the family"), "unreachable"
end

-- What the system makes of a literal; nil when it is none. No name server is asked.
local function literal(name)
  local found = uv.getaddrinfo(name, nil, { socktype = "stream", numerichost = true })
  return found and found[1]
end

local function unique_addresses(found)
  local addresses, seen = {}, {}
  for _, entry in ipairs(found) do
    if not seen[entry.addr] then
      seen[entry.addr] = true
      addresses[#addresses + 1] = entry.addr
    end
  end
  return addresses
end

--- The addresses of a name.
-- @tparam string name a name, or a literal, which is returned as it is (an IPv6 one with its scope)
-- @tparam[opt] string family "inet" or "inet6"; both when not given
-- @treturn[1] table list of addresses, each once, in the resolver's order
-- @treturn[2] nil
-- @treturn[2] string message
-- @treturn[2] string code: "unreachable"
function M.resolve(name, family)
  check_place("host.resolve")
  local is = literal(name)
  if is then
    if family and is.family ~= family then
      return unresolved(name, family)
    end
    return { is.family == "inet6" and name or is.addr }
  end
  local waiter, failure, found = new_waiter(), nil, nil
  local request, _, code = uv.getaddrinfo(name, nil, { socktype = "stream", family = family }, function(...)
    failure, found = ...
    waiter:wake(true)
  end)
  if not request then
    return unresolved(name, family, code)
  end
  waiter:wait()
  if failure or #found == 0 then
    return unresolved(name, family, failure)
  end
  return unique_addresses(found)
end

-- Streams -----------------------------------------------------------------------------------------------------

local Stream = {}
Stream.__index = Stream

local function new_stream()
  return setmetatable({
    socket = uv.new_tcp(),
    waiter = new_waiter(),
    chunks = {}, -- read, not yet asked for; from first to last
    first = 1,
    last = 0,
    buffered = 0, -- bytes in chunks, without the part of the first one already given away
    offset = 0, -- bytes of the first chunk already given away
    reading = false,
    ended = nil, -- why no more bytes come, once that is so: "eof", "reset", "timeout"
    broken = nil, -- the same, found while writing
    closed = false,
  }, Stream)
end

-- One wait at a time: a stream belongs to one job.
function Stream:wait(verb, deadline)
  if self.waiter.waiting then
    error(verb .. ": another job is waiting for this stream", 3)
  end
  check_place(verb, 4)
  return self.waiter:wait(deadline)
end

-- A reset may look like an end: where a write has taken the error away, and where it came together with bytes, as libuv
-- then asks no more. After an end in order the connection still has a peer.
function Stream:end_of_stream()
  return self.socket:getpeername() and "eof" or "reset"
end

function Stream:on_read(failure, bytes)
  if bytes then
    self.last = self.last + 1
    self.chunks[self.last] = bytes
    self.buffered = self.buffered + #bytes
  else
    self.ended = failure and (CODES[failure] or "reset") or self.broken or self:end_of_stream()
  end
  if self.ended or self.buffered >= READ_AHEAD then
    self.reading = false
    self.socket:read_stop()
  end
  self.waiter:wake(true)
end

function Stream:start_reading()
  if self.reading or self.ended or self.buffered >= READ_AHEAD then
    return
  end
  local started, _, failure = self.socket:read_start(function(...)
    self:on_read(...)
  end)
  if started then
    self.reading = true
  else
    self.ended = CODES[failure] or "reset"
  end
end

-- The next at most 16 KiB of what is buffered.
function Stream:take()
  local chunk = self.chunks[self.first]
  local piece = chunk
  if self.offset > 0 or #chunk > READ_MOST then
    piece = chunk:sub(self.offset + 1, self.offset + READ_MOST)
  end
  self.offset = self.offset + #piece
  self.buffered = self.buffered - #piece
  if self.offset >= #chunk then
    self.chunks[self.first] = nil
    self.first, self.offset = self.first + 1, 0
  end
  return piece
end

--- Bytes from the peer, as soon as there are any.
-- @function stream:read
-- @tparam number deadline on host.now()'s clock; what has come already is returned also after it
-- @treturn[1] string 1 byte to 16 KiB
-- @treturn[2] nil
-- @treturn[2] string "eof" and "reset" (from then on for ever), "timeout" (it may be tried again)
function Stream:read(deadline)
  if self.closed then
    return nil, "eof"
  end
  self:start_reading()
  while self.buffered == 0 and not self.ended do
    if not self:wait("stream:read", deadline) then
      return nil, "timeout"
    end
  end
  if self.buffered > 0 then
    return self:take()
  end
  return nil, self.ended
end

-- What a failed write means. Where the peer had ended the stream before, its reset is no more news.
function Stream:write_failed(failure)
  if self.closed or self.ended == "eof" then
    return nil, "eof"
  end
  self.broken = CODES[failure] or "reset"
  return nil, self.broken
end

--- Sends bytes: all of them are with the system when it returns true.
-- @function stream:write
-- @tparam string bytes
-- @tparam number deadline on host.now()'s clock
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string "timeout" (part of the bytes may have gone, the rest may follow: close it), "reset", or "eof"
--   (the peer had ended the stream before and takes nothing more)
function Stream:write(bytes, deadline)
  if self.closed then
    return nil, "eof"
  end
  local sent, _, failure = self.socket:try_write(bytes)
  if sent == #bytes then
    return true
  elseif not sent and failure ~= "EAGAIN" then
    return self:write_failed(failure)
  end
  local ended
  local request, _, refused = self.socket:write(bytes:sub((sent or 0) + 1), function(problem)
    ended, failure = true, problem
    self.waiter:wake(true)
  end)
  if not request then
    return self:write_failed(refused)
  end
  while not ended and not self.closed do
    if not self:wait("stream:write", deadline) then
      return nil, "timeout"
    end
  end
  if failure or self.closed then
    return self:write_failed(failure)
  end
  return true
end

--- Closes the connection; what waits for it is woken. Idempotent; afterwards read and write say "eof".
-- @function stream:close
function Stream:close()
  if self.closed then
    return
  end
  self.closed, self.ended = true, "eof"
  self.chunks, self.buffered = {}, 0
  close_handle(self.socket)
  self.waiter:close()
  self.waiter:wake(true)
  settle()
end

-- Connections -------------------------------------------------------------------------------------------------

-- libuv writes with plain write(2), and luv leaves the signal alone: a peer that hangs up would end the program.
local ignore_sigpipe

local function without_sigpipe()
  if not ignore_sigpipe then
    ignore_sigpipe = uv.new_signal()
    ignore_sigpipe:start("sigpipe", function() end)
    ignore_sigpipe:unref()
  end
end

local function connect_failed(stream, failure, what)
  stream:close()
  local code = CODES[failure] or "unreachable"
  return nil, ("connect: %s%s"):format(what or "", WORDS[code] or WORDS[failure] or failure), code
end

-- luv raises an error for what is no literal: returns nil and a libuv name then, too.
local function call(method, socket, address, port, callback)
  local valid, done, _, failure = pcall(method, socket, address, port, callback)
  if not valid then
    return nil, "EINVAL"
  end
  return done, failure
end

local function bind(stream, source)
  local bound, failure = call(stream.socket.bind, stream.socket, source, 0)
  if not bound then
    return connect_failed(stream, failure, ("source address %s: "):format(source))
  end
  return true
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
  check_place("host.connect")
  options = options or {}
  without_sigpipe()
  local stream = new_stream()
  local socket = stream.socket
  if options.source then
    local bound, message, code = bind(stream, options.source)
    if not bound then
      return nil, message, code
    end
  end
  local ended, failure
  local begun, refused = call(socket.connect, socket, address, port, function(problem)
    ended, failure = true, problem
    stream.waiter:wake(true)
  end)
  if not begun then
    return connect_failed(stream, refused, refused == "EINVAL" and address .. ": " or "")
  end
  stream.waiter:wait(options.timeout and now() + options.timeout)
  if not ended or failure then
    return connect_failed(stream, failure or "ETIMEDOUT")
  end
  socket:nodelay(true)
  return stream
end

-- Jobs --------------------------------------------------------------------------------------------------------

local function message_of(problem)
  local printable, text = pcall(tostring, problem)
  return printable and text or "error without a message"
end

-- The life of one worker: the next job, while there is one. It never ends in an error.
local function work(batch)
  while batch.started < #batch.jobs do
    batch.started = batch.started + 1
    local number = batch.started
    local done, problem = pcall(batch.jobs[number])
    if not done then
      batch.errors[number] = message_of(problem)
    end
  end
  batch.workers = batch.workers - 1
  if batch.workers == 0 then
    batch.waiter:wake(true)
  end
end

--- Runs jobs side by side; returns when all have ended. They start in order, and a job may call it in its turn.
-- @tparam table jobs list of functions
-- @tparam[opt] integer limit how many at once; all, when not given
-- @treturn table what failed: number of the job -> its error as a string; {} when none did
function M.parallel(jobs, limit)
  check_place("host.parallel")
  limit = math.min(limit or #jobs, #jobs)
  if limit < 1 and #jobs > 0 then
    error("host.parallel: the limit must be 1 or more", 2)
  end
  local batch = { jobs = jobs, errors = {}, started = 0, workers = limit, waiter = new_waiter() }
  for _ = 1, limit do
    local worker = coroutine.create(work)
    ours[worker] = true
    coroutine.resume(worker, batch)
  end
  if batch.workers > 0 then
    batch.waiter:wait()
  end
  settle()
  return batch.errors
end

return M
