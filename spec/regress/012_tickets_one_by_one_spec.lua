-- Of the tickets that a TLS 1.3 server sends one by one, only the first was waited for and counted. (On a clock of the
-- spec's own: where the machine is busy, tickets come further apart than a server sends them.)

local memory = require "spec.support.memory"
local resum = require "resum"
local script = require "spec.support.script"

-- A peer that issues `count` tickets, each so many seconds after the one before; the first so long after the handshake,
-- or after it was asked for something.
local function issues_one_by_one(host, stream, apart, count, begins)
  local read, write, due = stream.read, stream.write, nil
  function stream.write(self, bytes)
    local written, why = write(self, bytes)
    local has_begun = self.connection:facts().finished and (begins == "after the handshake" or self.heard ~= "")
    due = due or has_begun and host.now() + apart or nil
    return written, why
  end
  function stream.read(self, deadline)
    if due and due <= deadline and count > 0 and self.to_say == "" and not self.ended then
      host.sleep(due - host.now())
      self.to_say, due, count = self.connection:issue_ticket(), due + apart, count - 1
    end
    return read(self, deadline)
  end
end

local function psk_of(apart, begins)
  local host = script.host({}, {
    tls_server = memory.server({ min_version = "TLSv1.3", num_tickets = 0 }),
    names = { ["a.example"] = { "192.0.2.1" } },
  })
  local connect = host.connect
  function host.connect(...)
    local stream = connect(...)
    issues_one_by_one(host, stream, apart, 3, begins)
    return stream
  end
  return resum.scan("a.example", { host = host, mechanisms = { "psk" } }).addresses[1].support.psk
end

describe("TLS 1.3 tickets that come one by one", function()
  for _, begins in ipairs({ "after the handshake", "after a request" }) do
    it("are all counted, where less than 0.1 s is between two of them: three of them, " .. begins, function()
      local psk = psk_of(0.09, begins)
      assert.same({ "supported", 5, 3 }, { psk.verdict, psk.resumed, psk.tickets_issued })
    end)

    it("are not waited for any longer: " .. begins, function()
      local psk = psk_of(0.11, begins)
      assert.same({ "supported", 5, 1 }, { psk.verdict, psk.resumed, psk.tickets_issued })
    end)
  end
end)
