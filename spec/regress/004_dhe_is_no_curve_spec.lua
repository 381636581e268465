--- A DHE ServerKeyExchange starts with the length of its prime. Of a 6144-bit prime (768 = 0x0300 bytes) the first byte
-- is 3, "named curve", and the facts told of a group that the server never named.

local memory = require "spec.support.memory"

describe("the facts of a DHE handshake", function()
  for _, group in ipairs { "ffdhe2048", "ffdhe6144" } do
    it("name no group with the prime of " .. group, function()
      local server = memory.server { identity = "rsa", max_version = "TLSv1.2", dh_group = group }
      local facts = memory.visit(server, { context = { ciphers = "DHE-RSA-AES128-GCM-SHA256" } }).facts
      assert.same({ cipher = "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256" }, { cipher = facts.cipher, group = facts.group })
    end)
  end
end)
