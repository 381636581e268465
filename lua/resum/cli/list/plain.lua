-- Lists in lines: one target a line, "rank,host" of a ranking, and nmap's and masscan's -oG with a host a line. "#"
-- starts a comment.

local address = require "resum.target.ip_address"
local lines = require "resum.cli.lines"
local ports = require "resum.cli.list.ports"

local M = {}

local NOTHING = {}

-- "rank,host", "Rank,Domain": the first line of some rankings.
local function is_heading(line)
  return line:lower():find('^"?rank"?%s*,%s*"?%a+"?%s*$') ~= nil
end

-- The ports behind "Ports:", as number/state/protocol/owner/service/rpc/version/: in -oG "|" stands for "/". masscan
-- has a field less.
local function add_ports(targets, host, text, protocol)
  for port, state, transport, name, version in (text .. "/"):gmatch("(%d+)/(%a+)/(%a+)/[^/]*/([^/,]*)/([^,]*)") do
    local tunnel, inner = name:match("^(%a+)|(.*)$")
    local found = {
      name = inner or name,
      tunnel = tunnel,
      probed = version:find("[^/%s]") ~= nil,
    }
    if state == "open" and transport == "tcp" and ports.are_wanted(math.floor(tonumber(port)), found, protocol) then
      targets[#targets + 1] = ports.target(host, math.floor(tonumber(port)))
    end
  end
  return targets
end

-- A line of -oG; nil when it is none. The name in brackets is what the address is called in reverse, and no name to ask
-- the server for.
local function greppable(line, protocol)
  local host, fields = line:gsub("^Timestamp: %d+%s+", ""):match("^Host: (%S+) %([^)]*%)%s*(.*)$")
  if not host then
    return nil
  elseif not address.family(host) then
    return nil, "behind 'Host:' stands no IP address"
  end
  local text = ("\t" .. fields):match("\tPorts: ([^\t]*)")
  return text and add_ports({}, host, text, protocol) or NOTHING
end

-- What a line says, as a list of targets; or nil and what is wrong with it.
local function read(line, protocol)
  local found, problem = greppable(line, protocol)
  if found or problem then
    return found, problem
  end
  line = line:gsub("^#.*", ""):gsub("%s#.*", ""):match("^%s*(.-)%s*$")
  if line == "" then
    return NOTHING
  end
  local field = line:match('^"?%d+"?%s*,%s*([^,]*)')
  return { field and field:gsub('"', ""):match("^(.-)%s*$") or line }
end

--- A reader of such a list.
-- @tparam function read_bytes returns the next bytes; or nil, and "eof" or what went wrong
-- @tparam table options protocol (of --starttls), on_problem (called with a line's number, and what is wrong with it)
-- @treturn function which returns the targets of the next line and its number; or nil, and what went wrong
function M.reader(read_bytes, options)
  local next_line = lines.reader(read_bytes)
  return function()
    local line, number = next_line()
    if line == nil then
      return nil, number
    end
    local targets, problem = nil, ("it is longer than %d bytes"):format(lines.LONGEST_NAME)
    if line and number == 1 and is_heading(line) then
      return NOTHING, number
    elseif line then
      targets, problem = read(line, options.protocol)
    end
    if problem then
      options.on_problem(number, problem)
    end
    return targets or NOTHING, number
  end
end

return M
