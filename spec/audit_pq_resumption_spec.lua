--- Whether full and resumed handshakes ask for the hybrid group: what both answers come to, what is sent, and libssl.

local clients = require "resum.connection.client"
local core = require "resum.core"
local evidences = require "spec.support.evidence"
local finding = require "resum.audit.finding"
local listener = require "spec.support.listener"
local pq_resumption = require "resum.audit.checks.pq_resumption"
local resum = require "resum"
local wire = require "spec.support.wire"

local function words(one)
  one = finding.make(pq_resumption, one)
  return one.verdict .. " " .. one.reason
end

describe("the check pq-resumption", function()
  it("compares what full and resumed handshakes ask for", function()
    assert.equal("info kept", words(pq_resumption.decide(true, true)))
    assert.equal("info dropped", words(pq_resumption.decide(true, false)))
    assert.equal("info only_resumed", words(pq_resumption.decide(false, true)))
    assert.equal("info none", words(pq_resumption.decide(false, false)))
    assert.equal("inconclusive connection_failed", words(pq_resumption.decide(nil, true)))
    assert.equal("inconclusive connection_failed", words(pq_resumption.decide(true, nil)))
    assert.equal("inconclusive not_met", words(pq_resumption.decide(true, nil, true)))
    assert.equal("inconclusive connection_failed", words(pq_resumption.decide(nil, nil, true)))
  end)

  it("names the hybrid group first and brings a share of the other alone, in both", function()
    local hellos = {}
    local host = { parallel = function() end, now = function() return 0 end, sleep = function() end }
    function host.connect()
      return {
        write = function(_, bytes)
          if bytes:byte() == 22 then
            hellos[#hellos + 1] = wire.client_hello(bytes:sub(6, 5 + (">I2"):unpack(bytes, 4)))
          end
          return true
        end,
        read = function() return nil, "eof" end,
        close = function() end,
      }
    end
    local client = clients.new_client({ address = "192.0.2.1", port = 443 }, { host = host })
    local session = core.session({ version = "TLSv1.3", cipher = "TLS_AES_128_GCM_SHA256", secret = ("p"):rep(32),
      ticket = ("t"):rep(64), lifetime_s = 100 })
    local context = { client = client, resumes = function() return true end, evidence = evidences.of(0),
      spare_session = function() return session end }
    function context.converse(_, talk) return client:converse(talk) end
    function context.attempt(_, options) return client:attempt(options) end
    assert.equal("inconclusive connection_failed", words(pq_resumption.run(context)[1]))
    assert.equal(4, #hellos)
    for i, hello in ipairs(hellos) do
      assert.equal("\0\4\x11\xec\0\29", hello.extensions[wire.EXTENSION.supported_groups])
      assert.equal("\0\36\0\29\0\32\9", hello.extensions[wire.EXTENSION.key_share]:sub(1, 7))
      assert.equal(i > 2, hello.extensions[wire.EXTENSION.pre_shared_key] ~= nil)
    end
  end)

  it("has no question where nothing resumes", function()
    assert.equal("not_applicable does_not_resume",
      words(pq_resumption.run({ resumes = function() return false end })[1]))
  end)

  it("gets an answer from libssl, whose groups it takes", function()
    local server = listener.start({ groups = "X25519:P-256" })
    local list = resum.audit(server.address, { audit_checks = { "pq-resumption" }, mechanisms = { "psk" },
      retries = 0 }).addresses[1].audit
    assert.same({ "info", "none" }, { list[1].verdict, list[1].reason })
    server.close()
  end)
end)
