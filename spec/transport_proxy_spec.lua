-- Proxies against a peer with a script: what is asked, what a refusal looks like, and that no credentials are shown.

local dial = require "resum.transport.dialer"
local proxy = require "resum.transport.proxy"
local script = require "spec.support.script"
local starttls = require "resum.transport.starttls"

local TIMEOUT = 5

local function open(url, steps, options)
  options = options or {}
  local host = script.host(steps, { chunk = options.chunk, names = { ["proxy.example"] = { "192.0.2.9" } } })
  local stream, message, code, stage = dial.open(host, {
    address = options.address or "www.example",
    port = options.port or 443,
    name = "www.example",
    proxy = assert(proxy.parse(url)),
    starttls = options.starttls and starttls.find(options.starttls),
  }, TIMEOUT)
  return { stream = stream, message = message, code = code, stage = stage, host = host, peer = host.streams[1] }
end

local HTTP, SOCKS, SOCKSH = "http://proxy.example:3128", "socks5://proxy.example", "socks5h://proxy.example"

local CONNECT = "C: CONNECT www.example:443 HTTP/1.1\r\nHost: www.example:443\r\n\r\n"
local CONNECT_AS_USER = "C: CONNECT www.example:443 HTTP/1.1\r\nHost: www.example:443\r\n"
  .. "Proxy-Authorization: Basic dXNlcjpwYTpzcyE=\r\n\r\n"
local CONNECT_MAIL = "C: CONNECT www.example:25 HTTP/1.1\r\nHost: www.example:25\r\n\r\n"
local CONNECT_V6 = "C: CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n\r\n"

local ANYBODY, USER_TOO = "C: \5\1\0", "C: \5\2\0\2"
local TO_NAME = "C: \5\1\0\3\11www.example\1\187"
local TO_V4 = "C: \5\1\0\1\192\0\2\1\1\187"
local TO_V6 = "C: \5\1\0\4\32\1\13\184" .. ("\0"):rep(11) .. "\1\1\187"
local YES = "S: \5\0\0\1\127\0\0\1\0\80"

-- what, url, options, steps
local GOOD = {
  { "HTTP", HTTP, {}, { CONNECT, "S: HTTP/1.1 200 Connection established\r\n\r\n" } },
  { "HTTP with headers, after an interim answer", HTTP, {}, { CONNECT,
    "S: HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.0 200\r\nVia: x\r\nContent-Length: 5\r\n\r\n" } },
  { "HTTP with credentials", "http://user:pa%3Ass%21@proxy.example:3128", {}, { CONNECT_AS_USER,
    "S: HTTP/1.1 200 OK\r\n\r\n" } },
  { "HTTP to an IPv6 address", HTTP, { address = "2001:db8::1" }, { CONNECT_V6, "S: HTTP/1.1 200 OK\r\n\r\n" } },
  { "SOCKS to a name", SOCKSH, {}, { ANYBODY, "S: \5\0", TO_NAME, YES } },
  { "SOCKS to an IPv4 address", SOCKS, { address = "192.0.2.1" }, { ANYBODY, "S: \5\0", TO_V4, YES } },
  { "SOCKS to an IPv6 address", SOCKS, { address = "2001:db8::1" }, { ANYBODY, "S: \5\0", TO_V6,
    "S: \5\0\0\4" .. ("\0"):rep(18) } },
  { "SOCKS that answers with a name", SOCKS, { address = "192.0.2.1" }, { ANYBODY, "S: \5\0", TO_V4,
    "S: \5\0\0\3\5local\0\0" } },
  { "SOCKS with credentials", "socks5h://user:pa:ss!@proxy.example", {}, { USER_TOO, "S: \5\2",
    "C: \1\4user\6pa:ss!", "S: \1\0", TO_NAME, YES } },
  { "SOCKS that wants no credentials though we have some", "socks5h://user:x@proxy.example", {}, { USER_TOO, "S: \5\0",
    TO_NAME, YES } },
}

