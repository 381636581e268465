-- The command's options as its parser has them, in the groups in which --help shows them: what most people need first.
-- It knows what each option takes, and not what becomes of it.

local EXIT = require "resum.cli.exit"
local argparse = require "argparse"
local audit = require "resum.audit.run"
local comma_list = require "resum.cli.comma_list"
local configuration = require "resum.analysis.configuration"
local connection = require "resum.cli.connection"
local core = require "resum.core"
local escape = require "resum.util.escape"
local expectation = require "resum.cli.expectation"
local mechanisms = require "resum.connection.mechanism"
local moment = require "resum.cli.moment"
local options_of = require "resum.options"
local resum = require "resum"
local say = require "resum.cli.say"
local scanners = require "resum.scanner"
local shard = require "resum.cli.shard"

local M = {}

local WIDTH, MARGIN = 80, 24 -- columns of the help, and of its option names

local USAGE = [[
Usage: resum [OPTIONS] TARGET ...
       resum [OPTIONS] --targets-in FILE
       resum --merge [--json-out FILE] FILE ...
       resum --merge [--compare OLD] STATE ...]]

local FIRST_SCREEN = [[
Tells whether TLS session resumption really works, how often, and why not.

   resum www.example.com                        is resumption supported?
   resum --resum_rate www.example.com           how often, and at which servers?
   resum --audit www.example.com                what does it give away?
   resum --watch www.example.com                what changes over time?
   resum --starttls smtp mail.example.com       a protocol that asks for TLS
   resum --html_out page.html www.example.com   a page to pass on
   resum --expect psk=supported www.example.com a gate for CI (exit code 3)
   resum --targets_in list.txt --summary        many targets
   resum --dry_run www.example.com              what would be sent where?

It asks by session ID, by ticket and by TLS 1.3 ticket (PSK). In the names of
options, - and _ are the same. The manual (man resum) says more.]]

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
  local list, message = mechanisms.read_list(comma_list((given:gsub("-", "_"))))
  return list, message and "--mechanisms " .. message
end

local function check_list(given)
  local ids = comma_list(given)
  local known, message = audit.read_list(ids)
  return known and ids, message and "--audit_checks " .. escape(message, 400)
end

-- What the command promises about its connections: what the scans declare.
local function promise()
  local support, rate = scanners.new({}):connections(), scanners.new({ rate = true }):connections()
  local words = "A scan makes %d to %d connections to an address, with --resum-rate %d to %d; --dry-run counts yours."
  return words:format(support.least, support.most, rate.least, rate.most)
end

local function add_targets(group)
  group:argument("targets", "host, host:port, host:service (as https), [v6]:port, host:port{address}, or a range of "
    .. "addresses (192.0.2.0/24:443); the default port is 443")
    :args("*"):argname("TARGET")
end

local function add_measures(group)
  group:flag("--resum", "is resumption supported? 5 attempts per mechanism (the default)")
  group:flag("--resum-rate", "how often do sessions resume? 100 attempts per mechanism, and what stands behind the "
    .. "address")
  group:flag("--audit", "what does resumption give away? whether tickets can be read, replayed or used elsewhere")
  group:option("--mechanisms", "test only these: " .. table.concat(mechanisms.names, ",")):argname("LIST")
    :convert(mechanism_list)
  group:option("--attempts", "attempts per mechanism (5; for the rate 100)"):argname("N"):convert(number("attempts"))
  group:flag("--quick", "with --resum-rate: stop as soon as it is certain, at 1 % error, whether resumption works at "
    .. "all servers behind the address; gives a verdict and no rate, and exits with 3 unless it does")
  group:flag("--no-balancer", "with --resum-rate: measure the rate only, not what stands behind the address")
  group:option("--source", "connect from this local address; may be repeated, as a balancer may choose the server by "
    .. "it"):argname("ADDRESS"):count("*")
  group:option("--expect", "exit with 3 unless this holds: ticket=supported, psk>=95% (a rate), browser>=90% (what a "
    .. "browser gets, which uses each ticket once), balancer=all_shared, or no-finding>=medium (of --audit: none as "
    .. "grave as this), with --watch also key-age<7d or no-event=server_down; may be repeated")
    :argname("RULE"):count("*"):convert(expectation.parse)
  group:option("--engine", "offer sessions by probe (cheap; the default for the rate) or by handshake (libssl; the "
    .. "default for the support scan)"):choices({ "probe", "handshake" })
