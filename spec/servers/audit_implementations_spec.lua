--- The audit, intrusive checks and all, at TLS libraries and servers that are not OpenSSL's own, nginx, HAProxy or
-- GnuTLS. None of them is known to have what it looks for: so nothing above info, but for what is written here beside
-- one, which was looked at on the wire.

local programs = require "spec.support.daemons.programs"
local resum = require "resum"
local servers = require "spec.support.servers"
local web = require "spec.support.daemons.web"

-- name, start, its options, what is found above info
local CASES = {
  { "Go", programs.go, {}, "binder low full_without_modes, lifetime low long" },
  { "Java", programs.java, {} },
  { "Java, sessions in memory", programs.java,
    { properties = { "jdk.tls.server.enableSessionTicketExtension=false" } } },
  { "Node", programs.node, {}, "single-use medium not_renewed" }, -- a ticket-key callback
  { "Python", programs.python, {} },
  { "Erlang, stateless tickets", programs.erlang, { tickets = "stateless" }, "binder medium resumes_without_modes" },
  { "Erlang, stateful tickets", programs.erlang, { tickets = "stateful" }, "binder medium resumes_without_modes" },
  -- Its sessions of 2.28 hold no extended master secret, and resume with any suite that is offered.
  { "mbedTLS", programs.mbedtls, { args = { "cache", "tickets" } },
    "ems medium gains, ems medium loses, resume-rules low cipher_changed" },
  -- Takes psk_ke; 16 bytes at the end of its tickets never change, and nobody reads them.
  { "wolfSSL", programs.wolfssl, {}, "forward-secrecy medium without_exchange, tampered low malleable, "
    .. "unknown-ticket low fails_on_odd_lengths" },
  { "BearSSL", programs.bearssl, {} },
  { "NSS", programs.nss, { args = { "-u" } }, "lifetime low long, unknown-ticket low fails_on_odd_lengths" },
  { "Botan", programs.botan, {} },
  { "Apache", web.apache, { cache = "shmcb" } },
  { "lighttpd", web.lighttpd, {}, "single-use medium not_renewed" }, -- a ticket-key callback
  { "stunnel", web.stunnel, {} },
  -- It takes early data again and again; what is asked for waits until the handshake is done, says its manual.
  { "nghttpx", web.nghttpx, {}, "early-data high replayed" },
}

describe("#heavy the audit", function()
  teardown(servers.stop_all)

  for _, case in ipairs(CASES) do
    it("finds nothing above info, but what is known, at " .. case[1], function()
      local server = case[2](case[3])
      finally(server.stop)
      local result = assert(resum.audit(server.address, { intrusive = true }))
      assert.equal("completed", result.status)
      local list, seen = {}, {}
      for _, one in ipairs(result.addresses[1].audit) do
        local text = ("%s %s %s"):format(one.id, one.severity, one.reason)
        if one.verdict == "bad" and not seen[text] then
          seen[text], list[#list + 1] = true, text
        end
      end
      table.sort(list)
      assert.equal(case[4] or "", table.concat(list, ", "))
    end)
  end
end)
