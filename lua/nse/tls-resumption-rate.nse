local nmap = require "nmap"
local shortport = require "shortport"
local sslcert = require "sslcert"
local stdnse = require "stdnse"

local found, resum = pcall(require, "resum.nse")

description = [[
Measures how often a TLS server resumes sessions: by session ID (RFC 5246), by ticket (RFC 5077) and by the PSKs of
TLS 1.3 (RFC 8446). Behind a load balancer a session may resume only now and then, because not every server shares it,
and a few attempts do not show that.

For each mechanism four sessions are offered 25 times each, in random order, ten at once. The script reports the share
that resumed, its 95 % interval (Wilson) and the sequence of outcomes. Errors are counted separately. More connections
offer fresh sessions and chains of sessions, one after another; from all of them together the script infers what stands
behind the address: how many groups of servers share their sessions, how the balancer chooses among them, and what to do
about it. It is intrusive because of its number of connections: 140 to 300 for each mechanism.

The handshakes are made by the Lua module resum, which has to be installed (<code>make install-nse</code> in resum's
source); without it the script says so when verbose, and does nothing.
]]

---
-- @usage
-- nmap -p 443 --script tls-resumption-rate <target>
-- nmap -p 443 --script tls-resumption-rate --script-args tls-resumption-rate.attempts=300 <target>
--
-- @args tls-resumption-rate.attempts How many attempts are made for each mechanism. Default: 100
-- @args tls-resumption-rate.mechanisms Which to try: some of session_id, ticket and psk. Default: all
-- @args tls-resumption-rate.concurrency How many connections are made at once. Default: 10
-- @args tls-resumption-rate.deadline How long the script may take before it stops and reports what it knows by then;
--       time that Nmap makes it wait for a connection does not count. Default: 5m
-- @args tls.servername Server name to ask for (SNI). Default: the target's name, and none where the target is an
--       address
-- @see tls-resumption.nse
--
-- @output
-- PORT    STATE SERVICE
-- 443/tcp open  https
-- | tls-resumption-rate:
-- |   The servers behind this address share nothing.
-- |     With TLS 1.2 and a ticket, about 2 of 3 returning clients pay a full
-- |     handshake: +1 round trip, +0.8 ms here and +775 bytes (medians of 30 full and
-- |     13 resumed handshakes).
-- |
-- |   What was found
-- |     - There are 3 servers, or groups of servers, with sessions of their own.
-- |     - The load balancer is round-robin over 3 servers.
-- |
-- |   How often do sessions resume?
-- |     Up to 100 attempts each; ranges are 95 % intervals. The strips show the
-- |     first rate, attempt by attempt: # resumed, . full handshake instead, x
-- |     error.
-- |     Ticket, TLS 1.2: 32 of 100 resumed
-- |       an older session, offered again    32 %  #####====..........  23 to 42 %
-- |       a new one, on the next connection   0 %  ======.............  0 to 28 %
-- |       always the newest one               0 %  ========...........  0 to 40 %
-- |       ..#.##.##.##........#...#..##.#......#....#....##.
-- |_      #..#.....#..#..#.#...#..#......#....#...####...#.#
--
-- @xmloutput
-- <elem key="address">192.0.2.7</elem>
-- <elem key="status">completed</elem>
-- <table key="rate">
--   <table key="ticket">
--     <elem key="verdict">partially_supported</elem>
--     <elem key="reason">issued_not_always_accepted</elem>
--     <elem key="version">TLSv1.2</elem>
--     <elem key="attempted">100</elem>
--     <elem key="resumed">32</elem>
--     <elem key="refused">68</elem>
--     <elem key="errors">0</elem>
--     <elem key="rate">0.32</elem>
--     <elem key="interval_low">0.23669</elem>
--     <elem key="interval_high">0.41663</elem>
--     <elem key="confidence">0.95</elem>
--     <elem key="design">fixed</elem>
--     <elem key="seeds">4</elem>
--     <elem key="concurrency">10</elem>
--     <elem key="sequence">..#.##.##.##........#...#..##.#......#....#....##. (and so on)</elem>
--   </table>
-- </table>
-- <table key="balancer">
--   <elem key="verdict">nothing_shared</elem>
--   <elem key="routing">round_robin</elem>
--   <elem key="groups">3</elem>
--   <elem key="effective_groups">3.0</elem>
--   <elem key="decided_by">ticket</elem>
--   <elem key="headline">The servers behind this address share nothing.</elem>
--   <table key="evidence">
--     <elem>There are 3 servers, or groups of servers, with sessions of their own.</elem>
--     <elem>The load balancer is round-robin over 3 servers.</elem>
--   </table>
--   <elem key="advice">Give all servers one file of ticket keys (and so on)</elem>
--   <table key="mechanisms">
--     <table key="ticket">
--       <elem key="verdict">nothing_shared</elem>
--       <elem key="routing">round_robin</elem>
--       <elem key="groups">3</elem>
--       <elem key="effective_groups">3.0</elem>
--     </table>
--   </table>
-- </table>

author = "the resum authors"

license = "MIT"

categories = {"discovery", "intrusive"}
dependencies = {"https-redirect", "tls-resumption"}

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
  return resum.run(SCRIPT_NAME, host, port, { rate = true, deadline = 300 })
end
