-- The support scan and the rate against TLS libraries and servers that are not OpenSSL's own, nginx, HAProxy or GnuTLS.
-- Beside each stands its true answer, which openssl s_client confirms in the same run.

local programs = require "spec.support.daemons.programs"
local reference = require "spec.support.reference"
local resum = require "resum"
local servers = require "spec.support.servers"
local web = require "spec.support.daemons.web"

local YES = { verdict = "supported" }
local ONCE = { verdict = "supported", reason = "single_use_tickets" }
local NOT_ISSUED = { verdict = "not_supported", reason = "not_issued" }
local NOT_ACCEPTED = { verdict = "not_supported", reason = "issued_not_accepted" }
local NO_VERSION = { verdict = "not_applicable", reason = "version_not_supported" }

-- name, start, its options, session id, ticket, psk, tickets issued in TLS 1.3
local CASES = {
  { "Go", programs.go, {}, NOT_ISSUED, YES, YES, 1 },
  { "Go, no tickets", programs.go, { args = { "no-tickets" } }, NOT_ISSUED, NOT_ISSUED, NOT_ISSUED, 0 },
  { "Go, TLS 1.2", programs.go, { args = { "tls12" } }, NOT_ISSUED, YES, NO_VERSION },
  { "Go, TLS 1.3", programs.go, { args = { "tls13" } }, NO_VERSION, NO_VERSION, YES, 1 },
  { "Go, hanging up after the handshake", programs.go, { args = { "hangs-up" } }, NOT_ISSUED, YES, YES, 1 },
  { "Java", programs.java, {}, YES, YES, YES, 1 },
  { "Java, sessions in memory", programs.java,
    { properties = { "jdk.tls.server.enableSessionTicketExtension=false" } }, YES, NOT_ISSUED, ONCE, 1 },
  { "Java, TLS 1.2", programs.java, { protocol = "TLSv1.2" }, YES, YES, NO_VERSION },
  { "Java, TLS 1.3", programs.java, { protocol = "TLSv1.3" }, NO_VERSION, NO_VERSION, YES, 1 },
  { "Node", programs.node, {}, NOT_ACCEPTED, YES, YES, 2 },
  { "Node, no tickets", programs.node, { args = { "no-tickets" } }, NOT_ACCEPTED, NOT_ISSUED, NOT_ACCEPTED, 2 },
  { "Node, a slow store of sessions", programs.node, { args = { "no-tickets", "store", 100 } }, YES, NOT_ISSUED,
    NOT_ACCEPTED, 2 },
  { "Python", programs.python, {}, YES, YES, YES, 2 },
  { "Python, no tickets", programs.python, { args = { "no-tickets" } }, YES, NOT_ISSUED, YES, 2 },
  -- Its sessions go when it has seen their connections end: an offer that comes before resumes.
  { "Python, ending without close_notify", programs.python, { args = { "abrupt" } }, NOT_ACCEPTED, YES, YES, 2,
    early = "session_id" },
  { "Erlang", programs.erlang, { tickets = "disabled" }, YES, NOT_ISSUED, NOT_ISSUED, 0 },
  { "Erlang, stateful tickets", programs.erlang, { tickets = "stateful" }, YES, NOT_ISSUED, ONCE, 3 },
  { "Erlang, stateless tickets", programs.erlang, { tickets = "stateless" }, YES, NOT_ISSUED, YES, 3 },
  { "mbedTLS", programs.mbedtls, {}, NOT_ACCEPTED, NOT_ISSUED, NO_VERSION },
  { "mbedTLS, cache", programs.mbedtls, { args = { "cache" } }, YES, NOT_ISSUED, NO_VERSION },
  { "mbedTLS, tickets", programs.mbedtls, { args = { "tickets" } }, NOT_ACCEPTED, YES, NO_VERSION },
  { "mbedTLS, cache and tickets", programs.mbedtls, { args = { "cache", "tickets" } }, YES, YES, NO_VERSION },
  -- Its cache has rows of three: in a row that many hash to, a session makes way for those of the scan.
  { "wolfSSL", programs.wolfssl, {}, YES, YES, YES, 1, "session_id" },
  { "wolfSSL, no cache", programs.wolfssl, { args = { "no-cache" } }, NOT_ISSUED, YES, YES, 1 },
  { "wolfSSL, no tickets", programs.wolfssl, { args = { "no-tickets-12", "no-tickets-13" } }, YES, NOT_ISSUED,
    NOT_ISSUED, 0, "session_id" },
  { "BearSSL", programs.bearssl, {}, YES, NOT_ISSUED, NO_VERSION },
  { "BearSSL, no cache", programs.bearssl, { args = { "no-cache" } }, NOT_ACCEPTED, NOT_ISSUED, NO_VERSION },
  { "NSS", programs.nss, {}, YES, NOT_ISSUED, NOT_ISSUED, 0 },
  { "NSS, tickets", programs.nss, { args = { "-u" } }, YES, YES, YES, 1 },
  { "NSS, no cache", programs.nss, { args = { "-N" } }, NOT_ACCEPTED, NOT_ISSUED, NOT_ISSUED, 0 },
  { "Botan", programs.botan, {}, YES, NOT_ISSUED, NO_VERSION },
  { "Apache", web.apache, {}, NOT_ISSUED, YES, YES, 2 },
  { "Apache, no tickets", web.apache, { tickets = "off" }, NOT_ISSUED, NOT_ISSUED, NOT_ACCEPTED, 2 },
  { "Apache, cache", web.apache, { cache = "shmcb" }, YES, YES, YES, 2 },
  { "Apache, cache, no tickets", web.apache, { cache = "shmcb", tickets = "off" }, YES, NOT_ISSUED, YES, 2 },
  { "lighttpd", web.lighttpd, {}, NOT_ISSUED, YES, YES, 2 },
  { "lighttpd, no tickets", web.lighttpd,
    { lines = 'ssl.openssl.ssl-conf-cmd = ("Options" => "-SessionTicket")' }, NOT_ISSUED, NOT_ISSUED, NOT_ACCEPTED, 2 },
  { "stunnel", web.stunnel, {}, YES, YES, YES, 2 },
  { "stunnel, no resumption", web.stunnel, { lines = "sessionResume = no" }, NOT_ISSUED, NOT_ISSUED, NOT_ISSUED, 0 },
  { "stunnel, no tickets", web.stunnel, { lines = "options = NO_TICKET" }, YES, NOT_ISSUED, YES, 2 },
  { "nghttpx", web.nghttpx, {}, YES, YES, YES, 2 },
}

