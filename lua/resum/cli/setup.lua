-- From options to what a run needs: its targets, its limits, the sinks its results go to, its progress line. It opens
-- files and starts nothing.

local file_limit = require "resum.cli.file_limit"
local input = require "resum.cli.input"
local many = require "resum.many"
local options = require "resum.cli.options"
local output = require "resum.cli.output"
local progress = require "resum.cli.progress"
local resum = require "resum"
local resume = require "resum.cli.resume"
local say = require "resum.cli.say"
local system = require "resum.cli.system"
local tables = require "resum.util.tables"
local utc = require "resum.util.utc"
local writers = require "resum.cli.writers"
local summaries = require "resum.analysis.summary"
local targets = require "resum.cli.targets"

local M = {}

local AT_ONCE = 500 -- connections, when nobody says

-- What an earlier run wrote, made ready to be gone on with: nothing else is touched.
local function read_earlier(path, option, dry_run)
  local done, about = resume.read(path)
  if not done then
    return nil, ("%s: %s"):format(option, about)
  end
  local cut, message = 0, nil
  if not dry_run then
    cut, message = resume.mend(path, about)
  end
  if not cut then
    return nil, ("%s: %s"):format(option, message)
  elseif cut > 0 then
    say("%s: %s: an incomplete last line of %d bytes was cut off", option, path, cut)
  end
  return done, about
end

-- What --resume leaves out; and what kind of file it is (results are only read).
local function read_done(parsed)
  if not parsed.resume then
    return nil
  end
  local done, about = read_earlier(parsed.resume, "--resume", parsed.dry_run)
  if not done then
    return nil, about
  end
  if about.unreadable > 0 then
    say("--resume: %s: %s scanned again", parsed.resume, about.unreadable == 1
      and "1 line is not a result; its target is"
      or ("%d lines are not results; their targets are"):format(about.unreadable))
  end
  return { set = done, kind = about.kind }
end

-- The file of results goes on where it ended.
local function open_json(parsed, host)
  local append = parsed.resume and parsed.json_lines and parsed.json_out ~= "-"
  if append and not system.same_file(parsed.json_out, parsed.resume) then
    local done, about = read_earlier(parsed.json_out, "--json_out")
    if not done or about.kind == "names" then
      return nil, done and "--json_out: " .. parsed.json_out .. ": this holds names of targets, not results" or about
    end
  end
  return output.open(host, parsed.json_out, append and "a" or "w", parsed.json_out == "-" and "stdout" or "--json_out")
end

-- Names of what is done go to the file of --resume, unless that is one of results.
local function open_state(parsed, done, host)
  if not done or done.kind == "results" or (parsed.json_out and system.same_file(parsed.json_out, parsed.resume)) then
    return nil
  end
  return output.open(host, parsed.resume, "a", "--resume")
end

-- Does it understand more than letters?
local function is_capable_terminal(fd)
  return os.getenv("TERM") ~= "dumb" and system.is_terminal(fd)
end

