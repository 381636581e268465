-- The command's options: words in, two tables out: what the run needs to know, and what a scan takes. A new option is
-- a line in new_parser, and one in scan_options where a scan takes it. It reads the certificate's files and nothing
-- else; it starts nothing.

local argparse = require "argparse"
local audit = require "resum.audit.run"
local connection = require "resum.cli.connection"
local core = require "resum.core"
local expectation = require "resum.cli.expectation"
local mechanisms = require "resum.connection.mechanism"
local escape = require "resum.util.escape"
local options_of = require "resum.options"
local resum = require "resum"
local scanners = require "resum.scanner"
local shard = require "resum.cli.shard"
local suggestion = require "resum.util.suggestion"

local M = {}

--- The options that say where results are written.
M.OUTPUTS = { "json_out", "html_out", "junit_out", "sarif_out", "csv_out", "openmetrics_out" }

local function number(name)
  return function(given)
    local value = tonumber(given)
    local problem = options_of.number_problem(name, value)
    if problem then
      return nil, ("--%s %s, not '%s'"):format(name, problem, escape(given, 40))
    end
    return math.tointeger(value) or value
  end
end

local function mechanism_list(given)
  local names = {}
  for name in (given .. ","):gmatch("%s*(.-)%s*,") do
    names[#names + 1] = name:gsub("-", "_")
  end
  local list, message = mechanisms.read_list(names)
  return list, message and "--mechanisms " .. message
end

local function check_list(given)
  local ids = {}
  for id in (given .. ","):gmatch("%s*(.-)%s*,") do
    ids[#ids + 1] = id
  end
  local known, message = audit.read_list(ids)
  return known and ids, message and "--audit_checks " .. escape(message, 400)
end

-- What the command promises about its connections: what the scans declare.
local function promise()
  local support, rate = scanners.new({}):connections(), scanners.new({ rate = true }):connections()
  local words = "A scan makes %d to %d connections to an address, with --resum-rate %d to %d; --dry-run counts yours."
  return words:format(support.least, support.most, rate.least, rate.most)
end

local function new_parser()
  local parser = argparse("resum")
    :description("Tells whether TLS session resumption really works, how often and why not: by session ID, by RFC 5077 "
      .. "ticket and by TLS 1.3 PSK.")
    :epilog(promise() .. " Scan only what you may scan.\n\nExit codes: 0 all targets were scanned, each at one address "
      .. "at least; 1 some target could not be scanned; 2 usage error; 3 an --expect was not met; 4 stopped because "
      .. "the list could not be read or the results could not be written; 130 interrupted (143 by SIGTERM).\n\n"
      .. "In option names, - and _ are the same.")
    :help_max_width(80)
  parser:argument("targets", "host, host:port, host:service (as https), [v6]:port, host:port{address}, or a range "
    .. "of addresses as 192.0.2.0/24:443; the default port is 443")
    :args("*"):argname("TARGET")
  parser:option("--targets-in", "read more targets from a file, one per line; # starts a comment, rank,host is "
    .. "understood; so are nmap's -oG and -oX and masscan's -oJ, for their open ports with TLS; - is stdin")
    :argname("FILE")
  parser:option("--max-targets", "refuse ranges of more than N addresses (1000000)"):argname("N")
    :convert(number("max_targets"))
  parser:option("--resume", "skip the targets that this file lists as done: the --json-lines output of an earlier run, "
    .. "or a file of its own"):argname("STATE")
  parser:option("--shard", "scan only the i-th of n shares of the targets"):argname("i/n"):convert(shard.parse)
  parser:flag("--resum", "test whether resumption is supported, with 5 attempts per mechanism (the default)")
  parser:flag("--resum-rate", "measure how often sessions resume, with 100 attempts per mechanism, and find out "
    .. "what stands behind the address")
  parser:flag("--quick", "with --resum-rate: stop as soon as it is certain, at 1 % error, whether resumption works at "
    .. "all servers behind the address; gives a verdict and no rate, and exits with 3 where it does not")
  parser:flag("--no-balancer", "with --resum-rate: measure the rate only, not what stands behind the address")
  parser:flag("--audit", "find out what resumption gives away: whether tickets can be read, replayed or used elsewhere")
  parser:option("--audit-checks", "run only these checks of the audit: " .. table.concat(audit.ids, ","))
    :argname("LIST"):convert(check_list)
  parser:flag("--intrusive", "with --audit: also what a server may take for an attack, such as the same early data "
    .. "five times; only on servers of your own")
  parser:option("--audit-name", "with --audit: another server of yours, as name, name:port or name{address}, into "
    .. "which sessions of the target should not lead; may be repeated"):argname("TARGET"):count("*")
  parser:flag("--lifetime", "with --audit: wait and see how long sessions live, which takes three times as long as "
    .. "they promise")
  parser:option("--state", "with --audit: remember in this file which ticket keys were seen where and when, and tell "
    .. "from earlier runs how old they are and who else has them"):argname("FILE")
  parser:option("--forget", "with --state: cut from the file what no run has seen for so many days"):argname("DAYS")
    :convert(number("forget"))
  parser:option("--source", "connect from this local address; may be repeated, as a balancer may choose the "
    .. "server by it")
    :argname("ADDRESS"):count("*")
  parser:option("--attempts", "attempts per mechanism (5; for the rate 100)"):argname("N"):convert(number("attempts"))
  parser:option("--mechanisms", "test only these: " .. table.concat(mechanisms.names, ",")):argname("LIST")
    :convert(mechanism_list)
  parser:option("--engine", "how sessions are offered: by probe (cheap; the default for the rate) or by "
    .. "handshake (libssl; the default for the support scan)"):choices({ "probe", "handshake" })
  parser:option("--concurrency", "at most N connections to one address at once (10)"):argname("N")
    :convert(number("concurrency"))
  parser:option("--max-connections", "at most N connections in total at once (500)"):argname("N")
    :convert(number("max_connections"))
  parser:option("--delay", "wait S seconds between the starts of connections to one address (0)"):argname("S")
    :convert(number("delay"))
  parser:option("--timeout", "give up on a connection, or on a handshake, after S seconds (5; SMTP and FTP "
    .. "greetings get 15)")
    :argname("S"):convert(number("timeout"))
  parser:option("--retries", "try a full handshake that failed again up to N times (2)"):argname("N")
    :convert(number("retries"))
  connection.add(parser)
  parser:option("--expect", "exit with 3 unless this holds, such as ticket=supported, psk>=95% (a rate), browser>=90% "
    .. "(what a browser meets, each ticket once), balancer=all_shared or no-finding>=medium (of --audit: none as grave "
    .. "as this); may be repeated")
    :argname("RULE"):count("*"):convert(expectation.parse)
  parser:option("--json-out", "write JSON to a file; - is stdout, and then nothing else is printed"):argname("FILE")
  parser:option("--html-out", "write an HTML page with charts, in one file that loads nothing; - is "
    .. "stdout"):argname("FILE")
  parser:option("--junit-out", "write JUnit XML for CI: one test case per finding"):argname("FILE")
  parser:option("--sarif-out", "write SARIF 2.1.0: one result per finding"):argname("FILE")
  parser:option("--csv-out", "write CSV: one line per target and address"):argname("FILE")
  parser:option("--openmetrics-out", "write OpenMetrics for a textfile collector, when all targets are done")
    :argname("FILE")
  parser:flag("--json-lines", "write JSON as one line per target, as each finishes; to stdout unless --json-out "
    .. "says otherwise")
  parser:flag("--summary", "end with a summary: how many resume by each mechanism, lifetimes, shared ticket "
    .. "keys, errors")
  parser:option("--progress", "show progress on stderr: as a line (even without a terminal), or as json (one "
    .. "object per second)")
    :choices({ "line", "json" })
  parser:flag("--merge", "take the arguments as files of JSON lines, merge them (the last result of a target "
    .. "counts) and summarise; --json-out says where the lines go")
  parser:option("--host", "use this event loop or socket library")
    :choices({ "uv", "luasocket", "cqueues" })
  parser:flag("--dry-run", "print what would be sent where, and how many connections that takes; names are looked up, "
    .. "no connection is made")
  parser:flag("--quiet", "print errors only: no report and no progress")
  parser:flag("--repl", "open a Lua prompt with resum loaded")
  parser:flag("--version", "print the version"):action(function()
    print(resum._VERSION .. ", " .. core.OPENSSL .. ", " .. _VERSION)
    if #core.MISSING > 0 then
      print("OpenSSL, as it is configured here, lacks " .. table.concat(core.MISSING, ", "))
    end
    os.exit(0)
  end)
  return parser
end

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
  options.balancer = not parsed.no_balancer
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
  elseif parsed.intrusive and not parsed.audit then
    return "--intrusive is about the audit: add --audit"
  elseif #parsed.audit_name > 0 and not parsed.audit then
    return "--audit_name is about the audit: add --audit"
  elseif #parsed.audit_name > 0 and options_of.names_problem(parsed.audit_name) then
    return "--audit_name " .. options_of.names_problem(parsed.audit_name)
  elseif parsed.lifetime and not parsed.audit then
    return "--lifetime is a part of the audit: add --audit"
  elseif parsed.state and not parsed.audit then
    return "--state is what the audit remembers: add --audit"
  elseif parsed.forget and not parsed.state then
    return "--forget is about a state file: add --state"
  end
end

-- What fits no single option's converter: options that need one another.
local function complete(parsed)
  if parsed.merge then
    return #parsed.targets > 0 or nil, "--merge needs files of results"
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
    end
  end
  local problem = problem_of_audit(parsed)
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
  for _, option in ipairs(M.OUTPUTS) do
    if parsed[option] == "-" and parsed.to_stdout then
      return nil, ("--%s and --%s can't both go to stdout"):format(parsed.to_stdout, option)
    end
    parsed.to_stdout = parsed[option] == "-" and option or parsed.to_stdout
  end
  parsed.show_text = not parsed.quiet and not parsed.to_stdout
  return true
end

-- What the parser complains about, in one line; for an option that is none, what was meant.
local function misuse(parser, message)
  local word = message:match("^unknown option '%-%-([^']*)'")
  if word then
    local names = {}
    for name in parser:get_usage():gmatch("%-%-([%l%d-]+)") do
      names[#names + 1] = name
    end
    local meant = suggestion.of(word, names)
    message = ("unknown option '--%s'%s"):format(word, meant and ("; did you mean --%s?"):format(meant:gsub("-", "_"))
      or "")
  end
  return escape(message:gsub("\n", ". "), 200) .. " (resum --help lists the options)"
end

--- Reads the command line.
-- @tparam {string,...} argv the words after the command's name
-- @treturn[1] table parsed: targets, expect, json_out, json_lines, quiet, show_text, and every option
--   as it was given
-- @treturn[1] table scan: what resum.run takes; nil with --merge
-- @treturn[2] nil
-- @treturn[2] string message: what does not fit
function M.parse(argv)
  local parser = new_parser()
  local good, parsed = parser:pparse(normalise(argv))
  if not good then
    return nil, misuse(parser, parsed)
  end
  if parsed.repl then
    return parsed
  end
  local usable, message = complete(parsed)
  if not usable then
    return nil, message
  end
  if parsed.merge then
    return parsed
  end
  local scan
  scan, message = scan_options(parsed)
  return scan and parsed, scan or message
end

return M
