-- What nmap's scripts have in common: their arguments, the way to the server by nmap's own STARTTLS, the deadline, the
-- output. It runs inside nmap only, and leaves what is asked of a server to the scans.

local nmap = require "nmap"
local sslcert = require "sslcert"
local stdnse = require "stdnse"
local tls = require "tls"

local audit = require "resum.audit.run"
local mechanisms = require "resum.connection.mechanism"
local new_failure = require "resum.util.failure"
local nsock = require "resum.host.nsock"
local options_of = require "resum.options"
local escape = require "resum.util.escape"
local resum = require "resum"
local starttls = require "resum.transport.starttls"
local structure = require "resum.report.nse"
local text = require "resum.report.text"

local M = {}

-- Milliseconds that a server has to answer, as nmap's other TLS scripts count: by the host's round trip, within
local TIMEOUT = { least = 5000, most = 10000 }

-- Arguments ---------------------------------------------------------------------------------------------------

local function whole_number(most)
  return function(given)
    local number = tonumber(given)
    if not number or number < 1 or number > most or number % 1 ~= 0 then
      return nil, ("takes a whole number from 1 to %d"):format(most)
    end
    return math.floor(number)
  end
end

local function flag(given)
  local words = { ["1"] = true, ["true"] = true, yes = true, ["0"] = false, ["false"] = false, no = false }
  local value = words[tostring(given)]
  if value == nil then
    return nil, "takes yes or no"
  end
  return value
end

