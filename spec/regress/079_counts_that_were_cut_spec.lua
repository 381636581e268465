-- A count of tickets was cut without a word where a connection carried more messages or bytes than are kept.

local listener = require "spec.support.listener"
local resum = require "resum"
local text = require "resum.report.text"

local function start(count)
  return listener.start({ min_version = "TLSv1.3", num_tickets = 0 }, {
    established = function(link, bytes)
      local parts = { bytes }
      for i = 1, link.connection:facts().reused and 1 or count do
        parts[i + 1] = link.connection:issue_ticket()
      end
      link.send(table.concat(parts))
    end,
  })
end

local function psk_of(count)
  local server = start(count)
  local entry = assert(resum.scan(server.address, { mechanisms = { "psk" } })).addresses[1]
  server.close()
  return entry.support.psk, (text.address(entry):gsub("%s+", " "))
end

describe("a count of tickets", function()
  it("is the whole one beyond what is kept of the messages", function()
    local psk, report = psk_of(1000) -- some 240 bytes each: 256 KiB have passed after 900, 256 messages long before
    assert.same({ "supported", 1000, nil }, { psk.verdict, psk.tickets_issued, psk.more_tickets })
    assert.is_truthy(report:find("; 1000 tickets, lifetime", 1, true))
  end)

  it("says that it is not where the connection carried more than is taken in", function()
    local psk, report = psk_of(6000)
    assert.same({ "supported", true }, { psk.verdict, psk.more_tickets })
    assert.is_true(psk.tickets_issued > 1000 and psk.tickets_issued < 6000)
    assert.is_truthy(report:find(("; at least %d tickets, lifetime"):format(psk.tickets_issued), 1, true))
  end)

  it("and of messages are whole in what is shown of one handshake", function()
    local server = start(300)
    local handshake = resum.open(server.address)
    server.close()
    local shown = tostring(handshake)
    local kept = #handshake.transcript
    assert.is_truthy(shown:find("issued: 300 tickets of", 1, true), shown)
    assert.is_truthy(shown:find(("  %d messages"):format(kept + handshake.transcript.forgotten), 1, true), shown)
    assert.is_true(kept + handshake.transcript.forgotten > 300)
    assert.is_truthy(tostring(handshake.transcript):find(("... and %d more, which were not kept"):format(
      handshake.transcript.forgotten), 1, true))
  end)
end)
