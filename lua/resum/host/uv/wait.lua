-- Who may wait on luv, and how: jobs are coroutines that a libuv callback resumes; called anywhere else (main
-- chunk, REPL, a coroutine of somebody else's) a wait turns the loop until it is over, so other handles on the
-- loop, as the one for Ctrl-C, live on meanwhile. It knows no socket and no name.
--
-- Only coroutines made here are yielded, as nobody but we would resume them; a job must not yield by itself. In a libuv
-- callback of somebody else's there is no way to wait: that is an error.

local jobs = require "resum.host.jobs"
local uv = require "luv"

local M = {}

local TIMER_MOST = 24 * 3600 -- seconds; a longer wait is made of several

--- Seconds on a clock that never goes back; its zero means nothing.
-- @treturn number
function M.now()
  return uv.hrtime() / 1e9
end

local now = M.now

local ours = setmetatable({}, { __mode = "k" }) -- the coroutines that may be yielded

local function can_yield()
  return ours[coroutine.running()] and coroutine.isyieldable()
end

--- Raises an error where nothing can wait. loop_mode() says whether the loop turns now; libuv can't be entered twice.
-- @tparam string verb what wants to wait
-- @tparam[opt=3] integer level whom the error blames, counted from here
function M.check_place(verb, level)
  if uv.loop_mode() and not can_yield() then
    error(verb .. " can't wait here: the event loop is running, and this is not a coroutine of host.parallel "
      .. "(or it is below a C function, as in table.sort)", level or 3)
  end
end

local check_place = M.check_place

local closing = 0 -- handles that libuv has not let go of

local function on_closed()
  closing = closing - 1
end

--- Closes a handle, once.
function M.close_handle(handle)
  if not handle:is_closing() then
    closing = closing + 1
    handle:close(on_closed)
  end
end

--- Lets go of closed handles: luv 1.44 crashes at the end of a program that closed one and never turned the loop again.
-- Where the loop turns anyhow, who turns it does this.
function M.settle()
  while closing > 0 and not uv.loop_mode() and not can_yield() do
    uv.run("nowait")
  end
end

-- Turns ------------------------------------------------------------------------------------------------------

-- Jobs that may go on, in the order in which they were woken. Each runs until it waits, then the next: were they
-- resumed inside of one another, a thousand that wake each other would overflow the C stack.
local ready, first, last, draining = {}, 1, 0, false

local function drain()
  draining = true
  while first <= last do
    local thread = ready[first]
    ready[first] = nil
    first = first + 1
    coroutine.resume(thread) -- it catches its own errors: see M.start
  end
  draining = false
end

local function run_soon(thread)
  last = last + 1
  ready[last] = thread
  if not draining then
    drain()
  end
end

-- Who waits without yielding holds up the drain() it may be in, so it drains here.
local function turn_loop(waiter)
  local outer = draining
  drain()
  while waiter.waiting do
    local alive = uv.run("once")
    if waiter.waiting and not alive then
      waiter.waiting, draining = false, outer
      error("nothing is left on the event loop that could end the wait", 0)
    end
  end
  draining = outer
  M.settle()
end

-- Gives control away until waiter.waiting is false: to the callbacks, one of which resumes us, or to the loop.
local function block(waiter)
  if not can_yield() then
    return turn_loop(waiter)
  end
  waiter.thread = coroutine.running()
  repeat
    coroutine.yield()
  until not waiter.waiting
end

-- Waiting -----------------------------------------------------------------------------------------------------

-- One place to wait at: until wake(), or the deadline. It has at most one timer, which is not stopped when the
-- wait ends but asked, when it fires, whether somebody waits and until when.
local Waiter = {}
Waiter.__index = Waiter

--- A place where one job waits until another, or a callback, wakes it.
-- @treturn table waiter
function M.waiter()
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

--- Waits until it is woken, or for the deadline.
-- @function waiter:wait
-- @tparam[opt] number deadline on host.now()'s clock; who gives one closes the waiter in the end
-- @treturn boolean true when woken, false at the deadline
function Waiter:wait(deadline)
  self.waiting, self.woken, self.last_turn, self.deadline = true, false, false, deadline
  if deadline and not (self.due and self.due <= deadline) then
    self:start_timer(deadline - now())
  end
  block(self)
  return self.woken
end

--- Ends the wait, if somebody waits here; otherwise it does nothing, and is not remembered.
-- @function waiter:wake
-- @tparam[opt=true] boolean woken what wait returns
function Waiter:wake(woken)
  if not self.waiting then
    return
  end
  self.waiting, self.woken = false, woken ~= false
  local thread = self.thread
  if thread then
    self.thread = nil
    run_soon(thread)
  elseif uv.loop_mode() then
    uv.stop() -- a turn that began with a timer of ours would go on to wait for the next event, whenever that comes
  end
end

--- Lets go of its timer. Idempotent.
-- @function waiter:close
function Waiter:close()
  if self.timer then
    M.close_handle(self.timer)
  end
end

--- Waits.
-- @tparam number seconds
function M.sleep(seconds)
  check_place("host.sleep")
  local waiter = M.waiter()
  waiter:wait(now() + seconds)
  waiter:close()
  M.settle()
end

-- Jobs --------------------------------------------------------------------------------------------------------

--- Starts a job beside the others and returns at once; also from a callback, where nothing can wait.
-- @tparam function job
-- @tparam[opt] function on_end called when it has ended: with nothing, or with its error as a string
function M.start(job, on_end)
  local thread = coroutine.create(function()
    local done, problem = pcall(job)
    ours[coroutine.running()] = nil -- by itself: the collector comes late, and the table would grow meanwhile
    if on_end then
      on_end(not done and jobs.message_of(problem) or nil)
    end
  end)
  ours[thread] = true
  run_soon(thread)
end

--- Runs jobs side by side; returns when all have ended. They start in order, and a job may call it in its turn.
-- @tparam table|function list functions; or a function that returns the next job, and nil after the last
--   one: it is called when that job can start, never twice at a time, and may wait
-- @tparam[opt] integer limit how many at once; all, when not given
-- @treturn table what failed: number of the job -> its error as a string; {} when none did
function M.parallel(list, limit)
  check_place("host.parallel")
  jobs.check_limit(list, limit)
  local fine, errors = pcall(jobs.run, M, list, limit)
  M.settle()
  if not fine then
    error(errors, 0)
  end
  return errors
end

return M
