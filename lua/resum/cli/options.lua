-- The command's options: words in, two tables out: what the run needs to know, and what a scan takes. A new option is
-- a line in parser.lua, and one in scan_options where a scan takes it. It reads the certificate's files and nothing
-- else; it starts nothing.

local audit = require "resum.audit.run"
local command_line = require "resum.cli.command_line"
local connection = require "resum.cli.connection"
local escape = require "resum.util.escape"
local fleet = require "resum.cli.fleet"
local input = require "resum.cli.input"
local options_of = require "resum.options"
local our_files = require "resum.cli.our_files"
local parsers = require "resum.cli.parser"
local resum = require "resum"
local suggestion = require "resum.util.suggestion"
local tables = require "resum.util.tables"
local targets = require "resum.cli.targets"
local unused = require "resum.cli.unused"

local M = {}

--- The options that say where results are written.
M.OUTPUTS = { "json_out", "html_out", "junit_out", "sarif_out", "csv_out", "openmetrics_out" }

-- --resum_rate is --resum-rate; and behind an option that takes a number, -1 is one.
local function normalise(argv)
  local out, is_option = {}, true
  for _, word in ipairs(argv) do
    is_option = is_option and word ~= "--"
    local last = out[#out]
    if is_option and word:find("^%-%.?%d") and last and options_of.takes_number(last:match("^%-%-([%l-]+)$")) then
      out[#out] = last .. "=" .. word
    else
      out[#out + 1] = is_option and word:gsub("^%-%-[%w_]+", function(name)
        return (name:gsub("_", "-"))
      end) or word
    end
  end
  return out
end

-- What a scan calls its options, where the command has another word.
local FLAGS = { certificate = "--cert:", private_key = "--key:", key_form = "--keyform:", family = "-4, -6:" }

local function as_flag(name)
  return FLAGS[name] or "--" .. name .. ":"
end

-- What resum.run takes; nil and a message when something does not fit.
local function scan_options(parsed)
  local options, message = connection.options(parsed)
  if not options then
    return nil, message
  end
  options.support = parsed.resum or not parsed.resum_rate
  options.rate = parsed.resum_rate
  options.quick = parsed.quick
  options.audit = parsed.audit
  options.audit_checks = parsed.audit_checks
  options.intrusive = parsed.intrusive
  options.audit_names = #parsed.audit_name > 0 and parsed.audit_name or nil
  options.lifetime = parsed.lifetime
  options.state = parsed.state
  options.forget = not parsed.dry_run and parsed.forget or nil -- a dry run changes no file
  for _, rule in ipairs(parsed.expect) do
    options.browser_full = options.browser_full or rule.browser
  end
  if parsed.no_balancer then
    options.balancer = false
  end
  options.sources = #parsed.source > 0 and parsed.source or nil
  options.attempts = parsed.attempts
  options.engine = parsed.engine
  options.mechanisms = parsed.mechanisms
  options.concurrency = parsed.concurrency
  options.delay = parsed.delay
  options.timeout = parsed.timeout
  options.retries = parsed.retries
  options.host = parsed.host and require("resum.host." .. parsed.host) or resum.host.default()
  return options
end

--- What a scan says of its options, in the command's words.
-- @tparam string message
-- @treturn string
function M.in_flags(message)
  return (message:gsub("^([%w_]+):", as_flag))
end

-- What is about the audit needs it.
local function problem_of_audit(parsed)
  if parsed.audit_checks and not parsed.audit then
    return "--audit_checks are checks of the audit: add --audit"
  elseif not parsed.intrusive and audit.intrusive_one(parsed.audit_checks) then
    return ("--audit_checks has %s, which is intrusive: add --intrusive"):format(
      audit.intrusive_one(parsed.audit_checks))
  elseif parsed.intrusive and not parsed.audit then
    return "--intrusive is about the audit: add --audit"
  elseif #parsed.audit_name > 0 and not parsed.audit then
    return "--audit_name is about the audit: add --audit"
  elseif #parsed.audit_name > 0 and options_of.names_problem(parsed.audit_name) then
    return "--audit_name " .. options_of.names_problem(parsed.audit_name)
  elseif parsed.lifetime and not parsed.audit then
    return "--lifetime is a part of the audit: add --audit"
  elseif parsed.state and not parsed.audit then
    return "--state is what the audit remembers, or a watch: add --audit or --watch"
  elseif parsed.forget and not parsed.state then
    return "--forget is about a state file: add --state"
  end
end

-- Another file of ours than --merge takes; in words.
local function problem_of_kind(path)
  local kind, instead = our_files.kind(input.head(path, our_files.HEAD))
  return instead and ("--merge: %s is %s; %s"):format(path, kind, instead) or nil
end

-- A list names targets, and a file of ours none, but that of --resume.
local function problem_of_list(path)
  local kind = path ~= "-" and our_files.kind(input.head(path, our_files.HEAD))
  if kind and kind ~= our_files.LIST then
    return ("--targets_in: %s is %s, and no list of targets; "):format(path, kind) .. (kind == our_files.RESULTS
      and "--resume skips the targets that are done there" or "give the list that was scanned")
  end
end

-- Files of results are joined, or state files: what is of use for the one is none for the other.
local function problem_of_merge(parsed)
  local met = {}
  for _, path in ipairs(parsed.targets) do
    local problem = problem_of_kind(path)
    if problem then
      return problem
    end
    local kind = tostring(fleet.is_state(path)) -- "nil" where whoever joins them will say so
    met[kind] = met[kind] or path
  end
  local about_states = parsed.state or parsed.compare or parsed.html_out or parsed.dot_out
  if #parsed.targets == 0 then
    return "--merge needs files of results, or state files"
  elseif met["true"] and met["false"] then
    return ("--merge takes files of results or state files, not both: %s is a state file, and %s is none"):format(
      met["true"], met["false"])
  elseif met["false"] and about_states then
    return "--merge: --state, --compare, --html_out and --dot_out are about state files, and these are none"
  end
  parsed.merge = (met["true"] or about_states) and "states" or "results"
end

-- What is expected of a watch, and of nothing else.
local function problem_of_expectations(parsed)
  for _, rule in ipairs(parsed.expect) do
    if rule.of_watch and not parsed.watch then
      return ("--expect %s is about a watch: add --watch"):format(rule.text)
    elseif parsed.watch and not rule.of_watch and not (rule.mechanism and rule.share) then
      return ("--expect %s is not what a watch finds out: key-age<7d, psk>=95%%, no-event=KIND are"):format(rule.text)
    elseif parsed.watch and unused.expectation(rule, parsed) then
      return unused.expectation(rule, parsed)
    end
  end
end

-- What goes with a watch, and what only a watch takes.
local function problem_of_watch(parsed)
  for _, option in ipairs(parsed.watch and {} or { "every", "max_per_minute", "until" }) do
    if parsed[option] then
      return ("--%s is about a watch: add --watch"):format(option)
    end
  end
  return problem_of_expectations(parsed)
end

-- Two results can't both go to stdout.
local function find_stdout(parsed)
  for _, option in ipairs(M.OUTPUTS) do
    if parsed[option] == "-" and parsed.to_stdout then
      return ("--%s and --%s can't both go to stdout"):format(parsed.to_stdout, option)
    end
    parsed.to_stdout = parsed[option] == "-" and option or parsed.to_stdout
  end
  parsed.show_text = not parsed.quiet and not parsed.to_stdout
end

-- Options of a watch.
local function complete_watch(parsed)
  local _, has_range = targets.count(parsed.targets)
  if #parsed.targets == 0 then
    return nil, "no target: name one or more as host:port (resum --help says more)"
  elseif has_range then
    return nil, "a watch takes no range of addresses: name them one by one"
  elseif parsed.json_lines then
    parsed.json_out = parsed.json_out or "-"
  end
  local problem = find_stdout(parsed)
  return not problem, problem
end

-- What fits no single option's converter: options that need one another.
local function complete(parsed)
  local problem = unused.option(parsed) or problem_of_watch(parsed)
  if problem then
    return nil, problem
  elseif parsed.watch then
    return complete_watch(parsed)
  elseif parsed.repl then
    return true
  end
  if parsed.merge then
    problem = problem_of_merge(parsed)
    return not problem or nil, problem
  elseif parsed.compare or parsed.dot_out then
    return nil, ("--%s is about the map of state files: add --merge"):format(parsed.compare and "compare" or "dot_out")
  elseif #parsed.targets == 0 and not parsed.targets_in then
    return nil, "no target: name one or more as host:port (resum --help says more)"
  end
  for _, rule in ipairs(parsed.expect) do
    if rule.share and not rule.browser and not parsed.resum_rate then
      return nil, "--expect " .. rule.text .. " is about a rate: add --resum_rate"
    elseif parsed.quick and (rule.share and not rule.browser or rule.mechanism and not parsed.resum) then
      return nil, ("--expect %s is not what --quick finds out: leave out --quick"):format(rule.text)
    elseif rule.balancer and (not parsed.resum_rate or parsed.no_balancer) then
      return nil, ("--expect %s is about what stands behind the address: %s"):format(rule.text,
        parsed.no_balancer and "leave out --no_balancer" or "add --resum_rate")
    elseif rule.finding and not parsed.audit then
      return nil, "--expect " .. rule.text .. " is about findings: add --audit"
    elseif unused.expectation(rule, parsed) then
      return nil, unused.expectation(rule, parsed)
    end
  end
  problem = problem_of_audit(parsed) or parsed.targets_in and problem_of_list(parsed.targets_in)
  if problem then
    return nil, problem
  elseif parsed.quick and not parsed.resum_rate then
    return nil, "--quick is about a rate: add --resum_rate"
  elseif parsed.quick and parsed.no_balancer then
    return nil, "--quick and --no_balancer exclude each other"
  elseif parsed.no_balancer and not parsed.resum_rate then
    return nil, "--no_balancer is about a rate: add --resum_rate"
  elseif parsed.json_lines and not parsed.json_out then
    parsed.json_out = "-"
  elseif parsed.resume and parsed.json_out and not parsed.json_lines then
    return nil, "--resume can't go on with a JSON document: add --json_lines"
  end
  problem = find_stdout(parsed)
  return not problem, problem
end

-- The first word that was typed and is read as this one.
local function as_typed(word, argv)
  for _, typed in ipairs(argv) do
    local name = typed:match("^[%w_-]*")
    if name:gsub("_", "-") == word or not word:find("^%-%-") and name:find("^%-%w") and name:find(word:sub(2), 2, true)
    then
      return name
    end
  end
  return word
end

-- What stands behind an option: "--engine prob", "--engine=prob".
local function values_of(option, argv)
  local values = {}
  for i, word in ipairs(argv) do
    local name, value = word:match("^([^=]*)=?(.*)$")
    if name:gsub("_", "-") == option then
      values[#values + 1] = word:find("=", 1, true) and value or argv[i + 1]
    end
  end
  return values
end

-- What is said of a value that is none of those that an option takes; nil: that is not the complaint.
local function about_choice(message, argv)
  local option, listed = message:match("^argument for option '(%-%-[%l-]+)' must be one of (.*)$")
  if not option then
    return nil
  end
  local choices, meant = {}, nil
  for choice in listed:gmatch("'([^']*)'") do
    choices[#choices + 1] = choice
  end
  for _, value in ipairs(values_of(option, argv)) do
    meant = meant or not tables.contains(choices, value) and suggestion.of(value, choices) or nil
  end
  return ("%s takes one of %s%s"):format(option, listed, suggestion.question(meant))
end

-- What the parser complains about, in one line; for an option that is none, what was meant.
local function misuse(parser, message, argv)
  local word = message:match("^unknown option '(%-[^']*)'")
  if word then
    local typed = as_typed(word, argv)
    local meant = suggestion.of(typed:gsub("^%-+", ""):gsub("_", "-"), parsers.names(parser))
    local shown = (meant or word:find("^%-%-")) and typed or word -- what stands behind one letter may be a password
    message = ("unknown option '%s'%s"):format(shown, suggestion.question(meant and "--" .. meant:gsub("-", "_")))
  else
    message = parsers.as_written(about_choice(message, argv) or message)
  end
  return escape(message:gsub("\n", ". "), 200) .. " (resum --help lists the options)"
end

--- Reads the command line.
-- @tparam {string,...} argv the words after the command's name
-- @treturn[1] table parsed: targets, expect, json_out, json_lines, quiet, show_text, command (as it is shown), and
--   every option as it was given
-- @treturn[1] table scan: what resum.run takes; nil with --merge
-- @treturn[2] nil
-- @treturn[2] string message: what does not fit
function M.parse(argv)
  local parser = parsers.new()
  local good, parsed = parser:pparse(normalise(argv))
  if not good then
    return nil, misuse(parser, parsed, argv)
  end
  parsed.command = command_line.shown(argv)
  local usable, message = complete(parsed)
  if not usable then
    return nil, message
  end
  if parsed.merge or parsed.repl then
    return parsed
  end
  local scan
  scan, message = scan_options(parsed)
  return scan and parsed, scan or message
end

return M
