-- The command line: words in, an exit code out. Options are in cli/options.lua, what runs is in cli/run.lua, where
-- results go in cli/sink.lua.

local options = require "resum.cli.options"
local run = require "resum.cli.run"

local M = {}

--- Runs the command.
-- @tparam {string,...} argv the words after the command's name
-- @treturn integer exit code: 0 all scanned, 1 some target could not be scanned, 2 usage, 3 an expectation was not
--   met, 130 interrupted
function M.main(argv)
  local parsed, scan = options.parse(argv)
  local one, message = nil, scan
  if parsed then
    one, message = run.new(parsed, scan)
  end
  if not one then
    io.stderr:write("resum: ", message, "\n")
    return run.EXIT.usage
  end
  return one:go()
end

return M
