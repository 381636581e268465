-- What the command would do (--dry_run): which connections with what in them, where, and how many. Names are looked up,
-- as the addresses are part of the answer; nothing else is sent, and no file is written. How many connections a scan
-- makes, the scans know.

local EXIT = require "resum.cli.exit"
local escape = require "resum.util.escape"
local interrupt = require "resum.cli.interrupt"
local say = require "resum.cli.say"
local side_by_side = require "resum.util.side_by_side"
local target = require "resum.target"
local vocabulary = require "resum.analysis.vocabulary"

local M = {}

local DryRun = {}
DryRun.__index = DryRun

local function from_to(made)
  return made.least == made.most and ("%d"):format(made.least) or ("%d to %d"):format(made.least, made.most)
end

local function show(format, ...)
  io.stdout:write(format:format(...), "\n")
end

function DryRun:complain(code, format, ...)
  self.exit = math.max(self.exit, code)
  say(format, ...)
end

-- What each address would get.
function DryRun:say_parts()
  local scanner = self.scanner
  show("Dry run: no connection is made. Each address would get")
  for _, part in ipairs(scanner:parts()) do
    show("  %-12s %s", from_to(part), part.summary)
  end
  show("  %-12s connections in all, at most %d at once", from_to(scanner:connections()),
    math.min(self.at_once, scanner.options.concurrency))
  show("Fewest where everything resumes, most where sessions are refused; failures add\nsome.")
  show("Mechanisms: %s", table.concat(scanner.options.mechanisms, ", "))
end

-- Where all connections would go first.
function DryRun:say_proxy()
  local proxy, addresses, message = self.scanner:proxy()
  if proxy and not addresses then
    self:complain(EXIT.not_all_scanned, "--proxy: %s", vocabulary.failure(message))
  elseif proxy then
    local at = addresses[1] ~= proxy.host and (" (%s)"):format(table.concat(addresses, ", ")) or ""
    show("All connections go to the proxy %s port %d%s.", proxy.host, proxy.port, at)
    show("It connects to what is listed here:")
  end
end

-- How it is reached and as whom.
local function ways_of(described, options)
  local ways = { described.sni and "server name " .. described.sni or "no server name" }
  local function add(format, value)
    ways[#ways + 1] = value and format:format(value) or nil
  end
  add("STARTTLS for %s first", described.starttls)
  add("through %s", described.proxy)
  add("with a PROXY header of version %d", described.proxy_protocol)
  add("with the application protocols %s", options.alpn and table.concat(options.alpn, ", "))
  add("saying \"%s\" inside TLS", options.request and escape(options.request, 60))
  add("with the client certificate", options.has_certificate)
  add("from %s", options.sources and table.concat(options.sources, " and ") or options.source)
  return table.concat(ways, ", ")
end

function DryRun:tell(parsed)
  local described, addresses = self.scanner:plan_of(parsed)
  if self.cancelled then
    return
  elseif not described then
    self:complain(EXIT.not_all_scanned, "%s: %s", target.label(parsed), vocabulary.failure(addresses))
    return
  end
  local made = self.scanner:connections(#addresses)
  self.targets_found, self.addresses_found = self.targets_found + 1, self.addresses_found + #addresses
  self.sum.least, self.sum.most = self.sum.least + made.least, self.sum.most + made.most
  show("%s: %s connections; %s", target.label(parsed), from_to(made), ways_of(described, self.scanner.options))
  for _, address in ipairs(addresses) do
    show("  %s port %d%s", escape(address), parsed.port,
      addresses.resolved_by and ", which the proxy looks up" or "")
  end
end

-- The next target as a job.
function DryRun:next_job()
  local text, is_named, line, problem = self.targets:next()
  while text and not self.cancelled do
    local parsed, message
    if not problem then
      parsed, message = self.scanner:parse(text)
    end
    if parsed then
      return function()
        self:tell(parsed)
      end
    end
    self:complain(is_named and EXIT.usage or EXIT.not_all_scanned, "%s%s", line and self:place(line) or "",
      message or ("target: '%s': %s"):format(escape(text, 80), problem))
    text, is_named, line, problem = self.targets:next()
  end
end

function DryRun:place(line)
  return ("%s: line %d: "):format(self.list_name == "-" and "stdin" or self.list_name, line)
end

--- What is known; the watch for Ctrl-C calls it.
-- @function dry_run:conclude
-- @treturn integer exit code
function DryRun:conclude()
  if self.targets.problem then
    self:complain(EXIT.stopped, "--targets_in: %s: %s", self.list_name, self.targets.problem)
  end
  if self.targets_found == 0 and self.exit == EXIT.all_scanned and self.targets.skipped == 0 and not self.cancelled then
    self:complain(EXIT.usage, "nothing would be tested: the list names no target, and no open port with TLS")
  end
  local sum = ("In all %s connections to %s of %s."):format(from_to(self.sum),
    vocabulary.count(self.addresses_found, "address", "addresses"), vocabulary.count(self.targets_found, "target"))
  if not say.on_stdout(sum) then
    self.exit = EXIT.stopped
  end
  return self.cancelled or self.exit
end

--- Tells it, target after target.
-- @function dry_run:go
-- @treturn integer exit code
function DryRun:go()
  local stop_watching = interrupt.watch(self.host, self)
  self:say_parts()
  self:say_proxy()
  side_by_side.each(self.host, function()
    return self:next_job()
  end, self.at_once, function(_, problem)
    self:complain(EXIT.not_all_scanned, "internal error: %s", escape(problem, 300))
  end)
  local code = self:conclude()
  stop_watching()
  return code
end

--- @tparam table plan see resum.cli.setup
-- @treturn table dry run
function M.new(plan)
  local one = setmetatable({
    host = plan.host,
    scanner = plan.scanner,
    targets = plan.targets,
    at_once = plan.at_once,
    list_name = plan.parsed.targets_in,
    sum = { least = 0, most = 0 },
    targets_found = 0,
    addresses_found = 0,
    exit = EXIT.all_scanned,
    cancelled = nil, -- by Ctrl-C: the exit code
  }, DryRun)
  function plan.targets.on_problem(line, problem)
    one:complain(EXIT.not_all_scanned, "%s%s; it is left out", one:place(line), problem)
  end
  return one
end

return M
