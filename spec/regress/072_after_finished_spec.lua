-- What came after Finished undid a handshake that was complete: a TLS 1.2 server that asks for a renegotiation at once,
-- and takes the refusal amiss, was said to refuse handshakes.

local clients = require "resum.connection.client"
local connectivity = require "resum.connection.connectivity"
local host = require "resum.host.uv"
local listener = require "spec.support.listener"
local resum = require "resum"

local BROKEN_RECORD = "\23\3\3\0\32" .. ("\0"):rep(32)
local NO_RENEGOTIATION = 100

local function start(version, after)
  local seen = {}
  local server = listener.start({ max_version = version, min_version = version }, {
    bytes = function(link, bytes)
      link.take(bytes)
      seen.alert = link.connection:facts().alert_received
      return true
    end,
    established = function(link, bytes)
      after(link, bytes)
    end,
  })
  return server, seen
end

local function support_of(server, engine)
  local entry = assert(resum.scan(server.address, { engine = engine })).addresses[1]
  server.close()
  return entry.support
end

-- In the segment of the server's Finished, or a moment later.
local function ask_again(link, bytes)
  link.send(bytes .. link.connection:renegotiate())
end

local function ask_later(link, bytes)
  link.send(bytes)
  link.later(5, function()
    link.send(link.connection:renegotiate())
  end)
end

describe("a completed TLS 1.2 handshake", function()
  for name, after in pairs({ ["with Finished"] = ask_again, ["later"] = ask_later }) do
    for _, engine in ipairs({ "handshake", "probe" }) do
      it(("stands where a HelloRequest comes %s, engine %s"):format(name, engine), function()
        local support = support_of(start("TLSv1.2", after), engine)
        assert.same({ "supported", 5 }, { support.ticket.verdict, support.ticket.resumed })
      end)
    end
  end

  it("is no place to renegotiate, as a warning says", function()
    local server, seen = start("TLSv1.2", ask_again)
    local client = clients.new_client({ address = "127.0.0.1", port = server.port }, { host = host })
    local record = client:attempt({ mechanism = "ticket" })
    server.close()
    assert.same({ "full", NO_RENEGOTIATION }, { record.outcome, seen.alert })
    local alerts = record.facts.alerts
    assert.same({ from = "client", level = "warning", description = "no_renegotiation", code = NO_RENEGOTIATION },
      alerts[1])
    local last = alerts[#alerts]
    assert.same({ "server", "handshake_failure" }, { last.from, last.description })
  end)
end)

describe("a completed handshake of any version", function()
  local ENDS = {
    ["a broken record"] = function(link) link.send(BROKEN_RECORD) link.drop("fin") end,
    ["a reset"] = function(link) link.drop("rst") end,
    ["the end of the stream"] = function(link) link.drop("fin") end,
  }
  for name, finish in pairs(ENDS) do
    for _, version in ipairs({ "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3" }) do
      it(("stands where %s follows, %s"):format(name, version), function()
        local server = start(version, function(link, bytes)
          link.send(bytes)
          link.later(5, function() finish(link) end)
        end)
        local support = support_of(server)
        local judged = version == "TLSv1.3" and support.psk or support.ticket
        assert.same({ "supported", 5 }, { judged.verdict, judged.resumed })
      end)
    end
  end

  it("is not one where TLS 1.3 refuses our certificate, or its absence, behind our Finished", function()
    local server = listener.start({ min_version = "TLSv1.3", require_certificate = true })
    local client = clients.new_client({ address = "127.0.0.1", port = server.port }, { host = host })
    local record = connectivity.run(client, 0)
    server.close()
    assert.same({ "alert", "required" }, { record.outcome, connectivity.client_certificate(record, false) })
  end)
end)
