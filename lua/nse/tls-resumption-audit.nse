local nmap = require "nmap"
local shortport = require "shortport"
local sslcert = require "sslcert"
local stdnse = require "stdnse"

local found, resum = pcall(require, "resum.nse")

description = [[
Tells what TLS session resumption gives away: who else can read, replay or ride on a resumed session, and what it costs.
Are tickets made with a key that everybody can guess? Do they show what should be secret, or repeat what must be fresh?
What happens to a client whose ticket is unknown? Does memory come back behind a short session ID (CVE-2016-9244)? How
many of a browser's connections resume, which uses each ticket once?

The script makes what any client could make: handshakes, and resumptions of its own sessions, some with an altered
ticket. What is bad is reported in the form of Nmap's vulns library, with what to do about it; what is open, or good to
know, follows in words. The checks, and what their findings mean, are in resum's docs/audit.md.

The handshakes are made by the Lua module resum, which has to be installed (<code>make install-nse</code> in resum's
source); without it the script says so when verbose, and does nothing.
]]

---
-- @usage
-- nmap -p 443 --script tls-resumption-audit <target>
-- nmap -p 443 --script tls-resumption-audit --script-args tls-resumption-audit.checks={known-key,ticketbleed} <target>
--
-- @args tls-resumption-audit.checks Which checks to make. Default: all but those that are intrusive or take hours
-- @args tls-resumption-audit.names Names of other servers of yours, into which sessions should not lead
-- @args tls-resumption-audit.mechanisms Which to look at: some of session_id, ticket and psk. Default: all
-- @args tls-resumption-audit.deadline How long the script may take before it stops; time that Nmap makes it wait for a
--       connection does not count. Default: 5m
-- @args tls.servername Server name to ask for (SNI). Default: the target's name, and none where the target is an
--       address
-- @see tls-resumption.nse
-- @see tls-ticketbleed.nse
--
-- @output
-- PORT    STATE SERVICE
-- 443/tcp open  https
-- | tls-resumption-audit:
-- |   VULNERABLE:
-- |   How many connections of a browser resume, which uses each ticket once?
-- |     State: LIKELY VULNERABLE
-- |     IDs:  RESUM:single-use/not_renewed
-- |     Risk factor: Medium
-- |       resumed connections bring no new ticket: of a browser's connections 67 % resume (here 8 of 12)
-- |     Extra information:
-- |       Severity: medium
-- |       Have the server issue a new ticket with every resumed connection: with a stateful cache, (and so on)
-- |     References:
-- |       RFC 9149
-- |       RFC 9846, C.4
-- |
-- |_  9 checks good.
--
-- @xmloutput
-- <elem key="address">192.0.2.7</elem>
-- <elem key="status">completed</elem>
-- <table key="audit">
--   <table>
--     <elem key="id">single-use</elem>
--     <elem key="verdict">bad</elem>
--     <elem key="severity">medium</elem>
--     <elem key="reason">not_renewed</elem>
--     <elem key="message">resumed connections bring no new ticket (and so on)</elem>
--     <elem key="advice">Have the server issue a new ticket with every resumed connection (and so on)</elem>
--     <table key="evidence">
--       <elem key="connections">12</elem>
--       <elem key="resumed">8</elem>
--     </table>
--   </table>
-- </table>
-- <table key="vulnerabilities">
--   <table key="single-use/not_renewed">
--     <elem key="title">How many connections of a browser resume, which uses each ticket once?</elem>
--     <elem key="state">LIKELY VULNERABLE</elem>
--   </table>
-- </table>

author = "the resum authors"

license = "MIT"

categories = {"discovery", "safe"}
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
  return resum.run(SCRIPT_NAME, host, port, { audit = true, deadline = 300 })
end
