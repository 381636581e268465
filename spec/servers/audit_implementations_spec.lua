--- The audit, intrusive checks and all, at TLS libraries and servers that are not OpenSSL's own, nginx, HAProxy or
-- GnuTLS. None of them is known to have what it looks for: so nothing above info, but for what is written here beside
-- one, which was looked at on the wire.

local programs = require "spec.support.daemons.programs"
local resum = require "resum"
local servers = require "spec.support.servers"
local web = require "spec.support.daemons.web"

-- name, start, its options, what is found above info
local CASES = {
  { "Go", programs.go, {} },
  { "Java", programs.java, {} },
  { "Java, sessions in memory", programs.java,
    { properties = { "jdk.tls.server.enableSessionTicketExtension=false" } } },
  { "Node", programs.node, {} },
  { "Python", programs.python, {} },
  { "Erlang, stateless tickets", programs.erlang, { tickets = "stateless" } },
  { "Erlang, stateful tickets", programs.erlang, { tickets = "stateful" } },
  { "mbedTLS", programs.mbedtls, { args = { "cache", "tickets" } } },
  { "wolfSSL", programs.wolfssl, {} },
  { "BearSSL", programs.bearssl, {} },
  { "NSS", programs.nss, { args = { "-u" } } },
  { "Botan", programs.botan, {} },
  { "Apache", web.apache, { cache = "shmcb" } },
  { "lighttpd", web.lighttpd, {} },
  { "stunnel", web.stunnel, {} },
  { "nghttpx", web.nghttpx, {} },
}

describe("#heavy the audit", function()
  teardown(servers.stop_all)

  for _, case in ipairs(CASES) do
    it("finds nothing above info, but what is known, at " .. case[1], function()
      local server = case[2](case[3])
      finally(server.stop)
      local result = assert(resum.audit(server.address, { intrusive = true }))
      assert.equal("completed", result.status)
      local list = {}
      for _, one in ipairs(result.addresses[1].audit) do
        if one.verdict == "bad" then
          list[#list + 1] = ("%s %s %s"):format(one.id, one.severity, one.message)
        end
      end
      assert.same(case[4] or {}, list)
    end)
  end
end)
