-- Services that speak TLS, by name and port: IANA's names, and those that nmap and Debian have for the same ports. It
-- is pure: this machine's own list of services has no say, so that a list of targets means the same everywhere.

local M = {}

-- In TLS from the first byte. Names that IANA gives to something else on that port are what nmap says of it.
local TLS = {
  [443] = { "https" },
  [465] = { "submissions", "smtps" },
  [563] = { "nntps", "snntp", "snews" },
  [636] = { "ldaps", "ldapssl" },
  [853] = { "domain-s" },
  [989] = { "ftps-data" },
  [990] = { "ftps" },
  [992] = { "telnets" },
  [993] = { "imaps" },
  [994] = { "ircs" },
  [995] = { "pop3s" },
  [2376] = { "docker-s" },
  [3269] = { "msft-gc-ssl" },
  [5061] = { "sips", "sip-tls" },
  [5223] = { "xmpps-client" },
  [5270] = { "xmpps-server" },
  [5671] = { "amqps" },
  [5986] = { "wsmans" },
  [6443] = { "sun-sr-https" },
  [6514] = { "syslog-tls" },
  [6697] = { "ircs-u" },
  [8443] = { "https-alt", "pcsync-https" },
  [8883] = { "secure-mqtt" },
  [9443] = { "tungsten-https" },
}

-- In the clear until TLS is asked for; resum.transport.starttls knows how.
local PLAIN = {
  ftp = 21, smtp = 25, pop3 = 110, nntp = 119, imap = 143, imap2 = 143, ldap = 389, submission = 587, mysql = 3306,
  ["ms-wbt-server"] = 3389, sieve = 4190, ["xmpp-client"] = 5222, ["xmpp-server"] = 5269, postgresql = 5432,
  ircu = 6667,
}

-- Of what else may stand on a port that is TLS's by its number.
local OTHERS = { "http", "http-proxy", "ssh", "telnet", "domain", "irc", "vnc", "socks5", "rtsp" }

local is_plain_name = {}
for _, name in ipairs(OTHERS) do
  is_plain_name[name] = true
end

local port_of, is_tls_name = {}, { ssl = true, tls = true }
for name, port in pairs(PLAIN) do
  port_of[name], is_plain_name[name] = port, true
end
for port, names in pairs(TLS) do
  for _, name in ipairs(names) do
    port_of[name], is_tls_name[name] = port, true
  end
end

--- The port of a service.
-- @tparam string name "https", "imaps", "submission" and the like; capitals don't matter
-- @treturn integer|nil nil: it has none here
function M.port(name)
  return port_of[name:lower()]
end

--- Is TLS spoken on this port from the first byte, by what is usual?
-- @tparam integer port
-- @treturn boolean
function M.is_tls_port(port)
  return TLS[port] ~= nil
end

--- Does this name stand for a service in TLS?
-- @tparam string name
-- @treturn boolean
function M.is_tls_name(name)
  return is_tls_name[name:lower()] == true
end

--- Does this name stand for a service that begins in the clear?
-- @tparam string name
-- @treturn boolean
function M.is_plain_name(name)
  return is_plain_name[name:lower()] == true
end

return M
