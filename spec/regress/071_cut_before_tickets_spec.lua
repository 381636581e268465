-- A connection that broke after the handshake and before the tickets was taken for one of a server that issues none.

local listener = require "spec.support.listener"
local resum = require "resum"

local BROKEN_RECORD = "\23\3\3\0\32" .. ("\0"):rep(32)
local HALF_A_RECORD = "\23\3\3\1\0half"

-- Breaks each connection that `is_cut` says, right after the handshake: no ticket leaves.
local function start(is_cut, last_bytes, how)
  return listener.start({ min_version = "TLSv1.3", num_tickets = 0 }, {
    established = function(link, bytes)
      link.send(bytes)
      if is_cut(link.number) then
        link.send(last_bytes)
        return link.drop(how)
      end
      link.send(link.connection:issue_ticket())
    end,
  })
end

local function psk_of(server, options)
  options.mechanisms = { "psk" }
  local psk = assert(resum.scan(server.address, options)).addresses[1].support.psk
  server.close()
  return psk
end

local WAYS = {
  ["a reset"] = { "", "rst" },
  ["a broken record"] = { BROKEN_RECORD, "fin" },
  ["the end in the middle of a record"] = { HALF_A_RECORD, "fin" },
  ["the end without close_notify"] = { "", "fin" },
}

describe("a healthy server, some of whose TLS 1.3 connections end before their tickets", function()
  it("is no pool with a member that issues nothing", function()
    local server = start(function(number) return number % 4 == 2 end, "", "rst")
    local entry = assert(resum.run(server.address, { rate = true, mechanisms = { "psk" } })).addresses[1]
    server.close()
    assert.same({ "supported", "all_shared" }, { entry.rate.psk.verdict, entry.balancer.verdict })
  end)
end)

describe("a TLS 1.3 connection that ends before its tickets", function()
  for name, way in pairs(WAYS) do
    for _, engine in ipairs({ "handshake", "probe" }) do
      it(("shows nothing about issuing: %s, engine %s"):format(name, engine), function()
        local psk = psk_of(start(function() return true end, way[1], way[2]), { engine = engine })
        assert.same({ "inconclusive", "cut_short", nil }, { psk.verdict, psk.reason, psk.tickets_issued })
        -- the control, and the first handshakes of three connections in four
        psk = psk_of(start(function(number) return number > 1 and number % 4 ~= 1 end, way[1], way[2]),
          { engine = engine })
        assert.same({ "supported", nil, 5 }, { psk.verdict, psk.reason, psk.resumed })
        assert.is_true(psk.cut_short >= 3 and psk.cut_short < psk.full_handshakes, psk.cut_short .. " cut short")
      end)
    end
  end
end)
