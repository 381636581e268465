-- Hybrid key exchange (draft-ietf-tls-ecdhe-mlkem), where libssl has it: who offers it, and that sessions made under it
-- resume on both engines. Where libssl is older than 3.5, that nobody offers what nobody could compute.

local core = require "resum.core"
local resum = require "resum"
local servers = require "spec.support.servers"
local tables = require "resum.util.tables"
local wire = require "spec.support.wire"

local HYBRID = "X25519MLKEM768"
local HYBRID_ID, X25519_ID = 0x11ec, 0x1d
local HAS_HYBRID = core.context({ groups = HYBRID }) ~= nil

-- The groups of the key shares of libssl's first ClientHello, in their order, and the groups that it supports.
local function offered(options)
  local client = assert(core.handshake(assert(core.context(options))))
  client:step()
  local extensions = wire.client_hello(client:transcript()[1].bytes).extensions
  local shares, groups = {}, {}
  local list, at = (">s2"):unpack(extensions[wire.EXTENSION.key_share]), 1
  while at <= #list do
    local group, _
    group, _, at = (">I2 s2"):unpack(list, at)
    shares[#shares + 1] = group
  end
  for high, low in (">s2"):unpack(extensions[wire.EXTENSION.supported_groups]):gmatch("(.)(.)") do
    groups[#groups + 1] = high:byte() * 256 + low:byte()
  end
  return shares, groups
end

if HAS_HYBRID then
  -- name, start, its options
  local CASES = {
    { "s_server", servers.s_server, {} },
    { "s_server with nothing else", servers.s_server, { args = { "-groups", HYBRID } } },
    { "s_server with the one of P-256", servers.s_server, { args = { "-groups", "SecP256r1MLKEM768" } },
      "SecP256r1MLKEM768" },
    { "s_server with the one of P-384", servers.s_server, { args = { "-groups", "SecP384r1MLKEM1024" } },
      "SecP384r1MLKEM1024" },
    { "nginx", servers.nginx, { session_tickets = "on" } },
    { "nginx with nothing else", servers.nginx, { directives = "ssl_ecdh_curve " .. HYBRID .. ";" } },
    { "HAProxy with nothing else", servers.haproxy, { bind = "curves " .. HYBRID } },
  }

  describe("hybrid groups", function()
    after_each(servers.stop_all)

    it("are offered by libssl in front, with a key share of their own beside that of X25519", function()
      local shares, groups = offered()
      assert.same({ { HYBRID_ID, X25519_ID }, HYBRID_ID, X25519_ID }, { shares, groups[1], groups[2] })
      assert.is_true(tables.contains(groups, 0x11eb) and tables.contains(groups, 0x11ed))
    end)

    it("are left out where groups are named", function()
      local shares, groups = offered({ groups = "X25519:P-256" })
      assert.same({ { X25519_ID }, { X25519_ID, 0x17 } }, { shares, groups })
    end)

    for _, case in ipairs(CASES) do
      it("are agreed with " .. case[1] .. ", and their sessions resume on both engines", function()
        local server = case[2](case[3])
        local support = resum.scan(server.address, { mechanisms = { "psk" } }).addresses[1].support.psk
        assert.same({ "supported", case[4] or HYBRID }, { support.verdict, support.attempts[1].facts.group })
        local rate = resum.rate(server.address, { mechanisms = { "psk" }, attempts = 40, balancer = false })
          .addresses[1].rate.psk
        assert.same({ 40, 0, 0, nil }, { rate.resumed, rate.refused, rate.errors, rate.engine_moved })
        assert.is_true((rate.engines.probe or 0) > 20, "by the probe: " .. tostring(rate.engines.probe))
      end)
    end

    it("are not offered by the probe where another will do", function()
      local server = servers.s_server({})
      local groups = {}
      resum.rate(server.address, { mechanisms = { "psk" }, attempts = 10, balancer = false, on_event = function(event)
        local record = event.record
        if record and record.engine == "probe" then
          groups[record.facts.group or "none"] = true
        end
      end })
      assert.same({ x25519 = true }, groups)
    end)
  end)
else
  describe("without hybrid groups in libssl", function()
    it("none is offered", function()
      local shares, groups = offered()
      assert.same({ { X25519_ID }, false }, { shares, tables.contains(groups, HYBRID_ID) })
    end)

    it("a context of one, and a probe that shall begin with one, is refused", function()
      local session = assert(core.session({ version = "TLSv1.3", cipher = "TLS_AES_128_GCM_SHA256",
        secret = ("p"):rep(32), ticket = "ticket", lifetime_s = 300 }))
      assert.same({ nil, "unsupported" }, { (core.context({ groups = HYBRID })),
        (select(3, core.context({ groups = HYBRID }))) })
      local machine, message, code = core.probe({ session = session, groups = { HYBRID } })
      assert.same({ nil, "unsupported" }, { machine, code })
      assert.matches("key share", message)
    end)
  end)
end
