-- Ctrl-C, as Lua's own interpreter raises it (lua.c, `lstop`): an error of this word, which nobody is to take for a
-- defect. Pure.

local M = {}

--- What is raised.
M.WORD = "interrupted!"

--- Is this error Ctrl-C?
-- @param problem what was raised, as a job or a host keeps it
-- @treturn boolean
function M.is(problem)
  return tostring(problem):find(M.WORD, 1, true) ~= nil
end

return M
