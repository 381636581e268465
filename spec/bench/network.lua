--- `make bench-network`: what the scans of pools of real servers take over a network: wall time, connections, verdict.
-- Three nginx behind HAProxy or nginx's stream module, in a network namespace of their own; resum in another; between
-- them a link with a round trip, and with loss where wanted. As root, with /dev/net/tun.
-- Owns what is measured and how it is printed. The environment says what is measured: BENCH_RTT (milliseconds, "50
-- 150"), BENCH_LOSS (percent, "0"), BENCH_POOLS (names, all), BENCH_SCANS (names, all), BENCH_RUNS (1).

local cjson = require "cjson"
local network = require "spec.support.network"
local pools = require "spec.support.real_pool"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local uv = require "luv"

local function words(name, default)
  local list = {}
  for word in (os.getenv(name) or default):gmatch("%S+") do
    list[#list + 1] = word
  end
  return list
end

local RUNS = tonumber(os.getenv("BENCH_RUNS") or 1)
local PATIENCE = 600 -- seconds for a scan

local function haproxy(set_up, balance)
  return function()
    return servers.haproxy({ host = "0.0.0.0", backends = pools.start(set_up), balance = balance })
  end
end

local function stream(set_up)
  return function()
    return servers.nginx_stream({ host = "0.0.0.0", backends = pools.start(set_up) })
  end
end

local POOLS = {
  one_server = function()
    return servers.nginx({ host = "0.0.0.0", session_cache = "shared:SSL:1m" })
  end,
  one_haproxy = function()
    return servers.haproxy({ host = "0.0.0.0" })
  end,
  keys = haproxy("keys"),
  nothing = haproxy("nothing"),
  member_off = haproxy("member_off"),
  two_of_three = haproxy("two_of_three"),
  nothing_random = haproxy("nothing", "random"),
  keys_leastconn = haproxy("keys", "leastconn"),
  keys_stream = stream("keys"),
  nothing_stream = stream("nothing"),
  member_off_stream = stream("member_off"),
}

local SCANS = {
  support = { "--resum" },
  plain = { "--resum_rate", "--no_balancer" },
  rate = { "--resum_rate" },
}

-- The verdicts of the whole and of each mechanism, whatever scan it was.
local function verdicts_of(address)
  local list = {}
  for _, scan in ipairs({ "support", "rate", "balancer" }) do
    local found = address[scan]
    list[#list + 1] = scan == "balancer" and found and ("%s (%s)"):format(found.verdict, found.routing or "") or nil
    for _, mechanism in ipairs({ "session_id", "ticket", "psk" }) do
      local one = found and (found.mechanisms or found)[mechanism]
      list[#list + 1] = one and (one.rate and ("%s %.2f"):format(mechanism, one.rate)
        or ("%s %s"):format(mechanism, one.verdict)) or nil
    end
  end
  return table.concat(list, ", ")
end

local function scan(link, server, arguments)
  local command = table.move(arguments, 1, #arguments, 2, { process.ROOT .. "/lua/bin/resum" })
  local rest = { "--quiet", "--json_out", "-", ("%s:%d"):format(network.SERVER, server.port) }
  table.move(rest, 1, #rest, #command + 1, command)
  local before, started = link.connections(), uv.hrtime()
  local done = link.run(command, PATIENCE)
  local seconds = (uv.hrtime() - started) / 1e9
  local read, report = pcall(cjson.decode, done.stdout)
  local said = read and (report.targets[1].addresses or {})[1] and verdicts_of(report.targets[1].addresses[1])
    or done.stderr
  return seconds, link.connections() - before, said
end

local function measure_pool(name, options)
  local link, server = network.link(options), POOLS[name]()
  for _, kind in ipairs(words("BENCH_SCANS", "support plain rate")) do
    for _ = 1, RUNS do
      local seconds, connections, said = scan(link, server, SCANS[kind])
      print(("  %-18s %-8s %6.2f s %4d connections  %s"):format(name, kind, seconds, connections, said))
      io.stdout:flush()
    end
  end
  process.stop_all()
  link.close()
end

local function measure()
  for _, loss in ipairs(words("BENCH_LOSS", "0")) do
    for _, round_trip in ipairs(words("BENCH_RTT", "50 150")) do
      print(("round trip %s ms, loss %s %%"):format(round_trip, loss))
      for _, name in ipairs(words("BENCH_POOLS", "one_server keys nothing member_off keys_stream nothing_stream")) do
        measure_pool(name, { round_trip_ms = tonumber(round_trip), loss = tonumber(loss) / 100 })
      end
    end
  end
end

if not network.is_possible() then
  io.stderr:write("bench-network: root and /dev/net/tun are needed\n")
  os.exit(1)
elseif network.is_inside() then
  measure()
else
  os.exit(network.run(arg[0]))
end
