-- The command with --merge where its files are state files: the map of who shares ticket keys, as text, JSON, a page,
-- for Graphviz, and one state file that says what all have said. It writes nothing over what is read.

local EXIT = require "resum.cli.exit"
local dot = require "resum.report.dot"
local fleet = require "resum.fleet"
local fleet_words = require "resum.analysis.fleet_words"
local html = require "resum.report.html"
local input = require "resum.cli.input"
local json = require "resum.report.json"
local output = require "resum.cli.output"
local resum = require "resum"
local say = require "resum.cli.say"
local states = require "resum.audit.keys.state"
local system = require "resum.cli.system"
local text = require("resum.report.text.fleet").text
local utc = require "resum.util.utc"

local M = {}

local PIECES = 500 -- lines that are appended at once
local FILES = 10 -- of those that have lines which can't be read
local OUTPUTS = { "json_out", "html_out", "dot_out" }

--- Is a file a state file, by its first bytes?
-- @tparam string path
-- @treturn boolean|nil nil where it can't be read, or holds nothing
function M.is_state(path)
  local head = input.head(path, states.HEAD)
  if not head then
    return nil
  end
  return (states.check_head(head)) == true
end

-- What a file would be spoiled by; in words.
local function find_same(parsed)
  local read, written = {}, {}
  for i, path in ipairs(parsed.targets) do
    read[i] = { path, path }
  end
  read[#read + 1] = parsed.compare and { "--compare", parsed.compare }
  for _, option in ipairs({ "state", table.unpack(OUTPUTS) }) do
    written[#written + 1] = parsed[option] and { "--" .. option, parsed[option] }
  end
  local same = output.find_same(read, written)
  if same then
    return same
  end
  local before = parsed.state and io.open(parsed.state, "rb")
  if before then
    before:close()
    return ("--state: %s is there already: name a new file, and that one among those to be merged"):format(
      parsed.state)
  end
end

-- Files are opened before the work begins, so that what can't be written is known early.
local function open_outputs(parsed)
  local opened = {}
  for _, option in ipairs(OUTPUTS) do
    local path, message = parsed[option], nil
    if path == "-" then
      opened[option] = io.stdout
    elseif path then
      opened[option], message = io.open(path, "wb")
    end
    if message then
      return nil, ("--%s: %s"):format(option, message)
    end
  end
  return opened
end

-- What takes pieces; what went wrong first is kept.
local function writer(file)
  local failure
  return function(piece)
    if not failure then
      failure = select(2, file:write(piece))
    end
  end, function()
    if not failure then
      failure = select(2, file:flush())
    end
    return failure
  end
end

local WRITE = {
  json_out = function(map, about, write)
    json.fleet(about, map, write)
  end,
  html_out = function(map, about, write)
    write(html.fleet(about, map))
  end,
  dot_out = function(map, _, write)
    dot.write(map, fleet_words.group, write)
  end,
}

local function write_state(map, path, files)
  local lines, written, message = {}, true, nil
  local function append()
    if #lines > 0 and written then
      written, message = files.append(path, table.concat(lines, "\n") .. "\n")
    end
    lines = {}
  end
  for line in map:state_lines() do
    lines[#lines + 1] = line
    if #lines == PIECES then
      append()
    end
  end
  append()
  return message
end

-- All that was asked for; whether all of it could be written.
local function write_all(map, parsed, outputs, files, started)
  local about = { version = resum.VERSION, started_at = utc(started),
    command = parsed.command, elapsed_s = os.time() - started }
  local failures = {}
  local function note(option, failure)
    failures[#failures + 1] = failure and ("%s: %s"):format(option, failure) or nil
  end
  note("--state", parsed.state and write_state(map, parsed.state, files) or nil)
  for _, option in ipairs(OUTPUTS) do
    if outputs[option] then
      local write, finish = writer(outputs[option])
      WRITE[option](map, about, write)
      note("--" .. option, finish())
    end
  end
  if not parsed.quiet then
    local to_stdout = parsed.json_out ~= "-" and parsed.html_out ~= "-" and parsed.dot_out ~= "-"
    local write, finish = writer(to_stdout and io.stdout or io.stderr)
    write(text(map, system.columns(to_stdout and 1 or 2)))
    note("the map", finish())
  end
  for _, failure in ipairs(failures) do
    say("%s", failure)
  end
  return #failures == 0
end

local function tell_left_out(map)
  for i = 1, math.min(FILES, #map.unreadable) do
    say("%s", map.unreadable[i]:words())
  end
  if #map.unreadable > FILES then
    say("and of %d more files; --json_out has all", #map.unreadable - FILES)
  end
  if map.sessions > 0 then
    say("lines that hold sessions of --lifetime, and are left out: %d", map.sessions)
  end
end

--- The command.
-- @tparam table parsed see resum.cli.options: targets (state files), state, compare, json_out, html_out, dot_out, quiet
-- @treturn integer exit code: 0, 1 (some line can't be read), 2 (a file can't be read, or is none of these), 4 (what
--   was asked for can't be written)
function M.command(parsed)
  local started, problem = os.time(), find_same(parsed)
  local found, files = pcall(require, "resum.host.private_file")
  local map, outputs
  if not found then
    problem = "--merge: luv has to be installed for state files (lua-luv)"
  elseif not problem then
    map, problem = fleet.map(files, parsed.targets, parsed.compare and { parsed.compare } or nil)
  end
  if map then
    outputs, problem = open_outputs(parsed)
  end
  if problem then
    say("%s", problem)
    return EXIT.usage
  end
  tell_left_out(map)
  local fine, written = pcall(write_all, map, parsed, outputs, files, started)
  map:close()
  if not fine then
    say("%s", written)
  end
  return not (fine and written) and EXIT.stopped or #map.unreadable > 0 and EXIT.not_all_scanned or EXIT.all_scanned
end

return M
