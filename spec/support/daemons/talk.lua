--- Servers that people talk, share files and work on screens with: vsftpd, InspIRCd, Prosody, xrdp.
-- Owns their configurations. It must not know what a spec asks of them.

local place = require "spec.support.daemons.place"
local servers = require "spec.support.servers"

local M = {}

local VSFTPD = [[
listen=YES
listen_address={host}
listen_port={port}
background=NO
seccomp_sandbox=NO
secure_chroot_dir={directory}/empty
anonymous_enable=YES
ssl_enable={ssl}
allow_anon_ssl=YES
rsa_cert_file={certificate}
rsa_private_key_file={key}
max_per_ip={limit}
vsftpd_log_file={directory}/log
log_ftp_protocol=YES
]]

--- vsftpd (as root only).
-- @tparam[opt] table options ssl: "YES" (default) or "NO"; limit: connections at once from one address (0: any number)
function M.vsftpd(options)
  options = options or {}
  return servers.launch("vsftpd", options, function(here)
    local certificate, key = place.identity(here)
    place.folder(here, "empty")
    return { "vsftpd", place.write(here, "vsftpd.conf", VSFTPD, {
      host = here.host, port = here.port, directory = here.directory, certificate = certificate, key = key,
      ssl = options.ssl or "YES", limit = options.limit or 0,
    }) }
  end)
end

local INSPIRCD = [[
<server name="irc.test" description="spec" network="spec" id="1AB">
<bind address="{host}" port="{port}" type="clients" {binding}>
<module name="ssl_gnutls">
{starttls}
<sslprofile name="spec" provider="gnutls" certfile="{certificate}" keyfile="{key}">
<connect name="all" allow="*" timeout="60" localmax="{limit}" globalmax="{limit}" resolvehostnames="no">
<log method="stderr" type="*" level="default" flush="1">
<pid file="{directory}/pid">
<options prefixquit="" defaultmodes="">
]]

--- InspIRCd.
-- @tparam[opt] table options starttls: false leaves it out
function M.inspircd(options)
  options = options or {}
  local starttls = options.starttls ~= false
  return servers.launch("inspircd", options, function(here)
    local certificate, key = place.identity(here, "nobody")
    local config = place.write(here, "inspircd.conf", INSPIRCD, {
      host = here.host, port = here.port, directory = here.directory, certificate = certificate, key = key,
      starttls = starttls and '<module name="starttls">\n<starttls>' or "", binding = 'sslprofile=""',
      limit = 100,
    })
    return place.as_nobody({ "inspircd", "--nofork", "--nolog", "--config", config })
  end)
end

local PROSODY = [[
pidfile = "{directory}/pid"
data_path = "{directory}/data"
interfaces = { "{host}" }
c2s_ports = { {c2s} }
s2s_ports = { {s2s} }
c2s_direct_tls_ports = {}
s2s_direct_tls_ports = {}
modules_enabled = { "tls", "saslauth", "roster", "disco"{more} }
modules_disabled = { {disabled} }
authentication = "internal_hashed"
ssl = { certificate = "{certificate}", key = "{key}" }
log = { info = "*console" }
VirtualHost "xmpp.test"
]]

--- Prosody.
-- @tparam[opt] table options role: "client" (default) or "server"
function M.prosody(options)
  options = options or {}
  return servers.launch("prosody", options, function(here)
    local certificate, key = place.identity(here, "nobody")
    place.folder(here, "data", "nobody")
    local is_server = options.role == "server"
    local config = place.write(here, "prosody.cfg.lua", PROSODY, {
      host = here.host, directory = here.directory, certificate = certificate, key = key,
      c2s = is_server and "" or here.port, s2s = is_server and here.port or "",
      more = is_server and ', "s2s"' or "", disabled = is_server and '"c2s"' or '"s2s"',
    })
    return place.as_nobody({ "prosody", "--config", config, "-F" })
  end)
end

local XRDP = [[
[Globals]
ini_version=1
fork=true
port=tcp://{host}:{port}
security_layer={layer}
certificate={certificate}
key_file={key}
ssl_protocols=TLSv1.2, TLSv1.3
[Logging]
LogFile={directory}/log
LogLevel=INFO
[Xorg]
name=Xorg
lib=libxup.so
ip=127.0.0.1
port=-1
code=20
]]

--- xrdp.
-- @tparam[opt] table options layer: "negotiate" (default), "tls" or "rdp" (no TLS)
function M.xrdp(options)
  options = options or {}
  return servers.launch("xrdp", options, function(here)
    local certificate, key = place.identity(here)
    local config = place.write(here, "xrdp.ini", XRDP, {
      host = here.host, port = here.port, directory = here.directory, certificate = certificate, key = key,
      layer = options.layer or "negotiate",
    })
    return { "xrdp", "--nodaemon", "--config", config }
  end)
end

return M
