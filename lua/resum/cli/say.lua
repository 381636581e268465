-- One line on stderr for whoever runs the command, marked as resum's: stdout is for results.

--- Says a line.
-- @tparam string format as of string.format
-- @param ... what it takes
return function(format, ...)
  io.stderr:write("resum: ", format:format(...), "\n")
end
