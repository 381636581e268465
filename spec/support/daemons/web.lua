--- Web servers and proxies beside nginx and HAProxy: Apache, lighttpd, stunnel, nghttpx.
-- Owns their configurations. It must not know what a spec asks of them.

local pki = require "spec.support.pki"
local place = require "spec.support.daemons.place"
local servers = require "spec.support.servers"

local M = {}

-- All of them: a configuration from a template, and a command that gets its path. lines: more lines for it.
local function start(kind, options, template, command)
  options = options or {}
  return servers.launch(kind, options, function(here)
    local certificate, key = place.identity(here)
    local path = place.write(here, kind .. ".conf", template, {
      host = here.host, port = here.port, directory = here.directory, certificate = certificate, key = key,
      bundle = pki.get("rsa").bundle, lines = options.lines or "",
    })
    return command(path, here)
  end)
end

local APACHE = [[
ServerRoot {directory}
PidFile {directory}/pid
ErrorLog /dev/stderr
ServerName {name}
Listen {host}:{port}
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
LoadModule socache_shmcb_module /usr/lib/apache2/modules/mod_socache_shmcb.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
DocumentRoot {directory}
SSLEngine on
SSLCertificateFile {certificate}
SSLCertificateKeyFile {key}
SSLSessionCache {cache}
SSLSessionTickets {tickets}
{key_file}
]]

--- Apache's httpd.
-- @tparam[opt] table options cache: "none" (default) or "shmcb"; tickets: "on" (default) or "off"; key_file: of its
--   ticket key; name: default "localhost"
function M.apache(options)
  options = options or {}
  local cache = options.cache == "shmcb" and "shmcb:{directory}/cache(512000)" or "none"
  local template = APACHE:gsub("{cache}", cache):gsub("{tickets}", options.tickets or "on")
    :gsub("{name}", options.name or "localhost")
    :gsub("{key_file}", options.key_file and "SSLSessionTicketKeyFile " .. options.key_file or "")
  return start("apache2", options, template, function(path)
    return { "apache2", "-X", "-f", path }
  end)
end

local LIGHTTPD = [[
server.document-root = "{directory}"
server.bind = "{host}"
server.port = {port}
server.modules = ("mod_openssl")
ssl.engine = "enable"
ssl.pemfile = "{bundle}"
{lines}
]]

--- lighttpd with its module for OpenSSL.
-- @tparam[opt] table options lines: more lines of configuration
function M.lighttpd(options)
  return start("lighttpd", options, LIGHTTPD, function(path)
    return { "lighttpd", "-D", "-f", path }
  end)
end

local STUNNEL = [[
foreground = yes
pid =
{lines}
[spec]
accept = {host}:{port}
exec = /bin/cat
execArgs = cat
cert = {bundle}
]]

--- stunnel: an echo inside TLS.
-- @tparam[opt] table options lines: more lines of configuration, e.g. "sessionResume = no"
function M.stunnel(options)
  return start("stunnel", options, STUNNEL, function(path)
    return { "stunnel4", path }
  end)
end

--- nghttpx in front of nobody.
function M.nghttpx(options)
  return start("nghttpx", options, "", function(path, here)
    local rsa = pki.get("rsa")
    return { "nghttpx", ("-f%s,%d"):format(here.host, here.port), "-b127.0.0.1,9", "--conf=" .. path, rsa.key,
      rsa.certificate }
  end)
end

return M
