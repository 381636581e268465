--- Real servers for specs, one constructor each: s_server, nginx, nginx_stream, haproxy, gnutls_serv, balancer, odd.
-- Owns their command lines and configuration files. It must not know what a spec asks of them.
--
-- Each constructor takes a table and returns a server that is ready:
--   { kind = "nginx", port = 20001, ports = { 20001 }, host = "127.0.0.1", address = "127.0.0.1:20001", pid = …,
--     stop = function, log = function }
-- Each takes host (default "127.0.0.1") and port (default: a free one). It raises an error, with the last lines that
-- the server logged, when the server is not installed, dies, or is not ready in a minute.

local uv = require "luv"
local pki = require "spec.support.pki"
local process = require "spec.support.process"

local M = {}

local READY_SECONDS = process.PATIENCE
local PORT_TRIES = 5

local BALANCER = process.ROOT .. "/spec/support/balancer.lua"

-- A sanitizer that is preloaded for the module under test has no business in the servers.
local ENVIRONMENT = { LD_PRELOAD = false }

local function join_address(host, port)
  return (host:find(":", 1, true) and "[%s]:%d" or "%s:%d"):format(host, port)
end

local function last_lines(text, count)
  local lines = {}
  for line in text:gmatch("[^\n]+") do
    lines[#lines + 1] = line
  end
  return table.concat(lines, "\n", math.max(1, #lines - count + 1))
end

local function start_child(place, make_command)
  place.directory = process.temporary_directory()
  local child = process.start {
    command = make_command(place),
    directory = place.directory,
    working_directory = place.directory,
    input = "pipe", -- s_server ends with its stdin
    environment = ENVIRONMENT,
  }
  process.wait_until(READY_SECONDS, function()
    return child.exited or process.listening(place.port, child.pid)
  end)
  return child
end

local function describe_failure(kind, child)
  local what = child.exited and ("ended with code %s, signal %s"):format(child.exited.code, child.exited.signal)
    or ("was not ready in %d s"):format(READY_SECONDS)
  return ("%s %s; it said:\n%s"):format(kind, what, last_lines(child.log(), 10))
end

local function new_server(kind, place, child)
  local server = {
    kind = kind,
    host = place.host,
    port = place.port,
    ports = { place.port },
    pid = child.pid,
    address = join_address(place.host, place.port),
  }

  --- The end of what it wrote to stdout and stderr; also after stop.
  function server.log()
    return server.final_log or child.log()
  end

  --- Stops it, waits for its end and removes its files. Idempotent.
  function server.stop()
    child.stop()
    server.final_log = server.log()
    process.remove(place.directory)
  end

  return server
end

--- Starts a server of any kind. When somebody else took the port in the meantime, it tries another one.
-- @tparam string kind
-- @tparam table options host, port
-- @tparam function make_command gets place = { host=, port=, directory= } and returns the command as a list
-- @treturn table server
function M.launch(kind, options, make_command)
  local host = options.host or "127.0.0.1"
  local failure
  for _ = 1, PORT_TRIES do
    local place = { host = host, port = options.port or process.free_port(host) }
    local child = start_child(place, make_command)
    if not child.exited and process.listening(place.port, child.pid) then
      return new_server(kind, place, child)
    end
    failure = describe_failure(kind, child)
    child.stop()
    process.remove(place.directory)
    if options.port or not failure:find("[Aa]ddress already in use") then
      break
    end
  end
  error(failure, 3)
end

local function append(list, more)
  return table.move(more or {}, 1, #(more or {}), #list + 1, list)
end

--- openssl s_server. It serves one connection at a time.
-- @tparam table options args: more arguments, e.g. { "-no_ticket" }; www: false leaves -www out (for early data);
--   cert: "ecdsa" (default), "rsa", "other"
function M.s_server(options)
  options = options or {}
  local identity = pki.get(options.cert or "ecdsa")
  return M.launch("s_server", options, function(place)
    local command = {
      "openssl", "s_server", "-accept", join_address(place.host, place.port),
      "-cert", identity.certificate, "-key", identity.key,
    }
    if options.www ~= false then
      append(command, { "-www" })
    end
    return append(command, options.args)
  end)
end

-- "name value;" lines, for what is given.
local function nginx_lines(directives)
  local lines = {}
  for _, directive in ipairs(directives) do
    if directive[2] then
      lines[#lines + 1] = ("    %s %s;"):format(directive[1], directive[2])
    end
  end
  return table.concat(lines, "\n")
end

local NGINX_CONFIG = [[
daemon off;
worker_processes %d;
pid nginx.pid;
error_log stderr;
%s
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_timeout 5;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  server {
%s
    location / { return 200 "hello\n"; }
  }
}
]]

-- As root its workers would become "nobody", who can't read our directory.
local function run_as()
  return uv.getuid() == 0 and "user root;" or ""
end

--- Text of a configuration of nginx that needs nothing but the directory it is started in.
-- @tparam string lines of its one server
-- @tparam[opt=1] integer workers
-- @treturn string
function M.nginx_text(lines, workers)
  return NGINX_CONFIG:format(workers or 1, run_as(), lines)
end

local function nginx_config(options, place)
  local identity = pki.get(options.cert or "ecdsa")
  local directives = {
    { "listen", join_address(place.host, place.port) .. " ssl" },
    { "ssl_certificate", identity.certificate },
    { "ssl_certificate_key", identity.key },
    { "ssl_protocols", options.protocols or "TLSv1.2 TLSv1.3" },
    { "ssl_session_cache", options.session_cache },
    { "ssl_session_tickets", options.session_tickets },
    { "ssl_early_data", options.early_data and "on" },
  }
  for _, path in ipairs(options.ticket_keys or {}) do
    append(directives, { { "ssl_session_ticket_key", path } })
  end
  local lines = nginx_lines(directives) .. "\n" .. (options.directives or "")
  return M.nginx_text(lines, options.workers)
end

--- nginx with one TLS server. What is not given is left to nginx's default, but for the protocols.
-- @tparam table options session_cache: "none", "off", "builtin", "shared:SSL:1m"; session_tickets: "on", "off";
--   protocols: default "TLSv1.2 TLSv1.3" (the default of nginx 1.22 lacks TLS 1.3); ticket_keys: list of files, see
--   ticket_keys; workers: default 1; early_data: true; directives: more lines for the server block; cert
function M.nginx(options)
  options = options or {}
  return M.launch("nginx", options, function(place)
    process.write_file(place.directory .. "/nginx.conf", nginx_config(options, place))
    return { "nginx", "-p", place.directory, "-c", "nginx.conf", "-e", "stderr" }
  end)
end

-- noreuseport: else two haproxys could share a port without a word.
-- nbthread 1: the rotation is strict only then.
local HAPROXY_CONFIG = [[
global
  nbthread 1
  noreuseport
%s
defaults
  timeout connect 5s
  timeout client 60s
  timeout server 60s
]]

local HAPROXY_BALANCER = [[
listen balancer
  mode tcp
  bind %s
  balance %s
%s
%s
]]

-- Who comes back with a session ID meets the server that issued it (HAProxy's manual, "stick on" and "stick
-- store-response"): the ID stands behind 43 bytes of a ClientHello's or ServerHello's record.
local STICK_ON_SESSION_ID = {
  "stick-table type binary len 32 size 30k expire 30m",
  "tcp-request inspect-delay 5s",
  "tcp-request content accept if { req_ssl_hello_type 1 }",
  "tcp-response inspect-delay 5s",
  "tcp-response content accept if { rep_ssl_hello_type 2 }",
  "stick on payload_lv(43,1) if { req_ssl_hello_type 1 }",
  "stick store-response payload_lv(43,1) if { rep_ssl_hello_type 2 }",
}

local HAPROXY_TLS = [[
listen tls
  mode http
  bind %s ssl crt %s %s
  http-request return status 200 content-type text/plain string hello
]]

local function indent(lines)
  return (table.concat(lines, "\n"):gsub("[^\n]+", "  %0"))
end

local function haproxy_section(options, place)
  local bind = join_address(place.host, place.port)
  if not options.backends then
    return HAPROXY_TLS:format(bind, pki.get(options.cert or "ecdsa").bundle, options.bind or "")
  end
  local backends = {}
  for i, address in ipairs(M.addresses(options.backends)) do
    backends[i] = ("server s%d %s weight %d%s"):format(i, address, (options.weights or {})[i] or 1,
      options.room and " maxconn " .. options.room or "")
  end
  return HAPROXY_BALANCER:format(bind, options.balance or "roundrobin",
    indent(options.stick_on_session_id and STICK_ON_SESSION_ID or {}), indent(backends))
end

--- HAProxy: with backends a TCP balancer over them, else a TLS server of its own.
-- @tparam table options backends: list of servers, ports or addresses; balance: "roundrobin" (default, strict),
--   "leastconn", "source", "random", "first"; weights: list; room: connections that each gets at most;
--   stick_on_session_id: true; bind: more words for the bind line of
--   the TLS server, e.g. "no-tls-tickets";
--   global: list of lines for the global section, e.g. { "tune.ssl.cachesize 0" }; cert
function M.haproxy(options)
  options = options or {}
  return M.launch("haproxy", options, function(place)
    local config = HAPROXY_CONFIG:format(indent(options.global or {})) .. haproxy_section(options, place)
    process.write_file(place.directory .. "/haproxy.cfg", config)
    return { "haproxy", "-db", "-f", "haproxy.cfg" }
  end)
end

local NGINX_STREAM_CONFIG = [[
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr;
%s
events { worker_connections 4096; }
stream {
  upstream pool {
    %s
%s
  }
  server {
    listen %s;
    proxy_pass pool;
  }
}
]]

--- nginx as a TCP balancer over backends (its stream module), with one worker, so that its rotation is strict.
-- @tparam table options backends: list of servers, ports or addresses; balance: a directive of the upstream block, e.g.
--   "least_conn", "hash $remote_addr", "random" (default: none, which is a rotation); weights: list; room: connections
--   that the first gets at most, while the others are its backups
function M.nginx_stream(options)
  return M.launch("nginx_stream", options, function(place)
    local backends = {}
    for i, address in ipairs(M.addresses(options.backends)) do
      local more = options.room and (i == 1 and " max_conns=" .. options.room or " backup") or ""
      backends[i] = ("    server %s weight=%d%s;"):format(address, (options.weights or {})[i] or 1, more)
    end
    process.write_file(place.directory .. "/nginx.conf", NGINX_STREAM_CONFIG:format(run_as(),
      options.balance and options.balance .. ";" or "", table.concat(backends, "\n"),
      join_address(place.host, place.port)))
    return { "nginx", "-p", place.directory, "-c", "nginx.conf", "-e", "stderr" }
  end)
end

--- gnutls-serv. It can't be told an address: it listens on all, IPv4 and IPv6.
-- @tparam table options args: more arguments, e.g. { "--noticket", "--nodb" }; cert
function M.gnutls_serv(options)
  options = options or {}
  local identity = pki.get(options.cert or "ecdsa")
  return M.launch("gnutls_serv", options, function(place)
    return append({
      "gnutls-serv", "--http", "-a", "--port", place.port,
      "--x509certfile", identity.certificate, "--x509keyfile", identity.key,
    }, options.args)
  end)
end

--- Addresses of servers: a list of servers, ports (on 127.0.0.1) or "host:port" becomes a list of "host:port".
function M.addresses(list)
  local addresses = {}
  for i, item in ipairs(list) do
    if type(item) == "number" then
      addresses[i] = join_address("127.0.0.1", item)
    else
      addresses[i] = item.address or item
    end
  end
  return addresses
end

local function launch_balancer(kind, options, flags)
  return M.launch(kind, options, function(place)
    local command = { uv.exepath(), BALANCER, "--listen", join_address(place.host, place.port) }
    return append(append(command, flags), M.addresses(options.backends or {}))
  end)
end

--- Our own balancer (balancer.lua) in a process of its own.
-- @tparam table options backends: list of servers, ports or addresses; policy, fault, delay_ms: see balancer.listen
function M.balancer(options)
  local flags = {}
  for flag, name in pairs { ["--policy"] = "policy", ["--fault"] = "fault", ["--delay-ms"] = "delay_ms" } do
    append(flags, options[name] and { flag, options[name] })
  end
  return launch_balancer("balancer", options, flags)
end

--- A server that does not do what a TLS client hopes for, in a process of its own.
-- @tparam table options kind: "silent", "ssh", "http", "reset", "garbage", "endless", "endless_records", "drip"
function M.odd(options)
  return launch_balancer(options.kind, options, { "--odd", options.kind })
end

--- Makes files with random ticket keys for nginx, which go when the spec run ends.
-- @tparam integer count
-- @tparam[opt=80] integer bytes 80 (AES-256) or 48 (AES-128)
-- @treturn table list of paths
function M.ticket_keys(count, bytes)
  local directory = process.temporary_directory()
  local paths = {}
  for i = 1, count do
    paths[i] = ("%s/ticket-%d.key"):format(directory, i)
    process.write_file(paths[i], uv.random(bytes or 80))
  end
  return paths
end

--- Stops every server (and every other child process).
M.stop_all = process.stop_all

return M