-- code, message behind "proxy URL: ", url, steps
local REFUSALS = {
  { "proxy", 'it requires credentials: "HTTP/1.1 407 Proxy Authentication Required"', HTTP, { CONNECT,
    "S: HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n<html>" } },
  { "proxy", 'it does not accept the credentials: "HTTP/1.1 407 No"', "http://user:pa:ss!@proxy.example:3128",
    { CONNECT_AS_USER, "S: HTTP/1.1 407 No\r\n\r\n" } },
  { "proxy", 'it requires credentials: "HTTP/1.0 401 Unauthorized"', HTTP, { CONNECT,
    "S: HTTP/1.0 401 Unauthorized\r\n\r\n" } },
  { "no_tunnel", 'no tunnel: "HTTP/1.1 403 Forbidden"', HTTP, { CONNECT, "S: HTTP/1.1 403 Forbidden\r\n\r\n" } },
  { "no_tunnel", 'no tunnel: "HTTP/1.1 302 Found"', HTTP, { CONNECT,
    "S: HTTP/1.1 302 Found\r\nLocation: http://login.example/\r\n\r\n" } },
  { "unreachable", 'no tunnel: "HTTP/1.1 502 Bad Gateway"', HTTP, { CONNECT, "S: HTTP/1.1 502 Bad Gateway\r\n\r\n" } },
  { "proxy", 'not an HTTP proxy: it said "SSH-2.0-x"', HTTP, { CONNECT, "S: SSH-2.0-x\r\n" } },
  { "proxy", 'not an HTTP proxy: it said "\\x05\\xff"', HTTP, { CONNECT, "S: \5\255", "eof" } },
  { "closed", "the connection was closed before the proxy's answer", HTTP, { CONNECT, "eof" } },
  { "timeout", "the proxy's answer did not come in time", HTTP, { CONNECT, "S: HTTP/1.1 200 OK\r\n" } },
  { "too_much", "more than 8 KiB came before the proxy's answer was complete", HTTP, { CONNECT,
    "S: HTTP/1.1 200 OK\r\n", "flood x: y" } },
  { "too_much", "more than 64 KiB came before the proxy's answer was complete", HTTP, { CONNECT,
    "S: HTTP/1.1 200 OK\r\n", "flood x: y\r\n" } },
  { "proxy", "not a SOCKS 5 proxy", SOCKSH, { ANYBODY, "S: HTTP/1.1 400 Bad\r\n" } },
  { "proxy", "it requires credentials", SOCKSH, { ANYBODY, "S: \5\255" } },
  { "proxy", "it requires another kind of credentials", SOCKSH, { ANYBODY, "S: \5\1" } },
  { "proxy", "it requires another kind of credentials", "socks5h://user:x@proxy.example", { USER_TOO, "S: \5\255" } },
  { "proxy", "it does not accept the credentials", "socks5h://user:x@proxy.example", { USER_TOO, "S: \5\2",
    "C: \1\4user\1x", "S: \1\1" } },
  { "refused", "no tunnel: connection refused (reply 5)", SOCKSH, { ANYBODY, "S: \5\0", TO_NAME, "S: \5\5\0\1" } },
  { "unreachable", "no tunnel: host unreachable (reply 4)", SOCKSH, { ANYBODY, "S: \5\0", TO_NAME, "S: \5\4\0\1" } },
  { "no_tunnel", "no tunnel: unknown (reply 77)", SOCKSH, { ANYBODY, "S: \5\0", TO_NAME, "S: \5\77\0\1" } },
  { "proxy", "not a SOCKS 5 proxy", SOCKSH, { ANYBODY, "S: \5\0", TO_NAME, "S: \4\90\0\1" } },
  { "timeout", "the end of the proxy's answer did not come in time", SOCKSH, { ANYBODY, "S: \5\0", TO_NAME,
    "S: \5\0\0\3\200abc" } },
  { "reset", "the connection was reset before the proxy's answer", SOCKSH, { ANYBODY, "reset" } },
}

