--- Mail servers of Debian packages: postfix (as root only), and dovecot in four protocols.
-- Owns their configurations. It must not know what a spec asks of them.

local place = require "spec.support.daemons.place"
local servers = require "spec.support.servers"

local M = {}

local POSTFIX_MAIN = [[
compatibility_level = 3.6
queue_directory = {directory}/queue
data_directory = {directory}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = {directory}/mail.log
maillog_file_prefixes = {directory}
myhostname = mail.test
inet_interfaces = loopback-only
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_tls_security_level = {level}
smtpd_tls_session_cache_database = btree:${data_directory}/cache
smtpd_client_connection_count_limit = {limit}
smtpd_client_event_limit_exceptions =
local_recipient_maps =
alias_maps =
]]

local POSTFIX_MASTER = [[
{port} inet n - n - - smtpd
postlog unix-dgram n - n - 1 postlogd
tlsmgr unix - - n 1000? 1 tlsmgr
anvil unix - - n - 1 anvil
rewrite unix - - n - - trivial-rewrite
cleanup unix n - n - 0 cleanup
]]

--- Postfix.
-- @tparam[opt] table options level: "may" (default) or "none" (no STARTTLS); limit: connections at once from one
--   address
function M.postfix(options)
  options = options or {}
  return servers.launch("postfix", options, function(here)
    local certificate, key = place.identity(here)
    local values = {
      directory = here.directory, port = here.host .. ":" .. here.port, certificate = certificate, key = key,
      level = options.level or "may", limit = options.limit or 50,
    }
    place.folder(here, "queue")
    for _, name in ipairs({ "pid", "private", "public", "maildrop", "incoming", "active" }) do
      place.folder(here, "queue/" .. name, name ~= "pid" and "postfix" or nil)
    end
    place.folder(here, "data", "postfix")
    place.write(here, "main.cf", POSTFIX_MAIN, values)
    place.write(here, "master.cf", POSTFIX_MASTER, values)
    return { "/usr/lib/postfix/sbin/master", "-c", here.directory, "-d" }
  end)
end

local DOVECOT = [[
protocols = {protocol}
listen = {host}
base_dir = {directory}/run
state_dir = {directory}/state
log_path = /dev/stderr
ssl = {ssl}
ssl_cert = <{certificate}
ssl_key = <{key}
passdb {
  driver = static
  args = nopassword=y
}
userdb {
  driver = static
  args = uid=65534 gid=65534 home={directory}/home
}
service {service} {
  service_count = {visits}
  process_limit = {processes}
  inet_listener {listener} {
    port = {port}
  }
}
{others}
]]

-- Service, listener, and the listeners that are not wanted.
local DOVECOT_SERVICES = {
  imap = { "imap-login", "imap", "service imap-login {\n  inet_listener imaps {\n    port = 0\n  }\n}" },
  pop3 = { "pop3-login", "pop3", "service pop3-login {\n  inet_listener pop3s {\n    port = 0\n  }\n}" },
  sieve = { "managesieve-login", "sieve", "" },
  lmtp = { "lmtp", "lmtp", "" },
}

--- Dovecot.
-- @tparam table options protocol: "imap", "pop3", "sieve" or "lmtp"; ssl: "yes" (default) or "no" (no STARTTLS);
--   one_process: true serves all connections in one, which has one cache; by default each has a process of its own
function M.dovecot(options)
  return servers.launch("dovecot " .. options.protocol, options, function(here)
    local certificate, key = place.identity(here)
    local service = DOVECOT_SERVICES[options.protocol]
    local config = place.write(here, "dovecot.conf", DOVECOT, {
      directory = here.directory, host = here.host, port = here.port, certificate = certificate, key = key,
      protocol = options.protocol, ssl = options.ssl or "yes", service = service[1], listener = service[2],
      others = service[3], visits = options.one_process and 0 or 1, processes = options.one_process and 1 or 50,
    })
    return { "dovecot", "-F", "-c", config }
  end)
end

return M
