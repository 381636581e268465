--- `make bench`: client CPU of one resumption, everything side by side on the same nginx on loopback; then memory per
-- handshake in flight, and wall time over a round trip.
-- Owns what is measured and how it is printed. Rounds are interleaved, as the machine's speed drifts: figures are
-- medians with their spread, and the ratios are what to read. Ours are driven from Lua over luv at 50 at once;
-- openssl s_time makes one connection after another.

local attempt = require "resum.connection.client"
local core = require "resum.core"
local host = require "resum.host.uv"
local process = require "spec.support.process"
local resum = require "resum"
local servers = require "spec.support.servers"
local uv = require "luv"

local ROUNDS = tonumber(os.getenv("BENCH_ROUNDS")) or 9
local ATTEMPTS = tonumber(os.getenv("BENCH_ATTEMPTS")) or 2000
local AT_ONCE = 50
local PATIENCE = 10 -- seconds

local REQUEST = "GET / HTTP/1.1\r\nHost: localhost\r\nX-Padding: " .. ("x"):rep(240) .. "\r\n\r\n"

local function cpu_seconds()
  local usage = uv.getrusage()
  local function seconds(time)
    return time.sec + time.usec / 1e6
  end
  return seconds(usage.utime) + seconds(usage.stime)
end

local function run_jobs(job, count, at_once)
  local jobs = {}
  for i = 1, count do
    jobs[i] = job
  end
  local _, problem = next(host.parallel(jobs, at_once))
  assert(problem == nil, problem)
end

local function measure(job)
  collectgarbage()
  local before = cpu_seconds()
  run_jobs(job, ATTEMPTS, AT_ONCE)
  return (cpu_seconds() - before) / ATTEMPTS * 1e6
end

-- A connection with a request of 300 bytes and its answer.
local function plain_exchange(port)
  return function()
    local stream = assert(host.connect("127.0.0.1", port, { timeout = PATIENCE }))
    assert(stream:write(REQUEST, host.now() + PATIENCE))
    assert(stream:read(host.now() + PATIENCE))
    stream:close()
  end
end

local function new_client(server)
  return attempt.new_client({ address = "127.0.0.1", port = server.port }, { host = host, timeout = PATIENCE })
end

