-- The command's options: words in, two tables out: what the run needs to know, and what a scan takes. A new option is
-- a line in new_parser, and one in scan_options where a scan takes it. It reads the certificate's files and nothing
-- else; it starts nothing.

local argparse = require "argparse"
local connection = require "resum.cli.connection"
local core = require "resum.core"
local expectation = require "resum.cli.expectation"
local limits = require "resum.limits"
local mechanisms = require "resum.connection.mechanism"
local escape = require "resum.util.escape"
local resum = require "resum"
local shard = require "resum.cli.shard"

local M = {}

local function number(name)
  return function(given)
    local value = tonumber(given)
    local problem = limits.problem(name, value)
    if problem then
      return nil, ("--%s %s, not '%s'"):format(name, problem, escape(given, 40))
    end
    return math.tointeger(value) or value
  end
end

local function mechanism_list(given)
  local list, seen = {}, {}
  for name in (given .. ","):gmatch("%s*(.-)%s*,") do
    name = name:gsub("-", "_")
    local known = false
    for _, one in ipairs(mechanisms.names) do
      known = known or one == name
    end
    if not known then
      return nil, ("--mechanisms takes a list of %s, not '%s'"):format(
        table.concat(mechanisms.names, ", "), escape(name, 40))
    elseif not seen[name] then
      seen[name] = true
      list[#list + 1] = name
    end
  end
  return list
end

local function new_parser()
  local parser = argparse("resum")
    :description("Tells whether TLS session resumption really works: by session ID, RFC 5077 ticket and TLS 1.3 PSK.")
    :epilog("Exit: 0 all scanned; 1 some target could not be scanned; 2 usage; 3 an --expect was not met; "
      .. "4 stopped, as the list can't be read or the results can't be written; 130 interrupted (143 by SIGTERM).\n"
      .. "In option names, - and _ are the same.")
  parser:argument("targets", "host, host:port, [v6]:port or host:port{address}; the port is 443 when there is none")
    :args("*"):argname("TARGET")
  parser:option("--targets-in", "more targets, one a line (# comments; rank,host too); - is stdin"):argname("FILE")
  parser:option("--resume", "leave out targets that are done according to this file: earlier --json_lines output, or a "
    .. "file that is kept for the purpose"):argname("STATE")
  parser:option("--shard", "take the i-th of n shares of the targets only"):argname("i/n"):convert(shard.parse)
  parser:flag("--resum", "is resumption supported? 5 attempts each (this is the default)")
  parser:flag("--resum-rate", "how often, behind a load balancer? 100 attempts each")
  parser:flag("--quick", "with --resum_rate: stop as soon as it is certain, at 1 % error, whether resumption is in "
    .. "order behind the address; a verdict, no rate")
  parser:flag("--no-balancer", "with --resum_rate: the rate alone, and not what stands behind the address")
  parser:option("--source", "local address to connect from; repeatable: a balancer may choose the server by it")
    :argname("ADDRESS"):count("*")
  parser:option("--attempts", "attempts for each mechanism"):argname("N"):convert(number("attempts"))
  parser:option("--mechanisms", "which: " .. table.concat(mechanisms.names, ",")):argname("LIST")
    :convert(mechanism_list)
  parser:option("--engine", "what offers sessions: probe (raw and cheap; the rate's default) or handshake (libssl; the "
    .. "support scan's)"):choices({ "probe", "handshake" })
  parser:option("--concurrency", "connections at once to an address (10)"):argname("N")
    :convert(number("concurrency"))
  parser:option("--max-connections", "connections at once overall (500)"):argname("N")
    :convert(number("max_connections"))
  parser:option("--delay", "seconds between the starts of two connections to an address (0)"):argname("S")
    :convert(number("delay"))
  parser:option("--timeout", "seconds for a connection, and for a handshake (5; SMTP and FTP have 15 to greet)")
    :argname("S"):convert(number("timeout"))
  parser:option("--retries", "how often a full handshake that failed is tried again (2)"):argname("N")
    :convert(number("retries"))
  connection.add(parser)
  parser:option("--expect", "exit with 3 unless it holds: ticket=supported, or psk>=0.95 (a rate); repeatable")
    :argname("RULE"):count("*"):convert(expectation.parse)
  parser:option("--json-out", "write JSON there; - is stdout, and then there is no other output"):argname("FILE")
  parser:option("--html-out", "write a page of HTML there, with pictures; it is one file and asks for no other; - is "
    .. "stdout"):argname("FILE")
  parser:flag("--json-lines", "write JSON as one object a line for each target, as each finishes; without --json-out "
    .. "to stdout")
  parser:flag("--summary", "at the end: how many resume by each mechanism, lifetimes, shared ticket keys, errors")
  parser:option("--progress", "how far it is, on stderr: line (also without a terminal), or json (one object a second)")
    :choices({ "line", "json" })
  parser:flag("--merge", "the arguments are files of JSON lines: join them (the last result of a target counts) and "
    .. "summarise; --json-out says where the lines go")
  parser:option("--host", "what makes the connections: uv, luasocket, cqueues")
    :choices({ "uv", "luasocket", "cqueues" })
  parser:flag("--quiet", "no report and no progress; only errors, and JSON where asked for")
  parser:flag("--repl", "a Lua prompt with resum at hand")
  parser:flag("--version", "print the version"):action(function()
    print(resum._VERSION .. ", " .. core.OPENSSL .. ", " .. _VERSION)
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
    if is_option and word:find("^%-%.?%d") and last and limits.known(last:match("^%-%-([%l-]+)$")) then
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
  local usable
  usable, message = resum.check(options)
  return usable and options, message and message:gsub("^([%w_]+):", as_flag)
end

-- What fits no single option's converter: options that need one another.
local function complete(parsed)
  if parsed.merge then
    return #parsed.targets > 0 or nil, "--merge needs files of results"
  elseif #parsed.targets == 0 and not parsed.targets_in then
    return nil, "no target: name one or more as host:port (resum --help says more)"
  end
  for _, rule in ipairs(parsed.expect) do
    if rule.share and not parsed.resum_rate then
      return nil, "--expect " .. rule.text .. " is about a rate: add --resum_rate"
    elseif parsed.quick and (rule.share or not parsed.resum) then
      return nil, ("--expect %s is not what --quick finds out: leave out --quick"):format(rule.text)
    end
  end
  if parsed.quick and not parsed.resum_rate then
    return nil, "--quick is about a rate: add --resum_rate"
  elseif parsed.quick and parsed.no_balancer then
    return nil, "--quick and --no_balancer exclude each other"
  elseif parsed.json_out == "-" and parsed.html_out == "-" then
    return nil, "--json_out and --html_out can't both go to stdout"
  elseif parsed.json_lines and not parsed.json_out then
    parsed.json_out = "-"
  elseif parsed.resume and parsed.json_out and not parsed.json_lines then
    return nil, "--resume can't go on with a JSON document: add --json_lines"
  end
  parsed.show_text = not parsed.quiet and parsed.json_out ~= "-" and parsed.html_out ~= "-"
  parsed.default_port = connection.default_port(parsed)
  return true
end

--- Reads the command line.
-- @tparam {string,...} argv the words after the command's name
-- @treturn[1] table parsed: targets, expect, json_out, json_lines, quiet, show_text, default_port (of targets that
--   have none; or nil), and every option as it was given
-- @treturn[1] table scan: what resum.run takes; nil with --merge
-- @treturn[2] nil
-- @treturn[2] string message: what does not fit
function M.parse(argv)
  local good, parsed = new_parser():pparse(normalise(argv))
  if not good then
    return nil, escape(parsed:gsub("\n", ". "), 200) .. " (resum --help lists the options)"
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