-- NO_COLOR counts where it is set to anything (https://no-color.org).
local function in_colour()
  return is_capable_terminal(1) and (os.getenv("NO_COLOR") or "") == ""
end

local function about_run(parsed)
  return { version = resum.VERSION, started_at = utc(os.time()), command = parsed.command }
end

-- JSON, as one document or as lines.
local function json_sink(parsed, host)
  local out, message = open_json(parsed, host)
  if not out then
    return nil, message
  elseif parsed.json_lines then
    return writers.lines(out)
  end
  return writers.document(out, "json", about_run(parsed))
end

-- A document for each --FORMAT_out but JSON's.
local function add_documents(parsed, host, add)
  for _, format in ipairs({ "html", "junit", "sarif", "csv" }) do
    local option = format .. "_out"
    local path = parsed[option]
    local out, message
    if path then
      out, message = output.open(host, path, "w", path == "-" and "stdout" or "--" .. option)
    end
    if message then
      return nil, message
    elseif out then
      add(format == "html" and writers.page(out, about_run(parsed)) or writers.document(out, format,
        about_run(parsed)))
    end
  end
  return true
end

local function add_metrics(parsed, host, add)
  local path = parsed.openmetrics_out
  if not path then
    return true
  end
  local out, message = output.open_whole(host, path, "openmetrics_out")
  if out then
    add(writers.metrics(out))
  end
  return out, message
end

-- Whose lines to paste are shown: of many targets none are, unless somebody asks.
local function advice_wanted(parsed)
  local many_targets = parsed.targets_in or parsed.has_range or parsed.named > 1
  return parsed.advice or many_targets and "none" or nil
end

-- What people read: reports, and the summary, which makes way on stdout for JSON.
local function add_text_sinks(parsed, line, host, add)
  local to_stderr = parsed.to_stdout ~= nil
  if not parsed.show_text and not parsed.summary then
    return true
  end
  local out, message = output.open(host, to_stderr and 2 or "-", "w", to_stderr and "stderr" or "stdout")
  local width = system.columns(to_stderr and 2 or 1)
  if out and parsed.show_text then
    add(writers.text(out, line, { colour = in_colour(), width = width, advice = advice_wanted(parsed) }))
  end
  if out and parsed.summary then
    add(writers.summary(out, parsed.show_text, width))
  end
  return out, message
end

-- Lines go out as targets finish; so does everything once there is a list or a range, as its order would have to be
-- kept in mind.
local function open_sinks(parsed, done, line, host)
  local sinks = { as_they_come = {}, in_order = {} }
  local function add(one, as_they_come)
    local list = (as_they_come or parsed.targets_in or parsed.has_range) and sinks.as_they_come or sinks.in_order
    list[#list + 1] = one
  end
  if parsed.json_out then
    local json, message = json_sink(parsed, host)
    if not json then
      return nil, message
    end
    add(json, parsed.json_lines)
  end
  local good, message = add_documents(parsed, host, add)
  if good then
    good, message = add_metrics(parsed, host, add)
  end
  if not good then
    return nil, message
  end
  good, message = add_text_sinks(parsed, line, host, add)
  if not good then
    return nil, message
  end
  local state
  state, message = open_state(parsed, done, host)
  if message then
    return nil, message
  elseif state then
    add(writers.state(state, done.kind ~= "names"))
  end
  return sinks
end

-- A stream whose silence is told.
local function said_if_late(stream, path)
  local heard = input.say_if_late("--targets_in", path)
  return {
    read = function()
      local bytes, why = stream:read()
      heard()
      return bytes, why
    end,
    close = function()
      heard()
      stream:close()
    end,
  }
end

local function open_targets(parsed, done, host)
  local stream, message
  if parsed.targets_in then
    stream, message = host.open(parsed.targets_in == "-" and 0 or parsed.targets_in, "r")
    if not stream then
      return nil, "--targets_in: " .. message
    elseif parsed.targets_in ~= "-" and input.is_pipe(parsed.targets_in) then
      stream = said_if_late(stream, parsed.targets_in)
    end
  end
  return targets.new({ arguments = parsed.targets, stream = stream, protocol = parsed.starttls,
    max_targets = parsed.max_targets, shard = parsed.shard, done = done })
end

-- How many targets there are, those that are done included: a list is read for it once more, so it must be a file.
local function count_targets(parsed, host)
  if parsed.targets_in and not system.is_file(parsed.targets_in) then
    return nil
  end
  local list, count = open_targets(parsed, nil, host), 0
  while list and list:next() do
    count = count + 1
  end
  return count
end

local function open_progress(parsed, list, scanner, host)
  local mode = parsed.progress
  if not mode and not parsed.quiet and not parsed.dry_run and is_capable_terminal(2) then
    mode = "line"
  end
  return progress.new({
    mode = mode,
    now = host.now,
    total = mode and count_targets(parsed, host),
    expected = parsed.named == 1 and not parsed.targets_in and function(addresses)
      return scanner:connections(addresses)
    end or nil,
    skipped = function()
      return list.skipped
    end,
  })
end

-- How many targets at once, as far as the system lets us. To an address there may be as many connections again as
-- --concurrency says: they have said goodbye, and wait for the server's end.
local function room(parsed)
  local wanted = parsed.max_connections or AT_ONCE
  if not parsed.targets_in and not parsed.max_connections then
    wanted = math.min(wanted, parsed.named * 2 * (parsed.concurrency or many.PER_ADDRESS))
  end
  local at_once, message = file_limit.make_room(wanted)
  if message then
    say("%s", message)
  end
  return at_once
end

local READ = { "targets_in", "cert", "key", "state", "resume" }

-- The files of these options, in their order.
local function files_of(parsed, names)
  local list = {}
  for _, option in ipairs(names) do
    list[#list + 1] = parsed[option] and { "--" .. option, parsed[option] } or nil
  end
  return list
end

-- The list as its own state would say that all is done.
local function find_same_input(parsed)
  local list = parsed.targets_in
  if parsed.resume and list and list ~= "-" and system.same_file(list, parsed.resume) then
    return "--targets_in and --resume name one file"
  end
end

--- Two results in one file would be neither, nor would they and what is read: the list, what is done (but for results
-- that go on), the state file.
-- @tparam table parsed see resum.cli.options
-- @treturn string|nil which options name one file
function M.find_same_output(parsed)
  local goes_on = parsed.json_lines and parsed.json_out and parsed.resume
    and system.same_file(parsed.json_out, parsed.resume)
  local read = tables.merged(parsed, { resume = not goes_on and parsed.resume or false })
  return output.find_same(files_of(read, READ), files_of(parsed, options.OUTPUTS))
end

--- Makes a plan.
-- @tparam table parsed see resum.cli.options
-- @tparam table scan what resum.run takes; shared limits are added to it
-- @treturn[1] table plan
-- @treturn[2] nil
-- @treturn[2] string message: something can't be opened
function M.make(parsed, scan)
  parsed.named, parsed.has_range = targets.count(parsed.targets, parsed.max_targets)
  if parsed.max_targets and not parsed.targets_in and not parsed.has_range then
    return nil, "--max_targets is about ranges such as 192.0.2.0/24, and there is none"
  end
  local at_once = room(parsed)
  many.share(scan, at_once)
  local scanner, message = resum.prepare(scan)
  if not scanner then
    return nil, options.in_flags(message)
  end
  message = find_same_input(parsed) or M.find_same_output(parsed)
  if message then
    return nil, message
  end
  for _, problem in ipairs(scanner.options.store and scanner.options.store:problems() or {}) do
    say("--state: %s", problem)
  end
  local host = scan.host
  local done, list
  done, message = read_done(parsed)
  if message then
    return nil, message
  end
  list, message = open_targets(parsed, done and done.set, host)
  if not list then
    return nil, message
  end
  local line = open_progress(parsed, list, scanner, host)
  if parsed.dry_run then -- no file is touched
    return { parsed = parsed, host = host, scanner = scanner, targets = list, at_once = at_once, progress = line }
  end
  local sinks
  sinks, message = open_sinks(parsed, done, line, host)
  if not sinks then
    return nil, message
  end
  return {
    parsed = parsed,
    host = host,
    scanner = scanner,
    targets = list,
    at_once = at_once,
    sinks = sinks,
    progress = line,
    summary = parsed.summary and summaries.new() or nil,
  }
end

return M
