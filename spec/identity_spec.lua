-- The client certificate in every form in which people have one; files are made by the openssl command.

local core = require "resum.core"
local memory = require "spec.support.memory"
local pki = require "spec.support.pki"
local process = require "spec.support.process"

local client, ca, folder

local function openssl(...)
  local run = process.run { command = { "openssl", ... } }
  assert.equal(0, run.code, run.stderr)
end

-- Runs an openssl command that writes a file; returns the file's bytes.
local function made(name, ...)
  local path = folder .. "/" .. name
  openssl(...)
  return process.read_file(path)
end

describe("a client certificate", function()
  local forms = {}

  setup(function()
    client, ca, folder = pki.get("client"), pki.get("ca"), process.temporary_directory()
    local function at(name)
      return folder .. "/" .. name
    end
    local p12 = { "pkcs12", "-export", "-in", client.certificate, "-inkey", client.key, "-certfile", ca.certificate }
    local function pkcs12(name, ...)
      local arguments = table.move(p12, 1, #p12, 1, {})
      return made(name, table.unpack(table.move({ "-out", at(name), ... }, 1, 2 + select("#", ...), #arguments + 1,
        arguments)))
    end
    forms.pem, forms.key_pem = client.certificate_pem, client.key_pem
    forms.der = made("c.der", "x509", "-in", client.certificate, "-outform", "DER", "-out", at("c.der"))
    forms.key_der = made("k.der", "pkey", "-in", client.key, "-outform", "DER", "-out", at("k.der"))
    forms.key_encrypted_der = made("e.der", "pkcs8", "-topk8", "-in", client.key, "-outform", "DER", "-passout",
      "pass:secret", "-out", at("e.der"))
    forms.key_encrypted_pem = made("e.pem", "pkey", "-in", client.key, "-aes256", "-passout", "pass:secret", "-out",
      at("e.pem"))
    forms.p12 = pkcs12("s.p12", "-passout", "pass:secret")
    forms.p12_open = pkcs12("o.p12", "-passout", "pass:")
    forms.p12_legacy = pkcs12("l.p12", "-legacy", "-passout", "pass:secret")
    forms.p12_keyless = made("n.p12", "pkcs12", "-export", "-nokeys", "-in", client.certificate, "-passout",
      "pass:secret", "-out", at("n.p12"))
    forms.both = forms.key_encrypted_pem .. forms.pem
    forms.commented = "Bag Attributes\n  a note\n" .. forms.pem .. "Key Attributes\n" .. forms.key_pem
  end)

  -- what, certificate, key, passphrase, how many certificates are sent
  for _, case in ipairs({
    { "PEM, and a key in PEM", "pem", "key_pem", nil, 1 },
    { "PEM, and a key in DER", "pem", "key_der", nil, 1 },
    { "DER, and a key in PEM", "der", "key_pem", nil, 1 },
    { "DER, and an encrypted key in DER", "der", "key_encrypted_der", "secret", 1 },
    { "PEM, and an encrypted key in PEM", "pem", "key_encrypted_pem", "secret", 1 },
    { "PEM with its key, encrypted, in one file", "both", nil, "secret", 1 },
    { "PEM with its key and with notes", "commented", nil, nil, 1 },
    { "PKCS#12 with its chain", "p12", nil, "secret", 2 },
    { "PKCS#12 without a passphrase", "p12_open", nil, nil, 2 },
    { "PKCS#12 without a passphrase, and an empty one is given", "p12_open", nil, "", 2 },
    { "PKCS#12 without a key, and the key apart", "p12_keyless", "key_encrypted_pem", "secret", 1 },
    { "PEM, and a key in PKCS#12", "pem", "p12", "secret", 1 },
  }) do
    it("is read from " .. case[1], function()
      assert.same({ case[5], "established" }, { memory.certificates_shown({
        certificate = forms[case[2]],
        private_key = forms[case[3]],
        passphrase = case[4],
      }) })
    end)
  end

  -- what, certificate, key, passphrase, key_form, message
  for _, case in ipairs({
    { "a wrong passphrase of PKCS#12", "p12", nil, "wrong", nil, "certificate: the passphrase does not open it" },
    { "no passphrase of PKCS#12", "p12", nil, nil, nil, "certificate: it is encrypted, and no passphrase was given" },
    { "PKCS#12 of old", "p12_legacy", nil, "secret", nil,
      "certificate: it is encrypted in a way that OpenSSL 3 leaves to its legacy provider" },
    { "a wrong passphrase of a key in PEM", "pem", "key_encrypted_pem", "wrong", nil,
      "private_key: the passphrase does not open it" },
    { "no passphrase of a key in DER", "der", "key_encrypted_der", nil, nil,
      "private_key: it is encrypted, and no passphrase was given" },
    { "no key", "pem", nil, nil, nil, "private_key: the certificate comes without one, and no other is given" },
    { "PKCS#12 without a key", "p12_keyless", nil, "secret", nil,
      "private_key: the certificate comes without one, and no other is given" },
    { "a certificate for a key", "pem", "der", nil, nil,
      "private_key: there is no private key in it that OpenSSL can read" },
    { "a key for a certificate", "key_der", "key_der", nil, nil, "certificate: " },
    { "another form than the one named", "pem", "key_pem", nil, "der",
      "private_key: it is in another form than the one named" },
  }) do
    it("is turned down for " .. case[1] .. ", and the message holds no secret", function()
      local context, message, code = core.context({
        certificate = forms[case[2]],
        private_key = forms[case[3]],
        passphrase = case[4],
        key_form = case[5],
      })
      assert.same({ nil, "invalid" }, { context, code })
      assert.equal(case[6], case[6]:find(": $") and message:sub(1, #case[6]) or message)
      assert.is_nil(case[4] and message:find(case[4], 1, true))
    end)
  end

  it("may name the form of its key", function()
    for form, key in pairs({ pem = "key_pem", der = "key_der", p12 = "p12_open" }) do
      assert.is_truthy(core.context({ certificate = forms.pem, private_key = forms[key], key_form = form }))
    end
    assert.is_truthy(core.context({ certificate = forms.p12_open, key_form = "p12" }))
  end)

  it("is turned down in bounded time when it is garbage", function()
    for _, bytes in ipairs({
      "\48\0", "\48\130", "\48\130\255\255", "\48\132\255\255\255\255", ("\48\130"):rep(5000),
      forms.p12:sub(1, 500), forms.der:sub(1, -2), "\0", "0", "",
    }) do
      local context, message, code = core.context({ certificate = bytes })
      assert.same({ nil, "invalid" }, { context, code })
      assert.matches("^certificate: %w+", message)
    end
  end)
end)
