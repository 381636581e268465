-- Tickets of TLS 1.2 that are good for one connection were "partially supported" in the support scan, and nothing to do
-- for the rate. A client of TLS 1.2 offers what it has until it gets another, so what counts is whether it gets one.
-- One of TLS 1.3 uses each ticket once anyway.

local expectation = require "resum.cli.expectation"
local findings = require "resum.analysis.findings"
local listener = require "spec.support.listener"
local memory = require "spec.support.memory"
local overview = require "resum.analysis.overview"
local resum = require "resum"
local wire = require "spec.support.wire"

local ALERT = "\21\3\3\0\2\2\80" -- internal_error
local KEYS = ("k"):rep(80)

-- What a ClientHello offers: its ticket, or its PSK's identities; or the ID of its session.
local function offered_in(bytes)
  local hello = wire.client_hello(bytes:sub(6))
  local ticket = hello.extensions[wire.EXTENSION.session_ticket] or ""
  local psks = hello.extensions[41]
  return psks and psks:sub(5, 4 + (">I2"):unpack(psks, 3)) or #ticket > 0 and ticket or nil
end

-- Takes each ticket once, and the one that is the `lost`th to be offered not even once; what is spent it "refuses", or
-- answers with an "alert", or it hangs up ("fin").
local function start(version, how, renews, lost)
  local options = { max_version = version, ticket_keys = KEYS, renew_tickets = renews }
  local refusing, seen = memory.server({ max_version = version, ticket_keys = KEYS, accept_tickets = false }), {}
  local met = 0
  return listener.start(options, {
    bytes = function(link, bytes)
      if link.state ~= "want" or link.seen or bytes:byte() ~= 22 then
        return false
      end
      link.seen = true
      local offered = offered_in(bytes)
      met = met + (offered and not seen[offered] and 1 or 0)
      local is_spent = offered and (seen[offered] or met == lost)
      seen[offered or ""] = true
      if is_spent and how == "refuses" then
        link.connection = refusing:accept()
      elseif is_spent then
        link.send(how == "alert" and ALERT or "")
        link.drop("fin")
        return true
      end
      return false
    end,
  })
end

local ONE_USE = { "supported", "single_use_tickets" }
local TWO_USES = { "partially_supported", "single_use_not_renewed" }

local CASES = {
  { "TLSv1.2", "ticket", false, TWO_USES },
  { "TLSv1.2", "ticket", true, ONE_USE },
  { "TLSv1.3", "psk", false, ONE_USE },
}

describe("sessions that are good for one connection", function()
  for _, case in ipairs(CASES) do
    for _, how in ipairs({ "refuses", "alert", "fin" }) do
      it(("are one story: %s, %s%s"):format(case[1], how, case[3] and ", renewed" or ""), function()
        local server = start(case[1], how, case[3])
        local result = assert(resum.run(server.address, { support = true, rate = true, mechanisms = { case[2] } }))
        server.close()
        local entry, is_good = result.addresses[1], case[4] == ONE_USE
        local support, rate = entry.support[case[2]], entry.rate[case[2]]
        local again = how == "alert" and "alert" or how == "fin" and "closed" or nil
        assert.same({ case[4][1], case[4][2], again }, { support.verdict, support.reason, support.again })
        assert.same({ case[4][1], case[4][2], again, "fresh", 1 },
          { rate.verdict, rate.reason, rate.again, rate.design, rate.rate })
        assert.equal(how == "alert" and "internal_error" or nil, support.alert)
        assert.equal(is_good and how == "refuses", overview.of(result).nothing_to_do ~= nil)
        if how ~= "fin" then -- so many ends could as well come from a member that is down: the pool is inconclusive
          assert.equal(is_good and "good" or "broken", overview.severity(entry))
          assert.equal(not is_good, overview.headline(entry):find("every other time", 1, true) ~= nil)
        end
        assert.equal(is_good and "good" or "bad", findings.of(result)[1].verdict)
        for rule, holds in pairs({ ["=supported"] = is_good, [">=95%"] = is_good, [">=50%"] = true }) do
          assert.equal(holds, (expectation.check(assert(expectation.parse(case[2] .. rule)), result)))
        end
      end)
    end
  end
end)

-- A ticket that is lost before it is offered (a client of its own had it, or a connection broke) is one session that
-- never resumes among some that resumed once: where spent ones were hung up on, that was told as "fails on resumption".
describe("a ticket that never resumes among those that are good for one connection", function()
  for _, version in ipairs({ "TLSv1.2", "TLSv1.3" }) do
    for _, how in ipairs({ "refuses", "alert", "fin" }) do
      it(("leaves them so: %s, %s"):format(version, how), function()
        local server, mechanism = start(version, how, true, 2), version == "TLSv1.3" and "psk" or "ticket"
        local result = assert(resum.run(server.address, { rate = true, mechanisms = { mechanism }, attempts = 40 }))
        server.close()
        local rate = result.addresses[1].rate[mechanism]
        assert.same({ "supported", "single_use_tickets", "fresh", 1 },
          { rate.verdict, rate.reason, rate.design, rate.rate })
      end)
    end
  end
end)
