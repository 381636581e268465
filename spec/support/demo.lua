--- The embedded demo of `make scan`: three TLS servers that share nothing, behind one address, all on loopback.
-- Owns their start and end and the life of the command that looks at them:
--   lua5.4 spec/support/demo.lua ./lua/bin/resum --resum --resum_rate
-- runs that command with the balancer's address appended, on the same terminal, and ends with its exit code. It must
-- not know what the command does.

package.path = arg[0]:match("^(.-)[^/]*$") .. "../../?.lua;" .. package.path

local uv = require "luv"
local process = require "spec.support.process"
local servers = require "spec.support.servers"

local SERVERS = 3
local SIGNALS = { sighup = 1, sigint = 2, sigterm = 15 }

local function say(format, ...)
  io.stderr:write("demo: ", format:format(...), "\n")
end

local function start()
  local backends, ports = {}, {}
  for i = 1, SERVERS do
    backends[i] = servers.s_server()
    ports[i] = backends[i].port
  end
  local balancer = servers.balancer { backends = backends }
  say("%d x openssl s_server on ports %s behind a round-robin balancer on %s",
    SERVERS, table.concat(ports, ", "), balancer.address)
  return balancer.address
end

local function has_terminal()
  for fd = 0, 2 do
    if uv.guess_handle(fd) == "tty" then
      return true
    end
  end
  return false
end

-- We outlive the command whatever happens, to clean up. Ctrl-C on a terminal reaches the command without us, and twice
-- would be once too often.
local function watch_signals(state)
  for name, number in pairs(SIGNALS) do
    local from_terminal = name == "sigint" and has_terminal()
    uv.new_signal():start(name, function()
      state.signal = number
      if state.command and not from_terminal then
        state.command:kill(name)
      end
    end)
  end
end

local function run(state, command)
  local code
  local handle, failure = uv.spawn(command[1], {
    args = table.move(command, 2, #command, 1, {}),
    stdio = { 0, 1, 2 },
  }, function(exit_code, signal)
    code = signal ~= 0 and 128 + signal or exit_code
  end)
  if not handle then
    say("cannot run %s: %s", command[1], failure)
    return 127
  end
  state.command = handle
  while not code do
    uv.run("once")
  end
  return code
end

local function main(command)
  if #command == 0 then
    say("usage: demo.lua command [argument...]")
    return 2
  end
  local state = {}
  watch_signals(state)
  local started, result = pcall(start)
  if not started then
    say("%s", (result:gsub("^%S-:%d+: ", "")))
    return 1
  elseif state.signal then
    return 128 + state.signal
  end
  command[#command + 1] = result
  return run(state, command)
end

local code = main(table.move(arg, 1, #arg, 1, {}))
process.stop_all()
os.exit(math.floor(code), true)
