--- Two network namespaces and a link between them with a round trip and lost packets, for what runs over a network.
-- Owns the namespaces, the link and who runs in which: this program goes on in the servers' namespace, where the
-- servers' constructors work as ever, and starts clients in the other one. It must not know what runs there.
--
-- It takes root and /dev/net/tun; it leaves nothing behind.

local process = require "spec.support.process"
local uv = require "luv"

local M = {}

--- Addresses of the two ends.
M.SERVER, M.CLIENT = "10.213.0.1", "10.213.0.2"

local DEVICE = "resum0"
local SOURCE = process.ROOT .. "/spec/support/programs/delayed_link.c"
local PROGRAM = process.ROOT .. "/build/spec/programs/delayed_link"

local function run(command)
  local done = process.run({ command = command })
  if done.code ~= 0 then
    error(table.concat(command, " ") .. ": " .. done.stderr, 0)
  end
end

local function ip(line)
  local command = { "ip" }
  for word in line:gmatch("%S+") do
    command[#command + 1] = word
  end
  run(command)
end

--- May this program make namespaces and a link?
-- @treturn boolean
function M.is_possible()
  return uv.getuid() == 0 and uv.fs_stat("/dev/net/tun") ~= nil and pcall(process.find, "ip")
end

--- Are we in the servers' namespace? Else run() brings us there.
-- @treturn boolean
function M.is_inside()
  return os.getenv("RESUM_NETWORK") ~= nil
end

local function names()
  local id = os.getenv("RESUM_NETWORK") or tostring(math.floor(uv.os_getpid()))
  return "resum-servers-" .. id, "resum-clients-" .. id, id
end

--- Makes the namespaces, runs a Lua program in that of the servers, and removes them.
-- @tparam string program
-- @treturn integer its exit code
function M.run(program)
  local servers, clients, id = names()
  run({ "mkdir", "-p", process.ROOT .. "/build/spec/programs" })
  run({ "cc", "-O2", "-Wall", "-Wextra", "-o", PROGRAM, SOURCE })
  ip("netns add " .. servers)
  ip("netns add " .. clients)
  local code
  local fine, problem = pcall(function()
    for _, name in ipairs({ servers, clients }) do
      ip(("-n %s link set lo up"):format(name))
    end
    local handle
    handle = assert(uv.spawn("ip", {
      args = { "netns", "exec", servers, "env", "RESUM_NETWORK=" .. id, uv.exepath(), program },
      stdio = { 0, 1, 2 },
    }, function(exit_code, signal)
      code = signal ~= 0 and 128 + signal or exit_code
      handle:close()
    end))
    while not code do
      uv.run("once")
    end
  end)
  ip("netns del " .. servers)
  ip("netns del " .. clients)
  assert(fine, problem)
  return code
end

--- Makes the link, from inside.
-- @tparam table options round_trip_ms; loss (0 to 1: share of the packets, either way)
-- @treturn table link: run(command, seconds) runs a command in the clients' namespace, see spec.support.process.run;
--   connections() says how many were begun over it so far; close()
function M.link(options)
  local servers, clients = names()
  local directory = process.temporary_directory()
  local counter = directory .. "/counter"
  local child = process.start({ input = "pipe", command = {
    PROGRAM, servers, clients, DEVICE, tostring(options.round_trip_ms / 2),
    tostring(math.floor(1000 * (options.loss or 0) + 0.5)), counter,
  } })
  process.wait_until(process.PATIENCE, function()
    return child.exited or child.stdout():find("ready", 1, true)
  end)
  assert(not child.exited, child.log())
  for name, address in pairs({ [servers] = M.SERVER, [clients] = M.CLIENT }) do
    ip(("-n %s addr add %s/24 dev %s"):format(name, address, DEVICE))
    ip(("-n %s link set %s up"):format(name, DEVICE))
  end
  local link = {}

  function link.run(command, seconds)
    return process.run({ seconds = seconds,
      command = table.move(command, 1, #command, 5, { "ip", "netns", "exec", clients }) })
  end

  function link.connections()
    return (string.unpack("<I8", process.read_file(counter, 8)))
  end

  function link.close()
    child.stop()
    process.remove(directory)
  end

  return link
end

return M
