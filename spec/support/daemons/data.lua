--- Directory and database servers: slapd, PostgreSQL, MariaDB.
-- Owns their configurations. It must not know what a spec asks of them.

local place = require "spec.support.daemons.place"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local uv = require "luv"

local M = {}

local SLAPD = [[
pidfile {directory}/pid
argsfile {directory}/args
TLSCertificateFile {certificate}
TLSCertificateKeyFile {key}
]]

--- slapd, with no database: the root entry is there all the same.
-- @tparam[opt] table options tls: false leaves the certificate out
function M.slapd(options)
  options = options or {}
  return servers.launch("slapd", options, function(here)
    local certificate, key = place.identity(here, "nobody")
    local template = options.tls == false and SLAPD:match("^.-\n.-\n") or SLAPD
    local config = place.write(here, "slapd.conf", template,
      { directory = here.directory, certificate = certificate, key = key })
    local url = ("ldap://%s:%d/"):format(here.host, here.port)
    return place.as_nobody({ "slapd", "-f", config, "-h", url, "-d", "256" })
  end)
end

-- The folder of the newest PostgreSQL's programs.
local function postgres_folder()
  local newest
  local listing = assert(uv.fs_scandir("/usr/lib/postgresql"), "PostgreSQL is not installed")
  local name = uv.fs_scandir_next(listing)
  while name do
    if not newest or tonumber(name) > tonumber(newest) then
      newest = name
    end
    name = uv.fs_scandir_next(listing)
  end
  return ("/usr/lib/postgresql/%s/bin/"):format(newest)
end

--- PostgreSQL.
-- @tparam[opt] table options ssl: "on" (default) or "off"
function M.postgres(options)
  options = options or {}
  return servers.launch("postgres", options, function(here)
    local certificate, key = place.identity(here, "nobody")
    local data = here.directory .. "/data"
    place.prepare(place.as_nobody({ postgres_folder() .. "initdb", "-D", data, "-A", "trust", "-N", "-E", "UTF8",
      "--locale", "C" }))
    local command = { postgres_folder() .. "postgres", "-D", data, "-h", here.host, "-p", here.port,
      "-k", here.directory }
    for name, value in pairs({ ssl = options.ssl or "on", ssl_cert_file = certificate, ssl_key_file = key,
      log_connections = "on", log_disconnections = "on" }) do
      table.move({ "-c", name .. "=" .. value }, 1, 2, #command + 1, command)
    end
    return place.as_nobody(command)
  end)
end

-- What mariadb-install-db feeds to the server; but that program needs MariaDB's clients as well.
local function mariadb_tables()
  local parts = { "create database mysql;\nuse mysql;\n" }
  for _, name in ipairs({ "system_tables", "performance_tables", "system_tables_data" }) do
    parts[#parts + 1] = process.read_file(("/usr/share/mysql/mysql_%s.sql"):format(name))
  end
  return table.concat(parts)
end

-- A command that finds these names and addresses, and no others (nss_wrapper(1)).
local function with_hosts(here, hosts, command)
  local prefix = { "env", "LD_PRELOAD=libnss_wrapper.so", "NSS_WRAPPER_HOSTS=" .. place.write(here, "hosts", hosts) }
  return table.move(command, 1, #command, #prefix + 1, prefix)
end

--- MariaDB.
-- @tparam[opt] table options ssl: false leaves the certificate out; args: more arguments; sql: statements to start
--   with; hosts: its own /etc/hosts
function M.mariadb(options)
  options = options or {}
  return servers.launch("mariadb", options, function(here)
    local certificate, key = place.identity(here, "nobody")
    local data = place.folder(here, "data", "nobody")
    place.prepare(place.as_nobody({ "mariadbd", "--no-defaults", "--bootstrap", "--datadir=" .. data,
      "--innodb-log-file-size=4M" }), mariadb_tables())
    local command = { "mariadbd", "--no-defaults", "--datadir=" .. data, "--socket=" .. here.directory .. "/socket",
      "--bind-address=" .. here.host, "--port=" .. here.port, "--pid-file=" .. here.directory .. "/pid",
      "--innodb-log-file-size=4M", "--log-warnings=9" }
    if options.ssl ~= false then
      table.move({ "--ssl-cert=" .. certificate, "--ssl-key=" .. key }, 1, 2, #command + 1, command)
    end
    if options.sql then
      command[#command + 1] = "--init-file=" .. place.write(here, "init.sql", options.sql)
    end
    table.move(options.args or {}, 1, #(options.args or {}), #command + 1, command)
    return place.as_nobody(options.hosts and with_hosts(here, options.hosts, command) or command)
  end)
end

return M
