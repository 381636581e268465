local target = require "resum.target"

local function parsed(text)
  local t = assert(target.parse(text))
  assert.equal(text, t.text)
  return { t.host, t.port, t.address }
end

describe("a target", function()
  for text, expected in pairs({
    ["www.example.com"] = { "www.example.com", 443 },
    ["www.example.com:8443"] = { "www.example.com", 8443 },
    ["www.example.com."] = { "www.example.com.", 443 },
    ["192.0.2.1:1"] = { "192.0.2.1", 1 },
    ["[2001:db8::1]:65535"] = { "2001:db8::1", 65535 },
    ["[2001:db8::1]"] = { "2001:db8::1", 443 },
    ["2001:db8::1"] = { "2001:db8::1", 443 },
    ["::1"] = { "::1", 443 },
    ["::"] = { "::", 443 },
    ["1:2:3:4:5:6:7:8"] = { "1:2:3:4:5:6:7:8", 443 },
    ["::ffff:192.0.2.1"] = { "::ffff:192.0.2.1", 443 },
    ["[fe80::1%eth0]:443"] = { "fe80::1%eth0", 443 },
    ["www.example.com:443{192.0.2.7}"] = { "www.example.com", 443, "192.0.2.7" },
    ["www.example.com{2001:db8::7}"] = { "www.example.com", 443, "2001:db8::7" },
    ["https://www.example.com/path?query"] = { "www.example.com", 443 },
    ["HTTPS://www.example.com:8443"] = { "www.example.com", 8443 },
    ["  padded.example:99 "] = { "padded.example", 99 },
    ["_sip._tcp.example"] = { "_sip._tcp.example", 443 },
    ["B\195\188cher.example:99"] = { "xn--bcher-kva.example", 99 },
    ["www.example.com:https"] = { "www.example.com", 443 },
    ["192.0.2.1:IMAPS"] = { "192.0.2.1", 993 },
    ["[2001:db8::1]:submissions"] = { "2001:db8::1", 465 },
    ["mail.example:submission{192.0.2.7}"] = { "mail.example", 587, "192.0.2.7" },
    ["mail.example:xmpp-client"] = { "mail.example", 5222 },
    ["b\195\188cher.example{192.0.2.7}"] = { "xn--bcher-kva.example", 443, "192.0.2.7" },
  }) do
    it("may be '" .. text .. "'", function()
      assert.same(expected, parsed(text))
    end)
  end

  local port = "the port must be a number from 1 to 65535"
  for text, reason in pairs({
    [""] = "is empty; give host:port",
    ["   "] = "is empty; give host:port",
    ["host:0"] = port,
    ["host:70000"] = port,
    ["host:65536"] = port,
    ["host:"] = port,
    ["host:44x"] = port,
    ["host:-1"] = port,
    ["host:4e2"] = port,
    ["[::1]443"] = port,
    ["host:http"] = "no service with TLS has the name 'http' here; give the number of its port",
    ["host:x\27[2J"] = port,
    [":443"] = "the host is missing",
    ["http://host"] = "http:// is not supported; give host:port",
    ["https://user:password@host/"] = "nobody logs in there: leave out what stands before the @",
    ["user@host:443"] = "nobody logs in there: leave out what stands before the @",
    ["ho st"] = "a host name may contain only letters, digits, '.', '-' and '_'",
    ["host/path"] = "a host name may contain only letters, digits, '.', '-' and '_'",
    ["b\252cher.example"] = "it is not UTF-8",
    [("\195\188"):rep(60) .. ".example"] = "a part of a host name has at most 63 characters",
    ["256.1.1.1"] = "not an IPv4 address",
    ["1.2.3"] = "not an IPv4 address",
    ["1::2::3"] = "not an IPv6 address; write it as [2001:db8::1]:443",
    ["1:2:3:4:5:6:7:8:9"] = "not an IPv6 address; write it as [2001:db8::1]:443",
    ["[host]:443"] = "not an IPv6 address; write it as [2001:db8::1]:443",
    ["host{example}"] = "{ and } must enclose an IP address",
    ["a..example"] = "a part of the host name is empty",
    [("a"):rep(64) .. ".example"] = "a part of a host name has at most 63 characters",
    [("a."):rep(127) .. "example"] = "a host name has at most 253 characters",
  }) do
    it("is not '" .. text .. "', and why is said in one line", function()
      local t, message, code = target.parse(text)
      assert.is_nil(t)
      assert.equal("usage", code)
      assert.is_truthy(message:find(reason, 1, true), message)
      assert.is_nil(message:find("\n", 1, true))
      assert.is_true(#message < 250)
    end)
  end

  it("is escaped before it is shown", function()
    local _, message = target.parse("\27[2Jhost:1")
    assert.is_nil(message:find("\27", 1, true))
    assert.is_truthy(message:find("\\x1b[2Jhost:1", 1, true))
  end)

  it("takes the port of its protocol where none is given", function()
    assert.same({ 25, 587 }, { target.parse("mail.example", 25).port, target.parse("mail.example:587", 25).port })
  end)

  it("has a label with brackets where they are needed", function()
    assert.equal("[::1]:443", target.label(target.parse("::1")))
    assert.equal("host.example:99", target.label(target.parse("host.example:99")))
  end)
end)