-- {ticket,psk} comes as a table, "ticket,psk" and ticket as a string.
local function mechanism_list(given)
  local names = {}
  for name in (type(given) == "table" and table.concat(given, " ") or tostring(given)):gmatch("[^%s,]+") do
    names[#names + 1] = name
  end
  return mechanisms.read_list(names)
end

local function seconds(given)
  local value = stdnse.parse_timespec(given)
  if not value then
    return nil, "takes a time such as 30s or 5m"
  end
  return value
end

-- As mechanism_list, of words that the options take.
local function word_list(given)
  local words = {}
  for word in (type(given) == "table" and table.concat(given, " ") or tostring(given)):gmatch("[^%s,]+") do
    words[#words + 1] = word
  end
  return words
end

local function check_list(given)
  local words = word_list(given)
  local known, problem = audit.read_list(words)
  return known and words, problem
end

local function name_list(given)
  local words = word_list(given)
  local problem = options_of.names_problem(words)
  return not problem and words or nil, problem
end

local ARGUMENTS = {
  checks = check_list,
  names = name_list,
  attempts = whole_number(100000),
  concurrency = whole_number(1000),
  deadline = seconds,
  mechanisms = mechanism_list,
  rate = flag,
}

-- The script's arguments; nil and what is wrong with one.
local function read_arguments(script)
  local arguments = {}
  for name, convert in pairs(ARGUMENTS) do
    local given = stdnse.get_script_args(script .. "." .. name)
    if given ~= nil then
      local value, problem = convert(given)
      if value == nil then
        return nil, ("%s.%s %s"):format(script, name, problem)
      end
      arguments[name] = value
    end
  end
  return arguments
end

-- The deadline ------------------------------------------------------------------------------------------------

-- A clock that stands still while the script connects and has no connection: nmap may let it wait there until other
-- scripts close their sockets, which is no fault of the server. (Connecting itself ends at its own timeout.)
local Clock = {}
Clock.__index = Clock

local function new_clock()
  return setmetatable({ started = nsock.now(), stood = 0, connecting = 0, connected = 0, since = nil }, Clock)
end

function Clock:seconds()
  local now = nsock.now()
  return now - self.started - self.stood - (self.since and now - self.since or 0)
end

-- There are so many more, or fewer, that connect, and that are connected.
function Clock:note(connecting, connected)
  self.connecting, self.connected = self.connecting + connecting, self.connected + connected
  local stands = self.connecting > 0 and self.connected == 0
  if stands then
    self.since = self.since or nsock.now()
  elseif self.since then
    self.stood, self.since = self.stood + nsock.now() - self.since, nil
  end
end

-- The stream, which is noted until it is closed.
function Clock:watch(stream)
  local is_open = true
  function stream.close(...)
    self:note(0, is_open and -1 or 0)
    is_open = false
    return getmetatable(stream).__index.close(...)
  end
  return stream
end

-- The way to the server ---------------------------------------------------------------------------------------

-- A dialogue that raised an error still holds nmap's lock on the host's STARTTLS state; we would wait for ourselves.
local function release_lock(host)
  if host.registry.starttls then
    pcall(nmap.mutex(host.registry.starttls), "done")
  end
end

-- nmap's own dialogue in the clear, where the port's protocol has one; it connects itself.
local function start_tls(dialogue, host, port)
  local ran, ready, socket = pcall(dialogue, host, port)
  if not ran then
    release_lock(host)
    socket = ready
  end
  if not ran or not ready then
    return nil, "starttls: " .. tostring(socket), "starttls"
  end
  return nsock.stream(socket)
end

-- nmap's names of protocols that have another one here.
local PROTOCOLS = { postgresql = "postgres", ["xmpp-client"] = "xmpp" }

-- What is said inside TLS to draw late tickets out; behind a dialogue in the clear HTTP would be out of place.
local function request_inside(host, port)
  if not sslcert.getPrepareTLSWithoutReconnect(port) then
    return nil
  end
  local protocol = starttls.find(PROTOCOLS[port.service] or port.service or "") or starttls.find("auto", port.number)
  return protocol and starttls.say(protocol, "request", { name = host.targetname or host.ip }) or ""
end

-- The host on nsock, but what it connects to is this port, ready for the ClientHello.
local function host_of(host, port, clock)
  local dialogue = sslcert.getPrepareTLSWithoutReconnect(port)
  local function connect(...)
    if dialogue then
      return start_tls(dialogue, host, port)
    end
    return nsock.connect(...)
  end
  return setmetatable({
    connect = function(...)
      clock:note(1, 0)
      local stream, message, code, stage = connect(...)
      clock:note(-1, stream and 1 or 0)
      return stream and clock:watch(stream), message, code, stage
    end,
  }, { __index = nsock })
end

-- The scan ----------------------------------------------------------------------------------------------------

local function scan(host, port, scans, arguments)
  local clock = new_clock()
  local deadline = arguments.deadline or scans.deadline
  local target = { text = host.ip, host = host.ip, port = port.number, address = host.ip }
  return resum.run(target, {
    support = scans.support,
    rate = scans.rate or arguments.rate or false,
    balancer = scans.rate or false,
    audit = scans.audit,
    audit_checks = scans.audit and (arguments.checks or scans.intrusive and audit.intrusive_ids()) or nil,
    audit_names = scans.audit and arguments.names or nil,
    intrusive = scans.intrusive,
    attempts = arguments.attempts,
    mechanisms = arguments.mechanisms,
    concurrency = arguments.concurrency,
    sni = tls.servername(host),
    request = request_inside(host, port),
    timeout = stdnse.get_timeout(host, TIMEOUT.most, TIMEOUT.least) / 1000,
    host = host_of(host, port, clock),
    cancelled = function()
      return clock:seconds() > deadline
    end,
  })
end

-- What was not finished when the deadline came is no error of the server's.
local function name_interruption(entry, deadline)
  if entry.error and entry.error.code == "interrupted" then
    entry.error = new_failure(("stopped at the script's deadline of %g s"):format(deadline), "deadline")
  end
end

-- As nmap shows a script's lines.
local function indented(lines)
  return "\n" .. lines:gsub("[^\n]+", "  %0"):gsub("\n$", "")
end

--- Runs a script's action.
-- @tparam string script its name, before the dot in its arguments' names
-- @tparam table host as nmap gives it to an action
-- @tparam table port
-- @tparam table scans support, rate and audit (booleans: what to run; with rate also what stands behind the address),
--   intrusive (boolean: of the audit those checks only), deadline (seconds, where no argument gives one)
-- @treturn table|nil what nmap writes into its XML; nil where no TLS was spoken (a verbose line says why)
-- @treturn string|nil what it shows
function M.run(script, host, port, scans)
  if port.protocol ~= "tcp" then -- forced with +
    stdnse.verbose1("only over TCP")
    return nil
  end
  local arguments, problem = read_arguments(script)
  if not arguments then
    return nil, "ERROR: " .. problem
  elseif not scans.intrusive and audit.intrusive_one(arguments.checks) then
    return nil, ("ERROR: %s.checks has %s, which is intrusive: it is %s-intrusive that makes it"):format(script,
      audit.intrusive_one(arguments.checks), script)
  elseif scans.intrusive and #audit.intrusive_ids() == 0 then
    stdnse.verbose1("this resum has no intrusive check")
    return nil
  end
  local result
  result, problem = scan(host, port, scans, arguments)
  if not result then
    return nil, "ERROR: " .. problem
  end
  local entry = result.addresses[1]
  name_interruption(entry, arguments.deadline or scans.deadline)
  if not entry.support and not entry.rate then
    stdnse.verbose1("%s", escape(entry.error.message, 200))
    return nil
  end
  if entry.audit then
    return require("resum.nse.vulnerabilities").report(script, host, port, entry)
  end
  return structure.address(entry, stdnse.output_table), indented(text.address(entry))
end

return M
