--- `make bench-scan`: the support scan of many targets, each with an address of its own in 127.0.0.0/8, served by two
-- nginx; of the dead ones every other is a silent server, and every other a closed port. How many a second, CPU time a
-- target, memory at most, by number of targets and share of dead ones; beside it the same handshakes alone, and openssl
-- s_client -reconnect one target after another.
-- Owns what is measured and how it is printed. Before and after each row the handshakes alone are measured, as the
-- machine's speed drifts; the ratio is what to read.

local cjson = require "cjson"
local core = require "resum.core"
local many = require "spec.support.many"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local socket = require "socket"
local uv = require "luv"

local function numbers(name, default)
  local list = {}
  for word in (os.getenv(name) or default):gmatch("%d+") do
    list[#list + 1] = math.floor(tonumber(word))
  end
  return list
end

local SIZES = numbers("BENCH_TARGETS", "1000 10000")
local DEAD = numbers("BENCH_DEAD", "0 1 10") -- percent
local SAMPLE = numbers("BENCH_SAMPLE", "200")[1] -- targets for the comparisons
local MECHANISMS = os.getenv("BENCH_MECHANISMS") or "session_id,ticket,psk"
local ATTEMPTS = numbers("BENCH_ATTEMPTS", "5")[1] -- with a session of each mechanism
local ARGUMENTS = { "--mechanisms", MECHANISMS, "--attempts", tostring(ATTEMPTS) }
for word in (os.getenv("BENCH_ARGS") or ""):gmatch("%S+") do -- more of the scan's, for example --max_connections 50
  ARGUMENTS[#ARGUMENTS + 1] = word
end
local PATIENCE = 24 * 3600 -- seconds

local S_CLIENT = { "-tls1_2 -no_ticket", "-tls1_2", "-tls1_3" } -- with -reconnect: six connections each

local function seconds_now()
  return uv.hrtime() / 1e9
end

-- Targets ------------------------------------------------------------------------------------------------------

-- What stands behind the targets: two servers that answer, one that never does, and a port that is closed.
local function start_servers()
  local alive, dead = {}, {}
  for i = 1, 2 do
    alive[i] = servers.nginx({ host = "0.0.0.0", session_cache = "shared:SSL:10m" }).port
  end
  dead[1] = servers.odd({ kind = "silent", host = "0.0.0.0" }).port
  dead[2] = process.free_port()
  return alive, dead
end

local function address(number)
  return ("127.%d.%d.%d"):format(1 + number // 62500, number // 250 % 250, 1 + number % 250)
end

-- Writes a list; a share of the targets is dead, in turns silent and closed.
local function write_list(count, percent, alive, dead)
  local path = process.temporary_directory() .. "/targets"
  local file = assert(io.open(path, "w"))
  local dead_so_far = 0
  for number = 0, count - 1 do
    local port = alive[number % #alive + 1]
    if (number + 1) * percent // 100 > dead_so_far then
      dead_so_far = dead_so_far + 1
      port = dead[dead_so_far % #dead + 1]
    end
    file:write(address(number), ":", port, "\n")
  end
  file:close()
  return path
end

-- What is compared ---------------------------------------------------------------------------------------------

-- Scans a list in a process of its own.
local function scan(list)
  local started = seconds_now()
  local ended = process.run({ seconds = PATIENCE, working_directory = process.ROOT, command = many.measured_command(
    "--quiet", "--targets_in", list, "--json_lines", "--json_out", process.temporary_directory() .. "/out",
    "--progress", "json", table.unpack(ARGUMENTS)) })
  local cpu, peak = ended.stderr:match("cpu ([%d.]+) s, peak (%d+) kB\n$")
  assert(cpu, ended.stderr)
  local lines = many.lines_of(ended.stderr)
  return {
    seconds = seconds_now() - started,
    cpu = tonumber(cpu),
    peak_kb = tonumber(peak),
    errors = cjson.decode(lines[#lines - 1]).errors,
  }
end

local CONTEXTS = {
  control = assert(core.context({})),
  session_id = assert(core.context({ max_version = "TLSv1.2", tickets = false })),
  ticket = assert(core.context({ max_version = "TLSv1.2" })),
  psk = assert(core.context({ min_version = "TLSv1.3", max_version = "TLSv1.3" })),
}

-- Some bytes, as soon as there are any.
local function receive(connection)
  connection:settimeout(nil)
  local first = assert(connection:receive(1))
  connection:settimeout(0)
  local rest, _, part = connection:receive(16384)
  connection:settimeout(nil)
  return first .. (rest or part)
end

-- One connection on a blocking socket, with an orderly end and nothing that is not needed; returns the newest session.
local function handshake(to, port, context, session, wait_for_ticket)
  local machine = assert(core.handshake(context, { session = session }))
  local connection = assert(socket.tcp4())
  assert(connection:connect(to, port))
  connection:setoption("tcp-nodelay", true)
  local state, out = machine:step()
  while state == "want" do
    assert(connection:send(out))
    state, out = machine:step(receive(connection))
  end
  assert(state == "established" and (not session or machine:facts().reused))
  if wait_for_ticket then
    assert(connection:send(out))
    out = ""
    while #machine:facts().tickets == 0 do
      machine:step(receive(connection))
    end
  end
  assert(connection:send(out .. machine:shutdown()))
  connection:receive("*a")
  connection:close()
  local sessions = machine:sessions()
  machine:close()
  return sessions[#sessions]
end

-- CPU seconds a target of the handshakes that the support scan makes, one after another, and nothing else.
local function handshakes_alone(port)
  local before = os.clock()
  for number = 0, SAMPLE - 1 do
    local to = address(number)
    handshake(to, port, CONTEXTS.control)
    for mechanism in MECHANISMS:gmatch("[^,]+") do
      local session = handshake(to, port, CONTEXTS[mechanism], nil, mechanism == "psk")
      for _ = 1, ATTEMPTS do
        handshake(to, port, CONTEXTS[mechanism], session)
      end
    end
  end
  return (os.clock() - before) / SAMPLE
end

-- Seconds and CPU seconds a target; the shell sums up the CPU time of its children.
local function s_client(port)
  local script = { "#!/bin/sh" }
  for number = 0, SAMPLE - 1 do
    for _, options in ipairs(S_CLIENT) do
      script[#script + 1] = ("openssl s_client -connect %s:%d -reconnect %s </dev/null >/dev/null 2>&1"):format(
        address(number), port, options)
    end
  end
  script[#script + 1] = "times"
  local path = process.temporary_directory() .. "/script"
  process.write_file(path, table.concat(script, "\n") .. "\n")
  local started = seconds_now()
  local ended = process.run({ command = { "sh", path }, seconds = PATIENCE })
  local seconds = seconds_now() - started
  local user_m, user_s, system_m, system_s = ended.stdout:match("\n(%d+)m([%d.]+)s (%d+)m([%d.]+)s")
  return seconds / SAMPLE, (60 * (user_m + system_m) + user_s + system_s) / SAMPLE
end

-- The table ----------------------------------------------------------------------------------------------------

local function error_words(errors)
  local words = {}
  for kind, count in pairs(errors) do
    words[#words + 1] = ("%s %d"):format(kind, count)
  end
  table.sort(words)
  return table.concat(words, ", ")
end

local function say(format, ...)
  io.stdout:write(format:format(...), "\n")
  io.stdout:flush()
end

local function row(count, percent, alive, dead)
  local list = write_list(count, percent, alive, dead)
  local before = handshakes_alone(alive[1])
  local measured = scan(list)
  local alone = (before + handshakes_alone(alive[1])) / 2
  -- dead targets make no handshakes
  local ratio = measured.cpu / (alone * count * (100 - percent) / 100)
  say("%8d  %4d %%  %9.1f  %13.2f  %13.2f  %5.2f  %7.1f  %s", count, percent, count / measured.seconds,
    1000 * measured.cpu / count, 1000 * alone, ratio, measured.peak_kb / 1024, error_words(measured.errors))
end

local function main()
  local alive, dead = start_servers()
  say("support scan of many targets (%s; %d attempts each), CPU time in ms a target; %s", MECHANISMS, ATTEMPTS,
    core.OPENSSL)
  say("%8s  %6s  %9s  %13s  %13s  %5s  %7s  %s", "targets", "dead", "targets/s", "CPU", "alone", "ratio", "peak MB",
    "errors")
  for _, count in ipairs(SIZES) do
    for _, percent in ipairs(DEAD) do
      row(count, percent, alive, dead)
    end
  end
  local seconds, cpu = s_client(alive[1])
  say("one at a time, openssl s_client -reconnect: %.1f targets/s, %.2f ms CPU", 1 / seconds, 1000 * cpu)
  servers.stop_all()
end

main()
