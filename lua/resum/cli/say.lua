-- Lines for whoever runs the command: on stderr, marked as resum's, as stdout is for results; and where the result is a
-- few lines of text, on stdout.

local M = {}

--- Writes a line to stdout.
-- @tparam string text
-- @treturn boolean was it written? If not, stderr says why
function M.on_stdout(text)
  local written, why = io.stdout:write(text, "\n")
  if written then
    written, why = io.stdout:flush()
  end
  if not written then
    M("stdout: %s", why)
  end
  return written ~= nil
end

-- Says a line on stderr: say(format, ...), as string.format takes them.
return setmetatable(M, { __call = function(_, format, ...)
  io.stderr:write("resum: ", format:format(...), "\n")
end })
