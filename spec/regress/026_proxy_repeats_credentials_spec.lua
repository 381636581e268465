--- A proxy that repeats what it was told in its status line brought the credentials into report and JSON.

local dial = require "resum.transport.dialer"
local proxy = require "resum.transport.proxy"
local script = require "spec.support.script"

local REQUEST = "C: CONNECT www.example:443 HTTP/1.1\r\nHost: www.example:443\r\n"
  .. "Proxy-Authorization: Basic dXNlcjpwYTpzcyE=\r\n\r\n"

describe("credentials that a proxy repeats", function()
  for line, shown in pairs({
    ["HTTP/1.1 407 not dXNlcjpwYTpzcyE="] = 'it does not accept the credentials: "HTTP/1.1 407 not ..."',
    ["HTTP/1.1 403 pa:ss! is old"] = 'no tunnel: "HTTP/1.1 403 ... is old"',
    ["you said user:pa:ss!"] = 'not an HTTP proxy: it said "you said ..."',
  }) do
    it("are not shown: " .. line:sub(1, 12), function()
      local host = script.host({ REQUEST, "S: " .. line .. "\r\n\r\n" }, { names = { p = { "192.0.2.9" } } })
      local stream, message = dial.open(host, { address = "www.example", port = 443,
        proxy = assert(proxy.parse("http://user:pa:ss!@p")) }, 5)
      assert.same({ nil, "proxy http://p:80: " .. shown }, { stream, message })
    end)
  end
end)
