-- The command line: words in, an exit code out. Options are in cli/options.lua, what they mean for a run in
-- cli/setup.lua, what runs in cli/run.lua, where results go in cli/writers.lua; cli/dry_run.lua tells what would run,
-- cli/merge.lua joins results, cli/fleet.lua state files; cli/watch.lua watches.

local EXIT = require "resum.cli.exit"
local dry_run = require "resum.cli.dry_run"
local fleet = require "resum.cli.fleet"
local merge = require "resum.cli.merge"
local options = require "resum.cli.options"
local say = require "resum.cli.say"
local setup = require "resum.cli.setup"
local repl = require "resum.cli.repl"
local run = require "resum.cli.run"
local watch = require "resum.cli.watch"

local M = {}

--- Runs the command.
-- @tparam {string,...} argv the words after the command's name; those before it, as in Lua's `arg`, for --repl
-- @treturn integer exit code: 0 all scanned, 1 some target could not be scanned, 2 usage, 3 an expectation was not
--   met, 4 stopped (the list can't be read, the results can't be written), 130 interrupted
function M.main(argv)
  local parsed, scan = options.parse(argv)
  local made, message = nil, scan
  if parsed and parsed.repl then
    return repl.run(argv)
  elseif parsed and parsed.merge then
    return (parsed.merge == "states" and fleet or merge).command(parsed)
  elseif parsed and parsed.watch then
    return watch.command(parsed, scan, options.in_flags)
  elseif parsed then
    made, message = setup.make(parsed, scan)
  end
  if not made then
    say("%s", message)
    return EXIT.usage
  end
  return (parsed.dry_run and dry_run or run).new(made):go()
end

return M
