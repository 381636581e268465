-- There was no way to a server that waits for a PROXY header, nor to one that wants an application protocol of its own;
-- and --sni did not reach the words before TLS.

local endpoints = require "resum.transport.endpoint"
local listener = require "spec.support.listener"
local options = require "resum.cli.options"
local proxy_protocol = require "resum.transport.proxy_protocol"
local resum = require "resum"
local target = require "resum.target"
local text = require "resum.report.text"

local SIGNATURE = "\r\n\r\n\0\r\nQUIT\n"

-- Wants a header before TLS, and keeps the headers.
local function start(headers, read_header)
  return listener.start({}, {
    bytes = function(link, bytes)
      if link.seen then
        return false
      end
      link.seen = true
      local header, rest = read_header(bytes)
      if not header then
        link.drop("rst")
        return true
      end
      headers[#headers + 1] = header
      if rest ~= "" then
        link.take(rest)
      end
      return true
    end,
  })
end

local READ = {
  [1] = function(bytes)
    return bytes:match("^(PROXY [^\r\n]*)\r\n(.*)$")
  end,
  [2] = function(bytes)
    if bytes:sub(1, #SIGNATURE) == SIGNATURE then
      return bytes:sub(1, 28), bytes:sub(29)
    end
  end,
}

describe("a server that wants a PROXY header", function()
  local function scan(version)
    local headers = {}
    local server = start(headers, READ[version])
    local result = assert(resum.scan(server.address, { proxy_protocol = version }))
    server.close()
    return result, headers, server.port
  end

  for version = 1, 2 do
    it("is scanned, version " .. version, function()
      local result, headers = scan(version)
      local support = result.addresses[1].support
      assert.same({ "supported", "supported", "supported" },
        { support.session_id.verdict, support.ticket.verdict, support.psk.verdict })
      assert.is_true(#headers > 10)
      assert.is_truthy(text.target(result):find("with a PROXY header (version " .. version .. ")", 1, true))
    end)
  end

  it("is told our own address and port, and its own", function()
    local _, headers, port = scan(1)
    local own = tonumber(headers[1]:match("^PROXY TCP4 127%.0%.0%.1 127%.0%.0%.1 (%d+) " .. port .. "$"))
    assert.is_true(own > 1023)
    _, headers, port = scan(2)
    local tail
    own, tail = (">I2I2"):unpack(headers[1], 25)
    assert.is_true(own > 1023)
    assert.equal(port, tail)
    assert.equal("\127\0\0\1\127\0\0\1", headers[1]:sub(17, 24))
  end)
end)

describe("the PROXY header", function()
  local V6 = { address = "fe80::1%eth0", port = 1234 }

  it("has both ends of one family", function()
    assert.equal("PROXY TCP6 fe80::1 2001:db8::2 1234 443\r\n",
      proxy_protocol.header(1, V6, { address = "2001:db8::2", port = 443 }))
    local long = proxy_protocol.header(2, V6, { address = "2001:db8::2", port = 443 })
    assert.same({ 16 + 36, SIGNATURE .. "\33\33\0\36" }, { #long, long:sub(1, 16) })
  end)

  it("tells nothing where they have none in common, or an end is not known", function()
    for _, to in ipairs({ { address = "192.0.2.1", port = 443 }, { address = "a.example", port = 443 } }) do
      assert.equal("PROXY UNKNOWN\r\n", proxy_protocol.header(1, V6, to))
      assert.equal(SIGNATURE .. "\32\0\0\0", proxy_protocol.header(2, V6, to))
    end
    assert.equal("PROXY UNKNOWN\r\n", proxy_protocol.header(1, {}, { address = "192.0.2.1", port = 443 }))
  end)
end)

describe("the command", function()
  local function scan_options(...)
    local parsed, scan = options.parse({ "a.example", ... })
    return parsed and scan or nil, scan
  end

  it("takes a list of application protocols, a request with escapes, and a version of the PROXY header", function()
    local scan = scan_options("--alpn", "h2, x-odd", "--request", "HI\\r\\n\\x00\\\\", "--proxy_protocol", "2")
    assert.same({ { "h2", "x-odd" }, "HI\r\n\0\\", 2 }, { scan.alpn, scan.request, scan.proxy_protocol })
  end)

  it("says what does not fit", function()
    for _, words in ipairs({ { "--alpn", "a,,b" }, { "--alpn", ("x"):rep(256) }, { "--request", "a\\q" },
      { "--proxy_protocol", "3" } }) do
      local scan, message = scan_options(table.unpack(words))
      assert.is_nil(scan)
      assert.is_truthy(message:find("%-%-" .. words[1]:match("%l+")), message)
    end
  end)
end)

describe("the name that is asked for by --sni", function()
  it("is the domain that an XMPP server is asked for, unless another is", function()
    local function domain(given)
      local route = assert(endpoints.new(given))
      return route:endpoint(route:describe(assert(target.parse("192.0.2.1:5222"))), "192.0.2.1").xmpp_to
    end
    assert.same({ "a.example", "b.example" }, { domain({ starttls = "xmpp", sni = "a.example" }),
      domain({ starttls = "xmpp", sni = "a.example", xmpp_to = "b.example" }) })
    assert.is_nil(domain({ starttls = "xmpp" }))
  end)
end)

describe("a name of which one address only works", function()
  it("counts as scanned, and the other address as unreachable", function()
    local server = listener.start({})
    local host = setmetatable({ resolve = function()
      return { "::1", "127.0.0.1" }
    end }, { __index = require "resum.host.uv" })
    local result = assert(resum.scan("two.example:" .. server.port, { host = host, mechanisms = { "ticket" } }))
    server.close()
    assert.same({ "completed", "unreachable", "completed" },
      { result.status, result.addresses[1].status, result.addresses[2].status })
  end)
end)
