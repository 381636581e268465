-- A server whose handshakes break where a ticket is asked for was an error as a whole: its session IDs and PSKs, which
-- work, were never tried.

local listener = require "spec.support.listener"
local resum = require "resum"
local text = require "resum.report.text"
local wire = require "spec.support.wire"

local ALERTS = { decode_error = "\21\3\3\0\2\2\50", handshake_failure = "\21\3\3\0\2\2\40" }

-- Ends every handshake whose ClientHello has the extension, as `how` says.
local function start(how, options)
  return listener.start(options, {
    bytes = function(link, bytes)
      local is_hello = not link.seen and bytes:byte() == 22
      link.seen = true
      if is_hello and wire.client_hello(bytes:sub(6)).extensions[wire.EXTENSION.session_ticket] then
        link.send(ALERTS[how] or "")
        link.drop(how == "rst" and "rst" or "fin")
        return true
      end
      return false
    end,
  })
end

describe("a server whose handshakes break where a ticket is asked for", function()
  for _, how in ipairs({ "decode_error", "handshake_failure", "rst", "fin" }) do
    for _, version in ipairs({ "TLSv1.2", "TLSv1.3" }) do
      it(("has its other mechanisms tested: %s, up to %s"):format(how, version), function()
        local server = start(how, { max_version = version })
        local result = assert(resum.scan(server.address, {}))
        server.close()
        local entry = result.addresses[1]
        assert.equal("completed", result.status)
        assert.same({ "supported", "inconclusive", "breaks_with_tickets" },
          { entry.support.session_id.verdict, entry.support.ticket.verdict, entry.support.ticket.reason })
        assert.equal(version == "TLSv1.3" and "supported" or "not_applicable", entry.support.psk.verdict)
        local report = text.address(entry):gsub("%s+", " ")
        assert.is_truthy(report:find("handshakes break where a ticket is asked for", 1, true))
      end)
    end
  end

  it("is an error where nothing works without either, and says of the first try why", function()
    local server = listener.start({}, {
      bytes = function(link)
        link.send(ALERTS.decode_error)
        link.drop("fin")
        return true
      end,
    })
    local result = assert(resum.scan(server.address, { retries = 0 }))
    server.close()
    assert.same({ "error", "alert" }, { result.status, result.error.code })
  end)
end)