local function session_of(client, mechanism)
  local record = client:attempt({ mechanism = mechanism, want_tickets = true })
  return assert(record.sessions[#record.sessions], "the server issued nothing")
end

-- The machine alone, fed by hand: a complete, verified handshake with an orderly end.
local function bare_probe(server, mechanism)
  local session = session_of(new_client(server), mechanism)
  return function()
    local stream = assert(host.connect("127.0.0.1", server.port, { timeout = PATIENCE }))
    local deadline = host.now() + PATIENCE
    local probe = assert(core.probe({ session = session, ticket_age_s = 1 }))
    local state, out = probe:step()
    while state == "want" do
      assert(stream:write(out, deadline))
      state, out = probe:step(assert(stream:read(deadline)))
    end
    assert(state == "established", state)
    assert(stream:write(out .. probe:shutdown(), deadline))
    stream:close()
    probe:close()
  end
end

-- A whole attempt with its record, as the rate scan makes it.
local function attempt_on(server, mechanism, engine)
  local client = new_client(server)
  local session = session_of(client, mechanism)
  return function()
    local record = client:attempt({ mechanism = mechanism, session = session, engine = engine, compare = false })
    assert(record.outcome == "resumed" and record.engine == engine, record.outcome)
  end
end

-- openssl s_time -reuse, with user and system time of the child.
local function s_time(server, version)
  local flags = version == "TLSv1.3" and "-tls1_3 -www /" or "-tls1_2"
  local command = ("openssl s_time -connect 127.0.0.1:%d -reuse -time 1 %s; times"):format(server.port, flags)
  return function()
    local out = process.run({ command = { "sh", "-c", command } }).stdout
    local reused = out:match("(%d+) connections in [^\n]*real seconds")
    local minutes_u, seconds_u, minutes_s, seconds_s = out:match("(%d+)m([%d.]+)s (%d+)m([%d.]+)s%s*$")
    assert(reused and seconds_s, out)
    return ((minutes_u + minutes_s) * 60 + seconds_u + seconds_s) / tonumber(reused) * 1e6
  end
end

local function median(values)
  table.sort(values)
  return (values[(#values + 1) // 2] + values[#values // 2 + 1]) / 2, values[1], values[#values]
end

-- A worker for each core, as nginx's own "auto": where the client has to wait for a single one, it pays for waking up
-- at every answer.
local function start_servers()
  local plain_port, workers = process.free_port(), #uv.cpu_info()
  local by_id = servers.nginx({ session_cache = "shared:SSL:10m", session_tickets = "off", workers = workers })
  local by_ticket = servers.nginx({
    session_cache = "shared:SSL:10m", session_tickets = "on", workers = workers,
    directives = ("listen 127.0.0.1:%d;"):format(plain_port),
  })
  return by_id, by_ticket, plain_port
end

local function plan()
  local by_id, by_ticket, plain_port = start_servers()
  local list = { { name = "plain TCP exchange", run = plain_exchange(plain_port) } }
  for _, one in ipairs({
    { "TLS 1.2 session ID", by_id, "session_id", "TLSv1.2" },
    { "TLS 1.2 ticket", by_ticket, "ticket", "TLSv1.2" },
    { "TLS 1.3 PSK", by_ticket, "psk", "TLSv1.3" },
  }) do
    local title, server, mechanism, version = table.unpack(one)
    list[#list + 1] = { name = title, engine = "openssl s_time -reuse", command = s_time(server, version) }
    list[#list + 1] = { name = title, engine = "resum.handshake, whole attempt",
      run = attempt_on(server, mechanism, "handshake") }
    list[#list + 1] = { name = title, engine = "resum.probe, whole attempt",
      run = attempt_on(server, mechanism, "probe") }
    list[#list + 1] = { name = title, engine = "resum.probe alone", run = bare_probe(server, mechanism) }
  end
  return list
end

local ROW = "%-19s %-31s %9s %7s to %7s %10s %9s"

-- The ratios of each round, as its figures stand beside each other in time.
local function ratios(entry, other)
  local list = {}
  for round, figure in ipairs(entry.figures) do
    list[round] = figure / other.figures[round]
  end
  return ("%.2f"):format((median(list)))
end

local function report_cpu(list)
  print("\nClient CPU (user + system) of a resumption, microseconds")
  print(ROW:format("", "", "median", "min", "max", "of s_time", "of plain"))
  local plain, against = list[1], nil
  local rows = {}
  for i, entry in ipairs(list) do
    against = entry.command and entry or against
    rows[i] = { against and ratios(entry, against) or "", ratios(entry, plain) }
  end
  for i, entry in ipairs(list) do
    local middle, least, most = median(entry.figures)
    print(ROW:format(entry.name, entry.engine or "", ("%.1f"):format(middle), ("%.1f"):format(least),
      ("%.1f"):format(most), rows[i][1], rows[i][2]))
  end
end

local function measure_cpu()
  local list = plan()
  for round = 1, ROUNDS do
    io.stderr:write(("\rround %d of %d"):format(round, ROUNDS))
    for _, entry in ipairs(list) do
      entry.figures = entry.figures or {}
      entry.figures[round] = entry.command and entry.command() or measure(entry.run)
    end
  end
  io.stderr:write("\r\27[K")
  report_cpu(list)
end

-- See held.lua.
local function held_kb(...)
  local command = { uv.exepath(), process.ROOT .. "/spec/bench/held.lua", ... }
  local out = process.run({ command = command, working_directory = process.ROOT, seconds = 120 })
  return assert(tonumber(out.stdout), out.stderr)
end

local function measure_memory()
  print("\nMemory per handshake in flight against a server that never answers, KB above a bare connection of the host")
  local server = servers.nginx({ session_cache = "shared:SSL:10m", session_tickets = "on" })
  local silent = servers.odd({ kind = "silent" })
  for _, count in ipairs({ 1000, 10000 }) do
    local bare = held_kb(silent.port, count)
    for _, mechanism in ipairs({ "ticket", "psk" }) do
      local probing = held_kb(silent.port, count, server.port, mechanism)
      print(("%6d at once, %-7s %.2f  (the connection itself %.2f)"):format(count, mechanism, (probing - bare) / count,
        bare / count))
    end
  end
end

-- A rate scan over the slow way: seconds for all of it, seconds from its first attempt on, and connections made.
local function scan_over(slow, options)
  local started, first, connections = host.now(), nil, 0
  options.on_event = function(event)
    if event.kind == "attempt" then
      connections = connections + 1
      local is_offer = event.record.design == "fixed"
      first = first or is_offer and host.now() - event.record.timing.total_s or nil
    end
  end
  local result = resum.rate(slow.address, options)
  return host.now() - started, host.now() - first, connections, result.addresses[1].rate
end

local function measure_round_trips()
  local DELAY_MS, CONCURRENCY, COUNT = 50, 10, 100
  local slow = servers.balancer({ backends = { servers.nginx({ session_cache = "shared:SSL:10m" }) },
    delay_ms = DELAY_MS })
  print(("\nWall time over a round trip of %d ms, %d at once"):format(DELAY_MS, CONCURRENCY))
  -- connect and ClientHello are two round trips; the proxy takes the first when bytes come
  local least = COUNT / CONCURRENCY * 2 * DELAY_MS / 1000
  local mechanisms = { "session_id", "ticket", "psk" }
  for _, mechanism in ipairs(mechanisms) do
    local all, took, _, rate = scan_over(slow, { mechanisms = { mechanism }, attempts = COUNT,
      concurrency = CONCURRENCY, balancer = false })
    print(("%-10s %d of %d resumed; attempts %.2f s, %.2f of what their round trips take; whole scan %.2f s"):format(
      mechanism, rate[mechanism].resumed, rate[mechanism].attempted, took, took / least, all))
  end
  local all, _, connections = scan_over(slow, { mechanisms = mechanisms, attempts = COUNT, concurrency = CONCURRENCY })
  print(("--resum_rate with what is behind the balancer, all three: %d connections, %.2f s"):format(connections, all))
end

local function main()
  measure_cpu()
  process.stop_all()
  measure_memory()
  process.stop_all()
  measure_round_trips()
end

local ran, problem = xpcall(main, debug.traceback)
process.stop_all()
if not ran then
  error(problem, 0)
end
