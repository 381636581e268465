-- What to configure, with the names of the directives of common servers: sentences that several verdicts advise. Pure.

return {
  TICKET_KEYS = "Give all servers one file of ticket keys and renew it often, the old key staying good for one more "
    .. "round (nginx: ssl_session_ticket_key, several files, the first issues; HAProxy: tls-ticket-keys on the bind "
    .. "line; Apache: SSLSessionTicketKeyFile; Envoy: session_ticket_keys of the DownstreamTlsContext).",
  ONE_CERTIFICATE = "Give all servers the same certificate: nginx takes a session only under the certificate under "
    .. "which it was issued.",
  SAME_VERSIONS = "Let all servers speak the same versions of TLS (nginx: ssl_protocols; HAProxy: ssl-min-ver and "
    .. "ssl-max-ver; Apache: SSLProtocol; Envoy: tls_minimum_protocol_version and tls_maximum_protocol_version).",
  SHARED_CACHE = "Session IDs need one cache for all servers (Apache: SSLSessionCache with memcache or redis); nginx's "
    .. "ssl_session_cache shared:NAME:SIZE and HAProxy's tune.ssl.cachesize are caches of one machine (builtin: of one "
    .. "nginx worker). Tickets need none.",
  SWITCH_ON = "Switch resumption on (nginx: ssl_session_cache shared:SSL:10m and ssl_session_tickets on; HAProxy: "
    .. "leave out no-tls-tickets and tune.ssl.cachesize 0; Apache: SSLSessionCache shmcb:FILE and SSLSessionTickets "
    .. "on; Envoy: leave out disable_stateless_session_resumption).",
  ALIKE = "The keys are shared already. Configure these servers alike: cipher suites, versions and extended master "
    .. "secret, session timeouts, clocks (NTP), and the name of the virtual host (Apache's ServerName, node's "
    .. "sessionIdContext), as sessions are bound to them.",
  LEFT_OUT = "Find out which servers were left out (the letters stand for their ticket keys).",
}