describe("a proxy", function()
  for _, case in ipairs(GOOD) do
    it("gives a tunnel, in packets of any size: " .. case[1], function()
      for _, chunk in ipairs({ 1, 7, 100000 }) do
        local one = open(case[2], case[4], { chunk = chunk, address = case[3].address })
        assert.is_nil(one.message)
        assert.equal(one.peer, one.stream)
        assert.is_true(one.peer:done())
      end
    end)
  end

  for _, case in ipairs(REFUSALS) do
    it("refuses, which is told in one line without credentials: " .. case[2], function()
      for _, chunk in ipairs({ 1, 7, 100000 }) do
        local one = open(case[3], case[4], { chunk = chunk })
        local shown = case[3]:gsub("//.*@", "//"):gsub("example$", "example:1080")
        assert.same({ nil, ("proxy %s: %s"):format(shown, case[2]), case[1], "proxy" },
          { one.stream, one.message, one.code, one.stage })
        assert.is_true(one.peer.closed)
      end
    end)
  end

  it("is connected to at its own address, which is looked up once", function()
    local host = script.host({ CONNECT, "S: HTTP/1.1 200 OK\r\n\r\n" },
      { names = { ["proxy.example"] = { "192.0.2.9", "192.0.2.10" } } })
    local endpoint = { address = "www.example", port = 443, proxy = proxy.parse(HTTP) }
    assert.is_truthy(dial.open(host, endpoint, TIMEOUT))
    host.resolve = function()
      error("asked again")
    end
    assert.is_truthy(dial.open(host, endpoint, TIMEOUT))
    assert.same({ "192.0.2.9 3128", "192.0.2.9 3128" }, host.connected)
  end)

  it("that has no address, or does not answer there, is told", function()
    local host = script.host({}, {})
    local endpoint = { address = "www.example", port = 443, proxy = proxy.parse("http://u:secret@proxy.example:3128") }
    local nowhere = "proxy http://proxy.example:3128: resolve: no address for proxy.example"
    assert.same({ nil, nowhere, "unreachable", "proxy" }, { dial.open(host, endpoint, TIMEOUT) })
    host = script.host({}, { names = { ["proxy.example"] = { "192.0.2.9", "192.0.2.10" } } })
    host.connect = function(address)
      return nil, "connect: refused by " .. address, "refused"
    end
    assert.same({ nil, "proxy http://proxy.example:3128: connect: refused by 192.0.2.10", "refused", "proxy" },
      { dial.open(host, endpoint, TIMEOUT) })
  end)

  it("and STARTTLS go together, also when the greeting comes with the proxy's answer", function()
    local steps = { CONNECT_MAIL, "S: HTTP/1.1 200 OK\r\n\r\n220 mail\r\n", "C: EHLO resum.invalid\r\n",
      "S: 250-a\r\n250 STARTTLS\r\n", "C: STARTTLS\r\n", "S: 220 go\r\n" }
    for _, chunk in ipairs({ 1, 100000 }) do
      local one = open(HTTP, steps, { port = 25, starttls = "smtp", chunk = chunk })
      assert.is_nil(one.message)
      assert.is_true(one.peer:done())
    end
  end)

  it("that puts bytes behind its answer is turned down", function()
    local one = open(HTTP, { CONNECT, "S: HTTP/1.1 200 OK\r\n\r\nhello" })
    assert.same({ nil, "injected" }, { one.stream, one.code })
    assert.is_truthy(one.message:find('5 bytes came in the clear after the go-ahead for TLS: "hello"', 1, true))
  end)
end)

describe("a proxy's text", function()
  for text, shown in pairs({
    ["http://proxy.example"] = "http://proxy.example:80",
    ["HTTP://proxy.example:3128/"] = "http://proxy.example:3128",
    ["socks5://192.0.2.1"] = "socks5://192.0.2.1:1080",
    ["socks5h://[2001:db8::1]:9"] = "socks5h://[2001:db8::1]:9",
    ["http://user:p@ss@proxy.example:3128"] = "http://proxy.example:3128",
    ["http://user@proxy.example:3128"] = "http://proxy.example:3128",
  }) do
    it("may be " .. text .. ", and is shown without credentials", function()
      local one = assert(proxy.parse(text))
      assert.equal(shown, tostring(one))
      for _, value in pairs(one) do
        assert.is_nil(tostring(value):find("user"))
      end
    end)
  end

  for _, text in ipairs({
    "", "proxy.example:3128", "https://s3cret:s3cret@proxy.example", "http://s3cret:s3cret@",
    "http://s3cret@proxy:70000", "socks4://s3cret@proxy",
    "http://s3cret%3A:x@proxy", "socks5://:s3cret@proxy", "http://a b", "http://host{1.2.3.4}",
    "socks5://s3cret:" .. ("x"):rep(256) .. "@proxy", "http://http://proxy",
  }) do
    it("is not '" .. text:sub(1, 40) .. "', which is told without repeating it", function()
      local one, message = proxy.parse(text)
      assert.is_nil(one)
      assert.is_nil(message:find("s3cret"))
      assert.is_nil(message:find("\n"))
    end)
  end

  it("says which of them look up names: then nobody here knows the addresses", function()
    assert.same({ true, false, true },
      { proxy.parse(HTTP).resolves, proxy.parse(SOCKS).resolves, proxy.parse(SOCKSH).resolves })
  end)
end)
