-- What to configure, as lines that can be pasted, for each server that resum has words for and each topic of
-- resum.analysis.advice. Pure: it is text and nothing else. A spec hands every block to the server itself, but Envoy's:
-- Debian has no Envoy, so that its lines were held against its API's reference (DownstreamTlsContext of v3). No line is
-- longer than a narrow terminal, and none is wrapped: it could not be pasted then.

local M = {}

--- Servers, in the order in which they are shown, and what they are called.
M.servers = { "nginx", "haproxy", "apache", "envoy" }
M.titles = { nginx = "nginx", haproxy = "HAProxy", apache = "Apache", envoy = "Envoy" }

-- How a server's software is recognised in what it calls itself. HAProxy is none of them: it hands on what the server
-- behind it says.
local NAMES = { { "^nginx", "nginx" }, { "^openresty", "nginx" }, { "^[Aa]pache", "apache" }, { "^envoy", "envoy" } }

-- Each block: where it goes, lines to paste, commands to run before (shell), and what has to be known (note); without
-- lines it is only a note that follows the server's name.
M.blocks = {
  ticket_keys = {
    nginx = {
      where = "in http { } or in server { }, on every server",
      shell = { "umask 077; openssl rand 80 > /etc/nginx/ticket-new.key" },
      lines = {
        "ssl_session_tickets on;",
        "# the first one issues, the others are still accepted",
        "ssl_session_ticket_key /etc/nginx/ticket-new.key;",
        "ssl_session_ticket_key /etc/nginx/ticket-old.key;",
      },
      note = "To renew: the new key becomes ticket-old.key, a fresh one ticket-new.key, on all servers; then reload. "
        .. "At first both may be the same file.",
    },
    haproxy = {
      where = "at the end of the bind line, on every server",
      shell = { "umask 077; for i in 1 2 3; do openssl rand -base64 48; done \\", "  > /etc/haproxy/ticket.keys" },
      lines = { "bind :443 ssl crt /etc/haproxy/site.pem tls-ticket-keys /etc/haproxy/ticket.keys" },
      note = "HAProxy issues with the last key but one. To renew: drop the first line, append a fresh one, on all "
        .. "servers; then reload. With a key file it issues no new ticket on a resumed TLS 1.3 connection; a browser, "
        .. "which uses each ticket once, then resumes two of three connections.",
    },
    apache = {
      where = "in the <VirtualHost>, or for the whole server, on every server",
      shell = { "umask 077; openssl rand 48 > /etc/apache2/ticket.key" },
      lines = {
        "SSLSessionTickets on",
        "SSLSessionTicketKeyFile /etc/apache2/ticket.key",
      },
      -- ssl_init_ticket_key hands OpenSSL 3 the HMAC key in a buffer on its own stack, which is gone when it is used:
      -- each process has another key then (2.4.71 with OpenSSL 3.0: 0 of all were taken by another server).
      note = "Check it afterwards: Apache 2.4 with OpenSSL 3 was seen to refuse the tickets of other servers although "
        .. "they had the same file. Where it does, switch SSLSessionTickets off and use a common session cache. "
        .. "Sessions are bound to the ServerName and its port, too. Apache takes one key, and reads it when it is "
        .. "restarted: tickets of the old key are refused from then on. With a key file it issues no new ticket on a "
        .. "resumed TLS 1.3 connection; a browser, which uses each ticket once, then resumes two of three connections.",
    },
    envoy = {
      where = "in the listener's DownstreamTlsContext, on every server",
      shell = { "umask 077; openssl rand 80 > /etc/envoy/ticket-new.key" },
      lines = {
        "session_ticket_keys:",
        "  keys:  # the first one issues, the others are still accepted",
        "  - filename: /etc/envoy/ticket-new.key",
        "  - filename: /etc/envoy/ticket-old.key",
      },
      note = "To renew: the new key becomes ticket-old.key, a fresh one ticket-new.key, on all servers; then let Envoy "
        .. "load its configuration again, or give it the keys by SDS (session_ticket_keys_sds_secret_config). At first "
        .. "both may be the same file. Remove disable_stateless_session_resumption: one excludes the other.",
    },
  },
  shared_cache = {
    nginx = { note = "has no session cache for several machines; ssl_session_cache shared:SSL:10m is common to the "
      .. "workers of one." },
    haproxy = { note = "has no session cache for several machines; that of tune.ssl.cachesize is common to the threads "
      .. "of one." },
    apache = {
      where = "for the whole server, with mod_socache_memcache and one memcached for all",
      lines = { "SSLSessionCache memcache:192.0.2.10:11211", "SSLSessionCacheTimeout 3600" },
      note = "Put your memcached's address in place of 192.0.2.10. Whoever can reach it can take over sessions.",
    },
    envoy = { note = "has no session cache for several machines: rely on tickets." },
  },
  switch_on = {
    nginx = {
      where = "in http { } or in server { }",
      lines = { "ssl_session_tickets on;", "ssl_session_cache shared:SSL:10m;", "ssl_session_timeout 1h;" },
    },
    haproxy = {
      where = "in global",
      lines = { "tune.ssl.cachesize 20000", "tune.ssl.lifetime 3600" },
      note = 'Remove "no-tls-tickets" from ssl-default-bind-options and from the bind lines.',
    },
    apache = {
      where = "for the whole server, with mod_socache_shmcb",
      lines = {
        "SSLSessionCache shmcb:/var/run/apache2/ssl_scache(512000)",
        "SSLSessionCacheTimeout 3600",
        "SSLSessionTickets on",
      },
    },
    -- No lines: "false" is the default, and beside session_ticket_keys even that is refused: both are of one "oneof".
    envoy = { note = "resumes unless it is told not to: remove disable_stateless_session_resumption (tickets) and "
      .. "disable_stateful_session_resumption (session IDs) from the listener's DownstreamTlsContext." },
  },
  same_versions = {
    nginx = {
      where = "in http { } or in server { }, on every server",
      lines = { "ssl_protocols TLSv1.2 TLSv1.3;" },
    },
    haproxy = {
      where = "in global, on every server",
      lines = { "ssl-default-bind-options ssl-min-ver TLSv1.2 ssl-max-ver TLSv1.3" },
    },
    apache = {
      where = "in the <VirtualHost>, or for the whole server, on every server",
      lines = { "SSLProtocol -all +TLSv1.2 +TLSv1.3" },
    },
    envoy = {
      where = "in the listener's common_tls_context, on every server",
      lines = {
        "tls_params:",
        "  tls_minimum_protocol_version: TLSv1_2",
        "  tls_maximum_protocol_version: TLSv1_3",
      },
    },
  },
}

--- Which of the servers is it that calls itself so?
-- @tparam string|nil software
-- @treturn string|nil one of M.servers
function M.recognise(software)
  for _, one in ipairs(software and NAMES or {}) do
    if software:find(one[1]) then
      return one[2]
    end
  end
end

return M