end

local function add_audit(group)
  group:option("--audit-checks", "run only these checks of the audit: " .. table.concat(audit.ids, ", "))
    :argname("LIST"):convert(check_list)
  group:option("--state", "remember in this file which ticket keys were seen where and when, and tell "
    .. "from earlier runs how old they are and who else has them; with --watch: go on from this file of an earlier "
    .. "watch"):argname("FILE")
  group:option("--forget", "with --state: cut from the file what no run has seen for so many days"):argname("DAYS")
    :convert(number("forget"))
  group:flag("--intrusive", "also what a server may take for an attack, such as the same early data five times; only "
    .. "on servers of your own")
  group:option("--audit-name", "another server of yours, as name, name:port or name{address}, into which sessions of "
    .. "the target should not lead; may be repeated"):argname("TARGET"):count("*")
  group:flag("--lifetime", "wait and see how long sessions live, which takes three times as long as they promise")
end

local function add_watch(group)
  group:flag("--watch", "watch for ever: hold sessions of each mechanism, offer them at a slow pace, and tell when and "
    .. "why old ones are refused; --state, --expect, --json-out, --openmetrics-out and --html-out go with it")
  group:option("--every", "seconds between the starts of two rounds (60)"):argname("S"):convert(number("every"))
  group:option("--max-per-minute", "at most N connections a minute to one address (6)"):argname("N")
    :convert(number("max_per_minute"))
  group:option("--until", "end then, with exit code 0: 18:00, 2026-11-29T18:00, with Z for UTC, or 90min from now on")
    :argname("TIME"):convert(function(given)
      return moment.read(given, os.time())
    end)
end

local function add_output(group)
  group:option("--advice", "whose lines to paste the report ends with: " .. table.concat(configuration.servers, ", ")
    .. ", all or none; by default the server's that was recognised, else all, and for many targets none")
    :argname("SERVER"):choices({ "all", "none", table.unpack(configuration.servers) })
  group:option("--html-out", "write an HTML page with charts, in one file that loads nothing; - is stdout")
    :argname("FILE")
  group:option("--json-out", "write JSON to a file; - is stdout, and then nothing else is printed"):argname("FILE")
  group:flag("--json-lines", "write JSON as one line per target, as each finishes; to stdout unless --json-out says "
    .. "otherwise")
  group:option("--csv-out", "write CSV: one line per target and address"):argname("FILE")
  group:option("--junit-out", "write JUnit XML for CI: one test case per finding"):argname("FILE")
  group:option("--sarif-out", "write SARIF 2.1.0: one result per finding"):argname("FILE")
  group:option("--openmetrics-out", "write OpenMetrics for a textfile collector, when all targets are done")
    :argname("FILE")
  group:flag("--summary", "end with a summary: how many resume by each mechanism, lifetimes, shared ticket keys, "
    .. "errors")
  group:option("--progress", "show progress on stderr: as a line (even without a terminal), or as json (one object per "
    .. "second)"):choices({ "line", "json" })
  group:flag("--quiet", "print errors only: no report and no progress")
  group:flag("--dry-run", "print what would be sent where, and how many connections that takes; names are looked up, "
    .. "no connection is made")
end

