--- A break between Finished and the tickets is no "not issued", and a fatal alert after a completed handshake undoes
-- nothing: at a server that had asked for a certificate, without needing one, any alert did.

local clients = require "resum.connection.client"
local host = require "resum.host.uv"
local listener = require "spec.support.listener"
local resum = require "resum"

local BROKEN_RECORD = "\23\3\3\0\32" .. ("\0"):rep(32)

-- A server that ends with a fatal alert (bad_record_mac, protocol_version) right behind Finished the connections that
-- `is_cut` says: before its tickets, or behind them.
local function start(version, options, is_cut, behind_tickets)
  local asked = { min_version = version, max_version = version, num_tickets = version == "TLSv1.3" and 0 or nil }
  for name, value in pairs(options) do
    asked[name] = value
  end
  return listener.start(asked, {
    established = function(link, bytes)
      local tickets = version == "TLSv1.3" and link.connection.issue_ticket
      link.send(bytes)
      if tickets and (behind_tickets or not is_cut(link.number)) then
        link.send(link.connection:issue_ticket())
      end
      if is_cut(link.number) then
        local _, alert = link.connection:step(BROKEN_RECORD)
        link.send(alert)
        link.drop("fin")
      end
    end,
  })
end

local function always()
  return true
end

describe("a fatal alert behind Finished", function()
  for _, version in ipairs({ "TLSv1.0", "TLSv1.2", "TLSv1.3" }) do
    for _, options in ipairs({ {}, { request_certificate = true } }) do
      local name = version .. (options.request_certificate and ", a certificate is asked for" or "")
      it("leaves the handshake complete: " .. name, function()
        local server = start(version, options, always)
        local client = clients.new_client({ address = "127.0.0.1", port = server.port }, { host = host })
        local record = client:attempt({ mechanism = version == "TLSv1.3" and "psk" or "ticket", want_tickets = true })
        server.close()
        assert.equal("full", record.outcome)
        local alerts = record.facts.alerts
        assert.same({ "server", "fatal" }, { alerts[#alerts].from, alerts[#alerts].level })
        assert.equal(version == "TLSv1.3" and "cut_short" or nil, record.unseen)
      end)
    end
  end

  for _, options in ipairs({ {}, { request_certificate = true } }) do
    local name = options.request_certificate and ", a certificate is asked for" or ""
    it("before the tickets is no word on them" .. name, function()
      local server = start("TLSv1.3", options, always)
      local psk = resum.scan(server.address, { mechanisms = { "psk" } }).addresses[1].support.psk
      server.close()
      assert.same({ "inconclusive", "cut_short" }, { psk.verdict, psk.reason })
    end)

    it("of some connections takes nothing from the others" .. name, function()
      local server = start("TLSv1.3", options, function(number) return number % 2 == 0 end)
      local psk = resum.scan(server.address, { mechanisms = { "psk" } }).addresses[1].support.psk
      server.close()
      assert.equal("supported", psk.verdict)
    end)

    it("behind the tickets undoes neither them nor a resumption" .. name, function()
      local server = start("TLSv1.3", options, always, true)
      local client = clients.new_client({ address = "127.0.0.1", port = server.port }, { host = host })
      local first = client:attempt({ mechanism = "psk", want_tickets = true })
      local second = client:attempt({ mechanism = "psk", session = first.sessions[#first.sessions] })
      server.close()
      assert.same({ "full", 1, "resumed" }, { first.outcome, #first.sessions, second.outcome })
    end)
  end
end)
