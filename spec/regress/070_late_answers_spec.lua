-- Tickets that leave with the server's first data, which take a while, were called "not issued" after a second.

local clients = require "resum.connection.client"
local host = require "resum.host.uv"
local listener = require "spec.support.listener"
local resum = require "resum"
local words = require "resum.transport.words"

local OK = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

-- Issues its tickets with the answer to a request, so late; never, where late_ms is nil.
local function start(late_ms, expected)
  return listener.start({ min_version = "TLSv1.3", num_tickets = 0 }, {
    data = function(link, data)
      if expected and data ~= expected then
        link.drop("fin") -- these are no words of its protocol
      elseif late_ms then
        link.later(late_ms, function()
          link.finish(link.connection:issue_ticket() .. link.connection:write(OK))
        end)
      end
    end,
  })
end

local function psk_of(server, options)
  options.mechanisms, options.attempts = { "psk" }, 3
  local entry = assert(resum.scan(server.address, options)).addresses[1]
  server.close()
  return entry.support.psk, entry
end

describe("a TLS 1.3 server that issues with its first data", function()
  for _, engine in ipairs({ "handshake", "probe" }) do
    it("is waited for as long as its answer takes, on the engine " .. engine, function()
      local psk = psk_of(start(1600), { engine = engine })
      assert.same({ "supported", 3, 1 }, { psk.verdict, psk.resumed, psk.tickets_issued })
    end)
  end

  it("is inconclusive where the answer does not come within the timeout", function()
    local psk = psk_of(start(60000), { timeout = 0.3 })
    assert.same({ "inconclusive", "no_answer" }, { psk.verdict, psk.reason })
  end)

  it("is inconclusive where it never answers", function()
    local psk = psk_of(start(nil), { timeout = 0.3 })
    assert.same({ "inconclusive", "no_answer" }, { psk.verdict, psk.reason })
  end)

  it("is inconclusive where it hangs up on words that it does not know, and not where it knows them", function()
    local psk = psk_of(start(0, "HELLO\n"), {})
    assert.same({ "inconclusive", "hung_up" }, { psk.verdict, psk.reason })
    assert.equal("supported", psk_of(start(0, "HELLO\n"), { request = "HELLO\n" }).verdict)
  end)

  it("is not waited for a whole timeout each time", function()
    local server = start(nil)
    local client = clients.new_client({ address = "127.0.0.1", port = server.port }, { host = host, timeout = 3 })
    local first = client:attempt({ mechanism = "psk", want_tickets = true })
    local second = client:attempt({ mechanism = "psk", want_tickets = true })
    server.close()
    assert.is_true(first.timing.total_s > 3.9, "the timeout, after the wait for tickets that come unasked")
    assert.is_true(second.timing.total_s < first.timing.total_s - 1, second.timing.total_s .. " s")
  end)
end)

describe("what a server is asked", function()
  it("is in the words of the protocol: by what was agreed on, else by the port, else HTTP", function()
    local function start_of(port, alpn)
      return words.request({ address = "192.0.2.1", port = port }, alpn):sub(1, 6)
    end
    assert.same({ "HEAD /", "\16\12\0\4MQ", "AMQP\0\0", "\0\17rs\1\0" },
      { start_of(443), start_of(8883), start_of(5671), start_of(853) })
    assert.same({ "PRI * ", "\16\12\0\4MQ", "HEAD /" },
      { start_of(443, "h2"), start_of(443, "x-amzn-mqtt-ca"), start_of(443, "http/1.1") })
  end)
end)
