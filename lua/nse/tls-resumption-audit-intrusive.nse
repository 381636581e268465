local nmap = require "nmap"
local shortport = require "shortport"
local sslcert = require "sslcert"
local stdnse = require "stdnse"

local found, resum = pcall(require, "resum.nse")

description = [[
Makes the intrusive half of tls-resumption-audit: deviations from the protocol that a server should refuse, and that a
faulty one may not survive (CVE-2026-1584, CVE-2025-6395). Is the proof of a PSK checked? Are tickets authenticated?
Does the answer tell whether a padding was right? Does a downgrade open a session whose secret everybody knows?

A plain full handshake follows each kind of message; where it fails, the script says so and stops. What is bad is
reported in the form of Nmap's vulns library. The checks, and what their findings mean, are in resum's docs/audit.md.
Run it against servers only that you may disturb.

The handshakes are made by the Lua module resum, which has to be installed (<code>make install-nse</code> in resum's
source); without it the script says so when verbose, and does nothing.
]]

---
-- @usage
-- nmap -p 443 --script tls-resumption-audit-intrusive <target>
--
-- @args tls-resumption-audit-intrusive.checks Which checks to make. Default: all that are intrusive
-- @args tls-resumption-audit-intrusive.mechanisms Which to look at: some of session_id, ticket and psk. Default: all
-- @args tls-resumption-audit-intrusive.deadline How long the script may take before it stops; time that Nmap makes it
--       wait for a connection does not count. Default: 10m
-- @args tls.servername Server name to ask for (SNI). Default: the target's name, and none where the target is an
--       address
-- @see tls-resumption-audit.nse
--
-- @output
-- PORT    STATE SERVICE
-- 443/tcp open  https
-- | tls-resumption-audit-intrusive:
-- |_  5 checks good.
--
-- @xmloutput
-- <elem key="address">192.0.2.7</elem>
-- <elem key="status">completed</elem>
-- <table key="audit">
--   <table>
--     <elem key="id">binder</elem>
--     <elem key="verdict">good</elem>
--     <elem key="severity">info</elem>
--   </table>
-- </table>

author = "the resum authors"

license = "MIT"

categories = {"intrusive", "vuln"}
dependencies = {"https-redirect", "tls-resumption", "tls-resumption-audit"}

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
  return resum.run(SCRIPT_NAME, host, port, { audit = true, intrusive = true, deadline = 600 })
end
