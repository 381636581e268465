-- Scans through real proxies, with credentials and without; nothing that they say or refuse shows the password.

local cjson = require "cjson"
local process = require "spec.support.process"
local proxies = require "spec.support.daemons.proxies"
local resum = require "resum"
local servers = require "spec.support.servers"
local talk = require "spec.support.daemons.talk"

local LUA = "lua" .. _VERSION:match("%d%.%d")
local RESUM = process.ROOT .. "/lua/bin/resum"
local LOGIN = { user = "scanner", password = "s3cret" }

local PROXIES = {
  http = proxies.tinyproxy,
  socks5 = proxies.microsocks,
  socks5h = proxies.microsocks,
}

local function url_of(kind, server, credentials)
  return ("%s://%s%s"):format(kind, credentials or "", server.address)
end

describe("#heavy through a proxy", function()
  after_each(servers.stop_all)

  for kind, start in pairs(PROXIES) do
    for what, credentials in pairs({ ["with credentials"] = "scanner:s3cret@", ["without any"] = false }) do
      it(("a scan finds what it finds without it: %s, %s"):format(kind, what), function()
        local server = servers.s_server({ args = { "-no_ticket" } })
        local result = assert(resum.scan("localhost:" .. server.port, {
          proxy = url_of(kind, start(credentials and LOGIN or nil), credentials or nil),
          family = kind == "socks5" and "inet" or nil,
        }))
        local entry = result.addresses[1]
        assert.equal("completed", result.status, result.error and result.error.message)
        assert.same({ "supported", "not_supported", "supported" }, { entry.support.session_id.verdict,
          entry.support.ticket.verdict, entry.support.psk.verdict })
        assert.same(kind == "socks5" and { "127.0.0.1" } or { "localhost", "proxy" },
          { entry.address, entry.resolved_by })
      end)
    end

    it("wrong credentials are refused, in one line without them: " .. kind, function()
      local proxy = start(LOGIN)
      local server = servers.s_server()
      for _, credentials in ipairs({ "scanner:wr0ng@", "" }) do
        local run = process.run({ command = { LUA, RESUM, "--json_lines", "--proxy",
          url_of(kind, proxy, credentials), "127.0.0.1:" .. server.port } })
        local target = cjson.decode(run.stdout)
        assert.same({ 1, "unreachable", url_of(kind, proxy) }, { run.code, target.status, target.target.proxy })
        assert.is_truthy(target.error.message:find("credentials", 1, true), target.error.message)
        assert.is_nil((run.stdout .. run.stderr):find("wr0ng"))
      end
    end)

    it("a port where nobody listens is unreachable: " .. kind, function()
      local result = resum.scan("127.0.0.1:" .. process.closed_port(), { proxy = url_of(kind, start()) })
      assert.equal("unreachable", result.status)
      assert.equal("unreachable", result.addresses[1].control.outcome)
    end)

    it("STARTTLS works as well: " .. kind, function()
      local result = resum.scan(talk.vsftpd().address,
        { starttls = "ftp", proxy = url_of(kind, start()), mechanisms = { "ticket" } })
      assert.same({ "completed", "supported" }, { result.status, result.addresses[1].support.ticket.verdict })
    end)
  end
end)
