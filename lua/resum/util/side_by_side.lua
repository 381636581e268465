-- Runs jobs side by side on a host, so that what one of them raises is never lost: a defect of ours is not to pass for
-- something that a server did not do. Nobody else calls host.parallel. It knows no host, and waits for nothing itself.

local interruption = require "resum.util.interruption"

local M = {}

local function sorted_keys(list)
  local keys = {}
  for key in pairs(list) do
    keys[#keys + 1] = key
  end
  table.sort(keys)
  return keys
end

--- Runs jobs, for whoever has something to say of each that failed.
-- @tparam table host
-- @tparam table|function jobs a list of functions; or a function that returns the next one, and nil after the last
-- @tparam integer|nil limit at most so many at once; nil: all
-- @tparam function on_problem called when all have ended, for each that has raised, in order: its number, its error as
--   the host keeps it
-- @raise Ctrl-C, where a job met it: it ends all of them, and is nobody's fault
function M.each(host, jobs, limit, on_problem)
  local problems = host.parallel(jobs, limit)
  for _, problem in pairs(problems) do
    if interruption.is(problem) then
      error(problem, 0)
    end
  end
  for _, number in ipairs(sorted_keys(problems)) do
    on_problem(number, problems[number])
  end
end

--- Runs jobs. What the first of them raises is raised again when all have ended.
-- @tparam table host
-- @tparam table|function jobs as M.each has them
-- @tparam[opt] integer limit at most so many at once; all, when not given
function M.run(host, jobs, limit)
  M.each(host, jobs, limit, function(_, problem)
    error(problem, 0)
  end)
end

return M
