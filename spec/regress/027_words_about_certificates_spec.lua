--- What was wrong with a client certificate came in OpenSSL's words, which did not say it: "no start line" for a file
-- without a certificate, "no certificate assigned" for a key of another kind.

local core = require "resum.core"
local pki = require "spec.support.pki"

local function problem(options)
  local context, message, code = core.context(options)
  assert.same({ nil, "invalid" }, { context, code })
  return message
end

describe("what is wrong with a client certificate", function()
  local own = pki.get("ecdsa")
  local certificate, key = own.certificate_pem, own.key_pem

  it("is said: the key of another one, of the same kind or another", function()
    for _, name in ipairs({ "other", "rsa" }) do
      assert.equal("private_key: it does not belong to the certificate",
        problem({ certificate = certificate, private_key = pki.get(name).key_pem }))
    end
  end)

  it("is said: there is none, or no key", function()
    assert.equal("certificate: there is no certificate in it that OpenSSL can read",
      problem({ certificate = "none", private_key = key }))
    assert.equal("private_key: the certificate comes without one, and no other is given",
      problem({ certificate = certificate }))
    assert.equal("private_key: there is no private key in it that OpenSSL can read",
      problem({ certificate = certificate, private_key = certificate }))
  end)
end)
