-- Who may wait on luv, and how: jobs are coroutines that a libuv callback resumes; called anywhere else (main
-- chunk, REPL, a coroutine of somebody else's) a wait turns the loop until it is over, so other handles on the
-- loop, as the one for Ctrl-C, live on meanwhile. It knows no socket and no name.
--
-- Only coroutines made here are yielded, as nobody but we would resume them. A job that yields by itself gets an error,
-- and so does who would wait in a libuv callback of somebody else's, where there is no way to.

local alarm = require "resum.host.uv.alarm"
local interruption = require "resum.util.interruption"
local is_open = require("resum.host.uv.handle").is_open
local jobs = require "resum.host.jobs"
local prompt = require "resum.host.uv.prompt"
local uv = require "resum.host.uv.luv"

local M = { now = alarm.now }

local IDLE_MOST = 64 -- coroutines kept for the next jobs

local resume, running, yield, is_yieldable = coroutine.resume, coroutine.running, coroutine.yield,
  coroutine.isyieldable
local debugger = package.loaded.debug -- not everywhere

local workers = setmetatable({}, { __mode = "k" }) -- the coroutines that may be yielded -> their workers
local interrupted = false -- by Ctrl-C at a prompt: every wait ends with an error, until all jobs have ended

local function can_yield()
  return workers[running()] and is_yieldable()
end

local function refuse(verb, level)
  error(verb .. " can't wait here: the event loop is running, and this is not a coroutine of host.parallel "
    .. "(or it is below a C function, as in table.sort)", level + 1)
end

local function interrupt()
  interrupted = true
  uv.stop()
end

--- Raises an error where nothing can wait. loop_mode() says whether the loop turns now; libuv can't be entered twice.
-- @tparam string verb what wants to wait
-- @tparam[opt=3] integer level whom the error blames, counted from here
function M.check_place(verb, level)
  if can_yield() then
    return
  elseif uv.loop_mode() then
    refuse(verb, level or 3)
  end
  prompt.watch(interrupt)
end

local check_place, now = M.check_place, M.now

local set_alarm = alarm.set

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

-- What our coroutines yield, and return. Whatever else is yielded somebody else has yielded in a job, as a caller's
-- on_event may: nobody would resume it, so it is resumed at once, and there the yield becomes an error. (Where Lua has
-- no debug library it comes to nothing.)
local PARKED = {}

local function make_yield_fail(thread)
  local hook, mask, count = debugger.gethook(thread)
  debugger.sethook(thread, function() -- at the next instruction
    debugger.sethook(hook, mask, count)
    error("what is called in a job of host.parallel, as on_event is, must not yield: nobody would resume it", 2)
  end, "", 1)
end

local function go_on(thread)
  local fine, word = resume(thread) -- it catches its own errors: see M.start
  while fine and word ~= PARKED do
    if debugger then
      make_yield_fail(thread)
    end
    fine, word = resume(thread)
  end
end

-- Jobs that may go on, in the order in which they were woken. Each runs until it waits, then the next: were they
-- resumed inside of one another, a thousand that wake each other would overflow the C stack.
local ready, first, last, draining = {}, 1, 0, false

local function drain()
  draining = true
  while first <= last do
    local thread = ready[first]
    ready[first] = nil
    first = first + 1
    go_on(thread)
  end
  draining = false
end

local function run_soon(thread)
  if draining then
    last = last + 1
    ready[last] = thread
    return
  end
  draining = true
  go_on(thread)
  drain()
end

-- Lua's own word for it. As an object that says its own message a prompt shows that alone, without a traceback.
local INTERRUPTED = setmetatable({}, { __tostring = function()
  return interruption.WORD
end })

-- Raises it in every job, and then here.
local function end_interrupted(waiter)
  local busy = {}
  for _, worker in pairs(workers) do
    busy[#busy + 1] = worker
  end
  for _, worker in ipairs(busy) do
    if worker.job then
      run_soon(worker.thread)
    end
  end
  interrupted = false
  waiter:close()
  M.settle()
  error(INTERRUPTED, 0)
end

-- Turns the loop until the wait is over; returns why it can't go on, if it can't.
local function turn_until_woken(waiter)
  while waiter.waiting and not interrupted do
    local alive = uv.run("once")
    if waiter.waiting and not alive and not interrupted then
      return "nothing is left on the event loop that could end the wait"
    end
  end
end

-- Who waits without yielding holds up the drain() it may be in, so it drains here.
local function turn_loop(waiter)
  local outer = draining
  drain()
  prompt.watch(interrupt)
  local problem = turn_until_woken(waiter)
  waiter.waiting, draining = false, outer
  if interrupted then
    end_interrupted(waiter)
  elseif problem then
    error(problem, 0)
  end
  M.settle()
end

-- Waiting -----------------------------------------------------------------------------------------------------

-- One place to wait at: until wake(), or the deadline. Its alarm is not taken back when the wait ends but looks, when
-- it rings, whether somebody waits and until when.
local Waiter = {
  waiting = false,
  woken = false, -- how the last wait ended
  last_turn = false,
}
Waiter.__index = Waiter

--- What a place to wait at can, for classes that have a wait or a close of their own. Its fields: see below.
M.Waiter = Waiter

--- Makes a class of what is a place to wait at itself.
-- @tparam table class its own fields and methods
-- @treturn table class
function M.place_class(class)
  for name, value in pairs(Waiter) do
    class[name] = value
  end
  class.__index = class
  return class
end

--- A place where one job waits until another, or a callback, wakes it.
-- @treturn table waiter
function M.waiter()
  return setmetatable({ -- names only: so that the table has its size at once
    waiting = nil,
    woken = nil,
    last_turn = nil,
    deadline = nil,
    thread = nil, -- the coroutine that waits here
    alarm = nil, -- these two are resum.host.uv.alarm's
    place = nil,
  }, Waiter)
end

-- Timers come before input in a turn of the loop: after a long calculation of some other job, bytes that came in time
-- lie unread behind an alarm that rings. So the input of this turn comes first. (A second alarm would not do: where
-- those whose alarms ring calculate for long, it rings before the input as well.)
local late, without_rest, after_input = {}, nil, nil -- who waits for that; the handles that bring it about

local function end_waits()
  local waiters = late
  late = {}
  without_rest:stop()
  after_input:stop()
  for _, waiter in ipairs(waiters) do
    if waiter.waiting and waiter.last_turn then
      waiter:wake(false)
    end
  end
end

local function end_after_input(waiter)
  waiter.last_turn = true
  late[#late + 1] = waiter
  if not (is_open(without_rest) and is_open(after_input)) then
    without_rest, after_input = assert(uv.new_idle()), assert(uv.new_check())
  end
  without_rest:start(function() end) -- while there is something to do the loop waits for no input
  after_input:start(end_waits)
end

function Waiter:on_alarm()
  if not self.waiting or not self.deadline or self.alarm then
    return
  elseif self.deadline > now() then
    set_alarm(self, self.deadline)
  elseif not self.last_turn then
    end_after_input(self)
  end
end

--- Waits until it is woken, or for the deadline: gives control away to the callbacks, one of which wakes it, or turns
-- the loop.
-- @function waiter:wait
-- @tparam[opt] number deadline on host.now()'s clock; whoever gives one closes the waiter in the end
-- @tparam[opt] string verb what wants to wait, for the error where nothing can
-- @tparam[opt=3] integer level whom the error blames, counted from here
-- @treturn boolean true when woken, false at the deadline
function Waiter:wait(deadline, verb, level)
  local thread = running()
  local is_ours = workers[thread] and is_yieldable()
  if not is_ours and uv.loop_mode() then
    refuse(verb or "waiter:wait", level or 3)
  end
  self.waiting, self.woken, self.last_turn, self.deadline = true, false, false, deadline
  if deadline then
    set_alarm(self, deadline)
  end
  if not is_ours then
    turn_loop(self)
    return self.woken
  end
  self.thread = thread
  while self.waiting and not interrupted do
    yield(PARKED)
  end
  if interrupted then
    self.waiting, self.thread = false, nil
    self:close()
    error(INTERRUPTED, 0)
  end
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

--- Lets go of its alarm. Idempotent.
-- @function waiter:close
function Waiter:close()
  alarm.clear(self)
end

--- Waits.
-- @tparam number seconds
function M.sleep(seconds)
  check_place("host.sleep")
  local waiter = M.waiter()
  waiter:wait(now() + seconds)
  waiter:close()
end

local TURN_EVERY = 0.05 -- seconds; a signal is heard of as late, which nobody notices
local last_turn = now()

--- Lets callbacks have their turn, for whoever works long without a wait: now and then, where something is on the loop
-- and where it can be waited.
function M.give_way()
  if now() - last_turn >= TURN_EVERY and uv.loop_alive() and (can_yield() or not uv.loop_mode()) then
    M.sleep(0)
    last_turn = now()
  end
end

-- Jobs --------------------------------------------------------------------------------------------------------

local idle, idle_count = {}, 0 -- workers without a job

local function run_job(worker)
  worker.job()
  -- no tail call: the error of a yield is raised in a function of Lua's, and has to be caught
end

-- What a coroutine of ours does all its life: one job after another.
local function work(worker)
  repeat
    local done, problem = pcall(run_job, worker)
    local on_end = worker.on_end
    worker.job, worker.on_end = nil, nil
    if on_end then
      on_end(not done and jobs.message_of(problem) or nil)
    end
    local kept = idle_count < IDLE_MOST
    if kept then
      idle_count = idle_count + 1
      idle[idle_count] = worker
      yield(PARKED)
    end
  until not kept
  workers[worker.thread] = nil -- by itself: the collector comes late, and the table would grow meanwhile
  return PARKED
end

local function new_worker()
  local worker
  worker = { job = nil, on_end = nil, thread = coroutine.create(function()
    return work(worker)
  end) }
  workers[worker.thread] = worker
  return worker
end

local function take_worker()
  if idle_count == 0 then
    return new_worker()
  end
  local worker = idle[idle_count]
  idle[idle_count] = nil
  idle_count = idle_count - 1
  return worker
end

--- Starts a job beside the others and returns at once; also from a callback, where nothing can wait.
-- @tparam function job
-- @tparam[opt] function on_end called when it has ended: with nothing, or with its error as a string
function M.start(job, on_end)
  local worker = take_worker()
  worker.job, worker.on_end = job, on_end
  run_soon(worker.thread)
end

-- One job of a job needs no coroutine of its own: thousands of targets have one address each.
local function run_alone(job)
  local done, problem = pcall(job)
  return { not done and jobs.message_of(problem) or nil }
end

--- Runs jobs side by side; returns when all have ended. They start in order, and a job may call it in its turn.
-- @tparam table|function list functions; or a function that returns the next job, and nil after the last
--   one: it is called when that job can start, never twice at a time, and may wait
-- @tparam[opt] integer limit how many at once; all, when not given
-- @treturn table what failed: number of the job -> its error as a string; {} when none did
function M.parallel(list, limit)
  check_place("host.parallel")
  jobs.check_limit(list, limit)
  if type(list) == "table" and #list == 1 and can_yield() then
    return run_alone(list[1])
  end
  local fine, errors = pcall(jobs.run, M, list, limit)
  M.settle()
  if not fine then
    error(errors, 0)
  end
  return errors
end

return M
