--- A sieve server's literal of 19 digits or more raised inside the dialogue: "internal error", and the socket stayed
-- open: 300 targets, 300 sockets. No number from a peer is used unchecked, and whatever raises closes the stream.

local attempt = require "resum.connection.client"
local dial = require "resum.transport.dialer"
local memory = require "spec.support.memory"
local proxy_protocol = require "resum.transport.proxy_protocol"
local script = require "spec.support.script"
local starttls = require "resum.transport.starttls"

local function endpoint(protocol)
  return { address = "192.0.2.1", port = 1, name = "a.example", starttls = protocol and starttls.find(protocol) }
end

describe("a literal of ManageSieve", function()
  for _, digits in ipairs({ "999999999999999999999", "9223372036854775807", "9223372036854775808", "65537", "99999",
    ("0"):rep(400) .. "1", ("9"):rep(400) }) do
    it("is too large, and no error of ours: " .. digits:sub(1, 30), function()
      local host = script.host({ ('S: "IMPLEMENTATION" {%s}\r\n'):format(digits) })
      local stream, message, code, stage = dial.open(host, endpoint("sieve"), 5)
      assert.same({ nil, "too_much", "starttls" }, { stream, code, stage })
      assert.is_truthy(message:find("^starttls sieve: the greeting has a number that is too large"))
      assert.is_true(host.streams[1].closed)
    end)
  end
end)

-- Lengths as large as their fields can be, in the protocols that have some.
local LENGTHS = {
  { "postgres", { "C: \0\0\0\8\4\210\22\47", "S: E\255\255\255\255" } },
  { "mysql", { "S: \255\255\255\0" } },
  { "ldap", { "deaf" }, "\48\132\255\255\255\255" },
  { "ldap", { "deaf" }, "\48\255\255\255\255\255" },
  { "rdp", { "deaf" }, "\3\0\255\255" },
  { "rdp", { "deaf" }, "\3\0\0\0" },
}

describe("a length from a peer", function()
  for i, case in ipairs(LENGTHS) do
    it(("is bounded where its field is full: %s, %d"):format(case[1], i), function()
      local host = script.host(case[2])
      if case[3] then
        local connect = host.connect
        function host.connect(...)
          local stream, said = connect(...), case[3]
          function stream.read()
            local piece = said
            said = nil
            return piece, not piece and "eof" or nil
          end
          return stream
        end
      end
      local stream, message, code = dial.open(host, endpoint(case[1]), 5)
      assert.is_nil(stream)
      assert.is_string(message)
      assert.is_true(code == "too_much" or code == "protocol_error" or code == "closed", code)
      assert.is_true(host.streams[1].closed)
    end)
  end
end)

describe("an error of ours", function()
  it("in a dialogue closes the stream, and goes on", function()
    local host = script.host({ "S: 220 hi\r\n" })
    local broken = endpoint()
    broken.starttls = { name = "broken", dialogue = function()
      error("a mistake")
    end }
    local fine, problem = pcall(dial.open, host, broken, 5)
    assert.is_false(fine)
    assert.is_truthy(problem:find("a mistake", 1, true))
    assert.is_true(host.streams[1].closed)
  end)

  it("before a dialogue does", function()
    local host, header = script.host({}), proxy_protocol.header
    local broken = endpoint()
    broken.proxy_protocol = 1
    proxy_protocol.header = function()
      error("a mistake")
    end
    local fine = pcall(dial.open, host, broken, 5)
    proxy_protocol.header = header
    assert.same({ false, true }, { fine, host.streams[1].closed })
  end)

  it("in the handshake does, and so does one of the host", function()
    for _, verb in ipairs({ "read", "write" }) do
      local host = script.host({}, { tls_server = memory.server() })
      local connect = host.connect
      function host.connect(...)
        local stream = connect(...)
        stream[verb] = function()
          error("a mistake")
        end
        return stream
      end
      local client = attempt.new_client(endpoint(), { host = host })
      local fine, problem = pcall(client.attempt, client, { mechanism = "psk" })
      assert.is_false(fine)
      assert.is_truthy(problem:find("a mistake", 1, true))
      assert.is_true(host.streams[1].closed)
    end
  end)
end)
