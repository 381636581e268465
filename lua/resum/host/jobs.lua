-- host.parallel for every host that can start a job beside another and wait for it: which job is next, how many are
-- under way, what became of each. How a job is started, and how one waits, the host says.

local arguments = require "resum.util.arguments"

local M = {}

--- The error of a job as a string, whatever was raised.
-- @param problem
-- @treturn string
function M.message_of(problem)
  local printable, text = pcall(tostring, problem)
  return printable and text or "error without a message"
end

--- Jobs as a function that returns the next one, and nil after the last.
-- @tparam table|function jobs list of functions, or such a function
-- @treturn function
function M.each(jobs)
  if type(jobs) == "function" then
    return jobs
  end
  local number = 0
  return function()
    number = number + 1
    return jobs[number]
  end
end

--- Raises an error, in the name of who called host.parallel, when these are no jobs, or none could ever start.
-- @param jobs
-- @param limit
function M.check_limit(jobs, limit)
  if type(jobs) ~= "table" and type(jobs) ~= "function" then
    error("host.parallel takes a list of functions, or a function that returns them, not " .. arguments.kind(jobs), 3)
  elseif limit ~= nil and type(limit) ~= "number" then
    error("host.parallel: the limit must be a number, not " .. arguments.kind(limit), 3)
  elseif limit and limit < 1 and (type(jobs) == "function" or #jobs > 0) then
    error("host.parallel: the limit must be 1 or more", 3)
  end
end

--- A start() for M.run on a host whose threads begin in any order: each takes the job that is the next one when it
-- begins.
-- @tparam function spawn makes a thread of a function
-- @treturn function start(job, on_end); whatever the job raises, on_end hears of its end
function M.starter(spawn)
  local waiting, first, last = {}, 1, 0
  local function work()
    local mine = waiting[first]
    waiting[first] = nil
    first = first + 1
    local done, problem = pcall(mine.job)
    mine.on_end(not done and M.message_of(problem) or nil)
  end
  return function(job, on_end)
    last = last + 1
    waiting[last] = { job = job, on_end = on_end }
    spawn(work)
  end
end

-- Seconds of starting jobs after which whoever waits has its turn: each start may take a millisecond, and there may be
-- ten thousand; timers and Ctrl-C are not to wait for that.
local SLICE = 0.02

-- A function that lets others have their turn when it is time.
local function slices(host)
  local began = host.give_way and host.now()
  return function()
    if began and host.now() - began >= SLICE then
      host.give_way()
      began = host.now()
    end
  end
end

-- Starts jobs while there are any; never more than the limit are under way.
local function start_all(host, batch, next_job, limit)
  local number, give_way = 0, slices(host)
  local function start_next(job)
    number = number + 1
    local mine = number
    batch.running = batch.running + 1
    host.start(job, function(problem)
      batch.errors[mine] = problem
      batch.running = batch.running - 1
      batch.waiter:wake()
    end)
  end
  local job = next_job()
  while job do
    start_next(job)
    give_way()
    while batch.running >= limit do
      batch.waiter:wait()
    end
    job = next_job()
  end
end

--- Runs jobs side by side; returns when all have ended.
-- @tparam table host start(job, on_end): starts a function, and calls on_end with its error or nil when it has ended,
--   whatever happens; waiter(): a place with wait() and wake(); and where starting a job takes time, now() and
--   give_way(): lets others have their turn
-- @tparam table|function jobs
-- @tparam integer|nil limit
-- @treturn table what failed: number of the job -> its error as a string
function M.run(host, jobs, limit)
  local batch = { errors = {}, running = 0, waiter = host.waiter() }
  local fine, problem = pcall(start_all, host, batch, M.each(jobs), limit or math.huge)
  while batch.running > 0 do
    batch.waiter:wait()
  end
  if not fine then
    error(problem, 0)
  end
  return batch.errors
end

return M
