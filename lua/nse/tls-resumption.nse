local nmap = require "nmap"
local shortport = require "shortport"
local sslcert = require "sslcert"
local stdnse = require "stdnse"

local found, resum = pcall(require, "resum.nse")

description = [[
Tells whether a TLS server really resumes sessions: by session ID (RFC 5246), by ticket (RFC 5077) and by the PSKs of
TLS 1.3 (RFC 8446). A resumed session saves the full handshake; where resumption does not work, every returning client
pays for it.

For each mechanism the script makes one full handshake, offers the session that the server issued five times, and looks
at what the server does, not at what it announces: a ticket that was issued is not a ticket that is accepted. Where not
all of the offers are accepted, five fresh sessions are offered once each, which tells a server behind a load balancer
that does not share its sessions with the others from tickets that are good for one connection.

Errors (no answer in time, a reset) are counted separately and never reported as "not supported". Every connection is
ended with close_notify, because many servers forget a session whose connection ended otherwise.

The handshakes are made by the Lua module resum, which has to be installed (<code>make install-nse</code> in resum's
source); without it the script says so when verbose, and does nothing. Ports where TLS begins with STARTTLS are handled
as by Nmap's other TLS scripts.

About 25 connections are made to each port, up to 80 where not all sessions resume, most of them one after another.

References:
* RFC 5077, section 3: tickets
* RFC 8446, section 2.2: resumption and pre-shared keys
]]

---
-- @usage
-- nmap -p 443 --script tls-resumption <target>
-- nmap -sV --script tls-resumption --script-args 'tls-resumption.mechanisms={ticket,psk}' <target>
--
-- @args tls-resumption.attempts How often a session is offered, for each mechanism. Default: 5 (for the rate: 100)
-- @args tls-resumption.mechanisms Which to try: some of session_id, ticket and psk. Default: all
-- @args tls-resumption.rate Measure the rate of resumption as well, with 100 attempts for each mechanism;
--       tls-resumption-rate does that, and more. Default: no
-- @args tls-resumption.concurrency How many connections are made at once for the rate. Default: 10
-- @args tls-resumption.deadline How long the script may take before it stops and reports what it knows by then; time
--       that Nmap makes it wait for a connection does not count. Default: 2m
-- @args tls.servername Server name to ask for (SNI). Default: the target's name, and none where the target is an
--       address
-- @see tls-resumption-rate.nse
-- @see tls-ticketbleed.nse
-- @see ssl-enum-ciphers.nse
--
-- @output
-- PORT    STATE SERVICE
-- 443/tcp open  https
-- | tls-resumption:
-- |   Resumption works by ticket and TLS 1.3 ticket, but not by session ID.
-- |
-- |   What to do
-- |     Session IDs are issued and never accepted: let the server accept them, or
-- |     issue none.
-- |
-- |   Is resumption supported?
-- |     Session ID            not supported        TLS 1.2, 0 of 238 resumed;
-- |                                                issued, but never accepted
-- |     Ticket                supported            TLS 1.2, 5 of 5 resumed;
-- |                                                192-byte ticket, lifetime hint
-- |                                                300 s
-- |     TLS 1.3 ticket (PSK)  supported            TLS 1.3, 5 of 5 resumed; 2
-- |_                                               tickets, lifetime 300 s
--
-- @xmloutput
-- <elem key="address">192.0.2.7</elem>
-- <elem key="status">completed</elem>
-- <table key="support">
--   <table key="session_id">
--     <elem key="verdict">not_supported</elem>
--     <elem key="reason">issued_not_accepted</elem>
--     <elem key="version">TLSv1.2</elem>
--     <elem key="attempted">5</elem>
--     <elem key="resumed">0</elem>
--     <elem key="refused">5</elem>
--     <elem key="errors">0</elem>
--     <elem key="session_id_length">32</elem>
--   </table>
--   <table key="ticket">
--     <elem key="verdict">supported</elem>
--     <elem key="version">TLSv1.2</elem>
--     <elem key="attempted">5</elem>
--     <elem key="resumed">5</elem>
--     <elem key="refused">0</elem>
--     <elem key="errors">0</elem>
--     <elem key="ticket_length">192</elem>
--     <elem key="lifetime_hint_s">300</elem>
--   </table>
--   <table key="psk">
--     <elem key="verdict">supported</elem>
--     <elem key="version">TLSv1.3</elem>
--     <elem key="attempted">5</elem>
--     <elem key="resumed">5</elem>
--     <elem key="refused">0</elem>
--     <elem key="errors">0</elem>
--     <elem key="ticket_length">240</elem>
--     <elem key="tickets_issued">2</elem>
--     <elem key="lifetime_s">300</elem>
--   </table>
-- </table>

author = "the resum authors"

license = "MIT"

categories = {"discovery", "safe"}
dependencies = {"https-redirect"}

portrule = function(host, port)
  return shortport.ssl(host, port) or sslcert.getPrepareTLSWithoutReconnect(port)
end

-- Without the module: one line for the whole scan.
local function complain()
  if not nmap.registry[SCRIPT_NAME] then
    nmap.registry[SCRIPT_NAME] = true
    stdnse.verbose1("needs the Lua module resum: %s", resum:match("[^\n]*"))
  end
end

action = function(host, port)
  if not found then
    return complain()
  end
  return resum.run(SCRIPT_NAME, host, port, { support = true, deadline = 120 })
end