local ATTEMPTS = 20 -- of the rate

local MOST_EARLY = 3 -- offers of some hundred

local function outcome(v, may_be_early)
  if may_be_early and v.reason == "issued_not_always_accepted" and v.resumed <= MOST_EARLY then
    return NOT_ACCEPTED
  end
  return { verdict = v.verdict, reason = v.reason }
end

-- What s_client finds, in the words of a verdict.
local function confirm(server, mechanism, verdict)
  local answer = reference.openssl(server.address, mechanism)
  local expected = {
    connected = verdict.verdict ~= "not_applicable",
    issued = verdict.verdict ~= "not_applicable" and verdict.reason ~= "not_issued",
    resumed = verdict.verdict == "supported",
  }
  assert.same(expected, { connected = answer.connected, issued = answer.issued, resumed = answer.resumed },
    mechanism .. " according to s_client:\n" .. answer.output)
end

describe("#heavy the verdict is true on", function()
  after_each(servers.stop_all)

  for _, case in ipairs(CASES) do
    it(case[1], function()
      local server = case[2](case[3])
      local result = assert(resum.run(server.address, { support = true, rate = true, attempts = ATTEMPTS,
        timeout = 20 })) -- some take their time at first
      assert.equal("completed", result.status, result.error and result.error.message)
      local found = result.addresses[1]
      local support = found.support
      assert.same({ session_id = case[4], ticket = case[5], psk = case[6] },
        { session_id = outcome(support.session_id, case.early == "session_id"), ticket = outcome(support.ticket),
          psk = outcome(support.psk) })
      assert.equal(case[7], support.psk.tickets_issued)
      for mechanism, verdict in pairs(support) do
        local rate = found.rate[mechanism]
        local expected = case[8] == mechanism and rate.resumed > rate.refused and rate.verdict or verdict.verdict
        assert.same({ expected, 0, 0 }, { rate.verdict, rate.errors, verdict.errors }, mechanism)
        confirm(server, mechanism, verdict)
      end
    end)
  end
end)
