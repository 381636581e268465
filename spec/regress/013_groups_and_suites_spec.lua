-- TLS 1.3 servers that take only X448, only a finite-field group, or only a CCM suite have nothing in common with a
-- hello that lacks those; they were said not to speak TLS 1.3.

local listener = require "spec.support.listener"
local resum = require "resum"

describe("a TLS 1.3 server that takes nothing but", function()
  for name, options in pairs({
    X448 = { groups = "X448" },
    ffdhe2048 = { groups = "ffdhe2048" },
    ffdhe8192 = { groups = "ffdhe8192" },
    TLS_AES_128_CCM_SHA256 = { ciphersuites = "TLS_AES_128_CCM_SHA256" },
    TLS_AES_128_CCM_8_SHA256 = { ciphersuites = "TLS_AES_128_CCM_8_SHA256" },
  }) do
    it(name .. " resumes", function()
      local server = listener.start(options)
      local result = assert(resum.scan(server.address))
      server.close()
      assert.same({ "completed", "supported", 5 },
        { result.status, result.addresses[1].support.psk.verdict, result.addresses[1].support.psk.resumed })
    end)
  end

  it("what we have not is said to want something else, beside what a missing name may mean", function()
    for name, message in pairs({
      [""] = "Perhaps it wants a server name (--sni NAME), or cipher suites or groups that are not offered here.",
      ["a.example"] = "Perhaps it wants cipher suites or groups that are not offered here.",
    }) do
      local server = listener.start({ groups = "brainpoolP256r1" })
      local result = assert(resum.scan(server.address, { sni = name ~= "" and name or nil }))
      server.close()
      assert.same({ "error", "handshake: the server sent the alert handshake_failure (40). " .. message },
        { result.status, result.error.message })
    end
  end)

  it("what we have not is not said to lack TLS 1.3", function()
    local server = listener.start({ groups = "brainpoolP256r1", ciphers = "kRSA", identity = "rsa" })
    local psk = assert(resum.scan(server.address)).addresses[1].support.psk
    server.close()
    assert.same({ "inconclusive", "alert" }, { psk.verdict, psk.reason })
  end)
end)
