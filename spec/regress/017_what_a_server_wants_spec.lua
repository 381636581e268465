-- Servers that let nobody in without something that is not offered as a rule were an error: a suite that hardly anybody
-- takes, an application protocol. Where it is a server name that is missing, the error did not say so.

local core = require "resum.core"
local listener = require "spec.support.listener"
local resum = require "resum"

local ALPN = 16 -- extension of RFC 7301
local UNRECOGNIZED_NAME, NO_APPLICATION_PROTOCOL = 112, 120 -- alerts of RFC 8446, section 6.2

-- Answers a ClientHello with an alert, unless wanted(hello).
local function wants(wanted, alert)
  return {
    bytes = function(link, bytes)
      local hello = link.state == "want" and core.parse(bytes)[1]
      if hello and hello.type == "client_hello" and not wanted(hello) then
        link.send("\21\3\3\0\2\2" .. string.char(alert))
        link.drop("fin")
        return true
      end
    end,
  }
end

local function nothing()
  return false
end

local function has_protocols(hello)
  for _, extension in ipairs(hello.extensions) do
    if extension.number == ALPN then
      return true
    end
  end
  return false
end

local function scan(server, options)
  local result = assert(resum.run(server.address, options))
  server.close()
  return result
end

describe("a server that takes nobody without", function()
  for name, options in pairs({
    ["a CCM_8 suite"] = { ciphers = "ECDHE-ECDSA-AES128-CCM8", max_version = "TLSv1.2" },
    ["a Camellia suite"] = { ciphers = "ECDHE-ECDSA-CAMELLIA128-SHA256", max_version = "TLSv1.2" },
  }) do
    it(name .. " is offered it", function()
      local found = scan(listener.start(options), { support = true, rate = true }).addresses[1]
      assert.same({ "supported", "supported", 100 },
        { found.support.ticket.verdict, found.support.session_id.verdict, found.rate.ticket.resumed })
    end)
  end

  it("an application protocol is offered one, also by the probe", function()
    local server = listener.start({ alpn = { "h2" } }, wants(has_protocols, NO_APPLICATION_PROTOCOL))
    local found = scan(server, { support = true, rate = true }).addresses[1]
    for _, mechanism in ipairs({ "session_id", "ticket", "psk" }) do
      assert.same({ "supported", 5, "supported", 100 }, {
        found.support[mechanism].verdict, found.support[mechanism].resumed,
        found.rate[mechanism].verdict, found.rate[mechanism].resumed,
      }, mechanism)
    end
  end)
end)

describe("the error of a server that knows no such name", function()
  for case, expected in pairs({
    ["none was sent"] = { nil, "Perhaps it wants a server name (--sni NAME)." },
    ["another one was sent"] = { "a.example", "The server does not know the name a.example; --sni asks for another." },
  }) do
    it("says what to do when " .. case, function()
      local result = scan(listener.start({}, wants(nothing, UNRECOGNIZED_NAME)), { sni = expected[1] })
      assert.same({ "error", "handshake: the server sent the alert unrecognized_name (112). " .. expected[2] },
        { result.status, result.error.message })
    end)
  end
end)
