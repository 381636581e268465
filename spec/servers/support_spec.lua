-- The support scan against real servers. Beside each stands its true answer, which an independent client
-- (openssl s_client -sess_out and -sess_in, gnutls-cli --resume) confirms in the same run.

local reference = require "spec.support.reference"
local resum = require "resum"
local servers = require "spec.support.servers"
local random = require "resum.util.random"

local YES = { verdict = "supported" }
local NOT_ISSUED = { verdict = "not_supported", reason = "not_issued" }
local NOT_ACCEPTED = { verdict = "not_supported", reason = "issued_not_accepted" }
local NO_VERSION = { verdict = "not_applicable", reason = "version_not_supported" }

local LOTS = 20 -- one attempt in so many, see resum.connection.engine_choice

local function s_server(...)
  local args = { ... }
  return function()
    return servers.s_server({ args = args })
  end
end

local function nginx(session_cache, session_tickets, protocols)
  return function()
    return servers.nginx({ session_cache = session_cache, session_tickets = session_tickets, protocols = protocols })
  end
end

local function gnutls(...)
  local args = { ... }
  return function()
    return servers.gnutls_serv({ args = args })
  end
end

local function haproxy(bind, ...)
  local global = { ... }
  return function()
    return servers.haproxy({ bind = bind, global = global })
  end
end

-- name, start, session id, ticket, psk
local cases = {
  { "s_server", s_server(), YES, YES, YES },
  { "s_server -no_ticket", s_server("-no_ticket"), YES, NOT_ISSUED, YES },
  { "s_server -no_cache", s_server("-no_cache"), NOT_ISSUED, YES, YES },
  { "s_server -no_ticket -no_cache", s_server("-no_ticket", "-no_cache"), NOT_ISSUED, NOT_ISSUED, NOT_ACCEPTED },
  { "s_server -tls1_2", s_server("-tls1_2"), YES, YES, NO_VERSION },
  { "s_server -tls1_3", s_server("-tls1_3"), NO_VERSION, NO_VERSION, YES },
  { "s_server -tls1", s_server("-tls1", "-cipher", "DEFAULT:@SECLEVEL=0"), YES, YES, NO_VERSION, version = "tls1" },
  { "s_server -tls1_1", s_server("-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"), YES, YES, NO_VERSION,
    version = "tls1_1" },
  { "s_server -num_tickets 0", s_server("-num_tickets", "0"), YES, YES, NOT_ISSUED },
  { "s_server -num_tickets 4", s_server("-num_tickets", "4"), YES, YES, YES },
  { "nginx, cache none, tickets on", nginx("none", "on"), NOT_ACCEPTED, YES, YES },
  { "nginx, cache none, tickets off", nginx("none", "off"), NOT_ACCEPTED, NOT_ISSUED, NOT_ACCEPTED },
  { "nginx, cache off, tickets on", nginx("off", "on"), NOT_ISSUED, YES, YES },
  { "nginx, cache off, tickets off", nginx("off", "off"), NOT_ISSUED, NOT_ISSUED, NOT_ACCEPTED },
  { "nginx, cache shared, tickets on", nginx("shared:SSL:1m", "on"), YES, YES, YES },
  { "nginx, cache shared, tickets off", nginx("shared:SSL:1m", "off"), YES, NOT_ISSUED, YES },
  { "haproxy", haproxy(), YES, YES, YES },
  { "haproxy no-tls-tickets, no cache", haproxy("no-tls-tickets", "tune.ssl.cachesize 0"),
    NOT_ISSUED, NOT_ISSUED, NOT_ACCEPTED },
  { "gnutls-serv", gnutls(), YES, YES, YES },
  { "gnutls-serv --noticket", gnutls("--noticket"), YES, NOT_ISSUED, NOT_ISSUED },
  { "gnutls-serv --nodb", gnutls("--nodb"), NOT_ACCEPTED, YES, YES },
  { "gnutls-serv --noticket --nodb", gnutls("--noticket", "--nodb"), NOT_ACCEPTED, NOT_ISSUED, NOT_ISSUED },
}

-- nginx with one version of TLS: what each cache gives for session IDs, and for TLS 1.3 tickets that are kept in it.
for cache, truth in pairs({
  none = { NOT_ACCEPTED, NOT_ACCEPTED },
  off = { NOT_ISSUED, NOT_ACCEPTED },
  ["shared:SSL:1m"] = { YES, YES },
}) do
  for tickets, by_ticket in pairs({ on = { YES, YES }, off = { NOT_ISSUED, truth[2] } }) do
    local name = ("nginx, cache %s, tickets %s, "):format(cache:match("%a+"), tickets)
    cases[#cases + 1] = { name .. "TLS 1.2 only", nginx(cache, tickets, "TLSv1.2"), truth[1], by_ticket[1],
      NO_VERSION, two_witnesses = true }
    cases[#cases + 1] = { name .. "TLS 1.3 only", nginx(cache, tickets, "TLSv1.3"), NO_VERSION, NO_VERSION,
      by_ticket[2], two_witnesses = true }
  end
end

local function outcome(v)
  return { verdict = v.verdict, reason = v.reason }
end

local function outcomes(support)
  return { session_id = outcome(support.session_id), ticket = outcome(support.ticket), psk = outcome(support.psk) }
end

-- Which attempts are compared with libssl's is drawn by lot, in an order that depends on the machine: none is.
local function without_lots(work)
  local integer = random.integer
  random.integer = function(most)
    local drawn = integer(most)
    return most == LOTS and 2 or drawn
  end
  local fine, result = pcall(work)
  random.integer = integer
  return assert(fine and result, result)
end

-- What offered the sessions: engine -> attempts. The first one of a mechanism is made on both.
local function engines(v)
  local count = { probe = 0, handshake = 0 }
  for _, record in ipairs(v.attempts) do
    if record.outcome ~= "full" and v.attempted > 0 then
      count[record.engine] = count[record.engine] + 1
      assert.is_nil(record.instead_of and record.instead_of.error.message)
    end
  end
  return count
end

describe("the support scan of", function()
  local server
  after_each(function()
    if server then
      server.stop()
      server = nil
    end
  end)

  for _, case in ipairs(cases) do
    it(case[1], function()
      server = case[2]()
      local truth = { session_id = case[3], ticket = case[4], psk = case[5] }
      local result = assert(resum.scan(server.address))
      assert.equal("completed", result.status)
      local support = result.addresses[1].support
      assert.same(truth, outcomes(support))
      local probed = without_lots(function()
        return resum.scan(server.address, { engine = "probe" })
      end).addresses[1].support
      assert.same(truth, outcomes(probed))
      for mechanism, v in pairs(support) do
        local used = engines(probed[mechanism])
        assert.equal(0, used.handshake, mechanism)
        assert.is_true(probed[mechanism].attempted == 0 or used.probe > 0, mechanism)
        local expected = v.verdict == "supported" and 5 or 0
        assert.same({ expected, 0 }, { v.resumed, v.errors }, mechanism)
        local version = mechanism ~= "psk" and case.version or nil
        local answer = reference.openssl(server.address, mechanism, { version = version })
        assert.equal(v.verdict == "supported", answer.resumed, mechanism)
        if case.two_witnesses then
          assert.equal(answer.resumed, reference.gnutls(server.address, mechanism).resumed, mechanism)
        end
      end
    end)
  end
end)