local function add_many(group)
  group:option("--targets-in", "read more targets from a file, one per line; # starts a comment, rank,host is "
    .. "understood; so are nmap's -oG and -oX and masscan's -oJ, for their open ports with TLS; - is stdin")
    :argname("FILE")
  group:option("--max-targets", "refuse ranges of more than N addresses (1000000)"):argname("N")
    :convert(number("max_targets"))
  group:option("--concurrency", "at most N connections to one address at once (10)"):argname("N")
    :convert(number("concurrency"))
  group:option("--max-connections", "at most N connections in total at once (500)"):argname("N")
    :convert(number("max_connections"))
  group:option("--delay", "wait S seconds between the starts of connections to one address (0)"):argname("S")
    :convert(number("delay"))
  group:option("--resume", "skip the targets that this file lists as done: the --json-lines output of an earlier run, "
    .. "or a file of its own"):argname("STATE")
  group:option("--shard", "scan only the i-th of n shares of the targets"):argname("i/n"):convert(shard.parse)
  group:flag("--merge", "take the arguments as files of JSON lines, merge them (the last result of a target counts) "
    .. "and summarise; --json-out says where the lines go. Of state files: map who shares ticket keys; --json-out, "
    .. "--html-out and --dot-out say where that goes, --state where all of them go as one file")
  group:option("--compare", "with --merge of state files: tell what has changed since this one, owner by owner")
    :argname("STATE")
  group:option("--dot-out", "with --merge of state files: write the map for Graphviz; - is stdout"):argname("FILE")
end

local function add_connections(group)
  connection.add(group)
  group:option("--timeout", "give up on a connection, or on a handshake, after S seconds (5; SMTP and FTP greetings "
    .. "get 15)"):argname("S"):convert(number("timeout"))
  group:option("--retries", "try a full handshake that failed again up to N times (2)"):argname("N")
    :convert(number("retries"))
  group:option("--host", "use this event loop or socket library"):choices({ "uv", "luasocket", "cqueues" })
end

-- Prints what was asked for, and leaves.
local function print_and_leave(text)
  os.exit(say.on_stdout(text) and EXIT.all_scanned or EXIT.stopped)
end

local function print_version()
  local lacks = #core.MISSING > 0 and "\nOpenSSL, as it is configured here, lacks " .. table.concat(core.MISSING, ", ")
  print_and_leave(resum._VERSION .. ", " .. core.OPENSSL .. ", " .. _VERSION .. (lacks or ""))
end

local GROUPS = {
  { "Targets", add_targets },
  { "What to measure", add_measures },
  { "The audit", add_audit },
  { "Watching", add_watch },
  { "How to connect", add_connections },
  { "Output", add_output },
  { "Many targets", add_many },
}

-- What adds to a parser, and keeps what it has added.
local function new_group(parser)
  local added = {}
  local function adder(kind)
    return function(_, ...)
      added[#added + 1] = parser[kind](parser, ...)
      return added[#added]
    end
  end
  return { argument = adder("argument"), option = adder("option"), flag = adder("flag") }, added
end

--- Options as all pages write them, and not as argparse has them.
-- @tparam string text
-- @treturn string
function M.as_written(text)
  return (text:gsub("%-%-%l[%l%d-]*", function(option)
    return "--" .. option:sub(3):gsub("-", "_")
  end))
end

--- @treturn table parser, argparse's
function M.new()
  local parser = argparse("resum"):usage(USAGE):description(FIRST_SCREEN):add_help(false)
    :epilog(promise() .. " Scan only what you are allowed to scan.\n\n" .. EXIT.in_words())
    :help_max_width(WIDTH):help_description_margin(MARGIN)
  for _, one in ipairs(GROUPS) do
    local group, added = new_group(parser)
    one[2](group)
    parser:group(one[1], table.unpack(added))
  end
  parser:group("About resum", parser:flag("-h --help", "print this"):action(function()
    print_and_leave(parser:get_help())
  end), parser:flag("--version", "print the version"):action(print_version),
    parser:flag("--repl", "open a Lua prompt with resum loaded"))
  local get_help = parser.get_help
  function parser.get_help(self)
    return M.as_written(get_help(self))
  end
  return parser
end

--- The names of all options, without the dashes before them.
-- @tparam table parser
-- @treturn {string,...}
function M.names(parser)
  local names = {}
  for name in parser:get_help():gmatch("\n +%-%-([%l%d_]+)") do
    names[#names + 1] = (name:gsub("_", "-"))
  end
  return names
end

return M
