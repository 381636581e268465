-- From options to what a run needs: its targets, its limits, the sinks its results go to, its progress line. It opens
-- files and starts nothing.

local admission = require "resum.admission"
local descriptors = require "resum.cli.descriptors"
local names = require "resum.names"
local output = require "resum.cli.output"
local progress = require "resum.cli.progress"
local resum = require "resum"
local resume = require "resum.cli.resume"
local shell = require "resum.cli.shell"
local sink = require "resum.cli.sink"
local targets = require "resum.cli.targets"

local M = {}

local AT_ONCE = 500 -- connections, when nobody says
local PER_ADDRESS = 10

local function say(format, ...)
  io.stderr:write("resum: ", format:format(...), "\n")
end

-- Are these two the same file? "-" is stdout.
local function same_file(one, other)
  local function path(name)
    return name == "-" and "/dev/stdout" or name
  end
  return one == other or shell.run("test %s -ef %s", path(one), path(other))
end

-- What --resume leaves out; and whether the file is one to write names to (results are only read).
local function read_done(parsed)
  if not parsed.resume then
    return nil
  end
  local cut, message = resume.cut(parsed.resume)
  if not cut then
    return nil, "--resume: " .. message
  elseif cut > 0 then
    say("--resume: %s: a torn last line of %d bytes is cut", parsed.resume, cut)
  end
  local done, about = resume.read(parsed.resume)
  if not done then
    return nil, "--resume: " .. about
  end
  if about.unreadable > 0 then
    say("--resume: %s: %d lines are no results; their targets are scanned again", parsed.resume, about.unreadable)
  end
  return { set = done, is_results = about.results }
end

-- The file of results goes on where it ended.
local function open_json(parsed, host)
  local append = parsed.resume and parsed.json_lines and parsed.json_out ~= "-"
  if append then
    local cut, message = resume.cut(parsed.json_out)
    if not cut then
      return nil, "--json_out: " .. message
    end
  end
  return output.open(host, parsed.json_out, append and "a" or "w", parsed.json_out == "-" and "stdout" or "--json_out")
end

-- Names of what is done go to the file of --resume, unless that is one of results.
local function open_state(parsed, done, host)
  if not done or done.is_results or (parsed.json_out and same_file(parsed.resume, parsed.json_out)) then
    return nil
  end
  return output.open(host, parsed.resume, "a", "--resume")
end

local function in_colour()
  return progress.is_terminal(1) and not os.getenv("NO_COLOR") and os.getenv("TERM") ~= "dumb"
end

-- Lines go out as targets finish; so does everything once there is a list, as its order would have to be kept in mind.
local function open_sinks(parsed, done, line, host)
  local sinks = { as_they_come = {}, in_order = {} }
  local function add(one, as_they_come)
    local list = (as_they_come or parsed.targets_in) and sinks.as_they_come or sinks.in_order
    list[#list + 1] = one
  end
  local message
  if parsed.json_out then
    local json
    json, message = open_json(parsed, host)
    if json then
      add(parsed.json_lines and sink.lines(json) or sink.document(json, {
        version = resum.VERSION,
        started_at = os.date("!%Y-%m-%dT%H:%M:%SZ"),
      }), parsed.json_lines)
    end
  end
  if parsed.show_text and not message then
    local colour = in_colour() -- asked first: luv keeps an opened terminal from programs that we start
    local stdout
    stdout, message = output.open(host, "-", "w", "stdout")
    if stdout then
      add(sink.text(stdout, line, colour))
    end
  end
  if not message then
    local state
    state, message = open_state(parsed, done, host)
    if state then
      add(sink.state(state))
    end
  end
  return not message and sinks, message
end

local function open_targets(parsed, done, host)
  local stream, message
  if parsed.targets_in then
    stream, message = host.open(parsed.targets_in == "-" and 0 or parsed.targets_in, "r")
    if not stream then
      return nil, "--targets_in: " .. message
    end
  end
  return targets.new({
    arguments = parsed.targets,
    stream = stream,
    shard = parsed.shard,
    done = done and done.set,
  })
end

-- How many targets at once, as far as the system lets us.
local function room(parsed)
  local wanted = parsed.max_connections or AT_ONCE
  if not parsed.targets_in and not parsed.max_connections then
    wanted = math.min(wanted, #parsed.targets * PER_ADDRESS)
  end
  local at_once, message = descriptors.make_room(wanted)
  if message then
    say("%s", message)
  end
  return at_once
end

-- What many targets share: names that were looked up, limits on connections.
local function share(scan, at_once)
  if scan.host.expect_lookups then
    scan.host.expect_lookups(at_once)
  end
  scan.host = names.remember(scan.host)
  scan.admit = admission.new(scan.host, {
    total = at_once,
    per_address = scan.concurrency or PER_ADDRESS,
    delay = scan.delay,
  })
end

--- Makes a plan.
-- @tparam table parsed see resum.cli.options
-- @tparam table scan what resum.run takes; shared limits are added to it
-- @treturn[1] table plan
-- @treturn[2] nil
-- @treturn[2] string message: something can't be opened
function M.make(parsed, scan)
  local host = scan.host
  local done, message = read_done(parsed)
  if message then
    return nil, message
  end
  local list
  list, message = open_targets(parsed, done, host)
  if not list then
    return nil, message
  end
  local line = progress.new(#parsed.targets, not parsed.quiet, host.now)
  local sinks
  sinks, message = open_sinks(parsed, done, line, host)
  if not sinks then
    return nil, message
  end
  local at_once = room(parsed)
  share(scan, at_once)
  return { parsed = parsed, scan = scan, targets = list, at_once = at_once, sinks = sinks, progress = line }
end

return M
